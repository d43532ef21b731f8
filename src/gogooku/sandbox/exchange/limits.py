"""Rate limits: buckets per key, and the block that follows sustained excess.

How the vendor counts is not documented, so the algorithm is a setting: a token bucket that fills
evenly and holds one minute's worth, or a window of the last 60 seconds.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gogooku.core.wall import MINUTE_SECONDS
from gogooku.ingest.jquants.plans import BUCKET_PER_MINUTE, REQUESTS_PER_MINUTE, Bucket, Plan


class Counting(StrEnum):
    """How requests are counted against a limit per minute."""

    TOKENS = "tokens"
    WINDOW = "window"


@dataclass(frozen=True)
class Limits:
    """Rates and what follows when they are not kept.

    Attributes
    ----------
    per_minute, bucket_per_minute : mapping
        Requests a minute of each plan, and of the buckets with a limit of their own.
    excess : int
        So many refused requests within a minute are borne; the next one starts the block.
    block_seconds : float
        For so long every request with the key is refused.
    """

    counting: Counting = Counting.TOKENS
    per_minute: Mapping[Plan, int] = field(default_factory=lambda: REQUESTS_PER_MINUTE)
    bucket_per_minute: Mapping[Bucket, int] = field(default_factory=lambda: BUCKET_PER_MINUTE)
    excess: int = 10
    block_seconds: float = 300.0


UNLIMITED: Final = Limits(
    per_minute=MappingProxyType(dict.fromkeys(Plan, 10**9)),
    bucket_per_minute=MappingProxyType({}),
)
"""Limits that no client reaches, for tests of something else."""


class _Meter:
    """One bucket of one key."""

    def __init__(self, per_minute: int, counting: Counting) -> None:
        self._per_minute = per_minute
        self._counting = counting
        self._tokens = float(per_minute)
        self._since: datetime | None = None
        self._sent: deque[datetime] = deque()

    def has_room(self, now: datetime) -> bool:
        if self._counting is Counting.WINDOW:
            while self._sent and (now - self._sent[0]).total_seconds() >= MINUTE_SECONDS:
                self._sent.popleft()
            return len(self._sent) < self._per_minute
        if self._since is not None:
            passed = max((now - self._since).total_seconds(), 0.0)
            grown = self._tokens + passed * self._per_minute / MINUTE_SECONDS
            self._tokens = min(grown, float(self._per_minute))
        self._since = now
        return self._tokens >= 1.0

    def take(self, now: datetime) -> None:
        self._tokens -= 1.0
        if self._counting is Counting.WINDOW:
            self._sent.append(now)


class Limiter:
    """Counts the requests of every key."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._meters: dict[tuple[str, Bucket], _Meter] = {}
        self._excess: dict[str, deque[datetime]] = defaultdict(deque)
        self._blocked: dict[str, datetime] = {}
        self.refused = 0

    def allows(self, key: str, *, plan: Plan, bucket: Bucket, now: datetime) -> bool:
        """Count a request against the plan's bucket and its own; False where it is too much."""
        since = self._blocked.get(key)
        if since is not None:
            if (now - since).total_seconds() < self._limits.block_seconds:
                self.refused += 1
                return False
            del self._blocked[key]
        meters = [self._meter(key, plan, name) for name in {Bucket.DEFAULT, bucket}]
        room = [meter.has_room(now) for meter in meters if meter is not None]
        if all(room):
            for meter in meters:
                if meter is not None:
                    meter.take(now)
            return True
        self._note_excess(key, now)
        return False

    def _meter(self, key: str, plan: Plan, bucket: Bucket) -> _Meter | None:
        rates = self._limits.bucket_per_minute
        rate = self._limits.per_minute[plan] if bucket is Bucket.DEFAULT else rates.get(bucket)
        if rate is None:
            return None
        if (key, bucket) not in self._meters:
            self._meters[key, bucket] = _Meter(rate, self._limits.counting)
        return self._meters[key, bucket]

    def _note_excess(self, key: str, now: datetime) -> None:
        self.refused += 1
        recent = self._excess[key]
        recent.append(now)
        while (now - recent[0]).total_seconds() >= MINUTE_SECONDS:
            recent.popleft()
        if len(recent) > self._limits.excess:
            self._blocked[key] = now
            recent.clear()
