"""Typed rows on the axes of a panel: what was known of each name at each decision, as dense arrays.

A row belongs to the first session whose decision is not before its `available_at`; from there the
newest known row stands until the next one. It is the join of `gogooku.tables.panel.as_of` on dense
axes: one search per row and one running maximum per array, instead of a join per column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import Clock, DateArray, Exchange
from gogooku.core.types import BoolArray, FloatArray

IndexArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Placed:
    """Rows of a source on the axes, in the order in which they became known.

    ``t`` is the first session that knows a row, ``n`` its name (0 for rows of no name); ``event``
    the session of its event date, the last one on or before it (-1 before the first session).
    ``frame`` holds the rows themselves, aligned.
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
        days = self.frame.get_column("event_date").to_physical().cast(pl.Int64)
        keys = pl.DataFrame({"n": self.n, "day": days})
        newest = keys.select(pl.col("day").cum_max().over("n")).to_series()
        return self.where(np.asarray((days >= newest).to_numpy()))

    def where(self, keep: BoolArray) -> Placed:
        """Only some of the rows."""
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
        Ascending.
    decisions : datetime64[us] [T]
        UTC, ascending.
    growth_TN : float64 [T, N]
        Product of the adjustment factors up to each session: raw shares times it are on the
        forward-adjusted basis, raw per-share values divided by it.
    listed_TN : bool [T, N]
    """

    sessions: DateArray
    codes: tuple[str, ...]
    decisions: npt.NDArray[np.datetime64]
    growth_TN: FloatArray
    listed_TN: BoolArray

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
        ordered = rows.sort("available_at", "event_date", maintain_order=True)
        known = ordered.get_column("available_at").to_numpy().astype("datetime64[us]")
        t = np.searchsorted(self.decisions, known, side="left").astype(np.int64)
        days = ordered.get_column("event_date").to_numpy().astype("datetime64[D]")
        event = (np.searchsorted(self.sessions, days, side="right") - 1).astype(np.int64)
        if code is None:
            n = np.zeros(len(t), dtype=np.int64)
        else:
            n = self.name_of(ordered.get_column(code))
        placed = Placed(t=t, n=n, event=event, frame=ordered)
        return placed.where((t < len(self.sessions)) & (n >= 0))

    def name_of(self, codes: pl.Series) -> IndexArray:
        """Position of each code among the names, -1 where it is none of them."""
        kinds = pl.Enum(list(self.codes))
        found = codes.cast(kinds, strict=False).to_physical().cast(pl.Int64).fill_null(-1)
        return np.asarray(found.to_numpy(), dtype=np.int64)

    def on_session(self, placed: Placed, values: FloatArray) -> FloatArray:
        """Values on the session that first knows them only, NaN elsewhere; [T, N]."""
        out = np.full(self.shape, np.nan)
        out[placed.t, placed.n] = values
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
        row[placed.t, placed.n] = np.arange(len(placed))
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
        row[placed.t] = np.arange(len(placed))
        np.maximum.accumulate(row, out=row)
        return np.asarray(np.append(values, np.nan)[row])

    def share_basis(self, placed: Placed) -> FloatArray:
        """Factor that brings raw shares of each row's event date to the forward basis; [rows]."""
        event = np.maximum(placed.event, 0)
        return np.asarray(self.growth_TN[event, placed.n])


def timeline_of(
    sessions: DateArray,
    codes: Sequence[str],
    *,
    exchange: Exchange,
    clock: Clock,
    growth_TN: FloatArray,
    listed_TN: BoolArray,
) -> Timeline:
    """The axes of a panel with the decisions of its clock."""
    return Timeline(
        sessions=sessions,
        codes=tuple(codes),
        decisions=exchange.decision(sessions, clock),
        growth_TN=growth_TN,
        listed_TN=listed_TN,
    )
