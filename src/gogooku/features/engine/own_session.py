"""Stock columns of a typed table whose rows describe one session each, and count on it alone.

A row is the value of its own session if the decision of that session knows it, and of no other: a
bar that comes late is no bar of today. So a window needs the rows of its own sessions only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.types import FloatArray
from gogooku.features.engine.inputs import Tables
from gogooku.features.engine.timeline import Timeline

_Places = npt.NDArray[np.int32]


def _as_is(name: str, values: FloatArray) -> FloatArray:
    del name
    return values


@dataclass(frozen=True)
class OwnSession(Mapping[str, FloatArray]):
    """Base columns [T, N], each read and spread out when it is asked for.

    One column of a whole market takes as much memory as the rows of all columns of a year, so no
    two are held. ``wire`` is the column of the table for each base column; ``finish`` gets the name
    and the values and returns the base column.
    """

    tables: Tables
    timeline: Timeline
    table: str
    wire: Mapping[str, str]
    finish: Callable[[str, FloatArray], FloatArray] = _as_is
    _rows: _Places = field(init=False, repr=False)
    """Rows of the table that count, the newest version of a cell last."""
    _cells: _Places = field(init=False, repr=False)
    """Where each of them belongs: session x N + name."""

    def __post_init__(self) -> None:
        """Find the rows that count."""
        frame = self._read("code")
        order = _order(frame)
        if order is not None:
            frame = frame[order]
        days, known = (
            np.asarray(frame.get_column(name).to_physical().to_numpy())
            for name in ("event_date", "available_at")
        )
        # rows of a date that became known together lie together: one search for all of them
        starts = np.flatnonzero((days[1:] != days[:-1]) | (known[1:] != known[:-1])) + 1
        starts = np.concatenate([np.arange(min(len(days), 1)), starts])
        event = self.timeline.session_at(days[starts].astype("datetime64[D]"))
        t = self.timeline.known_at(known[starts].astype("datetime64[us]"))
        row = np.where((t == event) & (t >= 0) & (t < len(self.timeline.sessions)), t, -1)
        length = np.diff(np.append(starts, len(days)))
        base = np.repeat(row.astype(np.int32), length)
        n = self.timeline.name_of(frame.get_column("code")).astype(np.int32)
        kept = np.flatnonzero((base >= 0) & (n >= 0))
        cells = base[kept] * np.int32(self.timeline.shape[1]) + n[kept]
        rows = kept if order is None else order[kept]
        object.__setattr__(self, "_rows", rows.astype(np.int32))
        object.__setattr__(self, "_cells", cells)

    def _read(self, column: str) -> pl.DataFrame:
        return self.tables.read(self.table, [column], since=self.timeline.sessions[0].item())

    def __getitem__(self, name: str) -> FloatArray:
        """One column; NaN where there is no value known on that session."""
        column = self.wire[name]
        series = self._read(column).get_column(column).cast(pl.Float64)
        values = series.fill_null(float("nan")).to_numpy()
        out = np.full(self.timeline.shape, np.nan)
        out.reshape(-1)[self._cells] = values[self._rows]
        return self.finish(name, out)

    def __iter__(self) -> Iterator[str]:
        """Names of the base columns."""
        return iter(self.wire)

    def __len__(self) -> int:
        """Number of base columns."""
        return len(self.wire)


def _order(frame: pl.DataFrame) -> npt.NDArray[np.int64] | None:
    """Order in which the rows became known; None where they lie in it."""
    keys = ("available_at", "event_date")
    if all(frame.get_column(name).is_sorted() for name in keys):
        return None
    order = frame.select(pl.arg_sort_by(keys, maintain_order=True)).to_series()
    return np.asarray(order.to_numpy(), dtype=np.int64)
