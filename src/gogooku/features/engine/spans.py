"""Facts about a coming date that stand over spans of sessions: schedules and ex-dates.

A fact stands from the session that first knows it until it is replaced or its date has come. How
far away a date lies is counted on the calendar of the exchange, which is known ahead, never on the
sessions of the data, which end. Sessions of a window are numbered from its first one; spans may
begin, and end, before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray, tokyo_sessions
from gogooku.core.types import FloatArray
from gogooku.features.engine.timeline import IndexArray, Timeline

_MARGIN = timedelta(days=30)


@dataclass(frozen=True)
class SessionCount:
    """Numbers of sessions on the calendar, from before the first one of the history."""

    calendar: DateArray
    history: IndexArray
    """Number of each session of the past and of the window."""
    num_past: int

    @classmethod
    def of(cls, timeline: Timeline, days: pl.Series) -> SessionCount:
        """Calendar that reaches from before the data to beyond all the dates."""
        history = np.concatenate([timeline.past.sessions, timeline.sessions])
        first, last = history[0].item(), history[-1].item()
        ends = [day for day in (days.min(), days.max()) if day is not None]
        known = tokyo_sessions(min([first, *ends]) - _MARGIN, max([last, *ends]) + _MARGIN)
        at = np.searchsorted(known, history, side="left").astype(np.int64)
        return cls(calendar=known, history=at, num_past=len(timeline.past))

    @property
    def now(self) -> IndexArray:
        """Number of each session of the window; [T]."""
        return self.history[self.num_past :]

    def of_session(self, t: IndexArray) -> IndexArray:
        """Number of sessions of the window (from 0) or before it (negative)."""
        return np.asarray(self.history[t + self.num_past])

    def number(self, days: pl.Series) -> IndexArray:
        """Number of the first session on or after each date; -1 for null."""
        dates = days.to_numpy().astype("datetime64[D]")
        known = ~np.isnat(dates)
        at = np.full(len(dates), -1, dtype=np.int64)
        at[known] = np.searchsorted(self.calendar, dates[known], side="left")
        return at

    def row(self, numbers: IndexArray) -> IndexArray:
        """First session of the data at or after each number; T where the data end before.

        Negative for sessions before the window, and the first of the history at the earliest.
        """
        found = np.searchsorted(self.history, numbers, side="left").astype(np.int64)
        return found - self.num_past


def replaced_at(t: IndexArray, keys: IndexArray, *, never: int) -> IndexArray:
    """Session at which the next row under the same key became known; ``never`` for the last."""
    by = np.argsort(keys, kind="stable")
    same = keys[by[1:]] == keys[by[:-1]]
    out = np.full(len(t), never, dtype=np.int64)
    out[by[:-1][same]] = t[by[1:][same]]
    return out


def last_before(values: FloatArray, keys: IndexArray) -> FloatArray:
    """The last value that is not NaN of the rows before each one under its key, NaN for none."""
    by = np.argsort(keys, kind="stable")
    place = np.arange(len(by))
    seen = np.where(np.isnan(values[by]), -1, place)
    np.maximum.accumulate(seen, out=seen)
    start = np.where(np.diff(keys[by], prepend=-1) != 0, place, 0)
    np.maximum.accumulate(start, out=start)
    previous = np.append(-1, seen[:-1])[: len(by)]
    out = np.full(len(by), np.nan)
    out[by] = np.where(previous >= start, np.append(values[by], np.nan)[previous], np.nan)
    return out


def number_of(*columns: pl.Expr) -> pl.Expr:
    """A number, not below 0, for each combination of texts, null being like an empty one."""
    text = pl.concat_str([column.fill_null("") for column in columns], separator="|")
    return text.cast(pl.Categorical).to_physical().cast(pl.Int64)


def spread(
    shape: tuple[int, int], n: IndexArray, first: IndexArray, last: IndexArray
) -> IndexArray:
    """Number of the row that stands at each cell, -1 for none; [T, N].

    Row i covers the sessions ``first[i]`` up to, not including, ``last[i]`` of its name. Where
    spans overlap, the row with the higher number stands.
    """
    out = np.full(shape, -1, dtype=np.int64)
    first = np.maximum(first, 0)
    length = np.maximum(np.minimum(last, shape[0]) - first, 0)
    starts = np.cumsum(length) - length
    # a span goes down a column, so from cell to cell of the flat array it steps by N
    corner = (first - starts) * shape[1] + n
    cells = np.repeat(corner, length)
    cells += np.arange(len(cells)) * shape[1]
    out.reshape(-1)[cells] = np.repeat(np.arange(len(n)), length)
    return out


def sessions_since(
    timeline: Timeline, count: SessionCount, n: IndexArray, rows: tuple[IndexArray, IndexArray]
) -> FloatArray:
    """Sessions since the latest date of a name that has come, NaN before any; [T, N].

    ``rows`` is the session at which each date counts as come, and its number on the calendar.
    """
    at, number = rows
    latest = np.full(timeline.shape, -np.inf)
    cells = np.maximum(at, 0) * timeline.shape[1] + n
    np.maximum.at(latest.reshape(-1), cells, number.astype(np.float64))
    np.maximum.accumulate(latest, axis=0, out=latest)
    since = np.subtract(count.now[:, np.newaxis].astype(np.float64), latest, out=latest)
    since[np.isinf(since)] = np.nan
    return np.asarray(since)
