"""The J-Quants V2 API over HTTP: paced, patient with faults, and silent about the key.

200 is a page, 210 an empty one. 429, 408, 5xx, a lost connection, a cut or unreadable body are
faults that pass: they are asked again, within `Patience`, and end as a `TransientError`. Every
other answer is final and raises one of the refusals (`gogooku.ingest.jquants.refusals`), all of
them `TerminalError`: `RefusedKey`, `NoSubscription`, `NotInPlan`, `OutsideWindow`, `BadRequest`.

The key goes in one header, on requests to the base address only; no redirect is followed there.
Files lie elsewhere and are fetched by a second HTTP client that does not have it. No exception
keeps one of httpx as its cause or context: those hold the request with its headers. Where not even
a connection comes about the error is `Unreachable`, also a `TransientError`.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote, urljoin

import httpx

from gogooku.core.errors import DataError, TerminalError, TransientError
from gogooku.core.wall import JST, WallClock
from gogooku.ingest.jquants.addresses import host_of, refuse_plain
from gogooku.ingest.jquants.decode import Envelope, lacking, read_envelope, unpacked
from gogooku.ingest.jquants.endpoints import BULK_GET_PATH, BULK_LIST_PATH, Endpoint
from gogooku.ingest.jquants.origin import Origin
from gogooku.ingest.jquants.pacing import Pacer
from gogooku.ingest.jquants.plans import Bucket
from gogooku.ingest.jquants.refusals import (
    BadRequest,
    NoSubscription,
    NotInPlan,
    OutsideWindow,
    RefusedKey,
    refusal,
)

__all__ = [
    "ApiKey",
    "BadRequest",
    "BulkFile",
    "Client",
    "NoSubscription",
    "NotInPlan",
    "OutsideWindow",
    "Page",
    "Patience",
    "RefusedKey",
    "Unreachable",
]

_GZIP: Final = b"\x1f\x8b"
_EMPTY_PAGE: Final = b'{"data":[]}'
_BLOCK_SECONDS: Final = 310.0
"""The vendor refuses everything for about five minutes after sustained excess."""
_PAUSE_SECONDS: Final = 60.0
"""Time after which a rate limit per minute has certainly passed."""
_LONGEST_PAUSE_SECONDS: Final = 3600.0
_ANSWER_SECONDS: Final = 900.0
"""A body that drips in for longer than this is given up."""
_TIMEOUT: Final = httpx.Timeout(60.0, connect=15.0)
_QUOTED_CHARACTERS: Final = 300
FRUITLESS_LIMIT: Final = 3
"""After so many pages in a row that lacked fields again when asked again, it is no accident."""
_EMPTY_LIMIT: Final = 3
"""So many empty pages in a row with one successor are no accident: it may filter after paging."""
_USER_AGENT: Final = "gogooku/0.1"
_Read = TypeVar("_Read")
_Rows = list[dict[str, Any]]
_AGAIN: Final = "Run the same command again later; what was fetched before is kept."


class Unreachable(TransientError):  # noqa: N818 - named after what happened
    """Not one attempt of the last request reached the server."""


@dataclass(frozen=True, repr=False)
class ApiKey:
    """The key of an account. Its text is never shown; `scrub` takes it out of other texts."""

    value: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse an empty key and one that cannot be an HTTP header, without quoting it."""
        object.__setattr__(self, "value", self.value.strip())
        if not self.value:
            raise TerminalError(
                "JQUANTS_API_KEY is not set or empty; create a key in the J-Quants dashboard and "
                "set it: export JQUANTS_API_KEY=..."
            )
        if not all("!" <= character <= "~" for character in self.value):
            raise TerminalError(
                "JQUANTS_API_KEY contains spaces or characters that no key has; copy it again from "
                "the J-Quants dashboard."
            )

    def __repr__(self) -> str:
        return "ApiKey(***)"

    __str__ = __repr__

    def scrub(self, text: str) -> str:
        """Replace the key in a text, as it is, URL-quoted or JSON-quoted."""
        spellings = {self.value, quote(self.value, safe=""), json.dumps(self.value)[1:-1]}
        for spelling in sorted(spellings, key=len, reverse=True):
            text = text.replace(spelling, "***")
        return text


@dataclass(frozen=True)
class Patience:
    """How long faults are borne.

    Attributes
    ----------
    attempts : int
        Tries of one request before it is given up, at least 1.
    first_seconds, ceiling_seconds : float
        Wait after the first fault, doubled after each further one up to the ceiling; every wait
        is shortened by up to a half, by a hash of the request, so that clients do not march.
    refusals : int
        Answers 429 to one request before it is given up; the waits for them are the vendor's.
    """

    attempts: int = 6
    first_seconds: float = 2.0
    ceiling_seconds: float = 60.0
    refusals: int = 12

    def __post_init__(self) -> None:
        """Refuse what would never ask at all."""
        if self.attempts < 1 or self.refusals < 1 or self.first_seconds < 0:
            raise ValueError("patience needs at least one attempt and one refusal")

    def wait_seconds(self, request: str, fault: int) -> float:
        """Seconds to wait after the ``fault``-th fault (from 1) of a request."""
        full = min(self.ceiling_seconds, self.first_seconds * 2.0 ** (fault - 1))
        digest = hashlib.sha256(f"{request} {fault}".encode()).digest()
        return full * (0.5 + 0.5 * int.from_bytes(digest[:4], "big") / 2**32)


@dataclass(frozen=True)
class Page:
    """One page of a query.

    Attributes
    ----------
    body : bytes
        JSON text as received, after content decoding; ``{"data":[]}`` for a 210.
    rows : int
    pagination_key : str or None
        Key of the next page; None on the last one.
    cursor : str or None
        Where a later poll goes on; on the last page only, where the endpoint has it.
    """

    body: bytes
    rows: int
    pagination_key: str | None
    cursor: str | None


@dataclass(frozen=True)
class BulkFile:
    """A line of the list of bulk files; ``last_modified`` is aware, ``num_bytes`` compressed."""

    key: str
    last_modified: datetime
    num_bytes: int


@dataclass(frozen=True)
class _Ask:
    """One API request: what it is about, for messages, and what is sent."""

    name: str
    path: str
    params: Mapping[str, str]
    bucket: Bucket = Bucket.DEFAULT

    def __str__(self) -> str:
        shown = " ".join(f"{name}={value}" for name, value in sorted(self.params.items()))
        return f"{self.name} {shown}".strip()


@dataclass(frozen=True)
class _Reply:
    """A whole answer; ``body`` is ``sent`` without its content encoding.

    Neither is in the repr: a server may echo the key.
    """

    status: int
    sent: bytes = field(repr=False)
    body: bytes = field(repr=False)
    retry_after: str | None


@dataclass(frozen=True)
class _Fault:
    """Why there is no usable answer; a value, so that no exception of httpx is carried along."""

    text: str
    unreachable: bool = False


class _KeyHeader(httpx.Auth):
    """Adds the key when a request is sent, so that no client or header object shows it."""

    def __init__(self, key: ApiKey) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        request.headers["x-api-key"] = self._key.value
        yield request


class Client:
    """Asks the API; one request at a time, each let through by the pacer.

    Parameters
    ----------
    base_url : str
        Address with its version, such as ``https://api.jquants.com/v2``.
    key : ApiKey
    pacer : Pacer
        Its plan is the subscription's; ``discover`` sets it.
    clock : WallClock
        Waits between attempts.
    transport : httpx.BaseTransport, optional
        Instead of the network, in tests.
    patience : Patience

    Attributes
    ----------
    requests : int
        API requests sent so far, repeated ones included; downloads of files are not API requests.
    origin : Origin
        Whom it asks, and as whom.
    """

    def __init__(
        self,
        *,
        base_url: str,
        key: ApiKey,
        pacer: Pacer,
        clock: WallClock,
        transport: httpx.BaseTransport | None = None,
        patience: Patience = Patience(),
    ) -> None:
        self.requests = 0
        self.pacer = pacer
        self.origin = Origin(base_url, key.value)
        self._fruitless: dict[str, int] = {}
        self._base_url = base_url.rstrip("/")
        self._host = host_of(self._base_url)
        self._key = key
        self._clock = clock
        self._patience = patience
        # trust_env=False: no environment variable and no .netrc decides where the key goes.
        self._api = httpx.Client(
            transport=transport,
            auth=_KeyHeader(key),
            headers={"accept-encoding": "gzip", "user-agent": _USER_AGENT},
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,
        )
        self._files = httpx.Client(
            transport=transport,
            headers={"accept-encoding": "identity", "user-agent": _USER_AGENT},
            timeout=_TIMEOUT,
            event_hooks={"request": [refuse_plain]},
            follow_redirects=True,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._api.close()
        self._files.close()

    def pages(
        self,
        endpoint: Endpoint,
        params: Mapping[str, str],
        *,
        fields: frozenset[str] = frozenset(),
    ) -> Iterator[Page]:
        """Ask one query and yield all its pages in order, each asked when it is wanted.

        A page that repeats an earlier one, and an empty one that is said to have a successor, are
        asked again: taken as they are, rows would be doubled or lost. A page that keeps repeating
        the rows of the one before under a new key is left out, and one that is empty with the same
        successor `_EMPTY_LIMIT` times is believed.

        ``fields`` are those that every row should have. A page with a row that lacks one is asked
        once more and the fuller of both is taken; not any more once that was in vain for
        `FRUITLESS_LIMIT` pages of an endpoint in a row.

        Raises
        ------
        TransientError
            Patience is at an end; pages already yielded are then not the whole query.
        RefusedKey, NoSubscription, NotInPlan, OutsideWindow, BadRequest
            See the module.
        """
        ask = _Ask(endpoint.name, endpoint.path, dict(params), endpoint.bucket)
        key: str | None = None
        seen: set[str] = set()
        before: _Rows = []
        while True:
            take = partial(self._next_page, ask, key, seen, before)
            page, rows = take()
            if lacking(rows, fields):
                page, rows = self._fuller(endpoint.name, (page, rows), take, fields=fields)
            if not rows or rows != before:
                yield page
            key = page.pagination_key
            if key is None:
                return
            seen.add(key)
            before = rows or before

    def bulk_list(self, *, endpoint: Endpoint) -> list[BulkFile]:
        """List the bulk files of an endpoint, in the server's order (oldest first).

        An instant without a time zone is Tokyo time, as all times of the vendor.
        """
        ask = _Ask(f"bulk files of {endpoint.name}", BULK_LIST_PATH, {"endpoint": endpoint.path})
        return self._ask(ask, _bulk_rows)

    def bulk_file(self, key: str) -> bytes:
        """Fetch one bulk file: gzip bytes that unpack completely.

        Its address works once and for five minutes: whenever a download fails, a new one is asked
        for.

        Raises
        ------
        TransientError
            No complete file within the patience.
        DataError
            The address is not https, or the file unpacks to more than the limit.
        RefusedKey, NoSubscription, NotInPlan, OutsideWindow, BadRequest
            Of the request for the address.
        """
        ask = _Ask(f"bulk file {key}", BULK_GET_PATH, {"key": key})
        fault = _Fault("nothing tried")
        for attempt in range(1, self._patience.attempts + 1):
            found = self._download(self._ask(ask, _file_address))
            if isinstance(found, bytes):
                return found
            fault = found
            if attempt < self._patience.attempts:
                self._clock.sleep(self._patience.wait_seconds(str(ask), attempt))
        raise self._gave_up(ask, self._patience.attempts, fault)

    # --- one request ----------------------------------------------------------------------------

    def _next_page(
        self, ask: _Ask, key: str | None, seen: set[str], before: _Rows
    ) -> tuple[Page, _Rows]:
        """One page that is none of those already had, and its rows."""
        params = {**ask.params, "pagination_key": key} if key is not None else ask.params
        whole = _Ask(ask.name, ask.path, params, ask.bucket)
        empty: list[str] = []
        for attempt in range(1, self._patience.attempts + 1):
            body, envelope = self._ask(whole, _page)
            following = envelope.pagination_key
            page = Page(body, len(envelope.rows), following, envelope.cursor)
            if following is not None and following in seen:
                fault = _Fault("a page that was already sent: its successors would be lost")
            elif following is not None and not envelope.rows:
                empty = [following, *(key for key in empty if key == following)]
                if len(empty) >= _EMPTY_LIMIT:
                    return page, envelope.rows
                fault = _Fault("an empty page before the end: its rows would be lost")
            elif envelope.rows and envelope.rows == before and attempt < self._patience.attempts:
                fault = _Fault("the rows of the page before")
            else:
                return page, envelope.rows
            self._clock.sleep(self._patience.wait_seconds(str(whole), attempt))
        raise self._gave_up(whole, self._patience.attempts, fault)

    def _fuller(
        self,
        name: str,
        found: tuple[Page, _Rows],
        take: Callable[[], tuple[Page, _Rows]],
        *,
        fields: frozenset[str],
    ) -> tuple[Page, _Rows]:
        """A page that lacks fields once more, and the one that lacks fewer."""
        if self._fruitless.get(name, 0) >= FRUITLESS_LIMIT:
            return found
        other = take()
        if len(lacking(other[1], fields)) >= len(lacking(found[1], fields)):
            self._fruitless[name] = self._fruitless.get(name, 0) + 1
            return found
        self._fruitless[name] = 0
        return other

    def _ask(self, ask: _Ask, read: Callable[[_Reply], _Read]) -> _Read:
        """Ask until ``read`` accepts an answer; it says by a `DataError` that one is unusable."""
        faults = refusals = 0
        while True:
            self.pacer.wait(ask.bucket)
            self.requests += 1
            reply = self._send(self._api, self._base_url + ask.path, ask.params)
            fault = reply if isinstance(reply, _Fault) else _passing_fault(reply)
            if isinstance(reply, _Reply) and reply.status == 429:
                refusals += 1
                if refusals >= self._patience.refusals:
                    raise self._gave_up(ask, refusals, _Fault("429 (over the rate limit)"))
                self.pacer.punish(self._pause_seconds(reply, refusals))
                continue
            if fault is None and isinstance(reply, _Reply):
                if reply.status not in (200, 210):
                    said = self._said(_message(reply))
                    raise refusal(
                        reply.status, said, host=self._host, name=ask.name, request=str(ask)
                    )
                try:
                    return read(reply)
                except DataError as unusable:
                    fault = _Fault(f"an answer with {unusable}")
            faults += 1
            if fault is not None and faults >= self._patience.attempts:
                raise self._gave_up(ask, faults, fault)
            self._clock.sleep(self._patience.wait_seconds(str(ask), faults))

    def _send(
        self, http: httpx.Client, url: str, params: Mapping[str, str] | None = None
    ) -> _Reply | _Fault:
        """Send one request and read its whole body; a transport fault is returned, not raised."""
        deadline = self._clock.now().timestamp() + _ANSWER_SECONDS
        try:
            with http.stream("GET", url, params=params) as response:
                # The stream itself, not iter_bytes: httpx does not notice a gzip body that is cut.
                assert isinstance(response.stream, httpx.SyncByteStream)
                parts = []
                for part in response.stream:
                    parts.append(part)
                    if self._clock.now().timestamp() > deadline:
                        return _Fault(f"a body that was not whole after {_ANSWER_SECONDS:.0f} s")
                headers = response.headers
                encoding = headers.get("content-encoding", "").strip().lower()
                sent = b"".join(parts)
                body = _decoded(sent, encoding)
                if isinstance(body, _Fault):
                    if response.status_code in (200, 210):
                        return body
                    body = b""  # the number says enough
                return _Reply(response.status_code, sent, body, headers.get("retry-after"))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return _Fault(self._said(str(error)) or type(error).__name__, unreachable=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _Fault(f"{type(error).__name__}: {self._said(str(error))}".rstrip(": "))

    def _download(self, address: str) -> bytes | _Fault:
        """Fetch a file without the key; the address is a secret too and is never quoted."""
        reply = self._send(self._files, urljoin(self._base_url + "/", address))
        if isinstance(reply, _Fault):
            return _Fault(reply.text.replace(address, "the file's address"), reply.unreachable)
        if reply.status != 200:
            return _Fault(f"status {reply.status} for the file's address (expired or used)")
        # Some file servers call the file's own gzip a content encoding.
        body = reply.body if reply.body.startswith(_GZIP) else reply.sent
        try:
            unpacked(body)
        except (OSError, EOFError, zlib.error) as error:
            return _Fault(f"a file that does not unpack ({error})")
        return body

    # --- what to say ----------------------------------------------------------------------------

    def _pause_seconds(self, reply: _Reply, refusals: int) -> float:
        """Seconds without any request after the ``refusals``-th 429 in a row."""
        own = _PAUSE_SECONDS if refusals == 1 else _BLOCK_SECONDS
        return min(max(own, self._retry_after_seconds(reply)), _LONGEST_PAUSE_SECONDS)

    def _retry_after_seconds(self, reply: _Reply) -> float:
        text = (reply.retry_after or "").strip()
        if text.isdigit():
            return float(text)
        try:
            instant = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
        return (aware - self._clock.now()).total_seconds()

    def _said(self, text: str) -> str:
        """One line of what the server or a library said, without the key."""
        line = " ".join(self._key.scrub(text).split())
        return line if len(line) <= _QUOTED_CHARACTERS else f"{line[:_QUOTED_CHARACTERS]}..."

    def _gave_up(self, ask: _Ask, attempts: int, fault: _Fault) -> TransientError:
        if fault.unreachable:
            return Unreachable(
                f"no answer from {self._host} ({fault.text}) in {attempts} attempts for {ask}; "
                f"check the network and JQUANTS_BASE_URL. {_AGAIN}"
            )
        return TransientError(
            f"{ask}: {attempts} attempts failed, the last by {fault.text}. {_AGAIN}"
        )


def _decoded(raw: bytes, encoding: str) -> bytes | _Fault:
    """Undo the content encoding; a cut gzip body is a fault."""
    if encoding in ("", "identity"):
        return raw
    if encoding not in ("gzip", "x-gzip"):
        return _Fault(f"a body encoded as {encoding[:20]!r}, which was not asked for")
    try:
        return unpacked(raw)
    except (OSError, EOFError, zlib.error) as error:
        return _Fault(f"a gzip body that does not unpack ({error})")


def _passing_fault(reply: _Reply) -> _Fault | None:
    """The fault of an answer that is worth asking again; None where the answer is final."""
    if reply.status == 408 or reply.status >= 500:
        return _Fault(f"status {reply.status}")
    return None


def _message(reply: _Reply) -> str:
    """What the server says in words."""
    text = reply.body.decode("utf-8", errors="replace")
    try:
        answer = json.loads(text)
    except ValueError:
        return text
    return str(answer.get("message", text)) if isinstance(answer, dict) else text


def _page(reply: _Reply) -> tuple[bytes, Envelope]:
    body = _EMPTY_PAGE if reply.status == 210 else reply.body
    return body, read_envelope(body)


def _bulk_rows(reply: _Reply) -> list[BulkFile]:
    try:
        return [
            BulkFile(
                key=str(row["Key"]),
                last_modified=_aware(str(row["LastModified"])),
                num_bytes=int(row["Size"]),
            )
            for row in _page(reply)[1].rows
        ]
    except (KeyError, TypeError, ValueError) as fault:
        raise DataError(f"a list of files without {fault}") from None


def _aware(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=JST)


def _file_address(reply: _Reply) -> str:
    try:
        address = json.loads(reply.body)["url"]
    except (ValueError, KeyError, TypeError):
        address = None
    if not isinstance(address, str) or not address:
        raise DataError("no address of the file")
    return address
