"""What the server measures of itself: requests by page and status, how long they took."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter
from pathlib import Path
from typing import Final

from gogooku.core.exposition import Metric, MetricKind, Sample

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper ends of the histogram, in seconds."""
_STATM: Final = Path("/proc/self/statm")
NO_PAGE: Final = "none"
"""How a request is counted that is of no page."""


class Measures:
    """Counters; only the thread that answers requests writes them."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.connections = 0
        self._codes: Counter[tuple[str, int]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._events: Counter[str] = Counter()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._codes[route, status] += 1
        buckets = self._buckets.setdefault(route, [0] * (len(BUCKETS) + 1))
        buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[route] = self._seconds.get(route, 0.0) + seconds

    def happened(self, event: str) -> None:
        """Count what is no answer: a slow client that was closed, a connection turned away."""
        self._events[event] += 1

    def metrics(self) -> list[Metric]:
        """All of it, for Prometheus."""
        counter, gauge = MetricKind.COUNTER, MetricKind.GAUGE
        codes = [
            Sample(count, {"route": route, "code": str(status)})
            for (route, status), count in sorted(self._codes.items())
        ]
        events = [Sample(count, {"event": name}) for name, count in sorted(self._events.items())]
        return [
            Metric("gogooku_http_requests_total", counter, "Requests answered.", codes),
            Metric(
                "gogooku_http_request_seconds",
                MetricKind.HISTOGRAM,
                "Seconds from the whole request to its answer.",
                [one for route in sorted(self._buckets) for one in self._histogram(route)],
            ),
            Metric(
                "gogooku_http_in_flight",
                gauge,
                "Requests being answered.",
                [Sample(self.in_flight)],
            ),
            Metric(
                "gogooku_http_connections", gauge, "Open connections.", [Sample(self.connections)]
            ),
            Metric(
                "gogooku_http_events_total",
                counter,
                "Connections turned away or closed, wrong keys, log lines lost.",
                events,
            ),
            Metric(
                "gogooku_resident_memory_bytes",
                gauge,
                "Memory of the server.",
                [Sample(one) for one in _resident_bytes()],
            ),
        ]

    def _histogram(self, route: str) -> list[Sample]:
        counts, found, total = self._buckets[route], [], 0
        for end, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
            total += count
            found.append(Sample(total, {"route": route, "le": end}, suffix="_bucket"))
        labels = {"route": route}
        return [
            *found,
            Sample(self._seconds[route], labels, suffix="_sum"),
            Sample(total, labels, suffix="_count"),
        ]


def _resident_bytes() -> list[int]:
    """Memory of this process; nothing where the system does not say."""
    if not _STATM.exists():
        return []
    return [int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")]
