"""What trading one name costs: price impact and bid-ask spreads from daily bars."""

from __future__ import annotations

import math
from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.bars.columns import CLOSES, HIGHS, LAST_CLOSES, LOWS, RETURNS
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import col, declared, log, mean, over, ratio, rolling, size
from gogooku.features.engine.kernels import RETURN, chain

_liquidity = partial(declared, group="liquidity")

_ILLIQUIDITY = col("_illiquidity", RETURN)


def _illiquidity_z(impact: FloatArray, window: int) -> FloatArray:
    mean, variance = m.rolling_mean_var(impact, window)
    spread = k.root(variance)
    spread[spread < 1e-7 * mean] = np.nan
    return np.clip(k.ratio(impact - mean, spread), -10.0, 10.0)


def _corwin_schultz(high: FloatArray, low: FloatArray, last: FloatArray) -> FloatArray:
    before = k.shift(last, 1)
    # Overnight move out of the second session's range: the authors' adjustment.
    move = np.fmax(low - before, 0.0) + np.fmin(high - before, 0.0)
    single = k.log_positive(k.ratio(high, low)) ** 2
    beta = single + k.shift(single, 1)
    top = np.maximum(high - move, k.shift(high, 1))
    bottom = np.minimum(low - move, k.shift(low, 1))
    gamma = k.log_positive(k.ratio(top, bottom)) ** 2
    scale = 3.0 - 2.0 * math.sqrt(2.0)
    alpha = (math.sqrt(2.0) - 1.0) * np.sqrt(beta) / scale - np.sqrt(gamma / scale)
    return np.asarray(2.0 * np.tanh(np.maximum(alpha, 0.0) / 2.0))


def _abdi_ranaldo(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    middle = np.sqrt(high * low)
    above = k.log_positive(k.ratio(close, middle))
    following = k.log_positive(k.ratio(k.shift(close, 1), middle))
    return _signed_root(4.0 * k.rolling_mean(k.shift(above, 1) * following, 60))


def _signed_root(values: FloatArray) -> FloatArray:
    """Square root of the size with its sign: a negative estimate stays below a zero one."""
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)))


def _roll(returns: FloatArray) -> FloatArray:
    covariance, _, _ = m.rolling_cov(returns, k.shift(returns, 1), 60)
    return 2.0 * _signed_root(-covariance)


IMPACT: Final[tuple[Feature, ...]] = (
    _liquidity(
        "_illiquidity",
        ratio(size(RETURNS), col("turnover")),
        "ratio",
        "Absolute return over traded value of one session.",
        max_null_share=1.0,
    ),
    *(
        _liquidity(
            f"amihud_{w}",
            log(mean(_ILLIQUIDITY, w)),
            "log",
            f"Log of the mean absolute return per traded value, {w} sessions (Amihud 2002).",
        )
        for w in (20, 60)
    ),
    _liquidity(
        "amihud_20_60",
        col("amihud_20", chain(60, RETURN)) - col("amihud_60", chain(60, RETURN)),
        "log",
        "amihud_20 less amihud_60.",
    ),
    _liquidity(
        "amihud_z20",
        rolling(_illiquidity_z, _ILLIQUIDITY, window=20),
        "z",
        "Today's absolute return per traded value against 20 sessions, within +-10.",
    ),
    _liquidity(
        "cs_spread_20",
        mean(over(_corwin_schultz, HIGHS, LOWS, LAST_CLOSES, window=2), 20),
        "ratio",
        "Bid-ask spread from highs and lows, mean of 20 (Corwin & Schultz 2012).",
    ),
    _liquidity(
        "ar_spread_60",
        over(_abdi_ranaldo, HIGHS, LOWS, CLOSES, window=61),
        "ratio",
        "Bid-ask spread from closes and mid-ranges of 60 (Abdi & Ranaldo 2017), signed.",
    ),
    _liquidity(
        "roll_spread_60",
        over(_roll, RETURNS, window=61),
        "ratio",
        "Bid-ask spread from the lag-1 covariance of 60 returns (Roll 1984), signed.",
    ),
)
