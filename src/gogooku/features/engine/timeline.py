"""Typed rows on the axes of a panel: what was known of each name at each decision, as dense arrays.

A row belongs to the first session whose decision is not before its `available_at`; from there the
newest known row stands until the next one. It is the join of `gogooku.tables.panel.as_of` on dense
axes: one search per row and one running maximum per array, instead of a join per column.

The axis may be a window that begins late in the history: sessions are numbered from its first one,
and what became known before has a negative number, so that ages and standing values are those of
the whole history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import Clock, DateArray, Exchange
from gogooku.core.panel import NO_PAST, Past
from gogooku.core.types import BoolArray, FloatArray

IndexArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Placed:
    """Rows of a source on the axes, in the order in which they became known.

    ``t`` is the first session that knows a row (negative: before the window), ``n`` its name (0 for
    rows of no name); ``event`` the session of its event date, the last one on or before it, as far
    down as one below the first session of the history. ``frame`` holds the rows, aligned.
    """

    t: IndexArray
    n: IndexArray
    event: IndexArray
    frame: pl.DataFrame

    def __len__(self) -> int:
        """Rows that were placed."""
        return len(self.t)

    def values(self, column: str) -> FloatArray:
        """A numeric or Boolean column as float64, NaN for null."""
        series = self.frame.get_column(column).cast(pl.Float64)
        return np.asarray(series.fill_null(float("nan")).to_numpy(), dtype=np.float64)

    def standing(self) -> Placed:
        """Without rows that describe something older than a row of the name known before them.

        A correction of an old week is not the newest state; one of the newest week is.
        """
        days = self.frame.get_column("event_date").to_physical().cast(pl.Int64).to_numpy()
        if np.all(days[1:] >= days[:-1]):
            return self
        return self.where(days >= self.running_max(days))

    @cached_property
    def by_name(self) -> IndexArray:
        """Numbers of the rows, name by name; of one name in their order."""
        # a stable sort of small numbers is a radix sort
        small = self.n.astype(np.uint16) if self.n.max(initial=0) < 1 << 16 else self.n
        return np.argsort(small, kind="stable")

    def running_max(self, values: IndexArray) -> IndexArray:
        """Largest value among the rows of the name up to each row; values within +-2**40."""
        order = self.by_name
        base = self.n[order] << 42
        out = np.empty(len(self), dtype=np.int64)
        out[order] = np.maximum.accumulate(base + values[order]) - base
        return out

    def where(self, keep: BoolArray) -> Placed:
        """Only some of the rows."""
        if keep.all():
            return self
        return Placed(
            t=self.t[keep],
            n=self.n[keep],
            event=self.event[keep],
            frame=self.frame.filter(pl.Series(keep)),
        )


@dataclass(frozen=True)
class Timeline:
    """The axes: T sessions with their decisions, N names.

    Attributes
    ----------
    sessions : array of dates [T]
    codes : tuple of str [N]
        By first session, then name.
    decisions : datetime64[us] [T]
        UTC, ascending.
    growth_TN : float64 [T, N]
        Product of the adjustment factors up to each session: raw shares times it are on the
        forward-adjusted basis, raw per-share values divided by it.
    listed_TN : bool [T, N]
    past : Past
        The sessions of the history before the first one here.
    """

    sessions: DateArray
    codes: tuple[str, ...]
    decisions: npt.NDArray[np.datetime64]
    growth_TN: FloatArray
    listed_TN: BoolArray
    past: Past = NO_PAST

    @property
    def shape(self) -> tuple[int, int]:
        """(T, N)."""
        return len(self.sessions), len(self.codes)

    def place(self, rows: pl.DataFrame, *, code: str | None = "code") -> Placed:
        """Put typed rows on the axes; rows that no session knows, or of no name here, are left out.

        Parameters
        ----------
        rows : polars.DataFrame
            ``event_date``, ``available_at`` and anything else.
        code : str or None
            The column that names the stock; None for rows of the whole market, whose n is 0.
        """
        ordered = _as_known(rows)
        known = ordered.get_column("available_at").to_numpy().astype("datetime64[us]")
        t = self.known_at(known)
        days = ordered.get_column("event_date").to_numpy().astype("datetime64[D]")
        event = self.session_at(days)
        if code is None:
            n = np.zeros(len(t), dtype=np.int64)
        else:
            n = self.name_of(ordered.get_column(code))
        placed = Placed(t=t, n=n, event=event, frame=ordered)
        return placed.where((t < len(self.sessions)) & (n >= 0))

    def known_at(self, instants: npt.NDArray[np.datetime64]) -> IndexArray:
        """First session whose decision is not before each instant; T where none is."""
        decisions = np.concatenate([self.past.decisions, self.decisions])
        found = _by_runs(instants, lambda runs: np.searchsorted(decisions, runs, side="left"))
        return found - len(self.past)

    def session_at(self, days: DateArray) -> IndexArray:
        """Last session on or before each date; one below the first of the history before it."""
        sessions = np.concatenate([self.past.sessions, self.sessions])
        found = _by_runs(days, lambda runs: np.searchsorted(sessions, runs, side="right"))
        return found - 1 - len(self.past)

    def name_of(self, codes: pl.Series) -> IndexArray:
        """Position of each code among the names, -1 where it is none of them."""
        kinds = pl.Enum(list(self.codes))
        found = codes.cast(kinds, strict=False).to_physical().cast(pl.Int64).fill_null(-1)
        return np.asarray(found.to_numpy(), dtype=np.int64)

    def on_session(self, placed: Placed, values: FloatArray) -> FloatArray:
        """Values on the session that first knows them only, NaN elsewhere; [T, N]."""
        out = np.full(self.shape, np.nan)
        here = placed.t >= 0
        out[placed.t[here], placed.n[here]] = values[here]
        return out

    def latest(self, placed: Placed, values: FloatArray) -> FloatArray:
        """The newest known value at each session, NaN before the first; [T, N].

        A newest row whose value is NaN gives NaN: an older value does not stand in for it.
        """
        row = self.latest_row(placed)
        padded = np.append(values, np.nan)
        return np.asarray(padded[row])

    def latest_row(self, placed: Placed) -> IndexArray:
        """Index of the newest known row at each session, -1 before the first; [T, N].

        Of rows that became known at the same session the last in `Placed` order is the newest.
        """
        row = np.full(self.shape, -1, dtype=np.int64)
        row[np.maximum(placed.t, 0), placed.n] = np.arange(len(placed))
        # rows are in the order of their session, so a later row has the higher number
        np.maximum.accumulate(row, axis=0, out=row)
        return row

    def age(self, placed: Placed) -> FloatArray:
        """Sessions since the newest row became known, 0 on that session; NaN before; [T, N]."""
        row = self.latest_row(placed)
        since = np.append(placed.t, 0)[row]
        now = np.arange(self.shape[0])[:, np.newaxis]
        return np.where(row >= 0, (now - since).astype(np.float64), np.nan)

    def market_latest(self, placed: Placed, values: FloatArray) -> FloatArray:
        """The newest known value of rows of the whole market, NaN before the first; [T]."""
        row = np.full(self.shape[0], -1, dtype=np.int64)
        row[np.maximum(placed.t, 0)] = np.arange(len(placed))
        np.maximum.accumulate(row, out=row)
        return np.asarray(np.append(values, np.nan)[row])

    def share_basis(self, placed: Placed) -> FloatArray:
        """Factor that brings raw shares of each row's event date to the forward basis; [rows]."""
        out = np.asarray(self.growth_TN[np.maximum(placed.event, 0), placed.n])
        if len(self.past):
            old = placed.event < 0
            out[old] = self.past.growth(placed.n[old], placed.event[old] + len(self.past))
        return out

    def head(self, stop: int) -> Timeline:
        """The sessions before ``stop``: what is made of them does not change when more follow."""
        return replace(
            self,
            sessions=self.sessions[:stop],
            decisions=self.decisions[:stop],
            growth_TN=self.growth_TN[:stop],
            listed_TN=self.listed_TN[:stop],
        )

    def tail(self, first: int) -> Timeline:
        """The same history seen through a window that begins at the session ``first`` of this one.

        Whatever is made on the window equals, bit for bit, the last rows of what is made here.
        """
        num_names = self.shape[1]
        names = np.arange(num_names)
        start = np.full(num_names, len(self.past) - 1, dtype=np.int64)
        before = self.growth_TN[:first]
        steps = np.concatenate([self.past.growth(names, start)[np.newaxis], before])
        n, session = np.nonzero((steps[1:] != steps[:-1]).T)
        splits = pl.DataFrame(
            {
                "n": np.concatenate([self.past.split_n, n]),
                "session": np.concatenate([self.past.split_session, session + len(self.past)]),
                "growth": np.concatenate([self.past.split_growth, before[session, n]]),
            }
        ).sort("n", "session")
        return replace(
            self,
            sessions=self.sessions[first:],
            decisions=self.decisions[first:],
            growth_TN=self.growth_TN[first:],
            listed_TN=self.listed_TN[first:],
            past=Past(
                sessions=np.concatenate([self.past.sessions, self.sessions[:first]]),
                decisions=np.concatenate([self.past.decisions, self.decisions[:first]]),
                split_n=splits.get_column("n").to_numpy(),
                split_session=splits.get_column("session").to_numpy(),
                split_growth=splits.get_column("growth").to_numpy(),
            ),
        )


def _as_known(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order in which they became known, then of their event; most tables lie so."""
    known, event = (
        rows.get_column(name).to_physical().to_numpy() for name in ("available_at", "event_date")
    )
    later, same = known[1:] > known[:-1], known[1:] == known[:-1]
    if np.all(later | (same & (event[1:] >= event[:-1]))):
        return rows
    return rows.sort("available_at", "event_date", maintain_order=True)


def _by_runs(
    values: npt.NDArray[np.datetime64], find: Callable[[npt.NDArray[np.datetime64]], IndexArray]
) -> IndexArray:
    """Look every value up, once for each run of equal ones."""
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1])[: len(values)])
    return np.repeat(find(values[starts]), np.diff(np.append(starts, len(values))))


def timeline_of(
    sessions: DateArray,
    codes: Sequence[str],
    *,
    exchange: Exchange,
    clock: Clock,
    growth_TN: FloatArray,
    listed_TN: BoolArray,
    past: Past = NO_PAST,
) -> Timeline:
    """The axes of a panel with the decisions of its clock."""
    return Timeline(
        sessions=sessions,
        codes=tuple(codes),
        decisions=exchange.decision(sessions, clock),
        growth_TN=growth_TN,
        listed_TN=listed_TN,
        past=past,
    )
