"""A record of each answer beside its bodies: what the ledger says of it, should the ledger be lost.

::

    raw/<source>/records/<number>-<content>.json

Line 1 is the record, line 2 the SHA-256 of line 1. It is written, and lies on the disk, before the
transaction of its batch commits; so every batch has one, and at most the newest has no batch.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from gogooku.core.errors import DataError
from gogooku.core.files import canonical_json, storage_errors, sync_path, write_point
from gogooku.ingest.jquants.ledger import (
    Batch,
    BatchKind,
    Body,
    Draft,
    Factor,
    content_of,
    from_text,
    is_sound,
    to_text,
)

RECORDS: Final = "records"
_NAME: Final = re.compile(r"(?P<number>\d{8,})-(?P<content>[0-9a-f]{16})\.json")
_LIMIT_BYTES: Final = 64 << 20
_UNREAD: Final = "unread"
Key = tuple[int, str]
"""Number and the first digits of the content of a batch."""


@dataclass(frozen=True)
class Record:
    """A batch with its number, its draft and its bodies.

    ``factors_read`` is False where it was made later from a ledger, which does not say which batch
    a factor was in: they are then to be read from the bodies.
    """

    number: int
    draft: Draft
    bodies: tuple[Body, ...]
    factors_read: bool = True

    @property
    def key(self) -> Key:
        """Number and content: no other record has both."""
        return self.number, content_of([body.digest for body in self.bodies])[:16]

    @property
    def asked(self) -> str:
        """What was asked, as people write it."""
        return f"{self.draft.endpoint} {self.draft.query}".strip()


def key_of(batch: Batch) -> Key:
    """The key that the record of a batch has."""
    return batch.number, batch.content[:16]


def record_path(folder: Path, key: Key) -> Path:
    """Where a record lies in a store's folder."""
    return folder / RECORDS / f"{key[0]:08d}-{key[1]}.json"


def record_keys(folder: Path) -> set[Key]:
    """Keys of the records that lie there, by their names."""
    found = (_NAME.fullmatch(path.name) for path in (folder / RECORDS).glob("*.json"))
    return {(int(one["number"]), one["content"]) for one in found if one}


def write_record(folder: Path, record: Record) -> Path:
    """Write a record so that all of it is on the disk or nothing."""
    path = record_path(folder, record.key)
    line = canonical_json(_to_json(record))
    text = f"{line}\n{hashlib.sha256(line.encode()).hexdigest()}\n"
    write_whole(path, text.encode(), point="raw.record")
    return path


def write_whole(path: Path, content: bytes, *, point: str) -> None:
    """Write a file under another name, flush it, rename it, and flush the rename."""
    temporary = path.with_name(f".{path.name}.tmp")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as handle:
                handle.write(content)
                write_point(point)
                handle.flush()
                os.fsync(handle.fileno())
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync_path(path.parent)


def read_record(path: Path) -> Record:
    """Read a record; one that is damaged in any way is a `DataError` that names it."""
    try:
        if path.stat().st_size > _LIMIT_BYTES:
            raise ValueError(f"larger than {_LIMIT_BYTES >> 20} MiB")
        line, _, rest = path.read_text(encoding="utf-8").partition("\n")
        if hashlib.sha256(line.encode()).hexdigest() != rest.strip():
            raise ValueError("it does not have its hash")
        record = _from_json(json.loads(line))
        if path.name != record_path(path.parent, record.key).name:
            raise ValueError("it is of another answer than its name says")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
        raise DataError(f"{path}: the record of an answer is damaged ({fault})") from fault
    return record


def read_records(folder: Path) -> tuple[list[Record], list[Path]]:
    """All records in the order of their numbers, and the files that are damaged."""
    good, bad = [], []
    for path in sorted((folder / RECORDS).glob("*.json")):
        try:
            good.append(read_record(path))
        except DataError:
            bad.append(path)
    return sorted(good, key=lambda record: record.key), bad


def record_of(batch: Batch, *, bodies: Sequence[Body], days: Iterable[tuple[date, int]]) -> Record:
    """The record of a batch that has none yet, from what the ledger says."""
    draft = Draft(
        endpoint=batch.endpoint,
        query=batch.query,
        kind=batch.kind,
        first=batch.first,
        last=batch.last,
        fetched_at=batch.fetched_at,
        rows=batch.rows,
        last_modified=batch.last_modified,
        cursor=batch.cursor,
        days=dict(days),
    )
    return Record(batch.number, draft, tuple(bodies), factors_read=False)


def _to_json(record: Record) -> dict[str, Any]:
    draft = record.draft
    factors: Any = _UNREAD
    if record.factors_read:
        factors = draft.factors and [
            [one.code, one.ex_date.isoformat(), one.ratio, to_text(one.known_at)]
            for one in draft.factors
        ]
        factors = [] if draft.factors == () else factors
    return {
        "number": record.number,
        "endpoint": draft.endpoint,
        "query": draft.query,
        "kind": draft.kind.value,
        "first": draft.first and draft.first.isoformat(),
        "last": draft.last and draft.last.isoformat(),
        "fetched_at": to_text(draft.fetched_at),
        "rows": draft.rows,
        "last_modified": draft.last_modified and to_text(draft.last_modified),
        "cursor": draft.cursor,
        "days": {day.isoformat(): names for day, names in draft.days.items()},
        "factors": factors,
        "plan": draft.plan,
        "base": draft.base,
        "bodies": [
            [one.digest, one.encoding, one.raw_bytes, one.stored_bytes] for one in record.bodies
        ],
    }


def _from_json(value: dict[str, Any]) -> Record:
    factors = value["factors"]
    read = factors != _UNREAD
    draft = Draft(
        endpoint=value["endpoint"],
        query=value["query"],
        kind=BatchKind(value["kind"]),
        first=date.fromisoformat(value["first"]) if value["first"] else None,
        last=date.fromisoformat(value["last"]) if value["last"] else None,
        fetched_at=from_text(value["fetched_at"]),
        rows=int(value["rows"]),
        last_modified=from_text(value["last_modified"]) if value["last_modified"] else None,
        cursor=value["cursor"],
        days={date.fromisoformat(day): int(names) for day, names in value["days"].items()},
        factors=tuple(_factor(one) for one in factors) if read and factors is not None else None,
        plan=value["plan"],
        base=value["base"],
    )
    bodies = tuple(Body(*one) for one in value["bodies"])
    if not all(is_sound(body) for body in bodies):
        raise ValueError("a body of it cannot be one")
    return Record(int(value["number"]), draft, bodies, factors_read=read)


def _factor(value: Sequence[Any]) -> Factor:
    code, ex_date, ratio, known_at = value
    return Factor(str(code), date.fromisoformat(ex_date), float(ratio), from_text(known_at))
