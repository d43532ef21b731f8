"""What a raw store holds, endpoint by endpoint, against the trading calendar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from gogooku.ingest.jquants.endpoints import Endpoint, Fetch
from gogooku.ingest.jquants.ledger import Batch, BatchKind
from gogooku.ingest.jquants.moments import Sessions, axis_days, coverage, sessions_of
from gogooku.ingest.jquants.planning import held_calendar
from gogooku.ingest.jquants.raw import RawStore

_SHOWN_GAPS = 5


@dataclass(frozen=True)
class EndpointStatus:
    """One endpoint.

    Attributes
    ----------
    name : str
    batches, rows : int
        Answers held and the rows in them; a day that was asked twice counts twice.
    first, last : date or None
        First and last axis date that is held whole; None where nothing is.
    num_gaps : int
        Sessions between them that are not held, though the endpoint has them.
    gaps : tuple of date
        The first few of those.
    fetched_at : datetime or None
        UTC, of the newest answer.
    age_hours : float or None
        From then to now.
    """

    name: str
    batches: int
    rows: int
    first: date | None
    last: date | None
    num_gaps: int
    gaps: tuple[date, ...]
    fetched_at: datetime | None
    age_hours: float | None

    def to_json(self) -> dict[str, Any]:
        """Dates and instants as ISO text."""
        values = asdict(self)
        for name in ("first", "last", "fetched_at"):
            values[name] = None if values[name] is None else values[name].isoformat()
        values["gaps"] = [day.isoformat() for day in self.gaps]
        return values


@dataclass(frozen=True)
class Status:
    """A source: what is held of every endpoint, and code histories waiting to be asked again."""

    source: str
    plan: str | None
    endpoints: tuple[EndpointStatus, ...]
    num_dues: int

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "source": self.source,
            "plan": self.plan,
            "dues": self.num_dues,
            "endpoints": [one.to_json() for one in self.endpoints],
        }


def status(store: RawStore, *, endpoints: Iterable[Endpoint], now: datetime) -> Status:
    """Describe a store; an empty one has endpoints without dates.

    Raises
    ------
    DataError
        The ledger or the body of the calendar is damaged.
    """
    divisions = held_calendar(store)
    sessions = sessions_of(divisions, now=now)
    held: dict[str, list[Batch]] = {}
    for batch in store.batches():
        held.setdefault(batch.endpoint, []).append(batch)
    subscription = store.subscription()
    return Status(
        source=store.source,
        plan=None if subscription is None else subscription.plan.label,
        endpoints=tuple(
            _endpoint_status(
                endpoint,
                batches=held.get(endpoint.name, ()),
                sessions=sessions,
                calendar=divisions,
                now=now,
            )
            for endpoint in endpoints
        ),
        num_dues=len(store.dues()),
    )


def _endpoint_status(
    endpoint: Endpoint,
    *,
    batches: Sequence[Batch],
    sessions: Sessions,
    calendar: Mapping[date, str],
    now: datetime,
) -> EndpointStatus:
    days = _held_days(endpoint, batches, sessions=sessions, calendar=calendar)
    gaps: tuple[date, ...] = ()
    if days and endpoint.fetch is not Fetch.WHOLE:
        expected = axis_days(endpoint, sessions.between(days[0], days[-1]), sessions=sessions)
        known = set(days)
        gaps = tuple(day for day in expected if day not in known)
    fetched_at = max((batch.fetched_at for batch in batches), default=None)
    return EndpointStatus(
        name=endpoint.name,
        batches=len(batches),
        rows=sum(batch.rows for batch in batches),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        num_gaps=len(gaps),
        gaps=gaps[:_SHOWN_GAPS],
        fetched_at=fetched_at,
        age_hours=None if fetched_at is None else (now - fetched_at).total_seconds() / 3600,
    )


def _held_days(
    endpoint: Endpoint,
    batches: Sequence[Batch],
    *,
    sessions: Sessions,
    calendar: Mapping[date, str],
) -> list[date]:
    """Axis dates held whole, ascending."""
    if endpoint.fetch is Fetch.WHOLE:
        return sorted(calendar)
    if endpoint.fetch is Fetch.SNAPSHOT:
        return sorted(
            {
                batch.first
                for batch in batches
                if batch.kind is BatchKind.SNAPSHOT and batch.first is not None and batch.rows
            }
        )
    return list(axis_days(endpoint, tuple(sorted(coverage(batches, sessions))), sessions=sessions))
