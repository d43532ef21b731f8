"""Raw channels: what a network sees of one name's history beside ranks, as levels and sizes.

The rank of a return is white noise to a frequency transform; prices, traded values and sizes of
moves are not. Each channel is a feature like any other (its own past only, up to the session), in a
fixed unit that makes usual values of order one, cut at a stated limit. It is kept in half precision
for every listed name, whether in the universe or not. Null where the session had no trade or the
value is not known; whoever reads decides what stands there.

Not a log price is kept but its step of each session. In half precision two values near 7, where
log prices lie, differ by 0.4 % or not at all: too coarse for returns. Near a return of 2 %, in
units of 2 %, the spacing is 0.002 %. The log price of each session of a window less that of the
last one is, in single precision and with 0 for null, ``RETURN_UNIT * (total - total[-1])`` of the
running total of the steps: right to a hundredth of a percent over 60 sessions, to three of names
that move 4 % a day. A step begins at the last known close before, so a session without a trade
loses nothing, up to `STALE_LIMIT` of them in a row; after more of them the step is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.types import Feature
from gogooku.features.bars.columns import CLOSES, HIGHS, LAST_CLOSES, LOWS, RETURNS
from gogooku.features.engine.combinators import (
    Expression,
    before,
    clipped,
    col,
    declared,
    log,
    mean,
    ratio,
    size,
)
from gogooku.features.engine.kernels import FLAT, RETURN, chain

RETURN_UNIT: Final = 0.02
"""Log return that is one unit of ``log_return`` and ``log_gap``."""
RETURN_LIMIT: Final = 64.0
"""Largest size of either, in units: 3.6 times the price before, or its 3.6th part."""
VALUE_LIMIT: Final = 8.0
"""Largest size of ``log_value``: traded 3,000 times less than usual."""
SIZE_LIMIT: Final = 16.0
"""Largest ``abs_return`` and ``log_range``, in daily standard deviations."""

_PREFIX: Final = "_raw_"

_channel = partial(declared, max_null_share=1.0)

_STEP = 1.0 / RETURN_UNIT
_DAILY: Final = SESSIONS_PER_YEAR**-0.5
_VOLATILITY = _DAILY * before(col("volatility_20d", chain(20, RETURN)), 1)
"""Of the 20 returns before the session: one that includes it is never far beyond it."""


def _in_volatility(of: Expression) -> Expression:
    return clipped(ratio(of, _VOLATILITY, floor=FLAT), SIZE_LIMIT)


RAW_CHANNELS: Final[tuple[Feature, ...]] = (
    _channel(
        f"{_PREFIX}log_return",
        clipped(_STEP * log(ratio(CLOSES, before(LAST_CLOSES, 1))), RETURN_LIMIT),
        "log",
        "Log of the close over the last known close before; in units of 2 %, within +-64.",
        group="price",
    ),
    _channel(
        f"{_PREFIX}log_value",
        clipped(log(ratio(col("turnover"), mean(col("turnover"), 60))), VALUE_LIMIT),
        "log",
        "Log of the traded value over its mean of 60 sessions, within +-8.",
        group="liquidity",
    ),
    _channel(
        f"{_PREFIX}abs_return",
        _in_volatility(size(RETURNS)),
        "ratio",
        "Size of the return over the daily standard deviation of the 20 before, at most 16.",
        group="volatility",
    ),
    _channel(
        f"{_PREFIX}log_range",
        _in_volatility(log(ratio(HIGHS, LOWS))),
        "ratio",
        "Log of high over low, over the daily standard deviation of the 20 returns before, "
        "at most 16.",
        group="volatility",
    ),
    _channel(
        f"{_PREFIX}log_gap",
        clipped(_STEP * log(ratio(col("open"), before(LAST_CLOSES, 1))), RETURN_LIMIT),
        "log",
        "Log of the open over the last known close before; in units of 2 %, within +-64.",
        group="price",
    ),
)
"""The channels in their order; intermediates of the catalogue: none is a feature of a dataset."""


def channel_names(features: Sequence[Feature]) -> tuple[str, ...]:
    """Names of channels as a dataset states them."""
    return tuple(feature.name.removeprefix(_PREFIX) for feature in features)
