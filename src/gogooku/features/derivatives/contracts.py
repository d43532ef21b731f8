"""Chains of listed contracts, one row per trade date, and how such rows come to the sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.types import FloatArray
from gogooku.features.engine.timeline import Timeline

STALE_SESSIONS: Final = 5
"""A trade date stands for at most this many sessions after itself; then the columns are null."""
DAYS_PER_YEAR: Final = 365.0
_REACH: Final = STALE_SESSIONS + 2
"""Sessions before a window whose trade dates may stand in it, with the one that the oldest of them
is compared with."""

DAY: Final = "event_date"
"""Trade date."""
EXPIRY: Final = "expiry"
DAYS: Final = "days"
"""Special quotation date, and calendar days from the trade date to it."""


def reach(timeline: Timeline) -> date | None:
    """First trade date that can matter on the axes; None for all of the history."""
    past = timeline.past.sessions
    return past[-_REACH].item() if len(past) >= _REACH else None


def settled_once(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per trade date and contract: that of the normal settlement where there is one.

    An emergency margin call adds a second row with the prices at the time of the call.
    """
    normal = rows.filter(pl.col("settlement") == "normal")
    emergency = rows.filter(pl.col("settlement") != "normal")
    if not len(emergency):
        return normal
    alone = emergency.join(normal, on=["event_date", "code"], how="anti")
    return pl.concat([normal, alone])


def with_expiry(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``expiry`` and ``days`` of contracts that still run, leaving out all others.

    The special quotation date is delivered since 2016-07-19; before, it is the second Friday of
    the contract month.
    """
    first = (pl.col("contract_month") + "-01").str.to_date("%Y-%m-%d", strict=False)
    ahead = (5 - first.dt.weekday()) % 7 + 7
    friday = first + pl.duration(days=ahead)
    expiry = pl.coalesce("special_quotation_date", friday).alias(EXPIRY)
    days = (pl.col(EXPIRY) - pl.col("event_date")).dt.total_days().cast(pl.Float64).alias(DAYS)
    return rows.with_columns(expiry).with_columns(days).filter(pl.col(DAYS) >= 1.0)


def with_session_before(days: pl.DataFrame) -> pl.DataFrame:
    """Trade dates whose session before (``before``) is there too, known when both are.

    Without the date before, or until it is known, there is no row: an older comparison stands, and
    a date that comes late changes nothing before it came.
    """
    own = days.select("event_date", "available_at")
    if not len(own):
        return own.with_columns(pl.col("event_date").alias("before"))
    first, last = own.select(pl.min("event_date"), pl.max("event_date").alias("last")).row(0)
    calendar = pl.Series("event_date", tokyo_sessions(first, last)).cast(pl.Date).to_frame()
    steps = calendar.with_columns(pl.col("event_date").shift(1).alias("before"))
    old = own.select(pl.col("event_date").alias("before"), pl.col("available_at").alias("old"))
    both = own.join(steps, on="event_date").join(old, on="before")
    return both.select(
        "event_date", "before", pl.max_horizontal("available_at", "old").alias("available_at")
    )


def market_series(
    days: pl.DataFrame, timeline: Timeline, columns: Sequence[str]
) -> dict[str, FloatArray]:
    """Columns of one row per trade date as known at each session, `STALE_SESSIONS` at most.

    An older date that comes late is not the newest state, so the dates from `reach` on are enough.

    Parameters
    ----------
    days : polars.DataFrame
        ``event_date`` (unique), ``available_at`` and the columns; a null there stays null.
    timeline : Timeline
    columns : sequence of str

    Returns
    -------
    mapping of str to float64 [T]
    """
    placed = timeline.place(days, code=None).standing()
    age = np.arange(timeline.shape[0]) - timeline.market_latest(
        placed, placed.event.astype(np.float64)
    )
    fresh = age <= STALE_SESSIONS
    return {
        name: np.where(fresh, timeline.market_latest(placed, placed.values(name)), np.nan)
        for name in columns
    }
