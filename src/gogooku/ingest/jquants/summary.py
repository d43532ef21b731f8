"""What a sync did, endpoint by endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.source import Source


@dataclass
class EndpointSummary:
    """What a sync did for one endpoint.

    Attributes
    ----------
    name : str
    requests, batches, rows, num_bytes : int
        Sent; committed; decoded rows and bytes as received of those.
    failed : list of str
        One sentence for each job that failed.
    skipped : str or None
        Why nothing was asked for.
    clipped : str or None
        Which of the dates asked for lie outside what the plan has, and were not asked for.
    unknown, missing : set of str
        Fields that the specification does not name, and named ones that some row did not have.
    short : dict of date to int
        Days with fewer codes than the listing of that day, and how many are not there.
    by_day : list of str
        Monthly files that could not be had, whose days were asked for instead, and why.
    """

    name: str
    requests: int = 0
    batches: int = 0
    rows: int = 0
    num_bytes: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: str | None = None
    clipped: str | None = None
    unknown: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    short: dict[date, int] = field(default_factory=dict)
    by_day: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "name": self.name,
            "requests": self.requests,
            "batches": self.batches,
            "rows": self.rows,
            "bytes": self.num_bytes,
            "failed": self.failed,
            "skipped": self.skipped,
            "clipped": self.clipped,
            "unknown": sorted(self.unknown),
            "missing": sorted(self.missing),
            "short": {day.isoformat(): count for day, count in sorted(self.short.items())},
            "by_day": self.by_day,
        }


@dataclass(frozen=True)
class SyncSummary:
    """What a sync did; ``requests`` includes those that discovered the subscription.

    ``notes`` are sentences about the whole: another key, another plan.
    """

    source: str
    plan: Plan
    requests: int
    endpoints: tuple[EndpointSummary, ...]
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[EndpointSummary, ...]:
        """Endpoints of which something failed."""
        return tuple(one for one in self.endpoints if one.failed)

    def total(self, name: str) -> int:
        """Sum of ``requests``, ``batches``, ``rows`` or ``num_bytes`` over the endpoints."""
        return sum(int(getattr(one, name)) for one in self.endpoints)

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "source": self.source,
            "plan": self.plan.label,
            "requests": self.requests,
            "batches": self.total("batches"),
            "rows": self.total("rows"),
            "bytes": self.total("num_bytes"),
            "endpoints": [one.to_json() for one in self.endpoints],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Synced:
    """A finished sync: what came, and the source that was made of it (None without bars)."""

    summary: SyncSummary
    source: Source | None
