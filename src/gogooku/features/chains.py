"""Statistics over the publications of a name: rows, not sessions, are what a window counts.

Every row points to the row before it in its own chain, as that one was known when the row became
known; windows, differences and counts follow the pointers. A chain thus never reads a row that was
unknown at its newest row, and a corrected old row changes only what is published after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gogooku.core.types import FloatArray
from gogooku.features import kernels as k
from gogooku.features.timeline import IndexArray, Placed, Timeline

Statistics = tuple[FloatArray, FloatArray, FloatArray]
"""Count, mean and centred squares."""


@dataclass(frozen=True)
class Chain:
    """Pointers between R rows.

    Attributes
    ----------
    previous : int64 [R + 1]
        Row before each one; R stands for none, and points to itself.
    days : float64 [R]
        Calendar days between the event dates of a row and the one before, NaN without one.
    """

    previous: IndexArray
    days: FloatArray

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
        padded = np.append(values, np.nan)
        valid = ~np.isnan(padded)
        block = (valid.astype(np.float64), np.where(valid, padded, 0.0), np.zeros(len(padded)))
        place, jump, size, rest = np.arange(len(padded)), self.previous, 1, window
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
        if out is None:
            raise ValueError(f"window of {window} rows; give 1 or more")
        return out[0][:-1].copy(), out[1][:-1].copy(), out[2][:-1].copy()


def _merged(newer: Statistics, older: Statistics, place: IndexArray) -> Statistics:
    """Pool two blocks (Chan, Golub & LeVeque 1983); ``place`` is where the older one starts."""
    count, mean, squares = newer
    count_old, mean_old, squares_old = (each[place] for each in older)
    total = count + count_old
    weight = count_old / np.maximum(total, 1.0)
    gap = mean_old - mean
    return total, mean + gap * weight, squares + squares_old + gap * gap * count * weight


def chained(placed: Placed, offsets: Sequence[int]) -> Chain:
    """Link every row to an earlier one of its name.

    Parameters
    ----------
    placed : Placed
        Rows of all versions.
    offsets : sequence of int
        Calendar days, 1 or more, in order of preference: the first at which the name has a row
        with that earlier event date, known by the session that knows the row, gives the link; of
        several versions the newest known by then.
    """
    num = len(placed)
    previous, days = np.full(num + 1, num, dtype=np.int64), np.full(num, np.nan)
    if not num:
        return Chain(previous=previous, days=days)
    event = placed.frame.get_column("event_date").to_physical().cast(pl.Int64).to_numpy()
    event = event - event.min() + max(offsets)
    sessions = int(placed.t.max()) + 1
    day_key = placed.n * (int(event.max()) + 1) + event
    order = np.argsort(day_key * sessions + placed.t, kind="stable")
    day_key, known = day_key[order], placed.t[order]
    key = day_key * sessions + known
    waiting = np.arange(num)
    for offset in offsets:
        wanted = key[waiting] - offset * sessions
        at = np.maximum(np.searchsorted(key, wanted, side="right") - 1, 0)
        found = day_key[at] == day_key[waiting] - offset
        rows = order[waiting[found]]
        previous[rows], days[rows] = order[at[found]], offset
        waiting = waiting[~found]
    return Chain(previous=previous, days=days)


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


def standing(timeline: Timeline, placed: Placed, *, sessions: int) -> Standing:
    """What stands at each session: the newest row, for ``sessions`` after the one that knows it.

    Late corrections of an older event date do not come back as the newest state.
    """
    numbered = Placed(
        t=placed.t, n=placed.n, event=placed.event, frame=placed.frame.with_row_index("_row")
    )
    newest = numbered.standing()
    number = newest.frame.get_column("_row").cast(pl.Int64).to_numpy()
    row = timeline.latest_row(newest)
    since = np.arange(timeline.shape[0])[:, np.newaxis] - np.append(newest.t, 0)[row]
    stands = (row >= 0) & (since <= sessions)
    none = len(placed)
    return Standing(row=np.where(stands, np.append(number, 0)[row], none), num_rows=none)
