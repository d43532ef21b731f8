"""A stored source as it was known at a decision, or with everything known later made up.

A view is a source folder of its own: files that hold only what was known are linked, those around
the decision are written again, later ones are left out. Whatever reads a `Source` reads it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from gogooku.core.calendar import Clock, exchange_named
from gogooku.core.files import readable, write_parquet
from gogooku.core.frames import BAR_PRICES, LISTINGS_SCHEMA, QUOTES_SCHEMA
from gogooku.core.rowfiles import link_or_copy
from gogooku.core.seal import FILES
from gogooku.features.laws import Ending
from gogooku.ingest.source import MARKETS_FILE, Source
from gogooku.tables.schema import TABLES

_GARBAGE_DAYS = 40
"""Calendar days after the decision that are made up; what lies beyond is left out."""
_FIXED = frozenset({"event_date", "available_at", "fetched_at"})
"""Columns of a typed table that say when: they stay, everything that is said then is made up."""


@dataclass(frozen=True)
class Moment:
    """A session and its decision (naive UTC)."""

    day: date
    decided_at: datetime

    @property
    def horizon(self) -> date:
        """The last date for which garbage is made."""
        return self.day + timedelta(days=_GARBAGE_DAYS)


def moment_of(source: Source, day: date, *, clock: Clock) -> Moment:
    """The decision of a session."""
    exchange = exchange_named(source.exchange)
    instant = exchange.decision(np.array([day], dtype="datetime64[D]"), clock)[0]
    return Moment(day=day, decided_at=instant.astype("datetime64[us]").item())


@dataclass(frozen=True)
class Views:
    """Views of one source, each written under ``folder`` and removed when it has been used."""

    source: Source
    folder: Path
    seed: int

    @contextmanager
    def written(self, moment: Moment, ending: Ending) -> Iterator[tuple[Source, Path]]:
        """Write a view; gives it, and an empty folder for scratch files."""
        place = self.folder / f"{moment.day}-{ending}"
        rng = np.random.default_rng([self.seed, moment.day.toordinal()])
        (place / "scratch").mkdir(parents=True)
        try:
            view = write_view(self.source, place / "source", moment, ending=ending, rng=rng)
            yield view, place / "scratch"
        finally:
            shutil.rmtree(place)


def write_view(
    source: Source, folder: Path, moment: Moment, *, ending: Ending, rng: np.random.Generator
) -> Source:
    """Write a view of a source into a new folder.

    Parameters
    ----------
    ending : Ending
        `Ending.CUT`: rows known after the decision are gone, and so are the ends of listings that
        end later. `Ending.GARBAGE`: in their place are rows of other names and dates at another
        scale, names end or begin on other dates, and one appears that never was.
    """
    folder.mkdir(parents=True)
    listings = _listings(source.listings(), source, moment, ending=ending, rng=rng)
    write_parquet(listings, folder / "listings.parquet")
    _write_quotes(source, folder, moment, listings, ending=ending, rng=rng)
    _write_indices(source, folder, moment, ending=ending, rng=rng)
    _write_facts(source, folder, moment, ending=ending, rng=rng)
    _write_markets(source, folder, moment, ending=ending, rng=rng)
    for name in sorted({path.parent.name for path in source.paths("tables")}):
        _write_table(source, folder, name, moment, ending=ending, rng=rng)
    said = {key: value for key, value in source.manifest.items() if key != FILES}
    return Source(name=source.name, folder=folder, manifest=said)


# ------------------------------------------------------------------------------ bars and listings


def _listings(
    listings: pl.DataFrame,
    source: Source,
    moment: Moment,
    *,
    ending: Ending,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Ends after the session are not known yet; garbled, some end and others begin anywhere."""
    day = moment.day
    known = listings.filter(pl.col("listed_from") <= day).with_columns(
        pl.when(pl.col("listed_to") <= day).then("listed_to")
    )
    days = _later_sessions(source, moment)
    if ending is Ending.CUT or not len(days):
        return known.sort("code")
    draws = pl.Series(days).gather(rng.integers(len(days), size=known.height))
    lives = pl.col("listed_to").is_null() & pl.Series(rng.random(known.height) < 0.3)
    known = known.with_columns(pl.when(lives).then(draws).otherwise("listed_to").alias("listed_to"))
    coming = listings.filter(pl.col("listed_from") > day)
    coming = coming.filter(pl.Series(rng.random(coming.height) < 0.5))
    begins = pl.Series(days).gather(rng.integers(len(days), size=coming.height))
    coming = coming.with_columns(
        begins.alias("listed_from"), pl.lit(None, dtype=pl.Date).alias("listed_to")
    )
    stranger = known.head(1).with_columns(
        pl.lit(_new_code(listings)).alias("code"),
        pl.lit(days[0]).alias("listed_from"),
        pl.lit(None, dtype=pl.Date).alias("listed_to"),
    )
    return pl.concat([known, coming, stranger]).cast(pl.Schema(LISTINGS_SCHEMA)).sort("code")


def _new_code(listings: pl.DataFrame) -> str:
    taken = set(listings.get_column("code"))
    return next(code for code in (f"{n}0" for n in range(9999, 0, -1)) if code not in taken)


def _later_sessions(source: Source, moment: Moment) -> list[date]:
    """Sessions of the made-up stretch."""
    dates = source.quotes().filter(
        pl.col("date").is_between(moment.day, moment.horizon, closed="right")
    )
    found: list[date] = dates.select(pl.col("date").unique().sort()).collect()["date"].to_list()
    return found


def _write_quotes(
    source: Source,
    folder: Path,
    moment: Moment,
    listings: pl.DataFrame,
    *,
    ending: Ending,
    rng: np.random.Generator,
) -> None:
    target = folder / "quotes"
    target.mkdir()
    for path in source.checked(source.paths("quotes")):
        first, last = _extent(path, "date")
        if last is not None and last <= moment.day:
            link_or_copy(path, target / path.name)
            continue
        if first is None or first > (moment.day if ending is Ending.CUT else moment.horizon):
            continue
        with readable(path):
            rows = pl.read_parquet(path)
        known = rows.filter(pl.col("date") <= moment.day)
        if ending is Ending.GARBAGE:
            later = rows.filter(
                pl.col("date").is_between(moment.day, moment.horizon, closed="right")
            )
            known = pl.concat([known, _garbled_bars(later, listings, rng)])
        write_parquet(known.sort("date", "code"), target / path.name, compression="lz4")


def _garbled_bars(
    later: pl.DataFrame, listings: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Bars of other names and dates at another scale, within the garbled listings."""
    spans = listings.select("code", "listed_from", "listed_to")
    keys = (
        later.select("date", "code")
        .join(spans, on="code")
        .filter(
            pl.col("date") >= pl.col("listed_from"),
            pl.col("listed_to").is_null() | (pl.col("date") <= pl.col("listed_to")),
        )
        .select("date", "code")
    )
    size = keys.height
    picked = later[rng.integers(max(later.height, 1), size=size)].drop("date", "code")
    price, volume = (pl.Series(np.exp(rng.normal(0.0, s, size))) for s in (1.0, 2.0))
    factor = pl.Series(rng.choice([1.0, 0.5, 2.0], size, p=[0.98, 0.01, 0.01]))
    return pl.concat([keys, picked], how="horizontal").with_columns(
        *(pl.col(name) * price for name in BAR_PRICES),
        pl.col("volume_shares") * volume,
        pl.col("turnover_value") * price * volume,
        factor.alias("adjustment_factor"),
    ).select(list(QUOTES_SCHEMA)).cast(pl.Schema(QUOTES_SCHEMA))  # fmt: skip


def _write_indices(
    source: Source, folder: Path, moment: Moment, *, ending: Ending, rng: np.random.Generator
) -> None:
    bars = source.indices()
    kept = bars.filter(pl.col("date") <= moment.day)
    if ending is Ending.GARBAGE:
        later = bars.filter(pl.col("date").is_between(moment.day, moment.horizon, closed="right"))
        scale = pl.Series(np.exp(rng.normal(0.0, 0.5, later.height)))
        kept = pl.concat([kept, later.with_columns(pl.col(name) * scale for name in BAR_PRICES)])
    write_parquet(kept.sort("date", "index"), folder / "indices.parquet")


def _write_facts(
    source: Source, folder: Path, moment: Moment, *, ending: Ending, rng: np.random.Generator
) -> None:
    """Dated facts; the end of a stretch that ends after the session is not known yet."""
    facts = source.listing_facts()
    if facts is None:
        return
    late = pl.col("available_at") > moment.decided_at
    kept = facts.filter(~late).with_columns(
        pl.when(pl.col("valid_to") <= moment.day).then("valid_to")
    )
    if ending is Ending.GARBAGE:
        times = ("code", "valid_from", "valid_to", "available_at", "spell")
        kept = pl.concat([kept, _shuffled(facts.filter(late), frozenset(times), rng)])
    write_parquet(kept.sort("code", "valid_from"), folder / "listing_facts.parquet")


def _write_markets(
    source: Source, folder: Path, moment: Moment, *, ending: Ending, rng: np.random.Generator
) -> None:
    """Markets by date; garbled, the later ones are those of other names."""
    markets = source.markets()
    if markets is None:
        return
    kept = markets.filter(pl.col("date") <= moment.day)
    if ending is Ending.GARBAGE:
        later = markets.filter(pl.col("date") > moment.day)
        other = later.get_column("market")[rng.permutation(later.height)]
        kept = pl.concat([kept, later.with_columns(other)])
    write_parquet(kept, folder / MARKETS_FILE)


# ------------------------------------------------------------------------------------ typed tables


def _write_table(
    source: Source,
    folder: Path,
    name: str,
    moment: Moment,
    *,
    ending: Ending,
    rng: np.random.Generator,
) -> None:
    """One typed table; where nothing of it was known yet, its columns without a row."""
    target = folder / "tables" / name
    target.mkdir(parents=True)
    fixed = _FIXED | frozenset(TABLES[name].key if name in TABLES else ())
    paths = source.checked(source.table_paths(name))
    for path in paths:
        first, last = _extent(path, "available_at")
        if last is not None and last <= moment.decided_at:
            link_or_copy(path, target / path.name)
            continue
        beyond = moment.decided_at + timedelta(days=_GARBAGE_DAYS)
        if first is None or first > (moment.decided_at if ending is Ending.CUT else beyond):
            continue
        with readable(path):
            rows = pl.read_parquet(path)
        late = pl.col("available_at") > moment.decided_at
        known = rows.filter(~late)
        if ending is Ending.GARBAGE:
            coming = rows.filter(late & (pl.col("available_at") <= beyond))
            known = pl.concat([known, _shuffled(coming, fixed, rng)])
        write_parquet(known, target / path.name, compression="lz4")
    if paths and not any(target.iterdir()):
        write_parquet(pl.read_parquet(paths[0]).clear(), target / paths[0].name)


def _shuffled(rows: pl.DataFrame, fixed: frozenset[str], rng: np.random.Generator) -> pl.DataFrame:
    """Rows that say at their time what other rows say, numbers at another scale; same schema."""
    moved = [name for name in rows.columns if name not in fixed]
    other = rows.select(moved)[rng.permutation(rows.height)]
    scale = pl.Series(np.exp(rng.uniform(-2.3, 2.3, rows.height)))
    numbers = [name for name, kind in other.schema.items() if kind.is_float()]
    other = other.with_columns(pl.col(name) * scale for name in numbers)
    return rows.with_columns(other.get_columns()).select(rows.columns)


@lru_cache(maxsize=4096)
def _extent(path: Path, column: str) -> tuple[date | datetime, date | datetime] | tuple[None, None]:
    """Least and greatest value of a date column of a file; a delivery never changes."""
    with readable(path):
        low, high = (
            pl.scan_parquet(path)
            .select(pl.col(column).min().alias("low"), pl.col(column).max().alias("high"))
            .collect()
            .row(0)
        )
    return low, high
