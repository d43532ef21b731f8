"""Where one name's price stands against its averages, extremes and bands.

The current price is the last known close, at most `STALE_LIMIT` sessions old; a window with enough
closes has one inside it, so the window is the whole lookback.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.bars.columns import CLOSES, HIGHS, LOWS
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import (
    col,
    declared,
    ema,
    gain,
    highest,
    lowest,
    mean,
    rolling,
)

_price = partial(declared, group="price")

_LAST = col("_close")


def _z_close(close: FloatArray, last: FloatArray, window: int) -> FloatArray:
    mean, variance = m.rolling_mean_var(close, window)
    spread = k.root(variance)
    # A spread below 1e-7 of the price is rounding of an unchanged price.
    spread[spread < 1e-7 * mean] = np.nan
    return k.ratio(last - mean, spread)


def band_width(close: FloatArray, window: int) -> FloatArray:
    """Four standard deviations over the mean: the width of Bollinger bands."""
    mean, variance = m.rolling_mean_var(close, window)
    return k.ratio(4.0 * k.root(variance), mean)


TREND: Final[tuple[Feature, ...]] = (
    *(
        _price(
            f"price_to_sma{w}",
            gain(_LAST, mean(CLOSES, w)),
            "ratio",
            f"Last known close over its mean of {w} sessions, less 1.",
        )
        for w in (5, 20, 60, 120, 200)
    ),
    *(
        _price(
            f"ma_gap_{a}_{b}",
            gain(ema(CLOSES, a), ema(CLOSES, b)),
            "ratio",
            f"Exponential mean of span {a} over that of span {b}, less 1.",
        )
        for a, b in ((5, 20), (20, 60))
    ),
    _price(
        "ma_gap_60_200",
        gain(mean(CLOSES, 60), mean(CLOSES, 200)),
        "ratio",
        "Simple mean of 60 sessions over that of 200, less 1.",
    ),
    *(
        _price(
            f"z_close_{w}",
            rolling(_z_close, CLOSES, _LAST, window=w),
            "z",
            f"Last known close against mean and spread of {w} closes "
            "(Bollinger's %b is this, over 4, plus a half).",
        )
        for w in (20, 60)
    ),
    _price(
        "bb_bw",
        rolling(band_width, CLOSES, window=20),
        "ratio",
        "Width of Bollinger bands of 20 sessions over the mean.",
    ),
    _price(
        "dist_high_252",
        gain(_LAST, highest(HIGHS, 252)),
        "ratio",
        "Last known close over the 252-session high, less 1 (George & Hwang 2004).",
    ),
    _price(
        "dist_low_252",
        gain(_LAST, lowest(LOWS, 252)),
        "ratio",
        "Last known close over the 252-session low, less 1.",
    ),
    _price(
        "high_age_252",
        rolling(partial(k.sessions_since_extreme, kind="max"), CLOSES, window=252),
        "sessions",
        "Sessions since the highest of 252 closes.",
    ),
)
