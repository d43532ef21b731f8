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
from gogooku.features.engine.combinators import col, declared, total
from gogooku.features.engine.inputs import published
from gogooku.features.engine.kernels import Values
from gogooku.features.market.breadth import member_mean

LONGEST_STREAK: Final = 5
"""Longest run of closes at a limit that is counted."""
OLDEST_EVENT: Final = 250
"""Sessions after which an event counts as that old."""

_limit = partial(Feature, group="limits", max_null_share=1.0)
_limit_of = partial(declared, group="limits", max_null_share=1.0)


def _limit_streak(x: Values) -> FloatArray:
    return k.run_length(x["limit_up_flag"] - x["limit_down_flag"], LONGEST_STREAK)


def _sessions_since_flag(flags: FloatArray) -> FloatArray:
    """Sessions since the last 1 of `OLDEST_EVENT`, that many if there was none."""
    ever = k.rolling_extreme(flags, OLDEST_EVENT, kind="max")
    age = k.sessions_since_extreme(flags, OLDEST_EVENT, kind="max")
    return np.where(ever == 0.0, float(OLDEST_EVENT), age)


def _since_limit(x: Values, *, of: str) -> FloatArray:
    return _sessions_since_flag(x[of])


def _locked(x: Values) -> FloatArray:
    flat = (x["high"] - x["low"] <= k.TIE * x["high"]).astype(np.float64)
    return flat * np.maximum(x["limit_up_flag"], x["limit_down_flag"])


def _reversed(x: Values) -> FloatArray:
    before = k.shift(x["limit_up_flag"] - x["limit_down_flag"], 1)
    now = k.sign(k.ratio(x["close"], k.shift(x["close"], 1)) - 1.0)
    out = (before * now < 0.0).astype(np.float64)
    out[np.isnan(before) | np.isnan(now)] = np.nan
    return out


def _limit_share(x: Values, *, of: str) -> FloatArray:
    return member_mean(x[of], x["universe"])


def _splits(x: Values) -> FloatArray:
    return np.where(np.isnan(x["traded"]), np.nan, x["split"])


def _split_within(x: Values) -> FloatArray:
    return k.rolling_extreme(_splits(x), 20, kind="max")


def _since_split(x: Values) -> FloatArray:
    return _sessions_since_flag(_splits(x))


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
        _limit_of(
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
            name=f"sessions_since_{side}",
            inputs=(f"{side}_flag",),
            compute=partial(_since_limit, of=f"{side}_flag"),
            lookback=OLDEST_EVENT,
            unit="sessions",
            meaning=f"Sessions since the last close at the {which} limit, {OLDEST_EVENT} if there "
            "was none; null where the source has no limits.",
        )
        for side, which in _SIDES
    ),
    _limit(
        name="limit_streak",
        inputs=("limit_up_flag", "limit_down_flag"),
        compute=_limit_streak,
        lookback=LONGEST_STREAK,
        unit="sessions",
        meaning="Length of the current run of closes at the upper (+) or lower (-) limit, at most "
        f"{LONGEST_STREAK}; null where the source has no limits.",
    ),
    _limit(
        name="price_locked_flag",
        inputs=("high", "low", "limit_up_flag", "limit_down_flag"),
        compute=_locked,
        lookback=1,
        unit="flag",
        role=Role.MASK,
        meaning="Every trade of the session was at the limit; null where the source has no limits.",
    ),
    _limit(
        name="post_limit_reversal_flag",
        inputs=("limit_up_flag", "limit_down_flag", "close"),
        compute=_reversed,
        lookback=2,
        unit="flag",
        role=Role.MASK,
        meaning="Moved against the limit at which the session before closed; null where the source "
        "has no limits.",
    ),
    *(
        _limit(
            name=f"uni_{side}_share",
            inputs=(f"{side}_flag", "universe"),
            compute=partial(_limit_share, of=f"{side}_flag"),
            lookback=1,
            unit="share",
            role=Role.MARKET,
            axis=Axis.ACROSS,
            meaning=f"Share of the universe closed at the {which} limit; null where the source "
            "has no limits.",
        )
        for side, which in _SIDES
    ),
)

_SPLITS = (
    Feature(
        name="is_split_event",
        group="limits",
        inputs=("split", "traded"),
        compute=_splits,
        lookback=1,
        unit="flag",
        role=Role.MASK,
        meaning="Ex-date of a split, consolidation or adjusted rights issue.",
    ),
    Feature(
        name="is_split_20",
        group="limits",
        inputs=("split", "traded"),
        compute=_split_within,
        lookback=20,
        unit="flag",
        role=Role.MASK,
        meaning="A split, consolidation or adjusted rights issue within 20 sessions.",
    ),
    Feature(
        name="sessions_since_split",
        group="limits",
        inputs=("split", "traded"),
        compute=_since_split,
        lookback=OLDEST_EVENT,
        unit="sessions",
        meaning="Sessions since the last split, consolidation or adjusted rights issue, "
        f"{OLDEST_EVENT} if there was none.",
    ),
)

LIMITS: Final[tuple[Feature, ...]] = (*_LIMITS, *_SPLITS)
