"""The time of day, as an argument: nothing in the project asks the machine for it by itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

JST = ZoneInfo("Asia/Tokyo")
MINUTE_SECONDS = 60.0
PLAYED_HEADER = "x-sandbox-now"
"""Header with the time of day for a sandbox exchange, where a month is played."""


class WallClock(Protocol):
    """Gives the time and waits; both in real or in virtual seconds."""

    def now(self) -> datetime:
        """The current instant, aware, UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait; a negative or zero time returns at once."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The current instant, aware, UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait in real seconds."""
        if seconds > 0:
            time.sleep(seconds)


@dataclass(frozen=True)
class ShiftedClock:
    """A clock that runs beside the machine's own: as fast, and ``ahead`` of it or behind."""

    ahead: timedelta

    @classmethod
    def set_to(cls, instant: datetime) -> ShiftedClock:
        """One that shows an instant now."""
        return cls(instant.astimezone(UTC) - datetime.now(UTC))

    def now(self) -> datetime:
        """The current shifted instant, aware, UTC."""
        return datetime.now(UTC) + self.ahead

    def sleep(self, seconds: float) -> None:
        """Wait in real seconds."""
        if seconds > 0:
            time.sleep(seconds)


@dataclass
class VirtualClock:
    """A clock that moves only when it is asked to wait: waiting costs no real time.

    ``slept_seconds`` sums what was waited, so that a paced run can say how long it would take.
    """

    instant: datetime
    slept_seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a naive instant."""
        if self.instant.tzinfo is None:
            raise ValueError("a virtual clock starts at an aware instant")
        self.instant = self.instant.astimezone(UTC)

    def now(self) -> datetime:
        """The current virtual instant, aware, UTC."""
        return self.instant

    def sleep(self, seconds: float) -> None:
        """Move forward without waiting."""
        if seconds > 0:
            self.slept_seconds += seconds
            self.instant += timedelta(seconds=seconds)

    def move_to(self, instant: datetime) -> None:
        """Set the clock."""
        self.instant = instant.astimezone(UTC)


def tokyo_time(instant: datetime) -> datetime:
    """Convert an aware instant to Tokyo time."""
    return instant.astimezone(JST)


def tokyo_instant(day: date, minutes: int) -> datetime:
    """Return the UTC instant ``minutes`` after midnight of a Tokyo date (27 * 60 is 03:00 next)."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=JST)
    return (midnight + timedelta(minutes=minutes)).astimezone(UTC)
