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
from functools import partial
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote, urljoin

import httpx

from gogooku.core.errors import DataError, TerminalError, TransientError
from gogooku.core.plain import plain
from gogooku.core.wall import PLAYED_HEADER, ShiftedClock, WallClock
from gogooku.ingest.jquants.addresses import FileRule, host_of, is_loopback
from gogooku.ingest.jquants.bodies import (
    FILE_BYTES,
    PACKED_FILE_BYTES,
    PAGE_BYTES,
    TooLarge,
    too_large,
    unpacked,
)
from gogooku.ingest.jquants.course import Course
from gogooku.ingest.jquants.decode import lacking
from gogooku.ingest.jquants.endpoints import BULK_GET_PATH, BULK_LIST_PATH, Endpoint
from gogooku.ingest.jquants.network import DIRECT, Line, Network, ended_after
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
from gogooku.ingest.jquants.replies import (
    BulkFile,
    Reply,
    address_of,
    files_of,
    message_of,
    page_of,
    wait_of,
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
    "TooLarge",
    "Unreachable",
]

_GZIP: Final = b"\x1f\x8b"
_BLOCK_SECONDS: Final = 310.0
"""The vendor refuses everything for about five minutes after sustained excess."""
_PAUSE_SECONDS: Final = 60.0
"""Time after which a rate limit per minute has certainly passed."""
_LONGEST_PAUSE_SECONDS: Final = 3600.0
_LONGEST_WAIT_SECONDS: Final = 2 * 3600.0
"""What the server may make one request wait for in all."""
_ANSWER_SECONDS: Final = 900.0
"""An answer that drips in for longer than this is given up."""
_TIMEOUT: Final = httpx.Timeout(60.0, connect=15.0)
_QUOTED_CHARACTERS: Final = 300
FRUITLESS_LIMIT: Final = 3
"""After so many pages in a row that lacked fields again when asked again, it is no accident."""
_EMPTY_LIMIT: Final = 3
"""So many empty pages in a row with one successor are no accident: it may filter after paging."""
_REDIRECTS: Final = 5
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
        spellings = {
            self.value,
            quote(self.value, safe=""),
            json.dumps(self.value, allow_nan=False)[1:-1],
        }
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
class _Ask:
    """One API request: what it is about, for messages, and what is sent."""

    name: str
    path: str
    params: Mapping[str, str]
    bucket: Bucket = Bucket.DEFAULT

    def __str__(self) -> str:
        shown = " ".join(f"{name}={value}" for name, value in sorted(self.params.items()))
        return plain(f"{self.name} {shown}".strip(), limit=_QUOTED_CHARACTERS)


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
        Waits between attempts. What a shifted one shows goes to the sandbox exchange with each
        request.
    transport : httpx.BaseTransport, optional
        Instead of the network, in tests.
    patience : Patience
    network : Network
        Proxy and certificates.

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
        network: Network = DIRECT,
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
        self._is_here = is_loopback(httpx.URL(base_url).host)
        stamps = [self._say_time] if isinstance(clock, ShiftedClock) else []
        rule = FileRule(httpx.URL(base_url).host)
        # trust_env=False: no environment variable and no .netrc decides where the key goes.
        self._api_line = transport or Line(network)
        self._api = httpx.Client(
            transport=self._api_line,
            auth=_KeyHeader(key),
            headers={"accept-encoding": "gzip", "user-agent": _USER_AGENT},
            event_hooks={"request": stamps},
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,
        )
        self._file_line = transport or Line(network, allows=rule.allows)
        self._files = httpx.Client(
            transport=self._file_line,
            headers={"accept-encoding": "identity", "user-agent": _USER_AGENT},
            timeout=_TIMEOUT,
            event_hooks={"request": [rule, *stamps]},
            follow_redirects=True,
            max_redirects=_REDIRECTS,
            trust_env=False,
        )

    def _say_time(self, request: httpx.Request) -> None:
        request.headers[PLAYED_HEADER] = self._clock.now().isoformat()

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
            Patience is at an end, or the pages repeat earlier ones without end; pages already
            yielded are then not the whole query.
        TooLarge
            More than `QUERY_PAGES` pages or `QUERY_BYTES` bytes.
        RefusedKey, NoSubscription, NotInPlan, OutsideWindow, BadRequest
            See the module.
        """
        ask = _Ask(endpoint.name, endpoint.path, dict(params), endpoint.bucket)
        key: str | None = None
        seen: set[str] = set()
        before: _Rows = []
        course = Course()
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
            if fault := course.fault(len(page.body), rows):
                raise self._gave_up(ask, course.num_pages, _Fault(fault), tried="pages")
            course.refuse_long(str(ask))
            seen.add(key)
            before = rows or before

    def bulk_list(self, *, endpoint: Endpoint) -> list[BulkFile]:
        """List the bulk files of an endpoint, in the server's order (oldest first).

        An instant without a time zone is Tokyo time, as all times of the vendor.
        """
        ask = _Ask(f"bulk files of {endpoint.name}", BULK_LIST_PATH, {"endpoint": endpoint.path})
        return self._ask(ask, files_of)

    def bulk_file(self, key: str) -> bytes:
        """Fetch one bulk file: gzip bytes that unpack completely.

        Its address works once and for five minutes: whenever a download fails, a new one is asked
        for.

        Raises
        ------
        TransientError
            No complete file within the patience.
        DataError
            The address is one that files may not come from.
        TooLarge
            The file is larger than the limit, packed or not.
        RefusedKey, NoSubscription, NotInPlan, OutsideWindow, BadRequest
            Of the request for the address.
        """
        ask = _Ask(f"bulk file {key}", BULK_GET_PATH, {"key": key})
        fault = _Fault("nothing tried")
        for attempt in range(1, self._patience.attempts + 1):
            found = self._download(ask, self._ask(ask, address_of))
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
            body, envelope = self._ask(whole, page_of)
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

    def _ask(self, ask: _Ask, read: Callable[[Reply], _Read]) -> _Read:
        """Ask until ``read`` accepts an answer; it says by a `DataError` that one is unusable."""
        faults = refusals = 0
        waited = 0.0
        while True:
            self.pacer.wait(ask.bucket)
            self.requests += 1
            reply = self._asked(ask)
            fault = reply if isinstance(reply, _Fault) else None
            if isinstance(reply, Reply) and reply.passes:
                fault = _Fault(f"status {reply.status}")
            if isinstance(reply, Reply) and reply.status == 429:
                refusals += 1
                if refusals >= self._patience.refusals:
                    raise self._gave_up(ask, refusals, _Fault("429 (over the rate limit)"))
                pause = self._pause_seconds(reply, refusals)
                waited += pause
                if waited > _LONGEST_WAIT_SECONDS:
                    why = f"429 and a wait of {pause:,.0f} s after {waited - pause:,.0f} s"
                    raise self._gave_up(ask, refusals, _Fault(why))
                self.pacer.punish(pause)
                continue
            if fault is None and isinstance(reply, Reply):
                if reply.status not in (200, 210):
                    said = self._said(message_of(reply))
                    raise refusal(
                        reply.status, said, host=self._host, name=ask.name, request=str(ask)
                    )
                try:
                    return read(reply)
                except DataError as unusable:
                    fault = _Fault(f"an answer that is {self._said(str(unusable))}")
            faults += 1
            if fault is not None and fault.unreachable and self._is_here:
                raise self._gave_up(ask, faults, fault)  # nothing listens: waiting does not help
            if fault is not None and faults >= self._patience.attempts:
                raise self._gave_up(ask, faults, fault)
            self._clock.sleep(self._patience.wait_seconds(str(ask), faults))

    def _asked(self, ask: _Ask) -> Reply | _Fault:
        """Send a request of the API once."""
        url = self._base_url + ask.path
        try:
            with ended_after(_ANSWER_SECONDS, self._api_line):
                return self._send(self._api, url, ask.params, limits=(PAGE_BYTES, PAGE_BYTES))
        except TooLarge as fault:
            raise TooLarge(f"{ask}: {fault}") from None

    def _send(
        self,
        http: httpx.Client,
        url: str,
        params: Mapping[str, str] | None = None,
        *,
        limits: tuple[int, int],
    ) -> Reply | _Fault:
        """Send one request and read its whole body; a transport fault is returned, not raised.

        ``limits`` are the bytes that the body may have as it is sent and unpacked.
        """
        deadline = self._clock.now().timestamp() + _ANSWER_SECONDS
        try:
            with http.stream("GET", url, params=params) as response:
                # The stream itself, not iter_bytes: httpx does not notice a gzip body that is cut.
                assert isinstance(response.stream, httpx.SyncByteStream)
                parts: list[bytes] = []
                num_bytes = 0
                for part in response.stream:
                    parts.append(part)
                    num_bytes += len(part)
                    if num_bytes > limits[0]:
                        raise too_large("the body of the answer", f"{limits[0] >> 20:,} MiB")
                    if self._clock.now().timestamp() > deadline:
                        return _Fault(f"a body that was not whole after {_ANSWER_SECONDS:.0f} s")
                headers = response.headers
                encoding = headers.get("content-encoding", "").strip().lower()
                sent = b"".join(parts)
                body = _decoded(sent, encoding, limit=limits[1])
                if isinstance(body, _Fault):
                    if response.status_code in (200, 210):
                        return body
                    body = b""  # the number says enough
                return Reply(response.status_code, sent, body, headers.get("retry-after"))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            return _Fault(self._said(str(error)) or type(error).__name__, unreachable=True)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            return _Fault(f"{type(error).__name__}: {self._said(str(error))}".rstrip(": "))

    def _download(self, ask: _Ask, address: str) -> bytes | _Fault:
        """Fetch a file without the key; the address is a secret too and is never quoted."""
        url = urljoin(self._base_url + "/", address)
        limits = (PACKED_FILE_BYTES, FILE_BYTES)
        try:
            with ended_after(_ANSWER_SECONDS, self._file_line):
                reply = self._send(self._files, url, limits=limits)
            if isinstance(reply, _Fault):
                return _Fault(reply.text.replace(address, "the file's address"), reply.unreachable)
            if reply.status != 200:
                return _Fault(f"status {reply.status} for the file's address (expired or used)")
            # Some file servers call the file's own gzip a content encoding.
            body = reply.body if reply.body.startswith(_GZIP) else reply.sent
            unpacked(body, limit=FILE_BYTES)
        except TooLarge as fault:
            raise TooLarge(f"{ask}: {fault}") from None
        except (OSError, EOFError, zlib.error) as error:
            return _Fault(f"a file that does not unpack ({error})")
        return body

    # --- what to say ----------------------------------------------------------------------------

    def _pause_seconds(self, reply: Reply, refusals: int) -> float:
        """Seconds without any request after the ``refusals``-th 429 in a row."""
        own = _PAUSE_SECONDS if refusals == 1 else _BLOCK_SECONDS
        asked = wait_of(reply, now=self._clock.now())
        return min(max(own, asked), _LONGEST_PAUSE_SECONDS)

    def _said(self, text: str) -> str:
        """One line of what the server or a library said, without the key."""
        return plain(self._key.scrub(text), limit=_QUOTED_CHARACTERS)

    def _gave_up(
        self, ask: _Ask, attempts: int, fault: _Fault, *, tried: str = "attempts"
    ) -> TransientError:
        if fault.unreachable:
            return Unreachable(
                f"no answer from {self._host} ({fault.text}) in {attempts} attempts for {ask}; "
                "check the network, JQUANTS_BASE_URL, and behind a company's proxy HTTPS_PROXY "
                f"and SSL_CERT_FILE. {_AGAIN}"
            )
        return TransientError(
            f"{ask}: {attempts} {tried} failed, the last by {fault.text}. {_AGAIN}"
        )


def _decoded(raw: bytes, encoding: str, *, limit: int) -> bytes | _Fault:
    """Undo the content encoding; a cut gzip body is a fault."""
    if encoding in ("", "identity"):
        return raw
    if encoding not in ("gzip", "x-gzip"):
        return _Fault(f"a body encoded as {encoding[:20]!r}, which was not asked for")
    try:
        return unpacked(raw, limit=limit)
    except (OSError, EOFError, zlib.error) as error:
        return _Fault(f"a gzip body that does not unpack ({error})")
