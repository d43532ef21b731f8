"""From a request to its answer: key, limits, page, parameters, conditions, log; no socket here."""

from __future__ import annotations

import re
import secrets
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from itertools import count
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from gogooku.core.errors import (
    ContractError,
    DataError,
    GogookuError,
    InternalError,
    NotFoundError,
    ResourceError,
)
from gogooku.core.wall import WallClock
from gogooku.serve.access_log import AccessLog
from gogooku.serve.answers import Answer, Later, RefusedError, problem
from gogooku.serve.faults import attempted
from gogooku.serve.fresh import Fresh
from gogooku.serve.keys import KEY_HEADER, Key, KeyRing, key_given
from gogooku.serve.limits import WRONG_KEYS, Rates, WrongKeys, whole_seconds
from gogooku.serve.measures import NO_PAGE, Measures
from gogooku.serve.pages import HTML, Page, Pages
from gogooku.serve.worker import Maker

_ALLOW: Final = {"Allow": "GET, HEAD"}
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_KINDS = ((NotFoundError, 404), (ContractError, 409), (DataError, 503), (ResourceError, 503))
_AGAIN: Final = {"Retry-After": "1"}
_BROWSER: Final = 'Basic realm="gogooku", charset="UTF-8"'


@dataclass(frozen=True)
class Request:
    """A request as it came, its body apart, which nothing reads.

    Attributes
    ----------
    method, target : str
    headers : mapping of bytes to bytes
        Names in small letters; of a header that is there twice the first.
    address : str
        Who asks.
    """

    method: str
    target: str
    headers: Mapping[bytes, bytes]
    address: str


@dataclass(frozen=True)
class Response:
    """What goes back: status, headers, body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


MadeT = TypeVar("MadeT", Answer, Answer | Later)
Send = Callable[[Response], None]


@dataclass
class _Asked:
    """A request on its way, and what is known of it for the log."""

    request: Request
    send: Send
    request_id: bytes
    begun: float
    page: Page | None = None
    key: str | None = None
    is_whole: bool = False
    """Whether it passed every check, so that its query may be logged: there is no key in it."""


class Site:
    """Answers requests.

    Parameters
    ----------
    pages : Pages
    keys : Fresh of KeyRing
        Who is let in now.
    measures : Measures
    log : AccessLog
    maker : Maker
        Makes answers that take time.
    clock : WallClock
    """

    def __init__(
        self,
        pages: Pages,
        keys: Fresh[KeyRing],
        *,
        measures: Measures,
        log: AccessLog,
        maker: Maker,
        clock: WallClock,
    ) -> None:
        self.measures = measures
        self._pages = pages
        self._keys = keys
        self._log = log
        self._maker = maker
        self._clock = clock
        self._rates = Rates()
        self._wrong = WrongKeys()
        self._series = secrets.token_hex(4)
        self._number = count(1)

    def receive(self, request: Request, send: Send) -> None:
        """Answer a request, now or once its answer is made; ``send`` is called once."""
        self.measures.in_flight += 1
        asked = _Asked(request, send, self._id(request), time.monotonic())
        try:
            made = self._answer(asked)
        except RefusedError as fault:
            made = problem(fault.status, str(fault), fault.headers)
        if isinstance(made, Answer):
            self._finish(asked, made)
            return
        if not self._maker.submit(
            lambda: self._made(made.make), lambda one: self._finish(asked, one)
        ):
            self._finish(asked, problem(503, "too much is being asked; try again", _AGAIN))

    def turned_away(self, address: str, status: int, detail: str) -> Response:
        """What is said to a connection that brought no request that could be read."""
        known = Request("", "", {}, address)
        sent: list[Response] = []
        self.measures.in_flight += 1
        asked = _Asked(known, sent.append, self._id(known), time.monotonic())
        self._finish(asked, problem(status, detail, _AGAIN if status == 503 else None))
        return sent[0]

    def _answer(self, asked: _Asked) -> Answer | Later:
        request = asked.request
        path, query = _parted(request.target)
        asked.page, place = self._pages.find(path)
        page = asked.page
        if page is None or not page.is_open:
            asked.key = self._let_in(request, page)
        if page is None:
            raise RefusedError(404, f"{path[:100]}: there is no such page")
        if request.method not in ("GET", "HEAD"):
            raise RefusedError(405, f"{page.path}: only asked with GET", _ALLOW)
        values = page.values(query, place)
        for name in page.headers:
            values[name] = request.headers.get(name.encode(), b"").decode("latin-1")
        asked.is_whole = True
        return self._made(lambda: page.answer(values))

    def _let_in(self, request: Request, page: Page | None) -> str:
        """The name of the key that a request comes with.

        A page that people read makes their browser ask them for it.

        Raises
        ------
        RefusedError
            There is none, it is wrong, or it asks too often.
        """
        now, address = time.monotonic(), request.address
        text = key_given(request.headers)
        key = self._keys.now().find(text, self._clock.now())
        wait = self._wrong.wait(address, now)
        if wait and text and (key is None or not self._wrong.has_passed(address, key.name)):
            self.measures.happened("wrong_key")
            raise RefusedError(
                429,
                "too many wrong keys from this address; wait",
                {"Retry-After": whole_seconds(wait)},
            )
        if key is None:
            if text:
                self._note_wrong(address, now)
            raise _lacks_key(page)
        self._wrong.passed(address, key.name)
        self._require_rate(key, now)
        return key.name

    def _note_wrong(self, address: str, now: float) -> None:
        self.measures.happened("wrong_key")
        if self._wrong.count(address, now) == WRONG_KEYS:
            said = f"{WRONG_KEYS} wrong keys; it has to wait"
            self.note("wrong_keys", address=address, said=said)

    def _require_rate(self, key: Key, now: float) -> None:
        wait = self._rates.wait(key.name, key.rate, now)
        if wait:
            raise RefusedError(
                429,
                f"more than {key.rate:g} requests a second of key {key.name}",
                {"Retry-After": whole_seconds(wait)},
            )

    def _made(self, make: Callable[[], MadeT]) -> MadeT | Answer:
        """An answer, or why there is none: a fault of one request ends nothing else."""
        made = attempted(make)
        if not isinstance(made, GogookuError):
            return made
        if isinstance(made, RefusedError):
            return problem(made.status, str(made), made.headers)
        status = next((code for kind, code in _KINDS if isinstance(made, kind)), 500)
        if isinstance(made, InternalError):
            self.note("defect", trace=traceback.format_exception(made.__cause__))
        return problem(status, str(made))

    def note(self, event: str, **facts: object) -> None:
        """Put a line in the log that is no request."""
        self._log.write({"at": self._stamp(), "event": event, **facts})

    def _finish(self, asked: _Asked, answer: Answer) -> None:
        response = _response(asked, answer)
        seconds = time.monotonic() - asked.begun
        self.measures.in_flight -= 1
        route = NO_PAGE if asked.page is None else asked.page.path
        self.measures.answered(route, response.status, seconds)
        self._log.write(self._line(asked, route, response, seconds))
        asked.send(response)

    def _line(
        self, asked: _Asked, route: str, response: Response, seconds: float
    ) -> dict[str, Any]:
        """What is logged of a request: no header, and no target that did not pass every check.

        A key may have been put there by mistake.
        """
        known = asked.is_whole and response.status < 400
        return {
            "at": self._stamp(),
            "id": asked.request_id.decode(),
            "address": asked.request.address,
            "key": asked.key,
            "method": asked.request.method[:16],
            "route": route,
            "target": asked.request.target if known else None,
            "status": response.status,
            "bytes": len(response.body),
            "ms": round(1000 * seconds, 3),
        }

    def _stamp(self) -> str:
        return datetime.now(UTC).isoformat(timespec="milliseconds")

    def _id(self, request: Request) -> bytes:
        """The id that a request brings, if it can stand in a header and a log; else a new one."""
        given = request.headers.get(b"x-request-id", b"")
        if _ID.fullmatch(given):
            return given
        return f"{self._series}-{next(self._number):x}".encode()


def _lacks_key(page: Page | None) -> RefusedError:
    if page is not None and page.content_type == HTML:
        said = "a key is needed: give it as the password, with any name of a user"
        return RefusedError(401, said, {"WWW-Authenticate": _BROWSER})
    said = f"a valid {KEY_HEADER} header is needed"
    return RefusedError(401, said, {"WWW-Authenticate": "Bearer"})


def _response(asked: _Asked, answer: Answer) -> Response:
    """An answer for one client: what it has already, packed or not, without a body for HEAD."""
    given = asked.request.headers
    status, body = answer.status, answer.body
    if status == 200 and answer.tag and answer.matches(given.get(b"if-none-match", b"")):
        status, body, head = 304, b"", answer.same_head
    elif answer.packed is not None and _takes_gzip(given.get(b"accept-encoding", b"")):
        body, head = answer.packed, answer.packed_head
    else:
        head = answer.plain_head
    if asked.request.method == "HEAD":
        body = b""
    date = formatdate(usegmt=True).encode()
    return Response(status, [*head, (b"date", date), (b"x-request-id", asked.request_id)], body)


def _takes_gzip(accepted: bytes) -> bool:
    """Whether ``Accept-Encoding`` allows gzip."""
    quality: dict[str, float] = {}
    for one in accepted.decode("latin-1").lower().split(","):
        name, _, parameter = one.partition(";")
        text = parameter.partition("q=")[2].strip() or "1"
        quality[name.strip()] = float(text) if re.fullmatch(r"[01](\.\d{0,3})?", text) else 0.0
    return quality.get("gzip", quality.get("*", 0.0)) > 0.0


def _parted(target: str) -> tuple[str, str]:
    """Path and query of a target, which may be a whole address."""
    if not target.startswith("/"):
        try:
            whole = urlsplit(target)
        except ValueError as fault:
            raise RefusedError(400, "the target of the request is no address") from fault
        return unquote(whole.path), whole.query
    path, _, query = target.partition("?")
    return unquote(path), query
