"""Statistics over the publications of a name: rows, not sessions, are what a window counts.

Every row points to the row before it in its own chain, as that one was known when the row became
known; windows, differences and counts follow the pointers. A chain thus never reads a row that was
unknown at its newest row, and a corrected old row changes only what is published after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.core.types import FloatArray
from gogooku.features.engine import kernels as k
from gogooku.features.engine.lazy import Lazy
from gogooku.features.engine.timeline import IndexArray, Placed, Timeline

Statistics = tuple[FloatArray, FloatArray, FloatArray]
"""Count, mean and centred squares."""
OLDEST_DAYS: Final = 90
"""A row that describes a day further back is no state of a name, however late it came."""
_BLOCK: Final = 1 << 14
"""Rows that are worked on at a time: what fits into a cache."""


@dataclass(frozen=True)
class Chain:
    """Pointers between R rows of a source, name by name.

    Attributes
    ----------
    rows : int64 [R]
        Number of each row among those that were placed.
    previous : int64 [R + 1]
        Row before each one; R stands for none, and points to itself.
    days : float64 [R]
        Calendar days between the event dates of a row and the one before, NaN without one.
    blocks : int64 [B + 1]
        Where blocks of whole names begin, and R: no pointer leaves its block.
    """

    rows: IndexArray
    previous: IndexArray
    days: FloatArray
    blocks: IndexArray

    def before(self, values: FloatArray, steps: int = 1) -> FloatArray:
        """Value of the row that many rows earlier, NaN where there is none; [R]."""
        place, jump = np.arange(len(self.previous)), self.previous
        while steps:
            if steps & 1:
                place = jump[place]
            steps >>= 1
            if steps:
                jump = jump[jump]
        return np.asarray(np.append(values, np.nan)[place[:-1]])

    def mean_var(self, values: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
        """Mean and sample variance over the newest ``window`` rows; null policy of the kernels."""
        count, mean, squares = self._statistics(values, window)
        few = count < k.fewest(window)
        mean[few] = np.nan
        variance = squares / np.maximum(count - 1.0, 1.0)
        variance[few] = np.nan
        return mean, variance

    def zscore(self, values: FloatArray, window: int) -> FloatArray:
        """Value among the newest ``window`` rows, as `standardised` does it."""
        return standardised(values, *self.mean_var(values, window))

    def _statistics(self, values: FloatArray, window: int) -> Statistics:
        """Merge blocks of 1, 2, 4, ... rows: only rows of the window matter, bit for bit."""
        if window < 1:
            raise ValueError(f"window of {window} rows; give 1 or more")
        out = tuple(np.empty(len(values)) for _ in range(3))
        for first, stop in zip(self.blocks[:-1], self.blocks[1:], strict=True):
            jump = np.minimum(self.previous[first:stop], stop) - first
            found = _pooled(values[first:stop], np.append(jump, stop - first), window)
            for whole, part in zip(out, found, strict=True):
                whole[first:stop] = part[:-1]
        return out[0], out[1], out[2]


def _pooled(values: FloatArray, jump: IndexArray, window: int) -> Statistics:
    """Statistics of the newest rows; ``jump`` points to the row before, none is the last."""
    padded = np.append(values, np.nan)
    valid = ~np.isnan(padded)
    block = (valid.astype(np.float64), np.where(valid, padded, 0.0), np.zeros(len(padded)))
    place, size, rest = np.arange(len(padded)), 1, window
    out: Statistics | None = None
    while rest:
        if rest & size:
            out = block if out is None else _merged(out, block, place)
            place = jump[place]
            rest -= size
        if rest:
            block = _merged(block, block, jump)
            jump = jump[jump]
            size *= 2
    assert out is not None
    return out


def _merged(newer: Statistics, older: Statistics, place: IndexArray) -> Statistics:
    """Pool two blocks (Chan, Golub & LeVeque 1983); ``place`` is where the older one starts."""
    count, mean, squares = newer
    count_old, mean_old, squares_old = (each[place] for each in older)
    total = count + count_old
    weight = count_old / np.maximum(total, 1.0)
    gap = mean_old - mean
    return total, mean + gap * weight, squares + squares_old + gap * gap * count * weight


def chained(placed: Placed, offsets: Sequence[int], *, asked: IndexArray, steps: int) -> Chain:
    """Link rows to earlier ones of their name.

    Parameters
    ----------
    placed : Placed
        Rows of all versions.
    offsets : sequence of int
        Calendar days, 1 or more, in order of preference: the first at which the name has a row
        with that earlier event date, known by the session that knows the row, gives the link; of
        several versions the newest known by then.
    asked : int64 [A]
        Numbers of the rows whose past is wanted.
    steps : int
        How many rows of it; the chain has no others.
    """
    num = len(placed)
    search = _Search.of(placed, offsets)
    previous, days = np.full(num + 1, num, dtype=np.int64), np.full(num, np.nan)
    seen = np.zeros(num + 1, dtype=np.bool_)
    wanted = np.zeros(num, dtype=np.bool_)
    wanted[asked] = True
    seen[-1] = True
    front = np.flatnonzero(wanted[search.order])
    for _ in range(steps):
        if not len(front):
            break
        seen[front] = True
        previous[front], days[front] = search.before(front)
        following = previous[front]
        front = np.unique(following[~seen[following]])
    members = np.flatnonzero(seen[:-1])
    place = np.where(seen, np.cumsum(seen) - 1, len(members))
    place[-1] = len(members)
    rows = search.order[members]
    return Chain(
        rows=rows,
        previous=np.append(place[previous[members]], len(members)),
        days=days[members],
        blocks=_blocks(placed.n[rows]),
    )


def _blocks(n: IndexArray) -> IndexArray:
    """Where blocks of whole names begin, with the end; ``n`` ascending."""
    starts = np.append(np.flatnonzero(np.append(True, n[1:] != n[:-1])[: len(n)]), len(n))
    return np.unique(
        starts[
            np.searchsorted(starts, np.arange(0, len(n) + _BLOCK, _BLOCK)).clip(max=len(starts) - 1)
        ]
    )


@dataclass(frozen=True)
class _Search:
    """Rows by name, event date and the session that knows them: ``order`` are their numbers."""

    order: IndexArray
    day_key: IndexArray
    key: IndexArray
    sessions: int
    offsets: Sequence[int]

    @classmethod
    def of(cls, placed: Placed, offsets: Sequence[int]) -> _Search:
        event = placed.frame.get_column("event_date").to_physical().cast(pl.Int64).to_numpy()
        event = event - event.min(initial=0) + max(offsets)
        t = placed.t - placed.t.min(initial=0)
        sessions = int(t.max(initial=0)) + 1
        day_key = placed.n * (int(event.max(initial=0)) + 1) + event
        key = day_key * sessions + t
        order = placed.by_name
        if np.any(key[order][1:] < key[order][:-1]):
            order = order[np.argsort(key[order], kind="stable")]
        return cls(order, day_key[order], key[order], sessions, offsets)

    def before(self, asked: IndexArray) -> tuple[IndexArray, FloatArray]:
        """Place of the row before each one, the number of rows for none, and the days between."""
        previous = np.full(len(asked), len(self.key), dtype=np.int64)
        days = np.full(len(asked), np.nan)
        waiting = np.arange(len(asked))
        for offset in self.offsets:
            rows = asked[waiting]
            wanted = self.key[rows] - offset * self.sessions
            at = np.maximum(np.searchsorted(self.key, wanted, side="right") - 1, 0)
            found = self.day_key[at] == self.day_key[rows] - offset
            previous[waiting[found]], days[waiting[found]] = at[found], offset
            waiting = waiting[~found]
        return previous, days


def days_after(days: pl.Series, number: int) -> DateArray:
    """Dates that many calendar days later."""
    return np.asarray(days.to_numpy().astype("datetime64[D]") + np.timedelta64(number, "D"))


def first_day(timeline: Timeline, *, days: int) -> date:
    """Event date from which on rows matter whose chains reach back that many calendar days."""
    day: date = (timeline.sessions[0] - np.timedelta64(OLDEST_DAYS + days, "D")).item()
    return day


def standardised(values: FloatArray, mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Value less the mean over the standard deviation, within +-10.

    Null where the window is flat up to the rounding of its level.
    """
    spread = k.root(variance)
    spread[spread <= k.FLAT * np.abs(mean)] = 0.0
    return np.clip(k.ratio(values - mean, spread), -10.0, 10.0)


def relative_change(now: FloatArray, before: FloatArray) -> FloatArray:
    """Difference over the mean of both, within +-2; null where both are zero."""
    return k.ratio(2.0 * (now - before), now + before)


@dataclass(frozen=True)
class Standing:
    """The newest state of every name on the axes, for a limited time.

    Attributes
    ----------
    row : int64 [T, N]
        The row that stands, R for none.
    num_rows : int
        R.
    """

    row: IndexArray
    num_rows: int

    def show(self, values: FloatArray) -> FloatArray:
        """Values of rows [R] as they stand, NaN where none does; [T, N]."""
        return np.asarray(np.append(values, np.nan)[self.row])

    @property
    def known(self) -> FloatArray:
        """1 where a row stands, else 0; [T, N]."""
        return (self.row < self.num_rows).astype(np.float64)

    @property
    def rows(self) -> IndexArray:
        """The rows that stand somewhere."""
        stands = np.zeros(self.num_rows + 1, dtype=np.bool_)
        stands[self.row.ravel()] = True
        return np.flatnonzero(stands[:-1])

    def along(self, chain: Chain) -> Standing:
        """The same rows by their places in a chain, which has all of them."""
        num = len(chain.rows)
        place = np.full(self.num_rows + 1, num, dtype=np.int64)
        place[chain.rows] = np.arange(num)
        return Standing(row=place[self.row], num_rows=num)


def shown(columns: Mapping[str, FloatArray], state: Standing) -> Lazy:
    """Columns of rows [R], spread over the axes when they are read."""
    return Lazy({name: partial(state.show, values) for name, values in columns.items()})


def standing(timeline: Timeline, placed: Placed, *, sessions: int) -> Standing:
    """What stands at each session: the newest row, for ``sessions`` after the one that knows it.

    Late corrections of an older event date do not come back as the newest state, and nothing stands
    that describes a day more than `OLDEST_DAYS` back.
    """
    dates = placed.frame.select("event_date").with_row_index("_row")
    newest = replace(placed, frame=dates).standing()
    number = newest.frame.get_column("_row").cast(pl.Int64).to_numpy()
    row = timeline.latest_row(newest)
    oldest = timeline.session_at(days_after(newest.frame.get_column("event_date"), OLDEST_DAYS))
    until = np.minimum(newest.t + sessions, oldest)
    stands = np.arange(timeline.shape[0])[:, np.newaxis] <= np.append(until, -1)[row]
    none = len(placed)
    if len(newest) < none:
        row = np.append(number, none)[row]
    return Standing(row=np.where(stands, row, none), num_rows=none)
