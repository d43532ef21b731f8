"""A connection of HTTP/1.1, with an end to everything: head, body, answer, rest.

h11 reads and frames; this module is about time and room. A request has a fixed time to arrive
whole, however its bytes come; an answer has a fixed time to be taken; between requests a connection
may rest for a while. An answer is handed to the socket in pieces, so that a client that reads
nothing holds one piece in memory. What comes while an answer is on its way waits in the kernel.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import Protocol

import h11

from gogooku.serve.site import Request, Response, Send

_PIECE = 1 << 16
_LINGER_SECONDS = 1.0
_FULL_SECONDS = 2.0
"""For a client that is to hear that there are too many."""


@dataclass(frozen=True)
class Times:
    """Seconds that a client has, and bytes that it may send.

    Attributes
    ----------
    request : float
        For a request to arrive whole, from its first byte; and for the first byte of a connection.
    answer : float
        For an answer to be made.
    taken : float
        For an answer to be taken.
    rest : float
        Between two requests.
    stop : float
        For what is on its way when the server is asked to stop.
    head, body : int
        Bytes of a request's head and of its body, which nothing reads.
    """

    request: float = 10.0
    answer: float = 60.0
    taken: float = 30.0
    rest: float = 60.0
    stop: float = 5.0
    head: int = 16_384
    body: int = 16_384


class Counter(Protocol):
    """Where requests are answered, and what has to be counted besides."""

    def receive(self, request: Request, send: Send) -> None:
        """Answer a request."""

    def turned_away(self, address: str, status: int, detail: str) -> Response:
        """What is said to who brought no request that could be read."""


class _Stage(Enum):
    """Where a connection is."""

    REST = auto()
    REQUEST = auto()
    ANSWER = auto()
    TAKEN = auto()
    LINGER = auto()
    """All is said; what still comes is not read, until the other side hangs up."""


class Connection(asyncio.Protocol):
    """One client.

    Parameters
    ----------
    desk : Counter
    times : Times
    is_full : bool
        There are too many: it gets 503, whatever it asks.
    is_stopping : callable
        Whether the server stops: then an answer is the last one of its connection.
    gone : callable
        Called once it is closed.
    """

    def __init__(
        self,
        desk: Counter,
        times: Times,
        *,
        is_full: bool,
        is_stopping: Callable[[], bool],
        gone: Callable[[Connection], None],
    ) -> None:
        self._desk = desk
        self._times = times
        self._is_full = is_full
        self._is_stopping = is_stopping
        self._gone = gone
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=times.head)
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._stage = _Stage.REST
        self.deadline = time.monotonic() + (_FULL_SECONDS if is_full else times.request)
        """When it is closed if nothing happens."""
        self._request: h11.Request | None = None
        self._body_bytes = 0
        self._rest = memoryview(b"")
        self._is_held = False
        self._is_half = False

    # ------------------------------------------------------------------------ called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._address = str((transport.get_extra_info("peername") or ("",))[0])
        transport.set_write_buffer_limits(high=0)
        if self._is_stopping():
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        del exc
        self._transport = None
        self._rest = memoryview(b"")
        self._gone(self)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._stage is _Stage.LINGER:
            return
        if self._stage is _Stage.REST:
            self._to(_Stage.REQUEST, self._times.request)
        self._http.receive_data(data)
        self._advance()

    def eof_received(self) -> bool:
        """The client sends no more; an answer that is on its way it still gets."""
        self._is_half = self._stage in (_Stage.ANSWER, _Stage.TAKEN)
        return self._is_half

    def pause_writing(self) -> None:
        """The socket takes no more for now."""
        self._is_held = True

    def resume_writing(self) -> None:
        """It takes more."""
        self._is_held = False
        self._write_on()

    # ------------------------------------------------------------------------ called by the server

    @property
    def is_idle(self) -> bool:
        """Whether no answer is on its way."""
        return self._stage in (_Stage.REST, _Stage.REQUEST, _Stage.LINGER)

    @property
    def is_resting(self) -> bool:
        """Whether it is between two requests."""
        return self._stage is _Stage.REST

    def close(self) -> None:
        """Hang up, at once."""
        if self._transport is None:
            return
        if self._stage is _Stage.REST:
            self._transport.close()
        else:
            self._transport.abort()

    def expire(self) -> str:
        """Its time is over: hang up, and say with a word what was waited for."""
        stage = self._stage
        if stage is _Stage.REQUEST:
            self._turn_away(408, "the request did not come whole in time")
            return "slow_request"
        self.close()
        late = {_Stage.ANSWER: "slow_answer", _Stage.TAKEN: "slow_reader"}
        return late.get(stage, "rest")

    # ------------------------------------------------------------------------ inside

    def _to(self, stage: _Stage, seconds: float) -> None:
        self._stage = stage
        self.deadline = time.monotonic() + seconds

    def _advance(self) -> None:
        """Read what has come, up to the end of a request."""
        while self._stage is _Stage.REQUEST:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as fault:
                self._turn_away(fault.error_status_hint or 400, "no request of HTTP/1.1")
                return
            if event is h11.NEED_DATA:
                if self._transport is not None:
                    self._transport.resume_reading()
                return
            if isinstance(event, h11.ConnectionClosed):
                self.close()
            elif isinstance(event, h11.Request):
                self._request, self._body_bytes = event, 0
                if self._is_full:
                    self._turn_away(503, "too many connections; try again")
            elif isinstance(event, h11.Data):
                self._body_bytes += len(event.data)
                if self._body_bytes > self._times.body:
                    self._turn_away(413, "the body of the request is too large")
            elif isinstance(event, h11.EndOfMessage):
                self._ask()
                return
            if self._transport is None or self._transport.is_closing():
                return

    def _ask(self) -> None:
        """Hand a request that came whole to the desk."""
        assert self._request is not None
        self._to(_Stage.ANSWER, self._times.answer)
        event = self._request
        request = Request(
            method=event.method.decode(),
            target=event.target.decode(),
            headers=dict(reversed(list(event.headers))),
            address=self._address,
        )
        self._desk.receive(request, self._send)
        is_over = self._stage in (_Stage.REST, _Stage.LINGER)
        if not is_over and self._transport is not None:
            self._transport.pause_reading()

    def _send(self, response: Response) -> None:
        """Begin to send an answer; nothing where the client has gone."""
        if self._transport is None or self._stage is not _Stage.ANSWER:
            return
        headers = response.headers
        if self._is_stopping():
            headers = [*headers, (b"connection", b"close")]
        self._start(response, headers)

    def _start(self, response: Response, headers: list[tuple[bytes, bytes]]) -> None:
        assert self._transport is not None
        reason = HTTPStatus(response.status).phrase.encode()
        head = self._http.send(
            h11.Response(status_code=response.status, headers=headers, reason=reason)
        )
        body = self._http.send(h11.Data(data=response.body)) if response.body else b""
        end = self._http.send(h11.EndOfMessage())
        assert head is not None
        assert body is not None
        assert not end
        self._to(_Stage.TAKEN, self._times.taken)
        if len(body) <= _PIECE:
            self._rest = memoryview(b"")
            self._transport.write(head + body)
        else:
            self._rest = memoryview(body)
            self._transport.write(head)
        self._write_on()

    def _write_on(self) -> None:
        """Hand pieces to the socket until it takes no more."""
        while not self._is_held and self._stage is _Stage.TAKEN:
            if self._transport is None or self._transport.is_closing():
                return
            if not self._rest:
                self._finish()
                return
            piece, self._rest = self._rest[:_PIECE], self._rest[_PIECE:]
            self._transport.write(piece)

    def _finish(self) -> None:
        """An answer is taken: rest, go on with what came meanwhile, or hang up."""
        assert self._transport is not None
        if {self._http.our_state, self._http.their_state} != {h11.DONE}:
            self._linger()
            return
        if self._is_half:
            self._transport.close()
            return
        self._http.start_next_cycle()
        if self._http.trailing_data[0]:
            self._to(_Stage.REQUEST, self._times.request)
            asyncio.get_running_loop().call_soon(self._advance)
        else:
            self._to(_Stage.REST, self._times.rest)
            self._transport.resume_reading()

    def _turn_away(self, status: int, detail: str) -> None:
        """Say why there is no answer, and hang up."""
        response = self._desk.turned_away(self._address, status, detail)
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._start(response, [*response.headers, (b"connection", b"close")])
        else:
            self.close()

    def _linger(self) -> None:
        """Send no more; hang up once the client has, so that it can read the answer first."""
        assert self._transport is not None
        self._to(_Stage.LINGER, _LINGER_SECONDS)
        self._transport.write_eof()
        self._transport.resume_reading()
