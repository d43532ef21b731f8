"""Classical oscillators of one name's prices, by the definitions of their authors.

Smoothing is Wilder's (1978) where he defined it, not a span average; everything is a ratio.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.bars.columns import CLOSES, HIGHS, LAST_CLOSES, LOWS, RETURNS
from gogooku.features.engine import kernels as k
from gogooku.features.engine.combinators import (
    Expression,
    before,
    change,
    col,
    declared,
    ema,
    filled,
    over,
    positive,
    ratio,
    rolling,
    size,
    wilder,
)
from gogooku.features.engine.kernels import RETURN, chain

_oscillator = partial(declared, group="price")

_WILDER_14: Final = chain(7 * 14, RETURN)
"""Lookback of what is smoothed over 14 sessions."""

_MACD = col("macd", k.ewm_length(26))
_UP, _DOWN = col("_dm_up", _WILDER_14), col("_dm_down", _WILDER_14)


def rsi(returns: Expression, sessions: int) -> Expression:
    """Relative strength index, 0 to 1: Wilder's mean of the rises over that of all moves."""
    rises, sizes = positive(returns), size(returns)
    return ratio(wilder(rises, sessions), wilder(sizes, sessions), floor=k.FLAT)


def true_range(high: FloatArray, low: FloatArray, before: FloatArray) -> FloatArray:
    """Range that reaches to the close before, over that close."""
    return k.ratio(np.maximum(high, before) - np.minimum(low, before), before)


def _directional(
    high: FloatArray,
    low: FloatArray,
    last_high: FloatArray,
    last_low: FloatArray,
    before: FloatArray,
    *,
    side: str,
) -> FloatArray:
    # Shares of the last close, as in the true range: Wilder's scale drops out of DI.
    up = k.ratio(high - last_high, before)
    down = k.ratio(last_low - low, before)
    move, other = (up, down) if side == "up" else (down, up)
    # Prices lie on ticks, so equal moves are common: neither counts, whatever the rounding.
    counted = np.where((move > other + k.TIE) & (move > 0.0), move, 0.0)
    counted[np.isnan(up) | np.isnan(down)] = np.nan
    return counted


def _channel(high: FloatArray, low: FloatArray, last: FloatArray, window: int) -> FloatArray:
    bottom = k.rolling_extreme(low, window, kind="min")
    top = k.rolling_extreme(high, window, kind="max")
    return k.ratio(last - bottom, top - bottom)


def _aroon(high: FloatArray, low: FloatArray, window: int) -> FloatArray:
    since_high = k.sessions_since_extreme(high, window, kind="max")
    since_low = k.sessions_since_extreme(low, window, kind="min")
    return (since_low - since_high) / (window - 1.0)


OSCILLATORS: Final[tuple[Feature, ...]] = (
    *(
        _oscillator(
            f"rsi_{n}",
            rsi(RETURNS, n),
            "share",
            f"Relative strength index of {n} sessions, 0 to 1, Wilder's smoothing, of returns.",
        )
        for n in (2, 14)
    ),
    _oscillator(
        "rsi_delta",
        change(col("rsi_14", _WILDER_14), 1),
        "share",
        "Change of rsi_14 since the last session.",
    ),
    _oscillator(
        "macd",
        ratio(ema(CLOSES, 12) - ema(CLOSES, 26), col("_close")),
        "ratio",
        "Exponential mean of span 12 less that of span 26, over close (Appel 1979).",
    ),
    _oscillator(
        "macd_histogram",
        _MACD - ema(_MACD, 9),
        "ratio",
        "macd less its exponential mean of span 9.",
    ),
    _oscillator(
        "_true_range",
        over(true_range, HIGHS, LOWS, before(LAST_CLOSES, 1)),
        "ratio",
        "True range over the last close before the session (Wilder 1978).",
        max_null_share=1.0,
    ),
    _oscillator(
        "natr_14",
        wilder(col("_true_range", RETURN), 14),
        "ratio",
        "Average true range of 14 sessions, each over the close before it (Wilder 1978).",
    ),
    *(
        _oscillator(
            f"_dm_{side}",
            wilder(
                over(
                    partial(_directional, side=side),
                    HIGHS,
                    LOWS,
                    before(filled(HIGHS), 1),
                    before(filled(LOWS), 1),
                    before(LAST_CLOSES, 1),
                ),
                14,
            ),
            "ratio",
            f"Smoothed directional movement {side}.",
            max_null_share=1.0,
        )
        for side in ("up", "down")
    ),
    _oscillator(
        "di_diff_14",
        ratio(_UP - _DOWN, col("natr_14", _WILDER_14), floor=k.FLAT),
        "ratio",
        "Directional indicator +DI less -DI of 14 sessions (Wilder 1978).",
    ),
    _oscillator(
        "adx_14",
        wilder(ratio(size(_UP - _DOWN), _UP + _DOWN, floor=k.FLAT), 14),
        "share",
        "Average directional index of 14 sessions, 0 to 1 (Wilder 1978).",
    ),
    *(
        _oscillator(
            name,
            rolling(_channel, HIGHS, LOWS, col("_close"), window=w),
            "share",
            f"Where the last known close lies in the range of {w} sessions{who}.",
        )
        for name, w, who in (
            ("stoch_k", 14, " (Lane's %K)"),
            ("donchian_pos_20", 20, ""),
            ("donchian_pos_60", 60, ""),
        )
    ),
    _oscillator(
        "aroon_osc_25",
        rolling(_aroon, HIGHS, LOWS, window=26),
        "share",
        "Sessions since the low less those since the high, over 25 (Chande 1995).",
    ),
)
