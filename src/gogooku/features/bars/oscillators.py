"""Classical oscillators of one name's prices, by the definitions of their authors.

Smoothing is Wilder's (1978) where he defined it, not a span average; everything is a ratio.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.engine import kernels as k
from gogooku.features.engine.kernels import RETURN, Values, chain

_WILDER_14: Final = 7 * 14

_oscillator = partial(Feature, group="price")


def _rsi(x: Values, *, sessions: int) -> FloatArray:
    returns = x["ret_prev_1d"]
    up = k.wilder(np.maximum(returns, 0.0), sessions)
    size = k.wilder(np.abs(returns), sessions)
    return k.ratio(up, size, floor=k.FLAT)


def _rsi_delta(x: Values) -> FloatArray:
    return x["rsi_14"] - k.shift(x["rsi_14"], 1)


def _macd(x: Values) -> FloatArray:
    close = x["close"]
    return k.ratio(k.ema(close, 12) - k.ema(close, 26), x["_close"])


def _macd_histogram(x: Values) -> FloatArray:
    return x["macd"] - k.ema(x["macd"], 9)


def _true_range(x: Values) -> FloatArray:
    before = k.shift(x["_close"], 1)
    span = np.maximum(x["high"], before) - np.minimum(x["low"], before)
    return k.ratio(span, before)


def _natr(x: Values) -> FloatArray:
    return k.wilder(x["_true_range"], 14)


def _directional(x: Values, *, side: str) -> FloatArray:
    high, low = k.forward_fill(x["high"]), k.forward_fill(x["low"])
    # Shares of the last close, as in the true range: Wilder's scale drops out of DI.
    before = k.shift(x["_close"], 1)
    up = k.ratio(x["high"] - k.shift(high, 1), before)
    down = k.ratio(k.shift(low, 1) - x["low"], before)
    move, other = (up, down) if side == "up" else (down, up)
    # Prices lie on ticks, so equal moves are common: neither counts, whatever the rounding.
    counted = np.where((move > other + k.TIE) & (move > 0.0), move, 0.0)
    counted[np.isnan(up) | np.isnan(down)] = np.nan
    return k.wilder(counted, 14)


def _di_diff(x: Values) -> FloatArray:
    return k.ratio(x["_dm_up"] - x["_dm_down"], x["natr_14"], floor=k.FLAT)


def _adx(x: Values) -> FloatArray:
    total = x["_dm_up"] + x["_dm_down"]
    return k.wilder(k.ratio(np.abs(x["_dm_up"] - x["_dm_down"]), total, floor=k.FLAT), 14)


def _channel(x: Values, *, window: int) -> FloatArray:
    low = k.rolling_extreme(x["low"], window, kind="min")
    high = k.rolling_extreme(x["high"], window, kind="max")
    return k.ratio(x["_close"] - low, high - low)


def _aroon(x: Values) -> FloatArray:
    high = k.sessions_since_extreme(x["high"], 26, kind="max")
    low = k.sessions_since_extreme(x["low"], 26, kind="min")
    return (low - high) / 25.0


OSCILLATORS: Final[tuple[Feature, ...]] = (
    *(
        _oscillator(
            name=f"rsi_{n}",
            inputs=("ret_prev_1d",),
            compute=partial(_rsi, sessions=n),
            lookback=chain(7 * n, RETURN),
            unit="share",
            meaning=f"Relative strength index of {n} sessions, 0 to 1, Wilder's smoothing, of "
            "returns.",
        )
        for n in (2, 14)
    ),
    _oscillator(
        name="rsi_delta",
        inputs=("rsi_14",),
        compute=_rsi_delta,
        lookback=chain(2, _WILDER_14, RETURN),
        unit="share",
        meaning="Change of rsi_14 since the last session.",
    ),
    _oscillator(
        name="macd",
        inputs=("close", "_close"),
        compute=_macd,
        lookback=k.ewm_length(26),
        unit="ratio",
        meaning="Exponential mean of span 12 less that of span 26, over close (Appel 1979).",
    ),
    _oscillator(
        name="macd_histogram",
        inputs=("macd",),
        compute=_macd_histogram,
        lookback=chain(k.ewm_length(9), k.ewm_length(26)),
        unit="ratio",
        meaning="macd less its exponential mean of span 9.",
    ),
    _oscillator(
        name="_true_range",
        inputs=("high", "low", "_close"),
        compute=_true_range,
        lookback=RETURN,
        unit="ratio",
        max_null_share=1.0,
        meaning="True range over the last close before the session (Wilder 1978).",
    ),
    _oscillator(
        name="natr_14",
        inputs=("_true_range",),
        compute=_natr,
        lookback=chain(_WILDER_14, RETURN),
        unit="ratio",
        meaning="Average true range of 14 sessions, each over the close before it (Wilder 1978).",
    ),
    *(
        _oscillator(
            name=f"_dm_{side}",
            inputs=("high", "low", "_close"),
            compute=partial(_directional, side=side),
            lookback=chain(_WILDER_14, RETURN),
            unit="ratio",
            meaning=f"Smoothed directional movement {side}.",
            max_null_share=1.0,
        )
        for side in ("up", "down")
    ),
    _oscillator(
        name="di_diff_14",
        inputs=("_dm_up", "_dm_down", "natr_14"),
        compute=_di_diff,
        lookback=chain(_WILDER_14, RETURN),
        unit="ratio",
        meaning="Directional indicator +DI less -DI of 14 sessions (Wilder 1978).",
    ),
    _oscillator(
        name="adx_14",
        inputs=("_dm_up", "_dm_down"),
        compute=_adx,
        lookback=chain(_WILDER_14, _WILDER_14, RETURN),
        unit="share",
        meaning="Average directional index of 14 sessions, 0 to 1 (Wilder 1978).",
    ),
    *(
        _oscillator(
            name=name,
            inputs=("high", "low", "_close"),
            compute=partial(_channel, window=w),
            lookback=w,
            unit="share",
            meaning=f"Where the last known close lies in the range of {w} sessions{who}.",
        )
        for name, w, who in (
            ("stoch_k", 14, " (Lane's %K)"),
            ("donchian_pos_20", 20, ""),
            ("donchian_pos_60", 60, ""),
        )
    ),
    _oscillator(
        name="aroon_osc_25",
        inputs=("high", "low"),
        compute=_aroon,
        lookback=26,
        unit="share",
        meaning="Sessions since the low less those since the high, over 25 (Chande 1995).",
    ),
)
