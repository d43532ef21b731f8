"""The market index, and each name against it. Absent where the source has no index.

Left out on purpose: averages in index points; flags that are thresholds of other features
(``mkt_trend_up``, ``mkt_high_vol``, ``mkt_squeeze``, ``mkt_bull_200``, whose distance is
`mkt_to_sma200`); ``rel_strength_5d`` (same ranks within a session as ``ret_prev_5d``);
``idio_vol_ratio`` (a function of `corr_60d`); what the index leaves of a return (its ranks
within a session are those of `alpha_uni_1d` and its kin); the index return over its spread of a
year (its rank). Peaks look back 252 sessions, not to the start.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray, Role
from gogooku.features.bars import pairs
from gogooku.features.bars.pairs import against
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import col, declared, log, z
from gogooku.features.engine.kernels import RETURN, Values, chain
from gogooku.features.market.breadth import annualised_vol

_index = partial(Feature, group="market", role=Role.MARKET, axis=Axis.ACROSS)
_index_of = partial(declared, group="market", role=Role.MARKET, axis=Axis.ACROSS)
_stock = partial(Feature, group="market")


def _index_return(x: Values, *, sessions: int) -> FloatArray:
    return k.ratio(x["mkt_close"], k.shift(x["mkt_close"], sessions)) - 1.0


def _index_overnight(x: Values) -> FloatArray:
    return k.ratio(x["mkt_open"], k.shift(x["mkt_close"], 1)) - 1.0


def _index_average_gap(x: Values) -> FloatArray:
    return k.ratio(k.ema(x["mkt_close"], 5), k.ema(x["mkt_close"], 20)) - 1.0


def _slope(x: Values) -> FloatArray:
    average = k.ema(x["mkt_close"], 20)
    return k.ratio(average, k.shift(average, 3)) - 1.0


def _index_to_average(x: Values) -> FloatArray:
    return k.ratio(x["mkt_close"], k.rolling_mean(x["mkt_close"], 200)) - 1.0


def _index_vol(x: Values, *, window: int) -> FloatArray:
    return annualised_vol(x["mkt_ret_1d"], window)


def _vol_change(x: Values) -> FloatArray:
    short, long = (m.rolling_sd(x["mkt_ret_1d"], w) for w in (5, 60))
    return k.log_positive(k.ratio(short, long, floor=k.FLAT))


def _index_natr(x: Values) -> FloatArray:
    before = k.shift(x["mkt_close"], 1)
    span = np.maximum(x["mkt_high"], before) - np.minimum(x["mkt_low"], before)
    return k.wilder(k.ratio(span, before), 14)


def _index_z_close(x: Values) -> FloatArray:
    return np.clip(m.zscore(x["mkt_close"], 20), -10.0, 10.0)


def _index_band_width(x: Values) -> FloatArray:
    mean, variance = m.rolling_mean_var(x["mkt_close"], 20)
    return k.ratio(4.0 * k.root(variance), mean)


def _index_drawdown(x: Values) -> FloatArray:
    return k.ratio(x["mkt_close"], k.rolling_extreme(x["mkt_close"], 252, kind="max")) - 1.0


def _index_rsi(x: Values) -> FloatArray:
    returns = x["mkt_ret_1d"]
    up = k.wilder(np.maximum(returns, 0.0), 14)
    return k.ratio(up, k.wilder(np.abs(returns), 14), floor=k.FLAT)


_SERIES = (
    *(
        _index(
            name=f"mkt_ret_{h}d",
            inputs=("mkt_close",),
            compute=partial(_index_return, sessions=h),
            lookback=h + 1,
            unit="return",
            meaning=f"Return of the index over {h} sessions.",
        )
        for h in (1, 5, 20, 60)
    ),
    _index(
        name="mkt_overnight",
        inputs=("mkt_open", "mkt_close"),
        compute=_index_overnight,
        lookback=2,
        unit="return",
        meaning="Open of the index over its last close.",
    ),
    _index(
        name="mkt_gap_5_20",
        inputs=("mkt_close",),
        compute=_index_average_gap,
        lookback=k.ewm_length(20),
        unit="ratio",
        meaning="Exponential mean of span 5 over that of span 20, less 1.",
    ),
    _index(
        name="mkt_ema20_slope_3",
        inputs=("mkt_close",),
        compute=_slope,
        lookback=chain(4, k.ewm_length(20)),
        unit="return",
        meaning="Change of the exponential mean of span 20 over 3 sessions.",
    ),
    _index(
        name="mkt_to_sma200",
        inputs=("mkt_close",),
        compute=_index_to_average,
        lookback=200,
        unit="ratio",
        meaning="Index over its mean of 200 sessions, less 1.",
    ),
    _index(
        name="mkt_bb_z",
        inputs=("mkt_close",),
        compute=_index_z_close,
        lookback=20,
        unit="z",
        meaning="Index against mean and spread of 20 closes (mkt_bb_pct_b, unclipped).",
    ),
    _index(
        name="mkt_bb_bw",
        inputs=("mkt_close",),
        compute=_index_band_width,
        lookback=20,
        unit="ratio",
        meaning="Width of Bollinger bands of 20 sessions over the mean.",
    ),
    _index(
        name="mkt_vol_20d",
        inputs=("mkt_ret_1d",),
        compute=partial(_index_vol, window=20),
        lookback=chain(20, 2),
        unit="return",
        meaning="Annualised standard deviation of 20 index returns.",
    ),
    _index(
        name="mkt_vol_5_60",
        inputs=("mkt_ret_1d",),
        compute=_vol_change,
        lookback=chain(60, 2),
        unit="log",
        meaning="Log of 5-session over 60-session volatility of the index.",
    ),
    _index(
        name="mkt_natr_14",
        inputs=("mkt_high", "mkt_low", "mkt_close"),
        compute=_index_natr,
        lookback=chain(98, 2),
        unit="ratio",
        meaning="Average true range of 14 sessions over the close before (Wilder 1978).",
    ),
    _index(
        name="mkt_rsi_14",
        inputs=("mkt_ret_1d",),
        compute=_index_rsi,
        lookback=chain(98, 2),
        unit="share",
        meaning="Relative strength index of 14 sessions, 0 to 1.",
    ),
    _index(
        name="mkt_drawdown_252",
        inputs=("mkt_close",),
        compute=_index_drawdown,
        lookback=252,
        unit="return",
        meaning="Index over its highest close of 252 sessions, less 1.",
    ),
    *(
        _index_of(
            f"{of}_z",
            z(log(col(of, own)), 252),
            "z",
            f"Log {of} against its mean and spread of 252 sessions.",
        )
        for of, own in (("mkt_vol_20d", 21), ("mkt_bb_bw", 20))
    ),
)

MARKET: Final[tuple[Feature, ...]] = (
    *_SERIES,
    *against("market", series="mkt_ret_1d", suffix="", lookback=2),
    _stock(
        name="_beta_20d",
        inputs=("ret_prev_1d", "mkt_ret_1d"),
        compute=partial(pairs.beta, to="mkt_ret_1d", window=20),
        lookback=chain(20, RETURN),
        unit="ratio",
        meaning="Slope on the index over 20 sessions.",
        max_null_share=1.0,
    ),
    _stock(
        name="beta_20_60",
        inputs=("_beta_20d", "beta_60d"),
        compute=partial(pairs.difference, of="_beta_20d", less="beta_60d"),
        lookback=chain(60, RETURN),
        unit="ratio",
        meaning="Slope on the index over 20 sessions less that over 60.",
    ),
    _stock(
        name="down_beta_gap_120",
        inputs=("ret_prev_1d", "mkt_ret_1d", "beta_60d"),
        compute=partial(pairs.downside_beta_gap, to="mkt_ret_1d", beta_name="beta_60d"),
        lookback=chain(120, RETURN),
        unit="ratio",
        meaning="Slope over the falling sessions of 120 less beta_60d (Ang, Chen & Xing 2006); "
        "null below 20 such sessions.",
    ),
)
