"""What trading one name costs: price impact and bid-ask spreads from daily bars."""

from __future__ import annotations

import math
from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import col, declared
from gogooku.features.engine.kernels import RETURN, Values, chain

_liquidity = partial(Feature, group="liquidity")
_liquidity_of = partial(declared, group="liquidity")


def _illiquidity_day(x: Values) -> FloatArray:
    return k.ratio(np.abs(x["ret_prev_1d"]), x["turnover"])


def _amihud(x: Values, *, window: int) -> FloatArray:
    return k.log_positive(k.rolling_mean(x["_illiquidity"], window))


def _illiquidity_z(x: Values) -> FloatArray:
    impact = x["_illiquidity"]
    mean, variance = m.rolling_mean_var(impact, 20)
    spread = k.root(variance)
    spread[spread < 1e-7 * mean] = np.nan
    return np.clip(k.ratio(impact - mean, spread), -10.0, 10.0)


def _corwin_schultz(x: Values) -> FloatArray:
    before = k.shift(x["_close"], 1)
    # Overnight move out of the second session's range: the authors' adjustment.
    move = np.fmax(x["low"] - before, 0.0) + np.fmin(x["high"] - before, 0.0)
    high, low = x["high"] - move, x["low"] - move
    single = k.log_positive(k.ratio(x["high"], x["low"])) ** 2
    beta = single + k.shift(single, 1)
    top = np.maximum(high, k.shift(x["high"], 1))
    gamma = k.log_positive(k.ratio(top, np.minimum(low, k.shift(x["low"], 1)))) ** 2
    scale = 3.0 - 2.0 * math.sqrt(2.0)
    alpha = (math.sqrt(2.0) - 1.0) * np.sqrt(beta) / scale - np.sqrt(gamma / scale)
    return k.rolling_mean(2.0 * np.tanh(np.maximum(alpha, 0.0) / 2.0), 20)


def _abdi_ranaldo(x: Values) -> FloatArray:
    middle = np.sqrt(x["high"] * x["low"])
    above = k.log_positive(k.ratio(x["close"], middle))
    following = k.log_positive(k.ratio(k.shift(x["close"], 1), middle))
    return _signed_root(4.0 * k.rolling_mean(k.shift(above, 1) * following, 60))


def _signed_root(values: FloatArray) -> FloatArray:
    """Square root of the size with its sign: a negative estimate stays below a zero one."""
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)))


def _roll(x: Values) -> FloatArray:
    returns = x["ret_prev_1d"]
    covariance, _, _ = m.rolling_cov(returns, k.shift(returns, 1), 60)
    return 2.0 * _signed_root(-covariance)


IMPACT: Final[tuple[Feature, ...]] = (
    _liquidity(
        name="_illiquidity",
        inputs=("ret_prev_1d", "turnover"),
        compute=_illiquidity_day,
        lookback=RETURN,
        unit="ratio",
        max_null_share=1.0,
        meaning="Absolute return over traded value of one session.",
    ),
    *(
        _liquidity(
            name=f"amihud_{w}",
            inputs=("_illiquidity",),
            compute=partial(_amihud, window=w),
            lookback=chain(w, RETURN),
            unit="log",
            meaning=f"Log of the mean absolute return per traded value, {w} sessions "
            "(Amihud 2002).",
        )
        for w in (20, 60)
    ),
    _liquidity_of(
        "amihud_20_60",
        col("amihud_20", chain(60, RETURN)) - col("amihud_60", chain(60, RETURN)),
        "log",
        "amihud_20 less amihud_60.",
    ),
    _liquidity(
        name="amihud_z20",
        inputs=("_illiquidity",),
        compute=_illiquidity_z,
        lookback=chain(20, RETURN),
        unit="z",
        meaning="Today's absolute return per traded value against 20 sessions, within +-10.",
    ),
    _liquidity(
        name="cs_spread_20",
        inputs=("high", "low", "_close"),
        compute=_corwin_schultz,
        lookback=chain(20, RETURN),
        unit="ratio",
        meaning="Bid-ask spread from highs and lows, mean of 20 (Corwin & Schultz 2012).",
    ),
    _liquidity(
        name="ar_spread_60",
        inputs=("high", "low", "close"),
        compute=_abdi_ranaldo,
        lookback=61,
        unit="ratio",
        meaning="Bid-ask spread from closes and mid-ranges of 60 (Abdi & Ranaldo 2017), signed.",
    ),
    _liquidity(
        name="roll_spread_60",
        inputs=("ret_prev_1d",),
        compute=_roll,
        lookback=chain(61, RETURN),
        unit="ratio",
        meaning="Bid-ask spread from the lag-1 covariance of 60 returns (Roll 1984), signed.",
    ),
)
