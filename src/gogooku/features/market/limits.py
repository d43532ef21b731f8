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
from gogooku.features.engine.kernels import Values
from gogooku.features.market.breadth import member_mean

LONGEST_STREAK: Final = 5
"""Longest run of closes at a limit that is counted."""
OLDEST_EVENT: Final = 250
"""Sessions after which an event counts as that old."""

_limit = partial(Feature, group="limits", max_null_share=1.0)


def _count(x: Values, *, side: str, window: int) -> FloatArray:
    return k.rolling_sum(x[side], window)


def _streak(x: Values) -> FloatArray:
    return k.run_length(x["limit_up"] - x["limit_down"], LONGEST_STREAK)


def _since(flags: FloatArray) -> FloatArray:
    """Sessions since the last 1 of `OLDEST_EVENT`, that many if there was none."""
    ever = k.rolling_extreme(flags, OLDEST_EVENT, kind="max")
    age = k.sessions_since_extreme(flags, OLDEST_EVENT, kind="max")
    return np.where(ever == 0.0, float(OLDEST_EVENT), age)


def _since_limit(x: Values, *, side: str) -> FloatArray:
    return _since(x[side])


def _locked(x: Values) -> FloatArray:
    flat = (x["high"] - x["low"] <= k.TIE * x["high"]).astype(np.float64)
    return flat * np.maximum(x["limit_up"], x["limit_down"])


def _reversed(x: Values) -> FloatArray:
    before = k.shift(x["limit_up"] - x["limit_down"], 1)
    now = k.sign(k.ratio(x["close"], k.shift(x["close"], 1)) - 1.0)
    out = (before * now < 0.0).astype(np.float64)
    out[np.isnan(before) | np.isnan(now)] = np.nan
    return out


def _share(x: Values, *, side: str) -> FloatArray:
    return member_mean(x[side], x["universe"])


def _splits(x: Values) -> FloatArray:
    return np.where(np.isnan(x["traded"]), np.nan, x["split"])


def _split_within(x: Values) -> FloatArray:
    return k.rolling_extreme(_splits(x), 20, kind="max")


def _since_split(x: Values) -> FloatArray:
    return _since(_splits(x))


_SIDES: Final = (("limit_up", "upper"), ("limit_down", "lower"))

_LIMITS = (
    *(
        _limit(
            name=f"{side}_flag",
            concept="limits",
            inputs=(side,),
            compute=partial(k.as_is, of=side),
            lookback=1,
            unit="flag",
            role=Role.MASK,
            meaning=f"Closed at the {which} limit; null where the source has no limits.",
        )
        for side, which in _SIDES
    ),
    *(
        _limit(
            name=f"{side}_{w}d",
            concept="limits",
            inputs=(side,),
            compute=partial(_count, side=side, window=w),
            lookback=w,
            unit="sessions",
            meaning=f"Sessions of the last {w} closed at the {which} limit (missing ones scaled "
            "up); null where the source has no limits.",
        )
        for side, which in _SIDES
        for w in (20, 60)
    ),
    *(
        _limit(
            name=f"sessions_since_{side}",
            concept="limits",
            inputs=(side,),
            compute=partial(_since_limit, side=side),
            lookback=OLDEST_EVENT,
            unit="sessions",
            meaning=f"Sessions since the last close at the {which} limit, {OLDEST_EVENT} if there "
            "was none; null where the source has no limits.",
        )
        for side, which in _SIDES
    ),
    _limit(
        name="limit_streak",
        concept="limits",
        inputs=("limit_up", "limit_down"),
        compute=_streak,
        lookback=LONGEST_STREAK,
        unit="sessions",
        meaning="Length of the current run of closes at the upper (+) or lower (-) limit, at most "
        f"{LONGEST_STREAK}; null where the source has no limits.",
    ),
    _limit(
        name="price_locked_flag",
        concept="limits",
        inputs=("high", "low", "limit_up", "limit_down"),
        compute=_locked,
        lookback=1,
        unit="flag",
        role=Role.MASK,
        meaning="Every trade of the session was at the limit; null where the source has no limits.",
    ),
    _limit(
        name="post_limit_reversal_flag",
        concept="limits",
        inputs=("limit_up", "limit_down", "close"),
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
            concept="limits",
            inputs=(side, "universe"),
            compute=partial(_share, side=side),
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
        concept="split",
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
        concept="split",
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
        concept="split",
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
