"""Base columns that come from typed tables other than bars, and how they reach the engine.

An `InputTable` says which base columns one typed table gives and makes them on the axes of the
panel. A source without the table does not have the columns, and the features
on them are absent by name. A column that is a feature as it is stands under the name of the feature
and is declared once, by `published`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.files import new_array, readable
from gogooku.core.frames import BAR_PRICES
from gogooku.core.periods import may_hold
from gogooku.core.types import Feature, FloatArray, Role
from gogooku.features.engine.timeline import Timeline
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.source import Source

BAR_COLUMNS: Mapping[str, str] = {
    "open": "open",
    "high": "high",
    "low": "low",
    "volume_shares": "volume",
    "turnover_value": "turnover",
    "limit_up": "limit_up_flag",
    "limit_down": "limit_down_flag",
}
"""Column of the bars that a delivery may lack, and the base column that is made of it."""

Made = Mapping[str, FloatArray] | Iterable[tuple[str, FloatArray]]
"""Base columns: float64 [T, N], or [T] for the whole market; NaN for null. As pairs, each may be
freed before the next is made."""


@dataclass(frozen=True)
class Tables:
    """The typed tables of a source.

    ``known_by`` leaves out what becomes known after an instant (UTC): a build of old sessions does
    not read the years behind them.
    """

    source: Source
    known_by: datetime | None = None

    def has(self, *names: str) -> bool:
        """Whether the source has all these tables."""
        return all(self.source.table_paths(name) for name in names)

    @property
    def plan(self) -> Plan | None:
        """The plan that the tables were fetched with; None where the source does not say."""
        label = self.source.manifest["facts"].get("plan")
        return None if label is None else Plan[str(label).upper()]

    def empty_columns(self) -> frozenset[str]:
        """Base columns of bars and of the index of which the source has no value at all."""
        counts = self.source.quotes().select(pl.col(name).count() for name in BAR_COLUMNS).collect()
        index = self.source.indices()
        return frozenset(
            [BAR_COLUMNS[name] for name, count in counts.row(0, named=True).items() if not count]
            + [f"mkt_{p}" for p in BAR_PRICES if index.get_column(p).null_count() == index.height]
        )

    def read(self, name: str, columns: Sequence[str], *, since: date | None = None) -> pl.DataFrame:
        """Columns of a table, ``event_date`` and ``available_at`` included.

        Parameters
        ----------
        since : date or None
            Leave out what describes an earlier date; whole years and months are not even opened.

        Raises
        ------
        DataError
            A file is damaged.
        """
        paths = self.source.table_paths(name)
        wanted = list(dict.fromkeys(("event_date", "available_at", *columns)))
        if since is not None:
            kept = [path for path in paths if may_hold(path.stem, since, date.max)]
            paths = kept or paths[-1:]
        rows = pl.scan_parquet(self.source.checked(paths))
        if since is not None:
            rows = rows.filter(pl.col("event_date") >= since)
        if self.known_by is not None:
            rows = rows.filter(pl.col("available_at") <= self.known_by)
        old = self.source.superseded() if name == "quotes" else None
        needed = wanted if old is None else list(dict.fromkeys((*wanted, "code")))
        with readable(paths[0]):
            frame = rows.select(needed).collect()
        return frame if old is None else _first_versions(frame, old).select(wanted)


def _first_versions(bars: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """Daily bars as they were first known; all other tables hold their own versions."""
    keys = ["event_date", "code"]
    firsts = old.sort("until").unique(keys, keep="first", maintain_order=True)
    here = firsts.join(bars, on=keys, how="semi").select(bars.columns)
    kept = bars.join(here, on=keys, how="anti", maintain_order="left")
    return pl.concat([kept, here]).sort(keys)


@dataclass(frozen=True)
class InputTable:
    """Base columns from typed tables.

    Attributes
    ----------
    tables : tuple of str
        Typed tables that must all be there.
    stock, market : mapping of str to str
        Base columns [T, N] and [T] that are no features, each with its unit or meaning.
    make : callable
        From the tables and the axes to the columns.
    features : tuple of Feature
        Features of the group; those that are `published` are base columns of this table.
    columns_from : Plan or None
        Smallest plan that has the needed columns of the tables, where that is more than the tables
        themselves need (the morning columns of the daily bars).
    """

    tables: tuple[str, ...]
    stock: Mapping[str, str]
    market: Mapping[str, str]
    make: Callable[[Tables, Timeline], Made]
    features: tuple[Feature, ...] = ()
    columns_from: Plan | None = None

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All base columns."""
        return (*self.stock, *self.market, *(f.name for f in self.features if f.published))

    @property
    def series(self) -> frozenset[str]:
        """Base columns of the whole market, [T]."""
        published = (f.name for f in self.features if f.published and f.role is Role.MARKET)
        return frozenset((*self.market, *published))

    @property
    def plan(self) -> Plan:
        """Smallest plan that has all of it."""
        plans = [ENDPOINTS[name].plan for name in self.tables if name in ENDPOINTS]
        return max([*plans, self.columns_from or Plan.FREE])


def published(name: str, unit: str, meaning: str, **more: Any) -> Feature:
    """Declare a base column that is a feature as it is; ``more`` are fields of `Feature`.

    Whoever makes the base columns makes it under this name; it looks back as far as it says.
    """
    declared = {"lookback": 1, **more}
    return Feature(
        name=name,
        inputs=(name,),
        compute=partial(_as_it_is, of=name),
        unit=unit,
        meaning=meaning,
        **declared,
    )


def _as_it_is(x: Mapping[str, FloatArray], *, of: str) -> FloatArray:
    return x[of].copy()


def supported(table: InputTable, tables: Tables) -> bool:
    """Whether a source has the typed tables, under a plan that gives their columns."""
    return tables.has(*table.tables) and (tables.plan or Plan.PREMIUM) >= table.plan


def source_columns(
    inputs: Sequence[InputTable],
    tables: Tables,
    timeline: Timeline,
    *,
    scratch: Path | None = None,
    rows: Mapping[str, int] | None = None,
    threads: int = 1,
    tick: Callable[[str], object] = lambda _: None,
) -> dict[str, FloatArray]:
    """Make the base columns of every input table that the source has.

    Stock columns come as float32, market columns as float64.

    Parameters
    ----------
    scratch : Path or None
        Where stock columns lie in memory-mapped files; None: in memory.
    rows : mapping of str to int, or None
        Last sessions that are wanted of each column; a table none of whose columns is wanted is
        not made at all. None: all sessions of every column.
    threads : int
        Tables that are made at a time.
    tick : callable
        Called with the tables that are being made.

    Raises
    ------
    DataError
        A column is missing, undeclared or of the wrong shape.
    """
    if rows is not None:
        # the shorter the window, the cheaper is each window cut from it
        columns = {name for table in inputs for name in table.columns}
        longest = max((rows.get(name, 0) for name in columns), default=0)
        timeline = timeline.tail(max(timeline.shape[0] - longest, 0))

    def made(table: InputTable) -> dict[str, FloatArray]:
        wanted = timeline.shape[0]
        if rows is not None:
            wanted = min(wanted, max((rows.get(name, 0) for name in table.columns), default=0))
        if not wanted or not supported(table, tables):
            return {}
        tick("/".join(table.tables))
        first = timeline.shape[0] - wanted
        return _columns_of(table, tables, timeline.tail(first) if first else timeline, scratch)

    with ThreadPoolExecutor(threads) as pool:
        return {name: values for one in pool.map(made, inputs) for name, values in one.items()}


def _columns_of(
    table: InputTable, tables: Tables, timeline: Timeline, scratch: Path | None
) -> dict[str, FloatArray]:
    """Columns of one input table, as they were declared."""
    out: dict[str, FloatArray] = {}
    made = table.make(tables, timeline)
    left, series, what = set(table.columns), table.series, "/".join(table.tables)
    for name, values in made.items() if isinstance(made, Mapping) else made:
        if name not in left:
            raise DataError(f"{what}: base column {name} is not as declared")
        left.remove(name)
        shape = timeline.shape[:1] if name in series else timeline.shape
        if values.shape != shape:
            raise DataError(f"base column {name}: shape {values.shape}, expected {shape}")
        if name in series:
            out[name] = values
        elif scratch is None:
            out[name] = values.astype(np.float32)
        else:
            out[name] = new_array(scratch / f"{name}.npy", dtype=np.float32, shape=shape)
            out[name][:] = values
    if left:
        raise DataError(f"{what}: base columns {sorted(left)} were not made")
    return out
