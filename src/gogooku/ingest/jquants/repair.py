"""Making the ledger of a raw store anew from the records and bodies that are there.

Nothing is deleted: the old ledger, bodies that no answer refers to, damaged bodies and the records
of answers that are not whole any more go to ``raw/<source>/aside``. An answer whose bodies are
damaged is left out of the new ledger, so that the next sync asks for it again; a body that lies
aside and is whole is taken back. Killed at any point, the same command goes on.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.files import storage_errors, sync_path, write_point
from gogooku.core.wall import tokyo_instant
from gogooku.ingest.jquants import ledger
from gogooku.ingest.jquants.endpoints import ADJUSTMENT_FACTOR, CALENDAR, ENDPOINTS
from gogooku.ingest.jquants.factors import factors_of
from gogooku.ingest.jquants.ledger import BadRow, Body, Draft
from gogooku.ingest.jquants.moments import Sessions, sessions_of
from gogooku.ingest.jquants.planning import divisions_of
from gogooku.ingest.jquants.raw import RawStore, decode, decoded_body
from gogooku.ingest.jquants.records import (
    Record,
    read_records,
    record_of,
    record_path,
    write_record,
)

_NEW = ".ledger.sqlite"
_FACTS = ("subscription", "refused ")


@dataclass
class Repaired:
    """What a repair did.

    Attributes
    ----------
    answers : int
        In the new ledger.
    lost : list of str
        Answers that are not whole any more, and why; the next sync asks for them again.
    aside : list of Path
        What was moved to the folder ``aside``.
    unnamed : int
        Whole bodies that no record names (of an earlier version, whose ledger is lost): what they
        answer is not known any more, and the next sync asks for it again.
    """

    answers: int = 0
    lost: list[str] = field(default_factory=list)
    aside: list[Path] = field(default_factory=list)
    unnamed: int = 0


def repair(store: RawStore) -> Repaired:
    """Make the ledger anew; see the module.

    Raises
    ------
    DataError
        Nothing is there, or the ledger is of a newer program.
    BusyError
        A sync of the source is running.
    StorageError
        The disk is full; the store is as it was.
    """
    with store.alone():
        if not store.folder.is_dir():
            raise DataError(f"{store.folder}: nothing is there to repair")
        with storage_errors(store.folder):
            return _repair(store)


def _repair(store: RawStore) -> Repaired:
    done = Repaired()
    store.marker.touch()
    write_point("repair.begin")
    records, bad = read_records(store.folder)
    done.lost += [f"{path.name}: the record is damaged" for path in bad]
    named = {record.number for record in records}
    records += [record for record in _salvaged(store, done) if record.number not in named]
    whole, broken = [], []
    for record in sorted(records, key=lambda one: one.key):
        if why := _take_back(store, record):
            done.lost.append(f"{record.asked} (fetched {record.draft.fetched_at:%Y-%m-%d}): {why}")
            broken.append(record)
        else:
            whole.append(record)
    whole = [_with_factors(store, record, whole) for record in whole]
    for record in whole:
        write_record(store.folder, record)
    new = _new_ledger(store, whole)
    _swap(store, new, done)
    _put_aside(store, whole, [record_path(store.folder, one.key) for one in broken] + bad, done)
    store.marker.unlink(missing_ok=True)
    done.answers = len(whole)
    return done


def _salvaged(store: RawStore, done: Repaired) -> list[Record]:
    """What can still be read of the old ledger, row by row."""
    found: list[Record] = []
    if not store.ledger_path.exists():
        return found
    try:
        with closing(sqlite3.connect(store.ledger_path, isolation_level=None)) as connection:
            if ledger.is_empty(connection):
                return found
            _refuse_newer(store, connection)
            for number in _numbers(connection):
                try:
                    found.append(_salvaged_one(connection, number))
                except (sqlite3.Error, ValueError) as fault:
                    done.lost.append(f"answer {number} of the old ledger: {fault}")
    except sqlite3.Error as fault:
        done.lost.append(f"the old ledger can be read no further: {fault}")
    return found


def _refuse_newer(store: RawStore, connection: sqlite3.Connection) -> None:
    try:
        ledger.check_schema(connection, store.ledger_path)
    except BadRow:
        return  # without a format: damaged, and what can be read of it is taken


def _numbers(connection: sqlite3.Connection) -> Iterator[int]:
    for (number,) in connection.execute("SELECT number FROM batches ORDER BY number"):
        yield int(number)


def _salvaged_one(connection: sqlite3.Connection, number: int) -> Record:
    batch = ledger.read_one_batch(connection, number=number)
    bodies = [ledger.read_body(connection, digest) for digest in batch.bodies]
    if any(body is None for body in bodies):
        raise ValueError("a body is not in it")
    known = [body for body in bodies if body is not None]
    days = ledger.read_batch_days(connection, number=number)
    return record_of(batch, bodies=known, days=days)


def _take_back(store: RawStore, record: Record) -> str | None:
    """See that every body of an answer is whole, also from aside; None, or what is wrong."""
    for body in record.bodies:
        path = store.body_path(body.digest)
        kept = store.aside / body.digest
        if _is_whole(path, body):
            continue
        if not _is_whole(kept, body):
            return f"its body {body.digest[:12]} is missing or damaged"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(kept, path)
        write_point("repair.taken")
    return None


def _is_whole(path: Path, body: Body) -> bool:
    try:
        decoded_body(path, body)
    except DataError:
        return False
    return True


def _with_factors(store: RawStore, record: Record, whole: Sequence[Record]) -> Record:
    """Read the factors of an answer whose record does not have them."""
    endpoint = ENDPOINTS.get(record.draft.endpoint)
    if record.factors_read:
        return record
    if endpoint is None or ADJUSTMENT_FACTOR not in endpoint.columns:
        return replace(record, factors_read=True)
    factors = factors_of(endpoint, _frame(store, record), sessions=_sessions(store, whole))
    return replace(record, draft=replace(record.draft, factors=factors), factors_read=True)


def _frame(store: RawStore, record: Record) -> pl.DataFrame:
    bodies = [decoded_body(store.body_path(one.digest), one) for one in record.bodies]
    return decode(ENDPOINTS[record.draft.endpoint], bodies, kind=record.draft.kind).frame


def _sessions(store: RawStore, whole: Sequence[Record]) -> Sessions:
    """Sessions by the newest calendar that is held."""
    calendars = [record for record in whole if record.draft.endpoint == CALENDAR]
    divisions: dict[date, str] = divisions_of(_frame(store, calendars[-1])) if calendars else {}
    newest = max((record.draft.fetched_at for record in whole), default=None)
    return sessions_of(divisions, now=newest or tokyo_instant(date(2008, 1, 1), 0))


def _new_ledger(store: RawStore, whole: Sequence[Record]) -> Path:
    """A ledger of whole answers under a hidden name, on the disk."""
    new = store.folder / _NEW
    for path in (new, new.with_name(f"{new.name}-journal")):
        path.unlink(missing_ok=True)
    facts = _old_facts(store)
    with ledger.opened(new, source=store.source) as connection, ledger.transaction(connection):
        ledger.create(connection)
        for name, value in facts.items():
            ledger.write_fact(connection, name, value=value)
        for record in whole:
            _insert(connection, record.draft, record)
            write_point("repair.inserted")
    sync_path(new)
    write_point("repair.built")
    return new


def _insert(connection: sqlite3.Connection, draft: Draft, record: Record) -> None:
    ledger.insert_batch(connection, draft, bodies=record.bodies, number=record.number)


def _old_facts(store: RawStore) -> dict[str, str]:
    """The remembered subscription and refusals, where they can still be read."""
    facts: dict[str, str] = {}
    try:
        subscription = store.subscription()
        if subscription is None:
            return facts
        for endpoint in ENDPOINTS:
            store.refused(endpoint)
        with ledger.opened(store.ledger_path, source=store.source) as connection:
            for begin in _FACTS:
                found = ledger.read_facts(connection, begin=begin)
                facts |= {f"{begin}{rest}": text for rest, text in found.items()}
    except DataError:
        return {}  # asked for again by the next sync
    return facts


def _swap(store: RawStore, new: Path, done: Repaired) -> None:
    """Put the new ledger in the place of the old one, of which a copy is kept aside."""
    old = store.ledger_path
    journal = old.with_name(f"{old.name}-journal")
    store.aside.mkdir(exist_ok=True)
    if old.exists():
        kept = _free(store.aside / old.name)
        shutil.copyfile(old, kept)
        sync_path(kept)
        done.aside.append(kept)
        write_point("repair.kept")
    if journal.exists():
        # SQLite would play an old journal back into the new ledger.
        os.replace(journal, _free(store.aside / journal.name))
        write_point("repair.journal")
    os.replace(new, old)
    sync_path(store.folder)
    write_point("repair.swapped")


def _put_aside(
    store: RawStore, whole: Sequence[Record], files: Sequence[Path], done: Repaired
) -> None:
    """Move what the new ledger does not refer to."""
    for path in files:
        if path.exists():
            os.replace(path, kept := _free(store.aside / path.name))
            done.aside.append(kept)
            write_point("repair.aside")
    known = {body.digest for record in whole for body in record.bodies}
    moved = store.set_aside(known)
    done.unnamed = len(moved)
    done.aside += moved


def _free(path: Path) -> Path:
    """A name that is not taken: nothing that lies aside is overwritten."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free
