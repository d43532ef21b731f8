"""The ledger of the raw store: which answers are held, what they cover, what is due again.

One SQLite file with a rollback journal and ``synchronous=EXTRA``: a commit survives a power cut,
a half-written one is undone by whoever opens the file next, and the store is one file that can be
copied. The write-ahead log was rejected: its second file is lost by a plain copy, and one commit
per answer leaves it nothing to gain. Everything an answer changes is one transaction.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from gogooku.core.errors import BusyError, DataError, StorageError
from gogooku.core.wall import tokyo_time

SCHEMA = "1"
LARGEST_BODY = 1 << 31
"""Bytes; a ledger or record that says more of one body is damaged."""
ENCODINGS = ("as-is", "zstd")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WAIT_SECONDS = 30.0

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bodies (
    digest TEXT PRIMARY KEY, encoding TEXT NOT NULL, raw_bytes INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, query TEXT NOT NULL,
    kind TEXT NOT NULL, first TEXT, last TEXT, fetched_at TEXT NOT NULL, rows INTEGER NOT NULL,
    last_modified TEXT, cursor TEXT, content TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS batches_by_endpoint ON batches (endpoint, number);
CREATE TABLE IF NOT EXISTS batch_bodies (
    batch INTEGER NOT NULL, position INTEGER NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (batch, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch_days (
    batch INTEGER NOT NULL, day TEXT NOT NULL, names INTEGER NOT NULL, PRIMARY KEY (batch, day)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS factors (
    endpoint TEXT NOT NULL, code TEXT NOT NULL, ex_date TEXT NOT NULL, ratio REAL NOT NULL,
    PRIMARY KEY (endpoint, code, ex_date)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dues (
    number INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, code TEXT NOT NULL,
    ex_date TEXT NOT NULL, due_from TEXT NOT NULL, seen_in INTEGER NOT NULL, done_in INTEGER
);
"""

_SELECT_BATCHES = """
SELECT * FROM batches
WHERE (:endpoint IS NULL OR endpoint = :endpoint) AND (:until IS NULL OR fetched_at < :until)
ORDER BY number
"""
_SELECT_BODIES = """
SELECT batch, digest FROM batch_bodies JOIN batches ON number = batch
WHERE (:endpoint IS NULL OR endpoint = :endpoint) AND (:until IS NULL OR fetched_at < :until)
ORDER BY batch, position
"""
_SELECT_BLIND = """
SELECT max(fetched_at) FROM batches
WHERE endpoint = :endpoint AND number < :number AND kind IN ('pages', 'file')
AND first <= :day AND last >= :day
"""
_SELECT_STALE = """
SELECT 1 FROM batches
WHERE endpoint = :endpoint AND number < :number AND kind IN ('pages', 'file')
AND first < :day AND (fetched_at < :known OR fetched_at <= :blind) LIMIT 1
"""


class BatchKind(StrEnum):
    """What one batch is the whole answer of."""

    PAGES = "pages"
    """A query for one axis date, a span of them, or everything; all its pages."""
    FILE = "file"
    """A monthly file."""
    CURSOR = "cursor"
    """What was new since the last poll of the day; covers nothing completely."""
    CODE = "code"
    """The history of one code, asked again because it was restated."""
    SNAPSHOT = "snapshot"
    """What is current, asked on one session; no history can be asked for."""


COVERING = (BatchKind.PAGES, BatchKind.FILE)
"""Kinds that hold every row of the axis dates they name."""


@dataclass(frozen=True)
class Batch:
    """One complete answer that is held.

    Attributes
    ----------
    number : int
        Counts up in the order of commit; of two rows with one key the higher number wins.
    endpoint : str
    query : str
        Canonical: ``date=2024-05-07``, ``from=..&to=..``, ``bulk=KEY``, ``code=72030`` or ``""``.
    kind : BatchKind
    first, last : date or None
        Axis dates covered completely, both included; for a SNAPSHOT the session it was taken on.
    fetched_at : datetime
        UTC; when its first request went out.
    bodies : tuple of str
        SHA-256 of each body, in order.
    rows : int
        Decoded rows, repetitions included.
    last_modified : datetime or None
        Of a file, as it was listed.
    cursor : str or None
        Where the next poll of the day begins.
    content : str
        Hash over ``bodies``.
    """

    number: int
    endpoint: str
    query: str
    kind: BatchKind
    first: date | None
    last: date | None
    fetched_at: datetime
    bodies: tuple[str, ...]
    rows: int
    last_modified: datetime | None
    cursor: str | None
    content: str

    @property
    def covers(self) -> bool:
        """Whether every row of ``first`` to ``last`` is in it."""
        return self.kind in COVERING and self.first is not None


@dataclass(frozen=True)
class Body:
    """A stored body: its hash as received, how it lies on disk, bytes before and after."""

    digest: str
    encoding: str
    raw_bytes: int
    stored_bytes: int


@dataclass(frozen=True)
class Factor:
    """An adjustment factor other than 1 of a code on its ex-date, public since ``known_at``."""

    code: str
    ex_date: date
    ratio: float
    known_at: datetime


@dataclass(frozen=True)
class Due:
    """A code whose history was restated: to be asked again from ``due_from`` (Tokyo date) on."""

    endpoint: str
    code: str
    ex_date: date
    due_from: date


@dataclass(frozen=True)
class Draft:
    """An answer that is about to become a `Batch`; the fields mean the same.

    ``days`` counts distinct codes (rows, where there is no code) by axis date; ``factors`` is None
    for an endpoint without adjustment factors. ``plan`` and ``base`` say under which plan and at
    which address it was asked for.
    """

    endpoint: str
    query: str
    kind: BatchKind
    first: date | None
    last: date | None
    fetched_at: datetime
    rows: int
    last_modified: datetime | None = None
    cursor: str | None = None
    days: Mapping[date, int] = field(default_factory=dict)
    factors: tuple[Factor, ...] | None = None
    plan: str = ""
    base: str = ""


class BadRow(ValueError):  # noqa: N818 - named after what is wrong
    """A row of a ledger holds what cannot be; `opened` turns it into a `DataError`."""


@contextmanager
def row_of(what: str) -> Iterator[None]:
    """Read a row; whatever cannot be read there is a `BadRow` that names it."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
        raise BadRow(f"{what}: {fault}") from fault


def repair_hint(source: str) -> str:
    """What to do about a ledger that is lost or damaged."""
    return (
        f"Nothing was removed. Run gogooku sync --source {source} --repair: it sets the ledger "
        "aside and makes it anew from the bodies that are there."
    )


def is_sound(body: Body) -> bool:
    """Whether the record of a body can be one."""
    sizes = (body.raw_bytes, body.stored_bytes)
    return (
        isinstance(body.digest, str)
        and _DIGEST.fullmatch(body.digest) is not None
        and body.encoding in ENCODINGS
        and all(type(size) is int and 0 <= size <= LARGEST_BODY for size in sizes)
    )


def content_of(bodies: Sequence[str]) -> str:
    """Hash over the hashes of a batch's bodies, in order."""
    return hashlib.sha256("\n".join(bodies).encode()).hexdigest()


@contextmanager
def opened(path: Path, *, source: str) -> Iterator[sqlite3.Connection]:
    """Open a ledger; its faults become errors that name the file.

    Raises
    ------
    BusyError
        Locked by a process that does not let go.
    StorageError
        The disk is full or cannot be written; the transaction is undone.
    DataError
        Damaged, or written by a version of this program that it does not know.
    """
    try:
        connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("PRAGMA synchronous=EXTRA")
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as fault:
        raise _explained(path, fault, source=source) from fault
    except BadRow as fault:
        raise DataError(
            f"{path}: the ledger of {source} is damaged ({fault}). {repair_hint(source)}"
        ) from fault


def _explained(path: Path, fault: sqlite3.Error, *, source: str) -> Exception:
    code = getattr(fault, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return BusyError(f"{path}: another process holds it ({fault}); run the command again.")
    if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return StorageError(
            f"{path}: cannot write ({fault}); the store is as it was. Free some space or make the "
            "folder writable, then run the same command."
        )
    return DataError(
        f"{path}: the ledger of {source} cannot be read ({fault}). {repair_hint(source)}"
    )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def create(connection: sqlite3.Connection) -> None:
    """Make the tables where they are missing."""
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    connection.execute("INSERT OR IGNORE INTO facts VALUES ('schema', ?)", (SCHEMA,))


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether the tables were never made: its writer was killed before."""
    row = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchone()
    return row is None


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a ledger of another version; one without any is damaged."""
    if (found := read_fact(connection, "schema")) is None:
        raise BadRow("facts: the format is missing")
    if found != SCHEMA:
        raise DataError(
            f"{path}: written in format {found[:20]!r}, this program reads format {SCHEMA}; use "
            "the program that wrote it (a newer gogooku). Nothing was changed."
        )


def check_whole(connection: sqlite3.Connection) -> None:
    """Refuse a file of which SQLite itself says that parts are missing or wrong."""
    said = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said is None or said[0] != "ok":
        raise BadRow(str(said and said[0]))


def read_fact(connection: sqlite3.Connection, name: str) -> str | None:
    """A named text; None where it was never written."""
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def write_fact(connection: sqlite3.Connection, name: str, *, value: str) -> None:
    """Put a named text."""
    connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def read_facts(connection: sqlite3.Connection, *, begin: str) -> dict[str, str]:
    """Texts whose names begin so, by the rest of the name."""
    rows = connection.execute(
        "SELECT name, value FROM facts WHERE substr(name, 1, ?) = ?", (len(begin), begin)
    )
    return {name.removeprefix(begin): value for name, value in rows}


def drop_facts(connection: sqlite3.Connection, *, begin: str) -> None:
    """Forget the texts whose names begin so."""
    connection.execute("DELETE FROM facts WHERE substr(name, 1, ?) = ?", (len(begin), begin))


def read_body(connection: sqlite3.Connection, digest: str) -> Body | None:
    """The record of a body; None for one that no batch refers to."""
    row = connection.execute("SELECT * FROM bodies WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        return None
    if not is_sound(body := Body(*row)):
        raise BadRow(f"bodies: {str(digest)[:12]} cannot be a body")
    return body


def read_body_sizes(connection: sqlite3.Connection) -> dict[str, int]:
    """Bytes on the disk of every body that a batch refers to, by its hash."""
    rows = connection.execute("SELECT digest, stored_bytes FROM bodies")
    with row_of("bodies"):
        return {str(digest): int(stored) for digest, stored in rows}


def read_batches(
    connection: sqlite3.Connection, *, endpoint: str | None, until: datetime | None
) -> list[Batch]:
    """Batches of one endpoint (or all) fetched before an instant, in the order of commit."""
    bound = {"endpoint": endpoint, "until": None if until is None else to_text(until)}
    bodies: dict[int, list[str]] = {}
    for number, digest in connection.execute(_SELECT_BODIES, bound):
        bodies.setdefault(number, []).append(digest)
    rows = connection.execute(_SELECT_BATCHES, bound)
    return [_batch(row, tuple(bodies.get(row[0], ()))) for row in rows]


def read_one_batch(connection: sqlite3.Connection, *, number: int) -> Batch:
    """The batch of a number, which must be there."""
    row = connection.execute("SELECT * FROM batches WHERE number = ?", (number,)).fetchone()
    digests = connection.execute(
        "SELECT digest FROM batch_bodies WHERE batch = ? ORDER BY position", (number,)
    )
    if row is None:
        raise BadRow(f"batches, number {number}: the row is not where its index says")
    return _batch(row, tuple(digest for (digest,) in digests))


def _batch(row: tuple[Any, ...], bodies: tuple[str, ...]) -> Batch:
    """A batch of a row; one that does not fit its bodies, or holds what cannot be, is damaged."""
    with row_of(f"batches, number {row[0]}"):
        batch = _as_batch(row, bodies)
        texts = (batch.endpoint, batch.query, batch.cursor or "", *bodies)
        if not all(isinstance(text, str) for text in texts) or type(batch.rows) is not int:
            raise ValueError("a value is of another type")
        if batch.content != content_of(bodies):
            raise ValueError("its bodies are not those that it had")
        if not all(_DIGEST.fullmatch(digest) for digest in bodies):
            raise ValueError("a body's name is no hash")
    return batch


def _as_batch(row: tuple[Any, ...], bodies: tuple[str, ...]) -> Batch:
    number, endpoint, query, kind, first, last, fetched, rows, modified, cursor, content = row
    return Batch(
        number=number,
        endpoint=endpoint,
        query=query,
        kind=BatchKind(kind),
        first=None if first is None else date.fromisoformat(first),
        last=None if last is None else date.fromisoformat(last),
        fetched_at=from_text(fetched),
        bodies=bodies,
        rows=rows,
        last_modified=None if modified is None else from_text(modified),
        cursor=cursor,
        content=content,
    )


def read_first_fetch(connection: sqlite3.Connection) -> datetime | None:
    """When the oldest batch was fetched; None in an empty ledger."""
    row = connection.execute("SELECT min(fetched_at) FROM batches").fetchone()
    with row_of("batches, the oldest"):
        return None if row[0] is None else from_text(row[0])


def read_days(connection: sqlite3.Connection, *, endpoint: str) -> dict[date, int]:
    """Distinct codes by axis date, of the newest batch that covers the date."""
    rows = connection.execute(
        "SELECT day, names FROM batch_days JOIN batches ON number = batch "
        "WHERE endpoint = ? AND kind IN ('pages', 'file') ORDER BY batch",
        (endpoint,),
    )
    with row_of("batch_days"):
        return {date.fromisoformat(day): int(names) for day, names in rows}


def read_dues(connection: sqlite3.Connection) -> list[Due]:
    """Dues that are not done, oldest first."""
    rows = connection.execute(
        "SELECT endpoint, code, ex_date, due_from FROM dues WHERE done_in IS NULL ORDER BY number"
    )
    with row_of("dues"):
        return [
            Due(endpoint, code, date.fromisoformat(ex_date), date.fromisoformat(due_from))
            for endpoint, code, ex_date, due_from in rows
        ]


def read_batch_days(connection: sqlite3.Connection, *, number: int) -> list[tuple[date, int]]:
    """Distinct codes by axis date of one batch."""
    rows = connection.execute("SELECT day, names FROM batch_days WHERE batch = ?", (number,))
    with row_of(f"batch_days of {number}"):
        return [(date.fromisoformat(day), int(names)) for day, names in rows]


def insert_batch(
    connection: sqlite3.Connection,
    draft: Draft,
    *,
    bodies: Sequence[Body],
    number: int | None = None,
) -> Batch:
    """Add a batch, its bodies, its counts, and what it makes due or settles.

    ``number`` is the one that it had before in a ledger that is made anew; by default the next.
    """
    digests = tuple(body.digest for body in bodies)
    content = content_of(digests)
    values = (
        draft.endpoint,
        draft.query,
        draft.kind.value,
        None if draft.first is None else draft.first.isoformat(),
        None if draft.last is None else draft.last.isoformat(),
        to_text(draft.fetched_at),
        draft.rows,
        None if draft.last_modified is None else to_text(draft.last_modified),
        draft.cursor,
        content,
    )
    done = connection.execute(
        "INSERT INTO batches (number, endpoint, query, kind, first, last, fetched_at, rows, "
        "last_modified, cursor, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, *values),
    )
    number = int(done.lastrowid or 0)
    connection.executemany(
        "INSERT OR IGNORE INTO bodies VALUES (?, ?, ?, ?)",
        [(one.digest, one.encoding, one.raw_bytes, one.stored_bytes) for one in bodies],
    )
    connection.executemany(
        "INSERT INTO batch_bodies VALUES (?, ?, ?)",
        [(number, position, digest) for position, digest in enumerate(digests)],
    )
    connection.executemany(
        "INSERT INTO batch_days VALUES (?, ?, ?)",
        [(number, day.isoformat(), names) for day, names in sorted(draft.days.items())],
    )
    if draft.factors is not None:
        _restate(connection, draft, number=number)
    return _as_batch((number, *values), digests)


def _restate(connection: sqlite3.Connection, draft: Draft, *, number: int) -> None:
    """Compare the factors of a batch with those known, and note whose history is due.

    A history is due when something held of it was fetched before its factor was public: those
    rows carry adjusted values that the vendor has rewritten since. A history that was fetched
    whole after the split needs nothing, however many splits it holds.
    """
    found = {(one.code, one.ex_date): one for one in draft.factors or ()}
    known = _known_factors(connection, draft)
    due_from = tokyo_time(draft.fetched_at).date() + timedelta(days=1)
    changed = [one for key, one in found.items() if known.get(key) != one.ratio]
    vanished = [key for key in known if key not in found]
    if draft.kind is BatchKind.CODE:
        code = draft.query.partition("code=")[2].partition("&")[0]
        connection.execute(
            "UPDATE dues SET done_in = ? WHERE done_in IS NULL AND endpoint = ? AND code = ? "
            "AND due_from < ?",
            (number, draft.endpoint, code, due_from.isoformat()),
        )
    else:
        stale = [
            (one.code, one.ex_date)
            for one in changed
            if _held_before(connection, draft, number=number, factor=one)
        ]
        connection.executemany(
            "INSERT INTO dues (endpoint, code, ex_date, due_from, seen_in) VALUES (?, ?, ?, ?, ?)",
            [
                (draft.endpoint, code, ex_date.isoformat(), due_from.isoformat(), number)
                for code, ex_date in stale + vanished
            ],
        )
    connection.executemany(
        "DELETE FROM factors WHERE endpoint = ? AND code = ? AND ex_date = ?",
        [(draft.endpoint, code, ex_date.isoformat()) for code, ex_date in vanished],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO factors VALUES (?, ?, ?, ?)",
        [(draft.endpoint, one.code, one.ex_date.isoformat(), one.ratio) for one in changed],
    )


def _known_factors(connection: sqlite3.Connection, draft: Draft) -> dict[tuple[str, date], float]:
    """Factors known of the dates that a draft covers; of a code's history: those it repeats."""
    if draft.kind is BatchKind.CODE:
        keys = {(one.code, one.ex_date) for one in draft.factors or ()}
    elif draft.first is None or draft.last is None:
        return {}
    else:
        keys = None
    rows = connection.execute(
        "SELECT code, ex_date, ratio FROM factors WHERE endpoint = ? "
        "AND (? OR ex_date BETWEEN ? AND ?)",
        (draft.endpoint, keys is not None, str(draft.first), str(draft.last)),
    )
    with row_of("factors"):
        known = {(code, date.fromisoformat(ex_date)): ratio for code, ex_date, ratio in rows}
    return known if keys is None else {key: known[key] for key in known if key in keys}


def _held_before(
    connection: sqlite3.Connection, draft: Draft, *, number: int, factor: Factor
) -> bool:
    """Whether rows before an ex-date are held from a time that did not know its factor.

    A time before the factor was public, or before an answer for the ex-date itself without it:
    the vendor has corrected that day since.
    """
    bound = {
        "endpoint": draft.endpoint,
        "number": number,
        "day": factor.ex_date.isoformat(),
        "known": to_text(factor.known_at),
    }
    blind = connection.execute(_SELECT_BLIND, bound).fetchone()[0]
    row = connection.execute(_SELECT_STALE, {**bound, "blind": blind or ""}).fetchone()
    return row is not None


def to_text(instant: datetime) -> str:
    """An aware instant as text of fixed width, so that texts compare as instants do."""
    if instant.tzinfo is None:
        raise ValueError("a ledger holds aware instants only")
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(text: str) -> datetime:
    """The instant of `to_text`; another text is a `ValueError`."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return instant
