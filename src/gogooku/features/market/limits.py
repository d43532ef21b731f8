"""Price limits and splits: events of single names, how often and how long ago they were.

A name closes at its upper limit when buyers were left unserved; what follows is decided by how many
such sessions came before. Null where the source has no limits. A split is a session whose
adjustment factor is not 1: the vendor adjusts for splits and consolidations, and since 2026-06-29
for rights issues. It is seen on its ex-date, never before: the source of daily bars announces none.

Left out on purpose: the flag of either limit (the sum of the two here), counts over 5 sessions
(`limit_net_5`, and as rare events about the flags), ``days_to_split`` (it needs the future).
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine.combinators import (
    Expression,
    col,
    declared,
    highest,
    over,
    rolling,
    total,
)
from gogooku.features.engine.inputs import published
from gogooku.features.market.breadth import mean_of_members

LONGEST_STREAK: Final = 5
"""Longest run of closes at a limit that is counted."""
OLDEST_EVENT: Final = 250
"""Sessions after which an event counts as that old."""

_limit = partial(declared, group="limits", max_null_share=1.0)
_split = partial(declared, group="limits")
_UP, _DOWN = col("limit_up_flag"), col("limit_down_flag")


def _sessions_since_flag(flags: FloatArray) -> FloatArray:
    """Sessions since the last 1 of `OLDEST_EVENT`, that many if there was none."""
    ever = k.rolling_extreme(flags, OLDEST_EVENT, kind="max")
    age = k.sessions_since_extreme(flags, OLDEST_EVENT, kind="max")
    return np.where(ever == 0.0, float(OLDEST_EVENT), age)


def _since(flags: Expression) -> Expression:
    return over(_sessions_since_flag, flags, window=OLDEST_EVENT)


def _locked(high: FloatArray, low: FloatArray, up: FloatArray, down: FloatArray) -> FloatArray:
    flat = (high - low <= k.TIE * high).astype(np.float64)
    return flat * np.maximum(up, down)


def _reversed(at_limit: FloatArray, close: FloatArray) -> FloatArray:
    before = k.shift(at_limit, 1)
    now = k.sign(k.ratio(close, k.shift(close, 1)) - 1.0)
    out = (before * now < 0.0).astype(np.float64)
    out[np.isnan(before) | np.isnan(now)] = np.nan
    return out


_SIDES: Final = (("limit_up", "upper"), ("limit_down", "lower"))

_LIMITS = (
    *(
        published(
            f"{side}_flag",
            "flag",
            f"Closed at the {which} limit; null where the source has no limits.",
            group="limits",
            role=Role.MASK,
            max_null_share=1.0,
        )
        for side, which in _SIDES
    ),
    *(
        _limit(
            f"{side}_{w}d",
            total(col(f"{side}_flag"), w),
            "sessions",
            f"Sessions of the last {w} closed at the {which} limit (missing ones scaled "
            "up); null where the source has no limits.",
        )
        for side, which in _SIDES
        for w in (20, 60)
    ),
    *(
        _limit(
            f"sessions_since_{side}",
            _since(col(f"{side}_flag")),
            "sessions",
            f"Sessions since the last close at the {which} limit, {OLDEST_EVENT} if there "
            "was none; null where the source has no limits.",
        )
        for side, which in _SIDES
    ),
    _limit(
        "limit_streak",
        rolling(k.run_length, _UP - _DOWN, window=LONGEST_STREAK),
        "sessions",
        "Length of the current run of closes at the upper (+) or lower (-) limit, at most "
        f"{LONGEST_STREAK}; null where the source has no limits.",
    ),
    _limit(
        "price_locked_flag",
        over(_locked, col("high"), col("low"), _UP, _DOWN),
        "flag",
        "Every trade of the session was at the limit; null where the source has no limits.",
        role=Role.MASK,
    ),
    _limit(
        "post_limit_reversal_flag",
        over(_reversed, _UP - _DOWN, col("close"), window=2),
        "flag",
        "Moved against the limit at which the session before closed; null where the source "
        "has no limits.",
        role=Role.MASK,
    ),
    *(
        _limit(
            f"uni_{side}_share",
            mean_of_members(col(f"{side}_flag")),
            "share",
            f"Share of the universe closed at the {which} limit; null where the source "
            "has no limits.",
            role=Role.MARKET,
            axis=Axis.ACROSS,
        )
        for side, which in _SIDES
    ),
)

_EVENT = over(
    lambda split, traded: np.where(np.isnan(traded), np.nan, split), col("split"), col("traded")
)
_SPLITS = (
    _split(
        "is_split_event",
        _EVENT,
        "flag",
        "Ex-date of a split, consolidation or adjusted rights issue.",
        role=Role.MASK,
    ),
    _split(
        "is_split_20",
        highest(_EVENT, 20),
        "flag",
        "A split, consolidation or adjusted rights issue within 20 sessions.",
        role=Role.MASK,
    ),
    _split(
        "sessions_since_split",
        _since(_EVENT),
        "sessions",
        "Sessions since the last split, consolidation or adjusted rights issue, "
        f"{OLDEST_EVENT} if there was none.",
    ),
)

LIMITS: Final[tuple[Feature, ...]] = (*_LIMITS, *_SPLITS)
