"""Where one name's price stands against its averages, extremes and bands.

The current price is the last known close, at most `STALE_LIMIT` sessions old; a window with enough
closes has one inside it, so the window is the whole lookback.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.kernels import Values

_price = partial(Feature, group="price")


def _to_average(x: Values, *, window: int) -> FloatArray:
    return k.ratio(x["_close"], k.rolling_mean(x["close"], window)) - 1.0


def _average_gap(x: Values, *, short: int, long: int) -> FloatArray:
    return k.ratio(k.ema(x["close"], short), k.ema(x["close"], long)) - 1.0


def _simple_average_gap(x: Values, *, short: int, long: int) -> FloatArray:
    close = x["close"]
    return k.ratio(k.rolling_mean(close, short), k.rolling_mean(close, long)) - 1.0


def _z_close(x: Values, *, window: int) -> FloatArray:
    mean, variance = m.rolling_mean_var(x["close"], window)
    spread = k.root(variance)
    # A spread below 1e-7 of the price is rounding of an unchanged price.
    spread[spread < 1e-7 * mean] = np.nan
    return k.ratio(x["_close"] - mean, spread)


def _band_width(x: Values, *, window: int) -> FloatArray:
    mean, variance = m.rolling_mean_var(x["close"], window)
    return k.ratio(4.0 * k.root(variance), mean)


def _distance(x: Values, *, kind: str, window: int) -> FloatArray:
    if kind == "max":
        return k.ratio(x["_close"], k.rolling_extreme(x["high"], window, kind="max")) - 1.0
    return k.ratio(x["_close"], k.rolling_extreme(x["low"], window, kind="min")) - 1.0


def _high_age(x: Values) -> FloatArray:
    return k.sessions_since_extreme(x["close"], 252, kind="max")


TREND: Final[tuple[Feature, ...]] = (
    *(
        _price(
            name=f"price_to_sma{w}",
            inputs=("close", "_close"),
            compute=partial(_to_average, window=w),
            lookback=w,
            unit="ratio",
            meaning=f"Last known close over its mean of {w} sessions, less 1.",
        )
        for w in (5, 20, 60, 120, 200)
    ),
    *(
        _price(
            name=f"ma_gap_{a}_{b}",
            inputs=("close",),
            compute=partial(_average_gap, short=a, long=b),
            lookback=k.ewm_length(b),
            unit="ratio",
            meaning=f"Exponential mean of span {a} over that of span {b}, less 1.",
        )
        for a, b in ((5, 20), (20, 60))
    ),
    _price(
        name="ma_gap_60_200",
        inputs=("close",),
        compute=partial(_simple_average_gap, short=60, long=200),
        lookback=200,
        unit="ratio",
        meaning="Simple mean of 60 sessions over that of 200, less 1.",
    ),
    *(
        _price(
            name=f"z_close_{w}",
            inputs=("close", "_close"),
            compute=partial(_z_close, window=w),
            lookback=w,
            unit="z",
            meaning=f"Last known close against mean and spread of {w} closes "
            "(Bollinger's %b is this, over 4, plus a half).",
        )
        for w in (20, 60)
    ),
    _price(
        name="bb_bw",
        inputs=("close",),
        compute=partial(_band_width, window=20),
        lookback=20,
        unit="ratio",
        meaning="Width of Bollinger bands of 20 sessions over the mean.",
    ),
    _price(
        name="dist_high_252",
        inputs=("high", "_close"),
        compute=partial(_distance, kind="max", window=252),
        lookback=252,
        unit="ratio",
        meaning="Last known close over the 252-session high, less 1 (George & Hwang 2004).",
    ),
    _price(
        name="dist_low_252",
        inputs=("low", "_close"),
        compute=partial(_distance, kind="min", window=252),
        lookback=252,
        unit="ratio",
        meaning="Last known close over the 252-session low, less 1.",
    ),
    _price(
        name="high_age_252",
        inputs=("close",),
        compute=_high_age,
        lookback=252,
        unit="sessions",
        meaning="Sessions since the highest of 252 closes.",
    ),
)
