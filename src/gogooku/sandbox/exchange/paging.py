"""Keys of pages and cursors: opaque, signed, and good only for the query that they came from.

A key carries the instant of the first page: all pages of a query show the same state, and asking
for a page again gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gogooku.sandbox.exchange.gates import Refusal

_SECRET: Final = b"an exchange that never existed"
_BAD_KEY: Final = "'pagination_key' is invalid."
_BAD_CURSOR: Final = "'cursor' is invalid."
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """Where in a query a page begins.

    Attributes
    ----------
    offset : int
        Rows before it.
    known : datetime
        Instant whose state all pages show, aware UTC.
    since : datetime or None
        Only rows that became visible after this instant (cursor polls).
    """

    offset: int
    known: datetime
    since: datetime | None = None


def query_hash(path: str, query: Mapping[str, str], api_key: str) -> str:
    """What a key is bound to: path, account and every parameter but key and cursor."""
    kept = {k: v for k, v in query.items() if k not in ("pagination_key", "cursor")}
    text = json.dumps([path, sorted(kept.items()), api_key], allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def page_key(place: Place, bound: str) -> str:
    """Opaque key of the page at a place."""
    since = None if place.since is None else _micros(place.since)
    return _seal(["page", bound, place.offset, _micros(place.known), since])


def place_of(key: str, bound: str) -> Place:
    """Place of a page key; a `Refusal` (400) for one of another query."""
    kind, origin, offset, known, since = _open(key, 5, _BAD_KEY)
    if kind != "page" or origin != bound:
        raise Refusal(400, _BAD_KEY)
    return Place(offset, _instant(known), None if since is None else _instant(since))


def cursor_key(known: datetime, bound: str) -> str:
    """Opaque cursor: everything up to ``known`` has been sent."""
    return _seal(["cursor", bound, _micros(known)])


def since_of(cursor: str, bound: str) -> datetime:
    """Instant of a cursor; a `Refusal` (400) for one of another query."""
    kind, origin, known = _open(cursor, 3, _BAD_CURSOR)
    if kind != "cursor" or origin != bound:
        raise Refusal(400, _BAD_CURSOR)
    return _instant(known)


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _seal(parts: list[Any]) -> str:
    body = json.dumps(parts, separators=(",", ":"), allow_nan=False).encode()
    mark = hmac.new(_SECRET, body, hashlib.sha256).digest()[:9]
    return base64.urlsafe_b64encode(mark + body).decode().rstrip("=")


def _open(text: str, length: int, refusal: str) -> list[Any]:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Refusal(400, refusal) from None
    mark, body = raw[:9], raw[9:]
    if not hmac.compare_digest(mark, hmac.new(_SECRET, body, hashlib.sha256).digest()[:9]):
        raise Refusal(400, refusal)
    parts: list[Any] = json.loads(body)
    if len(parts) != length:
        raise Refusal(400, refusal)
    return parts
