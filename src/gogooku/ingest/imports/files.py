"""Bring your own prices: CSV and Parquet files to a stored delivery.

``read_frames`` is the pure part (files to frames), ``import_files`` stores its result. What may be
wrong with a file, and what then happens, is `gogooku.ingest.imports.policy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from gogooku.core.calendar import exchange_named
from gogooku.core.config import Resolved
from gogooku.core.errors import DataError, UsageError
from gogooku.core.files import hash_file, write_point
from gogooku.core.progress import Reporter, SilentReporter
from gogooku.core.stamp import make_stamp
from gogooku.ingest.imports.assemble import Notes, Reading, assemble
from gogooku.ingest.imports.codes import with_one_spelling
from gogooku.ingest.imports.columns import ColumnMap, map_columns
from gogooku.ingest.imports.config import ImportConfig, split_entry
from gogooku.ingest.imports.defects import clean
from gogooku.ingest.imports.opening import given_files
from gogooku.ingest.imports.parse import parse_table
from gogooku.ingest.imports.policy import Outcome
from gogooku.ingest.imports.shapes import in_long_form
from gogooku.ingest.imports.table import Table, few_enough, open_table
from gogooku.ingest.source import Source, write_source


@dataclass(frozen=True)
class ImportResult:
    """A finished import.

    Attributes
    ----------
    source : Source
        What was stored.
    mapping : mapping of str to str
        Field to column of the file.
    ignored : tuple of str
        Columns that were not used, by name.
    adjustment : str
        What the prices are adjusted by, in words.
    units : str
        What traded values and volumes were multiplied by; empty for nothing.
    written : tuple of str
        How the files were written, where that is not plain: encoding, container, shape.
    table : tuple of Outcome
        The policy table with its counts, in the order of `gogooku.ingest.imports.policy`.
    absent_groups : tuple of str
        Groups of features that this delivery cannot feed, each with the reason.
    rows, codes, sessions : int
        Kept rows, distinct codes and distinct dates among them.
    first, last : date
        First and last session.
    """

    source: Source
    mapping: Mapping[str, str]
    ignored: tuple[str, ...]
    adjustment: str
    units: str
    written: tuple[str, ...]
    table: tuple[Outcome, ...]
    absent_groups: tuple[str, ...]
    rows: int
    codes: int
    sessions: int
    first: date
    last: date

    def to_json(self) -> dict[str, Any]:
        """Give everything that is printed, for ``--json``."""
        return {
            "source": self.source.name,
            "folder": str(self.source.folder),
            "content_hash": self.source.content_hash,
            "mapping": dict(self.mapping),
            "ignored_columns": list(self.ignored),
            "adjustment": self.adjustment,
            "units": self.units,
            "written": list(self.written),
            "known_bias": list(self.source.manifest["facts"]["known_bias"]),
            "table": [asdict(row) for row in self.table],
            "absent_groups": list(self.absent_groups),
            "rows": self.rows,
            "codes": self.codes,
            "sessions": self.sessions,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
        }


def import_files(
    paths: Sequence[Path], *, resolved: Resolved[ImportConfig], home: Path, reporter: Reporter
) -> ImportResult:
    """Read, clean and store files of daily prices as the newest delivery of their source.

    The identity of a delivery is the content of the files, the config and the code: the same import
    again changes nothing, and one that was killed starts again cleanly.

    Raises
    ------
    UsageError, ConfigError
        No file, or a mapping that does not fit the files.
    DataError
        A file that is refused; nothing visible is written.
    StorageError
        The disk is full; nothing visible is written.
    """
    config = resolved.config
    paths = given_files(list(paths))
    reading = read_frames(paths, config, reporter=reporter)
    write_point("import.read")
    stamp = make_stamp(
        "import",
        config_hash=config.content_hash,
        code=(__name__,),
        inputs={name: hash_file(path) for name, path in _named(paths).items()},
    )
    with reporter.step("store"):
        source = write_source(
            home, config.name, reading.frames, stamp=stamp, config=resolved.to_json()
        )
    write_point("import.stored")
    quotes = reading.frames.quotes
    sessions = quotes.get_column("date").unique().sort()
    return ImportResult(
        source=source,
        mapping=reading.mapping.used,
        ignored=reading.mapping.ignored,
        adjustment=reading.adjustment,
        units=reading.units,
        written=reading.written,
        table=reading.table,
        absent_groups=reading.mapping.absent_groups(),
        rows=quotes.height,
        codes=reading.frames.listings.height,
        sessions=len(sessions),
        first=sessions[0],
        last=sessions[-1],
    )


def read_frames(
    paths: Sequence[Path], config: ImportConfig, *, reporter: Reporter | None = None
) -> Reading:
    """Read and clean files; writes nothing. Errors as in `import_files`."""
    reporter = reporter or SilentReporter()
    with ExitStack() as stack:
        with reporter.step("open", total=len(paths)) as step:
            tables = _tables(paths, config, stack, advance=step.advance)
        mapping = _map_tables(tables, config)
        with reporter.step("read", total=len(paths)) as step:
            raw, notes = _parse_all(tables, mapping, config, advance=step.advance)
    with reporter.step("check"):
        raw, spellings, first = with_one_spelling(raw, exchange=config.exchange.value)
        notes = replace(notes, spellings=spellings, first_spelling=first)
        raw = part_companies(raw, config.other_company)
        cleaned = clean(raw, exchange=config.exchange.value)
        del raw
    with reporter.step("derive"):
        return assemble(cleaned, mapping, config, notes)


def part_companies(raw: pl.DataFrame, entries: Sequence[str]) -> pl.DataFrame:
    """Give the rows before a date another code: two companies that used one after the other.

    Raises
    ------
    DataError
        A code without rows before and after the date.
    """
    for entry in entries:
        code, day = split_entry(entry)
        mine = (pl.col("code") == code).fill_null(value=False)
        dates = raw.filter(mine).get_column("date").drop_nulls()
        earlier = dates.filter(dates < day)
        if earlier.is_empty() or len(earlier) == len(dates):
            raise DataError(
                f"other_company={entry}: {code} has {len(earlier):,} row(s) before {day} and "
                f"{len(dates) - len(earlier):,} from it on; both are needed to part two companies"
            )
        former = f"{code}_{earlier.sort()[-1]:%Y%m%d}"
        raw = raw.with_columns(
            code=pl.when(mine & (pl.col("date") < day))
            .then(pl.lit(former))
            .otherwise(pl.col("code").cast(pl.String))
        )
    return raw


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """Files by name; by full path where two have the same name."""
    names = [path.name for path in paths]
    return {
        path.name if names.count(path.name) == 1 else str(path.resolve()): path for path in paths
    }


def _tables(
    paths: Sequence[Path], config: ImportConfig, stack: ExitStack, *, advance: Any
) -> list[Table]:
    if not paths:
        raise UsageError("import: no file given. Give one or more: gogooku import prices.csv")
    tables: list[Table] = []
    rows = 0
    for path in paths:
        tables.append(in_long_form(open_table(path, stack), config.columns))
        rows += tables[-1].rows
        few_enough(rows, _together(tables))
        advance()
    return tables


def _together(tables: Sequence[Table]) -> str:
    last = tables[-1].name
    return last if len(tables) == 1 else f"{last} and the {len(tables) - 1:,} file(s) before it"


def _map_tables(tables: Sequence[Table], config: ImportConfig) -> ColumnMap:
    """Which column is which field; all files of one import share the names of their columns."""
    first = tables[0]
    mapping = map_columns(first.columns, overrides=config.columns, where=first.name)
    ignored = [one for one in mapping.ignored if one not in first.unnamed]
    for table in tables[1:]:
        missing = [c for c in mapping.used.values() if c not in table.columns]
        if missing:
            raise DataError(
                f"{table.name}: {len(missing)} column(s) of {first.name} are not in it: "
                f"{', '.join(missing)}. Files of one import share their column names."
            )
        ignored += [c for c in table.columns if c not in first.columns and c not in ignored]
    return ColumnMap(used=mapping.used, ignored=tuple(ignored))


def _parse_all(
    tables: Sequence[Table], mapping: ColumnMap, config: ImportConfig, *, advance: Any
) -> tuple[pl.DataFrame, Notes]:
    frames: list[pl.DataFrame] = []
    forms: list[str] = []
    number_codes = 0
    for table in tables:
        parsed = parse_table(
            table,
            used=mapping.used,
            date_order=config.date_order,
            timezone=exchange_named(config.exchange.value).timezone,
        )
        frames.append(parsed.frame)
        forms.append(parsed.date_form)
        number_codes += parsed.frame.height if parsed.code_type == "number" else 0
        advance()
    raw = pl.concat(frames).with_row_index("row")
    written = dict.fromkeys(note for table in tables for note in table.notes)
    return raw, Notes(tuple(dict.fromkeys(forms)), number_codes, tuple(written))
