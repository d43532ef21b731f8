"""From the raw store to typed tables: one Parquet file per table and year, or month.

A part is a pure function of the batches that touch its period and of the code, so it is kept under
that key and made again only when one of them changes. The year that grows is cut into months: a
daily sync costs the current month, whose decoded answers are kept in blocks
(`gogooku.tables.answers`). Nothing here is the only copy of
anything; every part can be made again from the raw bodies.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.core.code import code_hash
from gogooku.core.errors import BusyError, DataError
from gogooku.core.files import (
    hash_file,
    hash_json,
    hash_text,
    locked,
    read_json,
    sync_tree,
    write_json,
    write_parquet,
    write_point,
)
from gogooku.core.periods import WHOLE, month_of
from gogooku.core.progress import Reporter
from gogooku.core.wall import tokyo_instant
from gogooku.ingest.jquants.endpoints import ENDPOINTS, Endpoint
from gogooku.ingest.jquants.ledger import Batch
from gogooku.ingest.jquants.moments import sessions_of
from gogooku.ingest.jquants.raw import RawStore
from gogooku.tables.answers import BLOCKS, PLACE, Answers, by_period, key_of
from gogooku.tables.arrivals import DIGESTS_FILE, digests_of
from gogooku.tables.conversion import FETCHED_AT
from gogooku.tables.publication import PUBLICATIONS, Later
from gogooku.tables.schema import TABLES, typed
from gogooku.tables.unchanged import (
    MADE_OF,
    carry_over,
    made_of,
    part_before,
    sent_again,
    stated_columns,
    write_contents,
)

ROWS_FILE: Final = "rows.parquet"
QUARANTINE_FILE: Final = "quarantine.parquet"
COUNTS_FILE: Final = "part.json"
SUPERSEDED_FILE: Final = "superseded.parquet"
UNTIL: Final = "until"
"""Instant (naive UTC) from which a superseded row is known to be wrong."""
REVISED: Final[Mapping[Later, str]] = MappingProxyType(
    {
        Later.REPLACES: "kept: newest of several versions, dated as the first",
        Later.COUNTS: "kept: later versions, each known from when it was fetched",
        Later.IGNORED: "left out: later versions of what a session had known",
    }
)
"""Notes of the rows whose content a later answer changed."""


class Basis(StrEnum):
    """What "known on a date" means."""

    FETCHED = "as-known"
    """Fetched by the end of that Tokyo date: exactly what this store held then."""
    RULE = "by-rule"
    """Visible by the publication table, in the newest fetched version: an approximation, because
    later corrections are in it."""


_OF_A_DATE = re.compile(rf"-({'|'.join(Basis)})-\d{{4}}-\d{{2}}-\d{{2}}$")


def base_source(name: str) -> str:
    """The source that a source was made from for a date in the past; any other is its own."""
    return _OF_A_DATE.sub("", name)


@dataclass(frozen=True)
class Known:
    """Which knowledge the tables stand for: all of it, or what was known on a Tokyo date."""

    on: date | None = None
    basis: Basis = Basis.FETCHED

    @property
    def suffix(self) -> str:
        """What the name of the derived source gets appended."""
        return "" if self.on is None else f"-{self.basis}-{self.on}"

    @property
    def fetched_by(self) -> date | None:
        """Last fetch date that counts; None for all."""
        return self.on if self.basis is Basis.FETCHED else None

    @property
    def visible_by(self) -> date | None:
        """Last date of visibility by the publication table; None for all."""
        return self.on if self.basis is Basis.RULE else None


@dataclass(frozen=True)
class Part:
    """One table of one period on disk.

    ``superseded`` counts rows that a newer version replaced; ``quarantined`` is by reason.
    """

    table: str
    period: str
    folder: Path
    rows: int
    superseded: int
    quarantined: Mapping[str, int]
    notes: Mapping[str, int]
    content: str


@dataclass(frozen=True)
class Tables:
    """All parts of one state of the raw store.

    ``blocks`` are the keys of the decoded answers from which the next evening goes on.
    """

    parts: tuple[Part, ...]
    sessions: DateArray
    blocks: tuple[str, ...] = ()

    def paths(self, table: str) -> list[Path]:
        """Row files of a table, by period."""
        return [part.folder / ROWS_FILE for part in self.parts if part.table == table]

    def scan(self, table: str) -> pl.LazyFrame:
        """All periods of a table.

        Raises
        ------
        DataError
            Nothing of it has been fetched.
        """
        paths = self.paths(table)
        if not paths:
            raise DataError(f"{table}: nothing fetched; run: gogooku sync --endpoint {table}")
        return pl.scan_parquet([str(path) for path in paths])

    def names(self) -> list[str]:
        """Tables that have parts, in the order of the endpoints."""
        held = {part.table for part in self.parts}
        return [name for name in ENDPOINTS if name in held]

    def content(self) -> dict[str, str]:
        """Content hash of every part, by ``table/period``."""
        return {f"{part.table}/{part.period}": part.content for part in self.parts}


def parts_folder(home: Path, source: str) -> Path:
    """Where the parts of a source are kept."""
    return home / "tables" / source


@contextmanager
def deriving_alone(home: Path, source: str) -> Iterator[None]:
    """Let in one command at a time: each prunes the parts that it has no use for.

    Raises
    ------
    BusyError
        Another command is deriving the tables of the same source.
    """
    try:
        with locked(parts_folder(home, source)):
            yield
    except BusyError as fault:
        raise BusyError(
            f"{source}: another command is deriving its tables; wait for it to end, then run the "
            "command again. What was fetched is kept."
        ) from fault


def derive(home: Path, store: RawStore, *, known: Known, reporter: Reporter) -> Tables:
    """Type everything the raw store holds, by table and period.

    Raises
    ------
    DataError
        No calendar has been fetched, a body is damaged, or ``known.on`` lies before the first sync.
    """
    held = {
        name: store.batches(name, as_known_on=known.fetched_by)
        for name in ENDPOINTS
        if name in TABLES
    }
    days = [day for batches in held.values() for day in _growing(batches)]
    kept = {WHOLE, *(f"{day.year}" for day in days), *map(month_of, days)}
    growing = {day.year for day in days}
    place = parts_folder(home, store.source)
    listed = [
        Answers(
            store=store,
            endpoint=ENDPOINTS[name],
            period=period,
            batches=batches,
            folder=place / name / f"{period}{BLOCKS}" if period in kept else None,
        )
        for name, all_batches in held.items()
        for period, batches in by_period(ENDPOINTS[name], all_batches, growing=growing).items()
    ]
    axis = _Axis.of(_trading_sessions(listed))
    parts: list[Part] = []
    with reporter.step("tables", total=len(listed)) as step:
        for answers in listed:
            step.note(f"{answers.endpoint.name} {answers.period}")
            part = _part(place, answers, axis=axis, limit=known.visible_by)
            if part.rows or part.quarantined:
                parts.append(part)
            step.advance()
    blocks = tuple(key for answers in listed for key in answers.blocks())
    return Tables(parts=tuple(parts), sessions=axis.sessions, blocks=blocks)


def _growing(batches: Sequence[Batch]) -> Iterator[date]:
    """Dates about which answers are being added: of the newest fetch, and of the newest rows.

    The Free plan's rows are twelve weeks old when they come.
    """
    if batches:
        yield batches[-1].fetched_at.date()
    if lasts := [batch.last for batch in batches if batch.last is not None]:
        yield max(lasts)


def _trading_sessions(listed: Iterable[Answers]) -> DateArray:
    """Sessions of the fetched calendar, ascending, and by the exchange's rule outside its range.

    The Free plan's calendar ends twelve weeks before it is fetched; later bars would be off it.
    """
    answers = next((one for one in listed if one.endpoint.name == "calendar"), None)
    if answers is None:
        raise DataError("calendar: nothing fetched; run: gogooku sync")
    calendar = _merged(answers).kept(Later.REPLACES)
    divisions = {
        date.fromisoformat(day): division
        for day, division in calendar.select("Date", "HolDiv").iter_rows()
        if day
    }
    # To the end of the year and beyond, so that the days of a year share their sessions.
    year_end = tokyo_instant(date(answers.batches[-1].fetched_at.year, 12, 31), 0)
    days = sessions_of(divisions, now=year_end).days
    return np.array(days, dtype="datetime64[D]")


@dataclass(frozen=True)
class _Axis:
    """The sessions that rows are typed on, and their hash."""

    sessions: DateArray
    content: str

    @classmethod
    def of(cls, sessions: DateArray) -> _Axis:
        return cls(sessions, hash_json([str(day) for day in sessions]))


def _part(place: Path, answers: Answers, *, axis: _Axis, limit: date | None) -> Part:
    """Find the part of a period in the cache, or make it."""
    endpoint, batches = answers.endpoint, answers.batches
    others = {
        "code": code_hash((__name__,)),
        "fetched": [str(b.fetched_at) for b in batches] if endpoint.starts is None else [],
        "sessions": axis.content,
        "limit": str(limit),
    }
    key = hash_json({**others, "batches": [batch.content for batch in batches]})
    folder = place / endpoint.name / f"{answers.period}-{key}"
    if not (folder / COUNTS_FILE).exists():
        wanted = made_of(answers, others=others)
        try:
            before = part_before(folder.parent, COUNTS_FILE, answers, wanted)
        except LookupError:
            _make_part(folder, answers, wanted, sessions=axis.sessions, limit=limit)
        else:
            carry_over(before, folder, COUNTS_FILE, wanted)
    counts = read_json(folder / COUNTS_FILE)
    return Part(
        table=endpoint.name,
        period=answers.period,
        folder=folder,
        rows=int(counts["rows"]),
        superseded=int(counts["superseded"]),
        quarantined=counts["quarantined"],
        notes=counts["notes"],
        content=str(counts["content"]),
    )


def _make_part(
    folder: Path,
    answers: Answers,
    wanted: Mapping[str, Any],
    *,
    sessions: DateArray,
    limit: date | None,
) -> None:
    endpoint, merged = answers.endpoint, _merged(answers)
    later = later_versions(endpoint)
    out = typed(endpoint.name, merged.kept(later), sessions=sessions)
    notes = dict(out.notes)
    if merged.revised:
        notes[REVISED[later]] = merged.revised
    frame = out.frame
    if later is Later.COUNTS and merged.revised:
        later_rows = _known_when_fetched(endpoint.name, merged, sessions)
        frame = _changes(pl.concat([frame, *later_rows]), key=TABLES[endpoint.name].key)
    superseded = frame.clear().with_columns(pl.col("available_at").alias(UNTIL))
    if later is Later.REPLACES and merged.revised:
        superseded = _superseded(endpoint, merged, sessions, like=superseded)
    said_last = merged.newest() if sent_again(endpoint) else None
    del merged
    if limit is not None:
        end = tokyo_instant(limit + timedelta(days=1), 0).replace(tzinfo=None)
        frame = frame.filter(pl.col("available_at") < end)
    building = folder.with_name(f".{folder.name}-{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    write_parquet(frame, building / ROWS_FILE)
    write_parquet(superseded, building / SUPERSEDED_FILE)
    replaced = superseded if endpoint.name == "quotes" and superseded.height else None
    write_parquet(digests_of(frame, replaced), building / DIGESTS_FILE)
    write_parquet(out.quarantine, building / QUARANTINE_FILE)
    if said_last is not None:
        write_contents(building, endpoint, said_last)
    reasons = (
        out.quarantine.group_by("reason").len().sort("reason") if len(out.quarantine) else None
    )
    write_json(
        building / COUNTS_FILE,
        {
            "rows": frame.height,
            "superseded": superseded.height,
            "quarantined": {} if reasons is None else dict(reasons.iter_rows()),
            "notes": notes,
            MADE_OF: dict(wanted),
            "content": hash_text(
                hash_file(building / ROWS_FILE)
                + (hash_file(building / SUPERSEDED_FILE) if superseded.height else "")
            ),
        },
    )
    sync_tree(building)
    write_point("tables.part")
    if folder.exists():
        shutil.rmtree(folder)
    building.rename(folder)
    write_point("tables.part.renamed")


_VERSION: Final = "_version"
_LAST_VERSION: Final = "_last_version"


@dataclass(frozen=True)
class _Merged:
    """Rows of a period: every content of a key in the order in which it came, numbered from 0."""

    frame: pl.DataFrame

    @property
    def revised(self) -> int:
        """Versions beyond the first of their key."""
        return int((self.frame.get_column(_VERSION) > 0).sum())

    def newest(self) -> pl.DataFrame:
        """What was said last of each key."""
        return self.frame.filter(pl.col(_VERSION) == pl.col(_LAST_VERSION))

    def kept(self, later: Later) -> pl.DataFrame:
        """One row per key: the newest where it replaces, else the first."""
        whole = self.frame
        if later is Later.REPLACES:
            first = pl.col(FETCHED_AT).first().over(pl.col(_VERSION).eq(0).cum_sum())
            whole = whole.with_columns(first).filter(pl.col(_VERSION) == pl.col(_LAST_VERSION))
        else:
            whole = whole.filter(pl.col(_VERSION) == 0)
        return whole.drop(_VERSION, _LAST_VERSION)


def later_versions(endpoint: Endpoint) -> Later:
    """What becomes of later versions of the rows of an endpoint."""
    rule = PUBLICATIONS.get(endpoint.name)
    return Later.REPLACES if rule is None else rule.later


def _known_when_fetched(name: str, merged: _Merged, sessions: DateArray) -> Iterator[pl.DataFrame]:
    """Later versions as rows of their own, known from when they were first fetched."""
    later = merged.frame.filter(pl.col(_VERSION) > 0).drop(_VERSION, _LAST_VERSION)
    # a key may have several versions, and a table refuses to type a key twice
    for (moment,), rows in later.group_by([FETCHED_AT], maintain_order=True):
        made = typed(name, rows, sessions=sessions).frame
        known = pl.max_horizontal("available_at", pl.lit(moment, dtype=pl.Datetime("us")))
        yield made.with_columns(known.alias("available_at"))


def _changes(rows: pl.DataFrame, *, key: Sequence[str]) -> pl.DataFrame:
    """Without versions that say the same as the one before them.

    A file and a page may differ in what no table reads.
    """
    ordered = rows.sort(*key, "available_at", maintain_order=True)
    stated = [name for name in rows.columns if name != "available_at"]
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in stated)
    return ordered.filter(~same.fill_null(value=False)).sort(key, maintain_order=True)


def _superseded(
    endpoint: Endpoint, merged: _Merged, sessions: DateArray, *, like: pl.DataFrame
) -> pl.DataFrame:
    """Versions that a newer one has replaced, each with the instant of that."""
    until = pl.col(FETCHED_AT).shift(-1).alias(UNTIL)
    old = merged.frame.with_columns(until).filter(pl.col(_VERSION) < pl.col(_LAST_VERSION))
    frames = [like]
    for (moment,), rows in old.group_by([UNTIL], maintain_order=True):
        plain = rows.drop(_VERSION, _LAST_VERSION, UNTIL)
        made = typed(endpoint.name, plain, sessions=sessions).frame
        frames.append(made.with_columns(pl.lit(moment, dtype=pl.Datetime("us")).alias(UNTIL)))
    return pl.concat(frames)


def _merged(answers: Answers) -> _Merged:
    """Rows of all batches in a period, every version of each key, sorted by key.

    Batches come in the order in which they were fetched. Rows of one answer that share a key and
    differ are all kept, distinguished by their place: whether they may is for the table to judge. A
    row that a later answer no longer holds stays: nothing fetched is lost. A row keeps the time of
    its first fetch, since that is when it could be known.
    """
    endpoint = answers.endpoint
    frame = pl.concat(answers.frames(), how="vertical", rechunk=False)
    key = [*endpoint.key, PLACE]
    stated = stated_columns(endpoint)
    if not frame.select(key).is_duplicated().any():
        whole = frame.sort(key).drop(PLACE)
        return _Merged(
            whole.with_columns(pl.lit(0).alias(_VERSION), pl.lit(0).alias(_LAST_VERSION))
        )
    # the newest copy of a content carries the newest of what the vendor rewrites at every split
    ordered = frame.sort(key, maintain_order=True)
    same = pl.all_horizontal(
        pl.col(name).eq_missing(pl.col(name).shift(1)) for name in [*key, *stated]
    )
    run = ordered.with_columns((~same).fill_null(value=True).cum_sum().alias("_run"))
    firsts = pl.col(FETCHED_AT).first().over("_run")
    newest = run.with_columns(firsts).unique("_run", keep="last", maintain_order=True)
    numbered = newest.with_columns(
        pl.int_range(pl.len()).over(key).alias(_VERSION),
        (pl.len() - 1).over(key).alias(_LAST_VERSION),
    )
    return _Merged(numbered.drop(PLACE, "_run"))


def prune_parts(home: Path, source: str, kept: Iterable[Tables]) -> int:
    """Remove the parts and blocks that none of ``kept`` uses; return how many parts."""
    used = {part.folder for tables in kept for part in tables.parts}
    blocks = {key for tables in kept for key in tables.blocks}
    removed = 0
    for folder in parts_folder(home, source).glob("*/*"):
        if folder.name.endswith(BLOCKS):
            for path in folder.iterdir():
                if key_of(path) not in blocks:
                    path.unlink()
        elif folder not in used:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed
