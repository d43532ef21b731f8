"""Base columns that come from typed tables other than bars, and how they reach the engine.

An `InputTable` says which base columns one typed table gives and makes them on the axes of the
panel. They lie in memory-mapped files of float32 beside the scratch values, so that their number
costs disk and not memory. A source without the table does not have the columns, and the features
on them are absent by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.files import new_array, readable
from gogooku.core.types import FloatArray
from gogooku.features.timeline import Timeline
from gogooku.ingest.endpoints import ENDPOINTS, Plan
from gogooku.ingest.store import Source

Made = Mapping[str, FloatArray]
"""Base columns: float64 [T, N], or [T] for the whole market; NaN for null."""


@dataclass(frozen=True)
class Tables:
    """The typed tables of a source."""

    source: Source

    def has(self, *names: str) -> bool:
        """Whether the source has all these tables."""
        return all(self.source.table_paths(name) for name in names)

    @property
    def plan(self) -> Plan | None:
        """The plan that the tables were fetched with; None where the source does not say."""
        label = self.source.manifest["facts"].get("plan")
        return None if label is None else Plan[str(label).upper()]

    def read(self, name: str, columns: Sequence[str]) -> pl.DataFrame:
        """Columns of all years of a table, ``event_date`` and ``available_at`` included.

        Raises
        ------
        DataError
            A file is damaged.
        """
        paths = self.source.table_paths(name)
        wanted = list(dict.fromkeys(("event_date", "available_at", *columns)))
        with readable(paths[0]):
            return pl.concat([pl.read_parquet(path, columns=wanted) for path in paths])


@dataclass(frozen=True)
class InputTable:
    """Base columns from typed tables.

    Attributes
    ----------
    tables : tuple of str
        Typed tables that must all be there.
    stock, market : mapping of str to str
        Base columns [T, N] and [T], each with its unit or meaning.
    make : callable
        From the tables and the axes to the columns.
    columns_from : Plan or None
        Smallest plan that has the needed columns of the tables, where that is more than the tables
        themselves need (the morning columns of the daily bars).
    """

    tables: tuple[str, ...]
    stock: Mapping[str, str]
    market: Mapping[str, str]
    make: Callable[[Tables, Timeline], Made]
    columns_from: Plan | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All base columns."""
        return (*self.stock, *self.market)

    @property
    def plan(self) -> Plan:
        """Smallest plan that has all of it."""
        plans = [ENDPOINTS[name].plan for name in self.tables if name in ENDPOINTS]
        return max([*plans, self.columns_from or Plan.FREE])


def source_columns(
    inputs: Sequence[InputTable], tables: Tables, timeline: Timeline, *, scratch: Path
) -> dict[str, FloatArray]:
    """Make the base columns of every input table that the source has.

    Stock columns come as memory-mapped float32 under ``scratch``, market columns as float64.

    Raises
    ------
    DataError
        A column is missing, undeclared or of the wrong shape.
    """
    out: dict[str, FloatArray] = {}
    for table in inputs:
        if not tables.has(*table.tables) or (tables.plan or Plan.PREMIUM) < table.plan:
            continue
        made = table.make(tables, timeline)
        if set(made) != set(table.columns):
            odd = sorted(set(made) ^ set(table.columns))
            raise DataError(f"{'/'.join(table.tables)}: base columns {odd} are not as declared")
        for name, values in made.items():
            shape = timeline.shape if name in table.stock else timeline.shape[:1]
            if values.shape != shape:
                raise DataError(f"base column {name}: shape {values.shape}, expected {shape}")
            if name in table.market:
                out[name] = values
                continue
            stored = new_array(scratch / f"{name}.npy", dtype=np.float32, shape=shape)
            stored[:] = values
            out[name] = stored
    return out
