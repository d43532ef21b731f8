"""The server: it accepts, closes what is late, turns away what is too much, and ends in time.

asyncio's own way of accepting answers a lack of descriptors with a flood of log lines and a loop
that spins, so connections are accepted here: as many as descriptors allow, some more to be turned
away with 503, and none where even those are gone.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from gogooku.serve.access_log import AccessLog
from gogooku.serve.connection import Connection, Times
from gogooku.serve.fresh import Looking
from gogooku.serve.site import Site

MOST_CONNECTIONS: Final = 1_000
_TURNED_AWAY = 64
"""Connections beyond the most that get an answer which says so."""
_OWN_FILES = 16
"""Descriptors kept for files that are read while clients are connected."""
_SWEEP_SECONDS = 0.25
_PAUSE_SECONDS = 0.25
_AT_ONCE = 64
_BACKLOG = 1_024
_NOTE_SECONDS = 60.0
_CLOSE_SECONDS = 1.0
_STOP: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def room_for(most: int, *, limit: int, in_use: int) -> tuple[int, int]:
    """Connections that are served, and those beyond them that are turned away.

    Parameters
    ----------
    most : int
        Served at most.
    limit, in_use : int
        Descriptors that the process may have, and has.
    """
    free = max(limit - in_use - _OWN_FILES, 2)
    away = min(_TURNED_AWAY, max(free // 4, 1))
    return min(most, free - away), away


class Server:
    """Serves a site on a socket until it is stopped.

    Parameters
    ----------
    site : callable
        Makes the site, from what calls a function in the thread of the loop.
    listener : socket
    log : AccessLog
    looks : sequence of callable
        What is looked at once a second, see `Looking`.
    times : Times
    most : int
        Connections at once.
    """

    def __init__(
        self,
        site: Callable[[Callable[[Callable[[], None]], object]], Site],
        listener: socket.socket,
        *,
        log: AccessLog,
        looks: Sequence[Callable[[float], object]] = (),
        times: Times | None = None,
        most: int = MOST_CONNECTIONS,
    ) -> None:
        self._make_site = site
        self._listener = listener
        self._log = log
        self._looks = looks
        self._times = times or Times()
        self._most = most
        self._open: set[Connection] = set()
        self._opening: set[asyncio.Task[object]] = set()
        self._is_stopping = False
        self._noted = -_NOTE_SECONDS

    def run(self) -> None:
        """Serve until a signal asks to stop, in the main thread; else until `stop` is called."""
        asyncio.run(self._serve())

    def stop(self) -> None:
        """Ask it to end; safe from any thread once it runs."""
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._site = self._make_site(self._loop.call_soon_threadsafe)
        self._listener.settimeout(0)
        self._listener.listen(_BACKLOG)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        in_use = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else _OWN_FILES
        self._served, self._away = room_for(self._most, limit=limit, in_use=in_use)
        looking = Looking(self._looks)
        with _Signals(self._loop, self._stopped.set):
            looking.start()
            self._accept_on()
            sweeping = self._loop.create_task(self._sweep())
            await self._stopped.wait()
            await self._end()
            sweeping.cancel()
        looking.stop(wait=_CLOSE_SECONDS)
        self._log.close(wait=_CLOSE_SECONDS)

    # ------------------------------------------------------------------------ accepting

    def _accept_on(self) -> None:
        if not self._is_stopping:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _pause(self, event: str) -> None:
        """Accept nothing for a moment: what comes waits in the kernel."""
        self._loop.remove_reader(self._listener.fileno())
        self._loop.call_later(_PAUSE_SECONDS, self._accept_on)
        self._count(event)

    def _count(self, event: str) -> None:
        """Count that there is too much; the log has it once a minute."""
        self._site.measures.happened(event)
        now = time.monotonic()
        if now - self._noted >= _NOTE_SECONDS:
            self._noted = now
            self._site.note(event, connections=len(self._open), most=self._served)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            there = len(self._open)
            if there >= self._served + self._away:
                self._pause("connections_waiting")
                return
            try:
                accepted, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._pause("descriptors_lacking")
                return
            is_full = there >= self._served and not self._made_room()
            if is_full:
                self._count("connections_refused")
            self._begin(accepted, is_full=is_full)

    def _made_room(self) -> bool:
        """Hang up on the connection that rests longest; False where none rests."""
        resting = [one for one in self._open if one.is_resting]
        if not resting:
            return False
        min(resting, key=lambda one: one.deadline).close()
        self._site.measures.happened("closed_for_another")
        return True

    def _begin(self, accepted: socket.socket, *, is_full: bool) -> None:
        made = Connection(
            self._site,
            self._times,
            is_full=is_full,
            is_stopping=lambda: self._is_stopping,
            gone=self._gone,
        )
        self._open.add(made)
        self._site.measures.connections = len(self._open)
        opening = self._loop.create_task(self._loop.connect_accepted_socket(lambda: made, accepted))
        self._opening.add(opening)
        opening.add_done_callback(lambda done: self._opened(done, made))

    def _opened(self, done: asyncio.Task[object], made: Connection) -> None:
        self._opening.discard(done)
        if done.cancelled() or done.exception() is not None:
            self._gone(made)

    def _gone(self, one: Connection) -> None:
        self._open.discard(one)
        self._site.measures.connections = len(self._open)

    # ------------------------------------------------------------------------ time

    async def _sweep(self) -> None:
        """Close what is late."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = time.monotonic()
            for one in [one for one in self._open if one.deadline < now]:
                self._site.measures.happened(f"closed_{one.expire()}")

    async def _end(self) -> None:
        """Take nothing more, let what is on its way arrive, and hang up on the rest."""
        self._is_stopping = True
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        until = time.monotonic() + self._times.stop
        while self._open and time.monotonic() < until:
            for one in [one for one in self._open if one.is_idle]:
                one.close()
            await asyncio.sleep(0.02)
        for one in list(self._open):
            one.close()
        await asyncio.sleep(0)


class _Signals:
    """Signals that ask to stop call a function meanwhile; one that is ignored stays ignored."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
        self._loop = loop
        self._stop = stop
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in _STOP:
            before = signal.getsignal(number)
            if before == signal.SIG_IGN:
                continue
            try:
                self._loop.add_signal_handler(number, self._stop)
            except (ValueError, RuntimeError):
                return  # not in the main thread: whoever runs the thread stops it
            self._before[number] = before

    def __exit__(self, *fault: object) -> None:
        for number, before in self._before.items():
            self._loop.remove_signal_handler(number)
            signal.signal(number, before)
