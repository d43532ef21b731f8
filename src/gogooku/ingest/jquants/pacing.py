"""Even spacing of requests, so that the vendor's rate limit is never reached.

How the vendor counts (sliding window, calendar minute, token bucket) is not documented. Requests
at equal distances, a little slower than the limit, pass all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gogooku.core.wall import MINUTE_SECONDS, WallClock
from gogooku.ingest.jquants.plans import BUCKET_PER_MINUTE, REQUESTS_PER_MINUTE, Bucket, Plan

MARGIN: Final = 1.02
"""How much wider than the limit the requests are spaced: absorbs jitter on the way."""


@dataclass
class _Gate:
    """Closed for ``seconds`` from ``since`` on."""

    since: datetime
    seconds: float

    def left(self, now: datetime) -> float:
        """Seconds until it opens; never more than it was closed for, if the clock is set back."""
        elapsed = (now - self.since).total_seconds()
        return min(self.seconds, self.seconds - elapsed)


class Pacer:
    """Lets one request through at a time, at the pace of a plan.

    Parameters
    ----------
    plan : Plan
        Whose limit holds; see `set_plan`.
    clock : WallClock
        Gives the time and sleeps.
    margin : float
        Factor on the spacing, at least 1.
    after : datetime or None
        Instant of the last request of an earlier run, which still counts.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        clock: WallClock,
        margin: float = MARGIN,
        after: datetime | None = None,
    ) -> None:
        if margin < 1:
            raise ValueError(f"a pacing margin is at least 1, not {margin}")
        self._plan = plan
        self._clock = clock
        self._margin = margin
        self._sent: dict[Bucket, datetime] = {}
        self._punished: _Gate | None = None
        if after is not None:
            self._sent = dict.fromkeys(Bucket, after)

    @property
    def plan(self) -> Plan:
        """The plan whose limit holds."""
        return self._plan

    def set_plan(self, plan: Plan) -> None:
        """Go on at the pace of another plan; what was sent so far still counts."""
        self._plan = plan

    def wait(self, bucket: Bucket) -> None:
        """Sleep until a request is allowed, and count it in ``default`` and in its own bucket."""
        buckets = {Bucket.DEFAULT, bucket}
        self._clock.sleep(self._left(buckets))
        now = self._clock.now()
        for name in buckets:
            self._sent[name] = now

    def punish(self, seconds: float) -> None:
        """Let nothing through before ``seconds`` from now; a longer punishment stays."""
        now = self._clock.now()
        if self._punished is None or seconds > self._punished.left(now):
            self._punished = _Gate(now, seconds)

    def _left(self, buckets: set[Bucket]) -> float:
        now = self._clock.now()
        gates = [
            _Gate(self._sent[name], self._spacing_seconds(name))
            for name in buckets
            if name in self._sent
        ]
        if self._punished is not None:
            gates.append(self._punished)
        return max((gate.left(now) for gate in gates), default=0.0)

    def _spacing_seconds(self, bucket: Bucket) -> float:
        return MINUTE_SECONDS / _per_minute(bucket, self._plan) * self._margin


def minutes_for(requests: Mapping[Bucket, int], plan: Plan) -> float:
    """Minutes that so many requests take at the pace of a plan.

    Parameters
    ----------
    requests : mapping of Bucket to int
        Requests per bucket, each counted once; ``default`` holds those without a bucket of
        their own. All of them together count against the plan's limit.
    plan : Plan

    Returns
    -------
    float
        The time of the slowest bucket; the answers' own time is not in it.
    """
    counts = {**requests, Bucket.DEFAULT: sum(requests.values())}
    return max(count / _per_minute(bucket, plan) for bucket, count in counts.items()) * MARGIN


def _per_minute(bucket: Bucket, plan: Plan) -> int:
    limit = REQUESTS_PER_MINUTE[plan]
    return min(limit, BUCKET_PER_MINUTE.get(bucket, limit))
