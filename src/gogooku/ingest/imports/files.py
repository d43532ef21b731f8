"""Bring your own prices: CSV and Parquet files to a stored delivery.

``read_frames`` is the pure part (files to frames), ``import_files`` stores its result. What may be
wrong with a file, and what then happens, is `gogooku.ingest.imports.policy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from gogooku.core.calendar import exchange_named
from gogooku.core.config import Config, Resolved
from gogooku.core.errors import DataError, UsageError
from gogooku.core.files import hash_file, write_point
from gogooku.core.frames import QUOTES_SCHEMA, SourceFrames
from gogooku.core.progress import Reporter, SilentReporter
from gogooku.core.stamp import make_stamp
from gogooku.ingest.imports.columns import ColumnMap, map_columns
from gogooku.ingest.imports.defects import DEFECTS_SCHEMA, Cleaned, clean, describe
from gogooku.ingest.imports.derive import (
    absurd_jumps,
    adjustment_facts,
    adjustment_from_close,
    indices_of,
    listings_of,
    sector_changes,
)
from gogooku.ingest.imports.parse import DateOrder, file_columns, parse_file
from gogooku.ingest.imports.policy import POLICY_TABLE, WARNINGS, Outcome, outcome
from gogooku.ingest.source import SOURCE_NAME, Source, write_source


class ExchangeName(StrEnum):
    """Exchanges whose clock is known, see `gogooku.core.calendar`."""

    TOKYO = "tokyo"
    NEW_YORK = "new_york"


class PriceBasis(StrEnum):
    """What the prices of a file already contain."""

    RAW = "raw"
    """As traded."""

    BACK_ADJUSTED = "back_adjusted"
    """Divided by later splits: price levels and price floors look ahead, returns do not."""


class ImportConfig(Config):
    """How files become a delivery."""

    name: str = Field(
        default="prices",
        pattern=f"^{SOURCE_NAME}$",
        description="1 to 64 lower-case letters, digits, - and _, first a letter or digit",
    )
    """Name of the source in the store."""

    exchange: ExchangeName = ExchangeName.TOKYO
    """Whose sessions these are: the clock and, in Tokyo, the calendar check."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Field to column of the file, instead of the guess; an empty column leaves the field out."""

    date_order: DateOrder = DateOrder.AUTO
    """How 03/04/2024 is meant, where the dates of the file do not decide it."""

    price_basis: PriceBasis = PriceBasis.RAW
    """Recorded as a known bias of everything built on the delivery."""


@dataclass(frozen=True)
class Reading:
    """What files contained: the frames to store and how they came about."""

    frames: SourceFrames
    mapping: ColumnMap
    table: tuple[Outcome, ...]


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
    mapping = _map_files(paths, config)
    with reporter.step("read", total=len(paths)) as step:
        raw, notes = _parse_all(paths, mapping, config, advance=step.advance)
    with reporter.step("check"):
        cleaned = clean(raw, exchange=config.exchange.value)
        del raw
    with reporter.step("derive"):
        return _assemble(cleaned, mapping, config, notes)


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """Files by name; by full path where two have the same name."""
    names = [path.name for path in paths]
    return {
        path.name if names.count(path.name) == 1 else str(path.resolve()): path for path in paths
    }


def _map_files(paths: Sequence[Path], config: ImportConfig) -> ColumnMap:
    if not paths:
        raise UsageError("import: no file given. Give one or more: gogooku import prices.csv")
    columns = {path: file_columns(path) for path in paths}
    first = paths[0]
    mapping = map_columns(columns[first], overrides=config.columns, where=first.name)
    ignored = list(mapping.ignored)
    for path in paths[1:]:
        missing = [c for c in mapping.used.values() if c not in columns[path]]
        if missing:
            raise DataError(
                f"{path.name}: {len(missing)} column(s) of {first.name} are not in it: "
                f"{', '.join(missing)}. Files of one import share their column names."
            )
        ignored += [c for c in columns[path] if c not in columns[first] and c not in ignored]
    return ColumnMap(used=mapping.used, ignored=tuple(ignored))


@dataclass(frozen=True)
class _Notes:
    """How the files were written."""

    date_forms: tuple[str, ...]
    number_code_rows: int


def _parse_all(
    paths: Sequence[Path], mapping: ColumnMap, config: ImportConfig, *, advance: Any
) -> tuple[pl.DataFrame, _Notes]:
    frames: list[pl.DataFrame] = []
    forms: list[str] = []
    number_codes = 0
    for path in paths:
        parsed = parse_file(
            path,
            used=mapping.used,
            date_order=config.date_order,
            timezone=exchange_named(config.exchange.value).timezone,
        )
        frames.append(parsed.frame)
        forms.append(parsed.date_form)
        number_codes += parsed.frame.height if parsed.code_type == "number" else 0
        advance()
    raw = pl.concat(frames).with_row_index("row")
    return raw, _Notes(tuple(dict.fromkeys(forms)), number_codes)


def _assemble(cleaned: Cleaned, mapping: ColumnMap, config: ImportConfig, notes: _Notes) -> Reading:
    rows = cleaned.rows
    factors, facts, factor_records = _factors(rows, cleaned.defects)
    index = "TOPIX" if config.exchange is ExchangeName.TOKYO else "MARKET"
    listings = listings_of(rows)
    indices = indices_of(rows, index=index)
    changes = sector_changes(rows)
    warnings = _warnings(rows, factors, factor_records.height, changes, notes)
    counted = {**cleaned.outcomes, **warnings}
    table = tuple(counted.get(rule.key) or outcome(rule) for rule in POLICY_TABLE)
    extras = {
        "defects": pl.concat([cleaned.defects, factor_records]).sort("date", "code", "column"),
        "quarantine": cleaned.quarantine.select(
            "reason", "row", *(c for c in cleaned.quarantine.columns if c not in ("reason", "row"))
        ),
    }
    if "adj_close" in rows.columns:
        extras["adjusted_close"] = rows.select("date", pl.col("code").cast(pl.String), "adj_close")
    if changes is not None and changes.any():
        extras["sector_changes"] = rows.filter(changes).select(
            "date", pl.col("code").cast(pl.String), "sector"
        )
    frames = SourceFrames(
        quotes=_quotes(rows, factors),
        listings=listings,
        indices=indices,
        exchange=config.exchange.value,
        extras=extras,
        facts={
            **facts,
            "price_basis": config.price_basis.value,
            "known_bias": _bias(config),
            "columns": dict(mapping.used),
            "ignored_columns": list(mapping.ignored),
            "absent_groups": list(mapping.absent_groups()),
            "date_forms": list(notes.date_forms),
            "turnover_value": "given" if "turnover_value" in rows.columns else "close x volume",
            "table": [asdict(row) for row in table],
        },
    )
    return Reading(frames, mapping, table)


def _bias(config: ImportConfig) -> list[str]:
    if config.price_basis is PriceBasis.RAW:
        return []
    return ["prices are adjusted backwards: levels, price floors and traded value look ahead"]


def _factors(
    rows: pl.DataFrame, defects: pl.DataFrame
) -> tuple[pl.Series, dict[str, Any], pl.DataFrame]:
    """Find the factor of each row, facts about it, and records of given factors that were null.

    A factor that is recorded already (it was NaN) gets no second record.
    """
    records = pl.DataFrame(schema=dict(DEFECTS_SCHEMA))
    if "adjustment_factor" in rows.columns:
        given = rows.get_column("adjustment_factor")
        known = defects.filter(pl.col("column") == "adjustment_factor").select("date", "code")
        records = (
            rows.filter(given.is_null())
            .select(
                "date",
                pl.col("code").cast(pl.String),
                column=pl.lit("adjustment_factor"),
                value=pl.lit(None, dtype=pl.Float64),
                defect=pl.lit("no_factor"),
            )
            .join(known, on=["date", "code"], how="anti")
        )
        factors, origin = given.fill_null(1.0), "given"
    elif "adj_close" in rows.columns:
        factors, origin = adjustment_from_close(rows), "from the adjusted close"
    else:
        factors = pl.repeat(1.0, rows.height, dtype=pl.Float64, eager=True)
        origin = "none"
    return factors, adjustment_facts(factors, origin=origin), records


def _warnings(
    rows: pl.DataFrame,
    factors: pl.Series,
    missing_factors: int,
    changes: pl.Series | None,
    notes: _Notes,
) -> dict[str, Outcome]:
    rules = {rule.key: rule for rule in WARNINGS}
    masks = {
        "no_close": rows.get_column("close").is_null(),
        "absurd_jump": absurd_jumps(rows, factors),
    }
    if changes is not None:
        masks["sector_changes"] = changes
    found = {
        key: outcome(
            rules[key],
            count=int(mask.sum()),
            first=describe(rows, mask.arg_max()) if mask.any() else "",
        )
        for key, mask in masks.items()
    }
    found["no_factor"] = outcome(rules["no_factor"], count=missing_factors)
    found["number_codes"] = outcome(rules["number_codes"], count=notes.number_code_rows)
    return found


def _quotes(rows: pl.DataFrame, factors: pl.Series) -> pl.DataFrame:
    """Put the rows in the schema of the store, absent columns null."""
    have = rows.rename({"volume": "volume_shares"}) if "volume" in rows.columns else rows
    have = have.with_columns(adjustment_factor=factors)
    if "turnover_value" not in have.columns and "volume_shares" in have.columns:
        have = have.with_columns(turnover_value=pl.col("close") * pl.col("volume_shares"))
    return have.select(
        (pl.col(name) if name in have.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in QUOTES_SCHEMA.items()
    )
