"""Returns, gaps, trend, oscillators: what one name's prices say about its direction.

Every value is a ratio of prices of the same name, so the scale of its prices does not matter.
On a session without a trade, returns and levels are those of the last known close, at most
`STALE_LIMIT` sessions old, except what describes the session itself (`ret_prev_1d`, gaps, range):
those are null. The first close after a halt is compared with the last one before it.

Left out on purpose: exponential averages in yen; ``log_returns_*`` and ``bb_pct_b`` (same ranks as
``ret_prev_*`` and ``z_close_20``); ``ema*_slope`` (rank correlation .99 with ``ma_gap_*``);
``macd_signal`` (macd less its histogram).
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.bars.oscillators import OSCILLATORS
from gogooku.features.bars.shape import SHAPE
from gogooku.features.bars.trend import TREND
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import col, declared, total
from gogooku.features.engine.kernels import CLOSE, RETURN, Values, chain

_price = partial(Feature, group="price")
_price_of = partial(declared, group="price")


def _close(x: Values) -> FloatArray:
    return k.forward_fill(x["close"])


def _return(x: Values) -> FloatArray:
    return k.ratio(x["close"], k.shift(x["_close"], 1)) - 1.0


def _past_return(x: Values, *, sessions: int, skip: int = 0) -> FloatArray:
    close = x["_close"]
    return k.ratio(k.shift(close, skip), k.shift(close, sessions)) - 1.0


def _overnight(x: Values) -> FloatArray:
    return k.ratio(x["open"], k.shift(x["_close"], 1)) - 1.0


def _intraday(x: Values) -> FloatArray:
    return k.ratio(x["close"], x["open"]) - 1.0


def _gap_fill(x: Values) -> FloatArray:
    gap, day = x["ret_overnight"], x["ret_intraday"]
    filled = -day * np.sign(gap)
    return np.clip(k.ratio(filled, np.abs(gap), floor=1e-3 + k.TIE), -3.0, 3.0)


def _gap_concord(x: Values) -> FloatArray:
    return k.rolling_mean(k.sign(x["ret_overnight"]) * k.sign(x["ret_intraday"]), 20)


def _gap_z(x: Values) -> FloatArray:
    size = np.abs(x["ret_overnight"])
    earlier = k.shift(size, 1)
    excess = size - k.rolling_mean(earlier, 20)
    return np.clip(k.ratio(excess, m.rolling_sd(earlier, 20), floor=k.FLAT), -10.0, 10.0)


def _range(x: Values) -> FloatArray:
    return k.ratio(x["high"] - x["low"], k.shift(x["_close"], 1))


def _location(x: Values) -> FloatArray:
    return k.ratio(x["close"] - x["low"], x["high"] - x["low"], floor=0.0)


def _mean_location(x: Values) -> FloatArray:
    return k.rolling_mean(x["close_location"], 5)


def _range_expansion(x: Values) -> FloatArray:
    usual = k.rolling_mean(k.shift(x["day_range"], 1), 20)
    return k.log_positive(k.ratio(x["day_range"], usual))


_RETURNS = (
    _price(
        name="_close",
        inputs=("close",),
        compute=_close,
        lookback=CLOSE,
        unit="ratio",
        meaning="Last known adjusted close, at most 20 sessions old.",
        max_null_share=1.0,
    ),
    _price(
        name="ret_prev_1d",
        inputs=("close", "_close"),
        compute=_return,
        lookback=RETURN,
        unit="return",
        meaning="Return from the last known close before the session to its close.",
    ),
    *(
        _price(
            name=f"ret_prev_{h}d",
            inputs=("_close",),
            compute=partial(_past_return, sessions=h),
            lookback=chain(h + 1, CLOSE),
            unit="return",
            meaning=f"Return over the last {h} sessions, of last known closes.",
        )
        for h in (5, 10, 20, 60, 120)
    ),
    _price(
        name="mom_252_21",
        inputs=("_close",),
        compute=partial(_past_return, sessions=252, skip=21),
        lookback=chain(253, CLOSE),
        unit="return",
        meaning="Return from 252 to 21 sessions ago (Jegadeesh & Titman 1993).",
    ),
    _price(
        name="ret_overnight",
        inputs=("open", "_close"),
        compute=_overnight,
        lookback=RETURN,
        unit="return",
        meaning="Open over the last known close before it.",
    ),
    _price(
        name="ret_intraday",
        inputs=("open", "close"),
        compute=_intraday,
        lookback=1,
        unit="return",
        meaning="Close over open of the session.",
    ),
    _price_of(
        "ret_overnight_20d",
        total(col("ret_overnight", RETURN), 20),
        "return",
        "Sum of 20 overnight returns (Lou, Polk & Skouras 2019).",
    ),
    _price_of(
        "ret_intraday_20d", total(col("ret_intraday"), 20), "return", "Sum of 20 intraday returns."
    ),
    _price(
        name="gap_fill_ratio",
        inputs=("ret_overnight", "ret_intraday"),
        compute=_gap_fill,
        lookback=RETURN,
        unit="ratio",
        max_null_share=0.4,
        meaning="Share of the opening gap undone by the close, within -3 to 3; null for gaps "
        "of at most 0.1 %.",
    ),
    _price(
        name="gap_concord_20",
        inputs=("ret_overnight", "ret_intraday"),
        compute=_gap_concord,
        lookback=chain(20, RETURN),
        unit="share",
        meaning="Mean over 20 sessions of sign(overnight) times sign(intraday).",
    ),
    _price(
        name="gap_magnitude_z20",
        inputs=("ret_overnight",),
        compute=_gap_z,
        lookback=chain(21, RETURN),
        unit="z",
        meaning="Size of today's opening gap against the 20 sessions before, within +-10.",
    ),
    _price(
        name="day_range",
        inputs=("high", "low", "_close"),
        compute=_range,
        lookback=RETURN,
        unit="ratio",
        meaning="High less low over the last close before.",
    ),
    _price(
        name="close_location",
        inputs=("high", "low", "close"),
        compute=_location,
        lookback=1,
        unit="share",
        max_null_share=0.3,
        meaning="Where the close lies between low (0) and high (1); null without a range.",
    ),
    _price(
        name="close_location_5",
        inputs=("close_location",),
        compute=_mean_location,
        lookback=5,
        unit="share",
        meaning="Mean of close_location over 5 sessions.",
    ),
    _price(
        name="range_expansion",
        inputs=("day_range",),
        compute=_range_expansion,
        lookback=chain(21, RETURN),
        unit="log",
        max_null_share=0.3,
        meaning="Log of today's range over the mean range of the 20 sessions before.",
    ),
)

PRICE: Final[tuple[Feature, ...]] = (*_RETURNS, *TREND, *SHAPE, *OSCILLATORS)
