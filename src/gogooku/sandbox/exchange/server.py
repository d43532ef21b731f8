"""The exchange on loopback: a thin shell that turns HTTP into requests, and performs faults."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI
from fastapi import Request as HttpRequest
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gogooku.core.errors import BusyError
from gogooku.core.listen import LOOPBACK, Address, listen, url_of
from gogooku.core.process import until_stopped
from gogooku.sandbox.exchange.exchange import PREFIX, Answer, Exchange, Request
from gogooku.sandbox.exchange.faults import Fault

STALL_SECONDS: Final = 120.0
_START_SECONDS: Final = 20.0


class _Broken(Response):
    """An answer that never comes whole: half of the body and a closed connection, or silence."""

    def __init__(self, answer: Answer, stall_seconds: float) -> None:
        super().__init__(answer.body, answer.status, dict(answer.headers))
        self._answer = answer
        self._stall_seconds = stall_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is to arrive; returning before the end makes the server hang up."""
        del scope, receive
        if self._answer.fault is Fault.STALL:
            await asyncio.sleep(self._stall_seconds)
        start = {
            "type": "http.response.start",
            "status": self._answer.status,
            "headers": self.raw_headers,
        }
        half = self._answer.body[: len(self._answer.body) // 2]
        await send(start)
        await send({"type": "http.response.body", "body": half, "more_body": True})


def create_app(exchange: Exchange, *, stall_seconds: float = STALL_SECONDS) -> FastAPI:
    """Build the application: every path and method goes to the exchange."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    async def handle(path: str, http: HttpRequest) -> Response:
        request = Request(
            method=http.method,
            path=f"/{path}",
            query=http.query_params.multi_items(),
            headers=dict(http.headers),
        )
        answer = await run_in_threadpool(exchange.answer, request)
        if answer.fault is not None:
            return _Broken(answer, stall_seconds)
        return Response(answer.body, answer.status, dict(answer.headers))

    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    app.add_api_route("/{path:path}", handle, methods=methods, response_model=None)
    return app


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        server_header=False,
    )


def serve(
    exchange: Callable[[], Exchange],
    *,
    port: int,
    opened: Callable[[str], None],
) -> None:
    """Serve on loopback until a signal asks to stop.

    Parameters
    ----------
    exchange : callable
        Makes the exchange, once the port is known to be free: a big market takes minutes.
    port : int
        0 is any free one.
    opened : callable
        Called with the address, its version included, once requests are accepted.

    Raises
    ------
    BusyError
        The port is in use.
    """
    listener = listen(Address(LOOPBACK, port))
    try:
        server = uvicorn.Server(_config(create_app(exchange())))
        opened(f"{url_of(listener)}{PREFIX}")
        with until_stopped():
            server.run(sockets=[listener])
    finally:
        listener.close()


@contextmanager
def serve_in_thread(
    exchange: Exchange, *, port: int = 0, stall_seconds: float = STALL_SECONDS
) -> Iterator[str]:
    """Serve on loopback in a thread of this process; yields the base address with its version.

    Port 0 is any free one.
    """
    listener = listen(Address(LOOPBACK, port))
    server = uvicorn.Server(_config(create_app(exchange, stall_seconds=stall_seconds)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        waited = threading.Event()
        for _ in range(int(_START_SECONDS / 0.01)):
            if server.started or not thread.is_alive():
                break
            waited.wait(0.01)
        if not server.started:
            raise BusyError("the sandbox exchange did not start on loopback; try again.")
        yield f"{url_of(listener)}{PREFIX}"
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
        listener.close()
