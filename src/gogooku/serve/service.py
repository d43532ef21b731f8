"""The service put together: pages, keys, measures and log, as one site on a socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gogooku.core.exposition import Metric
from gogooku.core.wall import WallClock
from gogooku.serve.access_log import AccessLog
from gogooku.serve.common_pages import with_common
from gogooku.serve.connection import Times
from gogooku.serve.fresh import Fresh
from gogooku.serve.keys import KeyRing
from gogooku.serve.measures import Measures
from gogooku.serve.pages import Page
from gogooku.serve.server import MOST_CONNECTIONS, Server
from gogooku.serve.site import Site
from gogooku.serve.worker import Maker, Worker


@dataclass(frozen=True)
class Service:
    """What a server needs.

    Attributes
    ----------
    pages : sequence of Page
        Those of what is served; ``/metrics`` and ``/openapi.json`` come with the service.
    keys : Fresh of KeyRing
    log : AccessLog
    clock : WallClock
    metrics : callable
        What is measured of what is served.
    looks : sequence of callable
        What is looked at once a second.
    """

    pages: Sequence[Page]
    keys: Fresh[KeyRing]
    log: AccessLog
    clock: WallClock
    metrics: Callable[[], Sequence[Metric]] = tuple
    looks: Sequence[Callable[[float], object]] = ()

    def site(self, maker: Maker) -> Site:
        """Its site, whose slow answers a maker makes."""
        measures = Measures()
        return Site(
            with_common(self.pages, measures, self.metrics),
            self.keys,
            measures=measures,
            log=self.log,
            maker=maker,
            clock=self.clock,
        )

    def server(
        self,
        listener: socket.socket,
        *,
        times: Times | None = None,
        most: int = MOST_CONNECTIONS,
    ) -> Server:
        """Its server on a socket."""
        return Server(
            lambda back: self.site(Worker(back)),
            listener,
            log=self.log,
            looks=(*self.looks, self.keys.look),
            times=times,
            most=most,
        )
