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
from gogooku.features.bars.columns import RETURNS
from gogooku.features.bars.oscillators import rsi, true_range
from gogooku.features.bars.pairs import against
from gogooku.features.bars.trend import band_width
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import (
    before,
    col,
    declared,
    ema,
    gain,
    highest,
    log,
    mean,
    over,
    ratio,
    rolling,
    sd,
    wilder,
    z,
)
from gogooku.features.engine.kernels import RETURN, chain
from gogooku.features.market.breadth import annualised_vol

_stock = partial(declared, group="market")
_index = partial(_stock, role=Role.MARKET, axis=Axis.ACROSS)
_CLOSE, _RETURN = col("mkt_close"), col("mkt_ret_1d", 2)
_SLOPE = col("beta_60d", chain(60, RETURN))


def _falling_beta(returns: FloatArray, index_T: FloatArray, window: int) -> FloatArray:
    """Slope over the falling sessions of a window; null below 20 of them."""
    falling = np.where(index_T < 0.0, index_T, np.nan)
    joint = ~(np.isnan(returns) | np.isnan(falling)[:, None])
    count = k.rolling_count(joint, window).astype(np.float64)
    count[count < 20] = np.nan
    r = np.where(joint, returns, 0.0)
    f = np.where(joint, falling[:, None], 0.0)
    sum_r, sum_f = k.window_sum(r, window), k.window_sum(f, window)
    cross = k.window_sum(r * f, window) - sum_r * sum_f / count
    square = k.window_sum(f * f, window) - sum_f * sum_f / count
    return k.ratio(cross, square, floor=k.FLAT**2)


_SERIES = (
    *(
        _index(
            f"mkt_ret_{h}d",
            gain(_CLOSE, before(_CLOSE, h)),
            "return",
            f"Return of the index over {h} sessions.",
        )
        for h in (1, 5, 20, 60)
    ),
    _index(
        "mkt_overnight",
        gain(col("mkt_open"), before(_CLOSE, 1)),
        "return",
        "Open of the index over its last close.",
    ),
    _index(
        "mkt_gap_5_20",
        gain(ema(_CLOSE, 5), ema(_CLOSE, 20)),
        "ratio",
        "Exponential mean of span 5 over that of span 20, less 1.",
    ),
    _index(
        "mkt_ema20_slope_3",
        gain(ema(_CLOSE, 20), before(ema(_CLOSE, 20), 3)),
        "return",
        "Change of the exponential mean of span 20 over 3 sessions.",
    ),
    _index(
        "mkt_to_sma200",
        gain(_CLOSE, mean(_CLOSE, 200)),
        "ratio",
        "Index over its mean of 200 sessions, less 1.",
    ),
    _index(
        "mkt_bb_z",
        z(_CLOSE, 20),
        "z",
        "Index against mean and spread of 20 closes (mkt_bb_pct_b, unclipped).",
    ),
    _index(
        "mkt_bb_bw",
        rolling(band_width, _CLOSE, window=20),
        "ratio",
        "Width of Bollinger bands of 20 sessions over the mean.",
    ),
    _index(
        "mkt_vol_20d",
        rolling(annualised_vol, _RETURN, window=20),
        "return",
        "Annualised standard deviation of 20 index returns.",
    ),
    _index(
        "mkt_vol_5_60",
        log(ratio(sd(_RETURN, 5), sd(_RETURN, 60), floor=k.FLAT)),
        "log",
        "Log of 5-session over 60-session volatility of the index.",
    ),
    _index(
        "mkt_natr_14",
        wilder(over(true_range, col("mkt_high"), col("mkt_low"), before(_CLOSE, 1)), 14),
        "ratio",
        "Average true range of 14 sessions over the close before (Wilder 1978).",
    ),
    _index(
        "mkt_rsi_14",
        rsi(_RETURN, 14),
        "share",
        "Relative strength index of 14 sessions, 0 to 1.",
    ),
    _index(
        "mkt_drawdown_252",
        gain(_CLOSE, highest(_CLOSE, 252)),
        "return",
        "Index over its highest close of 252 sessions, less 1.",
    ),
    *(
        _index(
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
        "_beta_20d",
        rolling(m.rolling_beta, RETURNS, _RETURN, window=20),
        "ratio",
        "Slope on the index over 20 sessions.",
        max_null_share=1.0,
    ),
    _stock(
        "beta_20_60",
        col("_beta_20d", chain(20, RETURN)) - _SLOPE,
        "ratio",
        "Slope on the index over 20 sessions less that over 60.",
    ),
    _stock(
        "down_beta_gap_120",
        rolling(_falling_beta, RETURNS, _RETURN, window=120) - _SLOPE,
        "ratio",
        "Slope over the falling sessions of 120 less beta_60d (Ang, Chen & Xing 2006); "
        "null below 20 such sessions.",
    ),
)
