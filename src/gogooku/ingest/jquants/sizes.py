"""What answers take on disk before they are fetched: rows of a session times bytes of a row.

An endpoint of which enough is held counts as what is held; any other one as it was measured on the
sandbox exchange with every listed name (`benchmarks/sync_size.py`). Earlier years had fewer names,
so a long history takes less than is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final, NamedTuple

from gogooku.core.calendar import tokyo_sessions
from gogooku.ingest.jquants.ledger import Batch
from gogooku.ingest.jquants.plan import Job, SyncPlan
from gogooku.ingest.jquants.raw import RawStore

NAMES: Final = 4_400
"""Listed names of the exchange that `MEASURED` comes from."""
ENOUGH_SESSIONS: Final = 20
"""Sessions held of an endpoint from which on its own sizes count."""


class Rate(NamedTuple):
    """Rows of a session, bytes of a row as it is kept as received, and in the typed tables."""

    rows: float
    raw: float
    table: float


MEASURED: Final[Mapping[str, Rate]] = MappingProxyType(
    {
        "calendar": Rate(515, 1.76, 39.8),
        "master": Rate(4462, 14.5, 3.34),
        "quotes": Rate(4463, 107, 98.1),
        "morning": Rate(4399, 30.2, 25.6),
        "topix": Rate(1.016, 20.7, 390),
        "indices": Rate(47.76, 15.1, 38.7),
        "investor_types": Rate(0.8065, 310, 1.31e03),
        "valuation": Rate(4464, 32, 14.3),
        "statements": Rate(147.7, 104, 184),
        "statement_details": Rate(91.41, 74.1, 129),
        "dividends": Rate(53.27, 18.7, 38.4),
        "earnings_dates": Rate(101, 12.5, 23.5),
        "earnings_calendar": Rate(216, 12.6, 56.9),
        "margin_interest": Rate(2517, 57.9, 41.9),
        "margin_alert": Rate(32.32, 71.9, 127),
        "short_ratio": Rate(33.53, 19.3, 53.2),
        "short_positions": Rate(557.5, 20.1, 16.5),
        "breakdown": Rate(4445, 69.8, 55.6),
        "futures": Rate(28.08, 54.9, 115),
        "options": Rate(760.4, 49.7, 42.1),
        "index_options": Rate(396.7, 53.2, 47.9),
    }
)
"""By endpoint: a quarter with every listed name, by monthly files and by days."""
PER_ANSWER: Final = 7_400
"""Bytes of an answer whatever its rows: its record, its row in the ledger, what fills a block."""


class Stored(NamedTuple):
    """What is held of an endpoint: rows, bytes of the bodies, answers, and sessions covered.

    An answer that covers no dates counts as a session.
    """

    rows: int
    num_bytes: int
    answers: int
    sessions: int


@dataclass(frozen=True)
class Size:
    """What the answers to come of an endpoint take, about.

    Attributes
    ----------
    rows : int
    raw_bytes, table_bytes : int
        As received, and as typed tables with the bars of listed names beside them.
    own : bool
        Whether it follows from what is held of the endpoint, or from `MEASURED`.
    """

    rows: int
    raw_bytes: int
    table_bytes: int
    own: bool

    @property
    def num_bytes(self) -> int:
        """Both."""
        return self.raw_bytes + self.table_bytes


def stored_in(store: RawStore) -> dict[str, Stored]:
    """What a store holds of each endpoint."""
    batches: dict[str, list[Batch]] = {}
    for batch in store.batches():
        batches.setdefault(batch.endpoint, []).append(batch)
    stored = store.body_sizes()
    return {
        name: Stored(
            rows=sum(one.rows for one in of),
            num_bytes=sum(stored[digest] for one in of for digest in one.bodies),
            answers=len(of),
            sessions=_covered(of),
        )
        for name, of in batches.items()
    }


def _covered(batches: Iterable[Batch]) -> int:
    days: set[date] = set()
    others = 0
    for batch in batches:
        if batch.covers and batch.first is not None and batch.last is not None:
            days.update(tokyo_sessions(batch.first, batch.last).tolist())
        else:
            others += 1
    return max(len(days) + others, 1)


def sizes_of(planned: SyncPlan, held: Mapping[str, Stored]) -> dict[str, Size]:
    """What each endpoint of a plan takes, about; those without jobs are not in it."""
    jobs: dict[str, list[Job]] = {}
    for job in planned.jobs:
        jobs.setdefault(job.endpoint.name, []).append(job)
    return {name: _size(name, of, held.get(name)) for name, of in jobs.items()}


def _size(name: str, jobs: Sequence[Job], held: Stored | None) -> Size:
    rate, own = MEASURED[name], False
    if held is not None and held.sessions >= ENOUGH_SESSIONS and held.rows:
        own = True
        rate = Rate(held.rows / held.sessions, held.num_bytes / held.rows, rate.table)
    rows = rate.rows * sum(_sessions(job) for job in jobs)
    raw_bytes = rows * rate.raw + len(jobs) * PER_ANSWER
    return Size(round(rows), round(raw_bytes), round(rows * rate.table), own)


def _sessions(job: Job) -> int:
    """Sessions of an answer; one without dates has the rows of one."""
    if job.first is None or job.last is None:
        return 1
    return len(tokyo_sessions(job.first, job.last))
