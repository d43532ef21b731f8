"""What a whole answer of the server says: a page, a list of files, an address, a reason, a wait."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from gogooku.core.errors import DataError
from gogooku.core.wall import JST
from gogooku.ingest.jquants.bodies import load_json
from gogooku.ingest.jquants.decode import Envelope, read_envelope

_EMPTY_PAGE: Final = b'{"data":[]}'
_ADDRESS_CHARACTERS: Final = 8_000
_SECONDS: Final = re.compile(r"[0-9]{1,30}(\.[0-9]{0,30})?")
_YEARS: Final = range(2000, 2100)
_PASSING: Final = frozenset({202, 204, 206, 408})
"""Answers without the data, or with a part of it, that may be whole the next time."""


@dataclass(frozen=True)
class BulkFile:
    """A line of the list of bulk files; ``last_modified`` is aware, ``num_bytes`` compressed."""

    key: str
    last_modified: datetime
    num_bytes: int


@dataclass(frozen=True)
class Reply:
    """A whole answer; ``body`` is ``sent`` without its content encoding.

    Neither is in the repr: a server may echo the key.
    """

    status: int
    sent: bytes = field(repr=False)
    body: bytes = field(repr=False)
    retry_after: str | None

    @property
    def passes(self) -> bool:
        """Whether it is a fault that may have passed when asked again."""
        return self.status in _PASSING or self.status >= 500


def page_of(reply: Reply) -> tuple[bytes, Envelope]:
    """A page, taken apart."""
    body = _EMPTY_PAGE if reply.status == 210 else reply.body
    return body, read_envelope(body)


def files_of(reply: Reply) -> list[BulkFile]:
    """A list of files."""
    return [_file(row) for row in page_of(reply)[1].rows]


def _file(row: dict[str, Any]) -> BulkFile:
    try:
        key, modified, size = row["Key"], row["LastModified"], row["Size"]
    except KeyError as fault:
        raise DataError(f"a list of files without {fault}") from None
    if not isinstance(key, str) or not isinstance(modified, str):
        raise DataError("a list of files with a Key or LastModified that is no text")
    if type(size) not in (int, str) or not re.fullmatch(r"[0-9]{1,18}", str(size)):
        raise DataError("a list of files with a Size that is no number of bytes")
    return BulkFile(key=key, last_modified=_aware(modified), num_bytes=int(size))


def _aware(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise DataError("a list of files with a LastModified that is no instant") from None
    if instant.year not in _YEARS:
        raise DataError(f"a list of files of the year {instant.year}")
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=JST)


def address_of(reply: Reply) -> str:
    """The address of a file."""
    answer = load_json(reply.body)
    address = answer.get("url") if isinstance(answer, dict) else None
    if not isinstance(address, str) or not address:
        raise DataError("no address of the file")
    if len(address) > _ADDRESS_CHARACTERS or not (address.isascii() and address.isprintable()):
        raise DataError("an address of the file that cannot be one")
    return address


def message_of(reply: Reply) -> str:
    """What the server says in words; not safe to show."""
    text = reply.body.decode("utf-8", errors="replace")
    try:
        answer = load_json(reply.body)
    except DataError:
        return text
    return str(answer.get("message", text)) if isinstance(answer, dict) else text


def wait_of(reply: Reply, *, now: datetime) -> float:
    """Seconds that ``Retry-After`` asks for, at least 0; 0 where it cannot be read."""
    text = (reply.retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        instant = parsedate_to_datetime(text)
        aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
        return max(0.0, (aware - now).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
