"""Facts about a coming date that stand over spans of sessions: schedules and ex-dates.

A fact stands from the session that first knows it until it is replaced or its date has come. How
far away a date lies is counted on the calendar of the exchange, which is known ahead, never on the
sessions of the data, which end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray, tokyo_sessions
from gogooku.features.timeline import IndexArray, Timeline

_MARGIN = timedelta(days=30)


@dataclass(frozen=True)
class SessionCount:
    """Numbers of sessions on the calendar, from the first one of the data."""

    calendar: DateArray
    now: IndexArray
    """Number of each session of the data; [T]."""

    @classmethod
    def of(cls, timeline: Timeline, days: pl.Series) -> SessionCount:
        """Calendar that reaches from before the data to beyond all the dates."""
        first, last = timeline.sessions[0].item(), timeline.sessions[-1].item()
        ends = [day for day in (days.min(), days.max()) if day is not None]
        known = tokyo_sessions(min([first, *ends]) - _MARGIN, max([last, *ends]) + _MARGIN)
        at = np.searchsorted(known, timeline.sessions, side="left").astype(np.int64)
        return cls(calendar=known, now=at)

    def number(self, days: pl.Series) -> IndexArray:
        """Number of the first session on or after each date; -1 for null."""
        dates = days.to_numpy().astype("datetime64[D]")
        known = ~np.isnat(dates)
        at = np.full(len(dates), -1, dtype=np.int64)
        at[known] = np.searchsorted(self.calendar, dates[known], side="left")
        return at

    def row(self, numbers: IndexArray) -> IndexArray:
        """First session of the data at or after each number; T where the data end before."""
        return np.searchsorted(self.now, numbers, side="left").astype(np.int64)


def replaced_at(t: IndexArray, keys: pl.DataFrame, *, never: int) -> IndexArray:
    """Session at which the next row under the same key became known; ``never`` for the last."""
    frame = keys.with_columns(_t=pl.Series(t))
    following = frame.select(pl.col("_t").shift(-1).over(keys.columns)).to_series()
    return np.asarray(following.fill_null(never).to_numpy(), dtype=np.int64)


def spread(
    shape: tuple[int, int], n: IndexArray, first: IndexArray, last: IndexArray
) -> IndexArray:
    """Number of the row that stands at each cell, -1 for none; [T, N].

    Row i covers the sessions ``first[i]`` up to, not including, ``last[i]`` of its name. Where
    spans overlap, the row with the higher number stands.
    """
    out = np.full(shape, -1, dtype=np.int64)
    length = np.maximum(np.minimum(last, shape[0]) - first, 0)
    rows = np.repeat(np.arange(len(n)), length)
    starts = np.cumsum(length) - length
    step = np.arange(len(rows)) - np.repeat(starts, length)
    out[first[rows] + step, n[rows]] = rows
    return out
