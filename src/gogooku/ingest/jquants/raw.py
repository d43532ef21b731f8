"""The raw store: every answer of a source as it was received, and a ledger of what it answers.

::

    raw/<source>/bodies/ab/<sha256>   one body; named by the hash of the bytes as received
    raw/<source>/ledger.sqlite        batches: see `gogooku.ingest.jquants.ledger`
    raw/<source>/records/...          the same of each batch: see `gogooku.ingest.jquants.records`
    raw/<source>/aside/...            bodies that no batch refers to, damaged files; never read
    raw/<source>/.writing             a writer is at work, or was killed
    raw/.<source>.lock                held by the one writer

A body is written whole and never changed; a batch is visible when the one transaction that adds it
commits, and its bodies and its record lie on the disk before. So a crash leaves at most bodies that
no batch refers to, which the next writer sets aside, and the record of an answer that is whole,
which it commits. A ledger that is lost, damaged or older than the records is refused and nothing is
moved; `gogooku.ingest.jquants.repair` makes it anew. Compression: files of the vendor are gzip
already and stay as they are; JSON pages are compressed with zstd at level 1 (measured on a day of
bars: 5.7 times smaller at 350 MB/s; zlib 5.2 times at 50 MB/s, higher levels of zstd gain 2 %).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from gogooku.core.errors import BusyError, DataError, UsageError
from gogooku.core.files import GZIP_MAGIC, canonical_json, locked, storage_errors, write_point
from gogooku.core.wall import tokyo_instant, tokyo_time
from gogooku.ingest.jquants import ledger
from gogooku.ingest.jquants.decode import Decoded, decode_file, decode_pages
from gogooku.ingest.jquants.endpoints import ENDPOINTS, Endpoint
from gogooku.ingest.jquants.ledger import Batch, BatchKind, Body, Draft, Due
from gogooku.ingest.jquants.records import (
    RECORDS,
    Record,
    key_of,
    read_record,
    record_keys,
    record_of,
    record_path,
    write_record,
    write_whole,
)
from gogooku.ingest.jquants.subscription import Subscription

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_AS_IS, _ZSTD = ledger.ENCODINGS
_LEVEL = 1
_SUBSCRIPTION = "subscription"
_REFUSED = "refused"


def open_store(home: Path, source: str) -> RawStore:
    """The raw store of a source below ``home``; it need not exist yet.

    Raises
    ------
    UsageError
        A name that cannot be a folder.
    """
    if not _SOURCE_NAME.fullmatch(source):
        raise UsageError(
            f"source {source!r}: a name is lower-case letters, digits, - and _, at most 64"
        )
    return RawStore(home=home, source=source)


@dataclass(frozen=True)
class RawStore:
    """Reads the raw store of one source; `writer` opens it for writing.

    A reader takes no lock: it sees whole batches only, also while a sync runs.
    """

    home: Path
    source: str

    @property
    def folder(self) -> Path:
        """Where everything of the source lies."""
        return self.home / "raw" / self.source

    @property
    def ledger_path(self) -> Path:
        """The SQLite file; missing before the first answer."""
        return self.folder / "ledger.sqlite"

    @property
    def marker(self) -> Path:
        """Lies there while a writer is at work: found by the next one, it was killed."""
        return self.folder / ".writing"

    @property
    def aside(self) -> Path:
        """Where lies what no answer refers to."""
        return self.folder / "aside"

    def body_path(self, digest: str) -> Path:
        """Where a body lies."""
        return self.folder / "bodies" / digest[:2] / digest

    def batches(
        self, endpoint: str | None = None, *, as_known_on: date | None = None
    ) -> list[Batch]:
        """Batches in the order of their commit; of rows with the same key the last batch wins.

        Parameters
        ----------
        endpoint : str or None
            None for all.
        as_known_on : date or None
            Only what was fetched by the end of that day in Tokyo.

        Raises
        ------
        DataError
            Nothing had been fetched by ``as_known_on``.
        """
        until = None
        if as_known_on is not None:
            until = tokyo_instant(as_known_on + timedelta(days=1), 0)
            self._require_held(as_known_on, until=until)
        with self._reading() as connection:
            if connection is None:
                return []
            return ledger.read_batches(connection, endpoint=endpoint, until=until)

    def _require_held(self, day: date, *, until: datetime) -> None:
        first = self.first_fetch()
        if first is None:
            raise DataError(
                f"{self.source}: as known on {day}: nothing is held yet; run: "
                f"gogooku sync --source {self.source}"
            )
        if first >= until:
            began = tokyo_time(first).date()
            raise DataError(
                f"{self.source}: as known on {day}: nothing had been fetched by then, the first "
                f"sync was on {began}; name {began} or a later day, or use --by-rule, which dates "
                "rows by the publication table"
            )

    def first_fetch(self) -> datetime | None:
        """When the oldest batch was fetched; None in an empty store."""
        with self._reading() as connection:
            return None if connection is None else ledger.read_first_fetch(connection)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """The open ledger; None where nothing was ever committed.

        One that is missing or empty beside bodies is a `DataError`.
        """
        if not self.ledger_path.exists():
            self._refuse_lost("is missing")
            yield None
            return
        with ledger.opened(self.ledger_path, source=self.source) as connection:
            if ledger.is_empty(connection):
                self._refuse_lost("is empty")
                yield None
                return
            ledger.check_schema(connection, self.ledger_path)
            yield connection

    def _refuse_lost(self, what: str) -> None:
        """Refuse to go on without a ledger where bodies show that there was one."""
        num_bodies = sum(1 for _ in self.folder.glob("bodies/*/*"))
        num_records = len(record_keys(self.folder))
        if num_bodies or num_records:
            raise DataError(
                f"{self.ledger_path}: the ledger of {self.source} {what}, beside {num_bodies:,} "
                f"fetched bodies and {num_records:,} records of answers. "
                f"{ledger.repair_hint(self.source)}"
            )

    def bodies(self, batch: Batch) -> list[bytes]:
        """The bodies of a batch as they were received, checked against their hashes.

        Raises
        ------
        DataError
            A body is missing or damaged; the message names its file.
        """
        with ledger.opened(self.ledger_path, source=self.source) as connection:
            records = [ledger.read_body(connection, digest) for digest in batch.bodies]
        return [
            self._body(digest, record, batch=batch)
            for digest, record in zip(batch.bodies, records, strict=True)
        ]

    def _body(self, digest: str, record: Body | None, *, batch: Batch) -> bytes:
        try:
            if record is None:
                raise DataError("the ledger does not know it")
            return decoded_body(self.body_path(digest), record)
        except DataError as fault:
            asked = f"{batch.endpoint} {batch.query}".strip()
            raise DataError(
                f"{self.body_path(digest)}: a body of {asked} (fetched "
                f"{batch.fetched_at:%Y-%m-%d}) is missing or damaged ({fault}). Put the file back "
                f"from a copy, or run gogooku sync --source {self.source} --repair, which sets it "
                "aside, and then gogooku sync, which fetches it again."
            ) from fault

    def decoded(self, batch: Batch) -> Decoded:
        """The rows of a batch.

        Raises
        ------
        DataError
            A damaged body, or an endpoint that this program does not know.
        """
        return decode(_endpoint(batch.endpoint), self.bodies(batch), kind=batch.kind)

    def subscription(self) -> Subscription | None:
        """The subscription as it was last discovered; None before the first sync."""
        with self._reading() as connection:
            text = None if connection is None else ledger.read_fact(connection, _SUBSCRIPTION)
            with ledger.row_of("facts, subscription"):
                value = None if text is None else json.loads(text)
        return None if value is None else Subscription.from_json(value)

    def digests(self) -> set[str]:
        """Hashes of all bodies that a batch refers to."""
        return set(self.body_sizes())

    def body_sizes(self) -> dict[str, int]:
        """Bytes on the disk of every body that a batch refers to, by its hash."""
        with self._reading() as connection:
            return {} if connection is None else ledger.read_body_sizes(connection)

    def dues(self) -> list[Due]:
        """Code histories that were restated and not yet asked again."""
        with self._reading() as connection:
            return [] if connection is None else ledger.read_dues(connection)

    def days(self, endpoint: str) -> dict[date, int]:
        """Distinct codes by axis date, by the newest batch that covers the date."""
        with self._reading() as connection:
            return {} if connection is None else ledger.read_days(connection, endpoint=endpoint)

    def refused(self, endpoint: str) -> dict[str, datetime]:
        """Queries of an endpoint that the vendor did not accept, and when it last did not."""
        with self._reading() as connection:
            if connection is None:
                return {}
            found = ledger.read_facts(connection, begin=f"{_REFUSED} {endpoint} ")
            with ledger.row_of(f"facts, {_REFUSED} {endpoint}"):
                return {query: ledger.from_text(text) for query, text in found.items()}

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        """Hold the store for writing. Nothing is created before the first `Writer.commit`.

        Raises
        ------
        BusyError
            Another process is writing this source.
        DataError
            The ledger is lost, damaged, or older than the records; nothing was changed.
        """
        with self.alone():
            writer = Writer(store=self)
            self._compare()
            if self.marker.exists():
                writer.num_aside = len(self.set_aside(self.digests()))
                self.marker.unlink()
            try:
                yield writer
            finally:
                writer.close()

    def _compare(self) -> None:
        """Compare the ledger with the records: see the module."""
        with self._reading() as connection:
            if connection is None:
                return
            ledger.check_whole(connection)
            held = {key_of(batch): batch for batch in self.batches()}
            kept = record_keys(self.folder)
            extra = kept - held.keys()
            last = max((number for number, _ in held), default=0)
            if extra and not (self.marker.exists() and {key[0] for key in extra} == {last + 1}):
                raise DataError(
                    f"{self.ledger_path}: the ledger of {self.source} has {len(held):,} answers, "
                    f"and {len(extra):,} more were fetched that it does not know: it is an old "
                    f"copy or damaged. {ledger.repair_hint(self.source)}"
                )
            for key in extra:
                try:
                    self._adopt(read_record(record_path(self.folder, key)), connection)
                except DataError as fault:
                    raise DataError(
                        f"the newest answer of {self.source} is not whole ({fault}). "
                        f"{ledger.repair_hint(self.source)}"
                    ) from fault
            for key in held.keys() - kept:
                batch = held[key]
                bodies = [ledger.read_body(connection, digest) for digest in batch.bodies]
                known = [body for body in bodies if body is not None]
                days = ledger.read_batch_days(connection, number=batch.number)
                write_record(self.folder, record_of(batch, bodies=known, days=days))

    def _adopt(self, record: Record, connection: sqlite3.Connection) -> None:
        """Commit the answer of a writer that was killed just before."""
        for body in record.bodies:
            decoded_body(self.body_path(body.digest), body)
        with ledger.transaction(connection):
            ledger.insert_batch(
                connection, record.draft, bodies=record.bodies, number=record.number
            )

    def set_aside(self, known: AbstractSet[str]) -> list[Path]:
        """Move bodies that are not among the known ones, remove unfinished files; say where to."""
        for folder in (f"{RECORDS}/.*.tmp", "bodies/*/.*.tmp"):
            for path in self.folder.glob(folder):
                path.unlink(missing_ok=True)
        moved = []
        for path in [one for one in self.folder.glob("bodies/*/*") if one.name not in known]:
            self.aside.mkdir(exist_ok=True)
            os.replace(path, self.aside / path.name)
            moved.append(self.aside / path.name)
            write_point("raw.aside")
        return moved

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other writer out; `BusyError` where one is at work."""
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.folder))
            except BusyError as fault:
                raise BusyError(
                    f"{self.source}: another sync is writing {self.folder}; wait for it to end, "
                    "then run the command again. Nothing was asked."
                ) from fault
            yield


@dataclass
class Writer:
    """Adds batches; made by `RawStore.writer`, which holds the lock.

    ``num_aside`` bodies of a killed writer were set aside before.
    """

    store: RawStore
    num_aside: int = 0
    _ready: bool = False
    _put: dict[str, Body] = field(default_factory=dict)
    _written: set[str] = field(default_factory=set)

    def put(self, body: bytes) -> str:
        """Write a body and return its hash; one that is held already is not written again.

        It is visible once a `commit` refers to it, and removed by `close` if none does.
        """
        digest = hashlib.sha256(body).hexdigest()
        if digest in self._put:
            return digest
        self._prepare()
        path = self.store.body_path(digest)
        with ledger.opened(self.store.ledger_path, source=self.store.source) as connection:
            held = ledger.read_body(connection, digest)
        if held is None or not path.exists():
            encoding, stored = _packed(body)
            write_whole(path, stored, point="raw.written")
            self._written.add(digest)
            (self.store.aside / digest).unlink(missing_ok=True)  # the same bytes, in their place
            held = Body(digest, encoding, raw_bytes=len(body), stored_bytes=len(stored))
        self._put[digest] = held
        write_point("raw.body")
        return digest

    def commit(self, draft: Draft, *, bodies: Sequence[str]) -> Batch:
        """Add one batch with everything that follows from it, in one transaction.

        Raises
        ------
        ValueError
            A body was not put by this writer.
        """
        if missing := [digest for digest in bodies if digest not in self._put]:
            raise ValueError(f"{len(missing)} of {len(bodies)} bodies were not put")
        self._prepare()
        write_point("raw.commit")
        known = [self._put[digest] for digest in bodies]
        record = None
        try:
            with (
                ledger.opened(self.store.ledger_path, source=self.store.source) as connection,
                ledger.transaction(connection),
            ):
                batch = ledger.insert_batch(connection, draft, bodies=known)
                record = write_record(self.store.folder, Record(batch.number, draft, tuple(known)))
                write_point("raw.inserted")
        except BaseException:
            if record is not None:
                record.unlink(missing_ok=True)
            raise
        for digest in bodies:
            self._put.pop(digest, None)
            self._written.discard(digest)
        write_point("raw.committed")
        return batch

    def remember(self, subscription: Subscription) -> None:
        """Keep what was discovered of the subscription.

        Of another key, address or plan than before, refused queries are forgotten with it: they
        were refused to those.
        """
        self._prepare()
        held = self.store.subscription()
        same = held is not None and (held.mark, held.plan) == (subscription.mark, subscription.plan)
        path = self.store.ledger_path
        with (
            ledger.opened(path, source=self.store.source) as connection,
            ledger.transaction(connection),
        ):
            text = canonical_json(subscription.to_json())
            ledger.write_fact(connection, _SUBSCRIPTION, value=text)
            if not same:
                ledger.drop_facts(connection, begin=f"{_REFUSED} ")
        write_point("raw.remembered")

    def refuse(self, endpoint: str, *, query: str, at: datetime) -> None:
        """Keep that the vendor did not accept a query."""
        self._prepare()
        name = f"{_REFUSED} {endpoint} {query}"
        with (
            ledger.opened(self.store.ledger_path, source=self.store.source) as connection,
            ledger.transaction(connection),
        ):
            ledger.write_fact(connection, name, value=ledger.to_text(at))
        write_point("raw.remembered")

    def close(self) -> None:
        """Remove the bodies that this writer wrote itself and did not commit."""
        if not self._ready:
            return
        for digest in self._written:
            self.store.body_path(digest).unlink(missing_ok=True)
        self._put.clear()
        self._written.clear()
        self.store.marker.unlink(missing_ok=True)

    def _prepare(self) -> None:
        if self._ready:
            return
        with storage_errors(self.store.folder):
            self.store.folder.mkdir(parents=True, exist_ok=True)
            self.store.marker.touch()
        write_point("raw.begin")
        path = self.store.ledger_path
        with ledger.opened(path, source=self.store.source) as connection:
            with ledger.transaction(connection):
                ledger.create(connection)
            ledger.check_schema(connection, path)
        self._ready = True
        write_point("raw.ready")


def decode(endpoint: Endpoint, bodies: Sequence[bytes], *, kind: BatchKind) -> Decoded:
    """Decode the bodies of an answer by what kind of answer it is."""
    if kind is BatchKind.FILE:
        return decode_file(endpoint, bodies[0])
    return decode_pages(endpoint, bodies)


def _endpoint(name: str) -> Endpoint:
    if name not in ENDPOINTS:
        raise DataError(
            f"endpoint {name!r} is held but not known to this program; use the one that wrote it"
        )
    return ENDPOINTS[name]


def _packed(body: bytes) -> tuple[str, bytes]:
    if body.startswith(GZIP_MAGIC):
        return _AS_IS, body
    return _ZSTD, zstd.compress(body, _LEVEL)


def decoded_body(path: Path, record: Body) -> bytes:
    """A body as it was received, from its file; one without its hash is a `DataError`."""
    try:
        stored = path.read_bytes()
        if record.encoding == _ZSTD:
            stored = zstd.ZstdDecompressor().decompress(stored, record.raw_bytes + 1)
    except (OSError, zstd.ZstdError) as fault:
        raise DataError(str(fault)) from fault
    if hashlib.sha256(stored).hexdigest() != record.digest:
        raise DataError("its content does not have its hash")
    return stored
