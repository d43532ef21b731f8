"""Sessions of an exchange, and the instants at which a decision is taken.

Tokyo sessions are weekdays that are not public holidays, without 31 December to 3 January
(Tokyo Stock Exchange, business regulations, rule 5). An imported market brings its own sessions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import jpholiday
import numpy as np
import numpy.typing as npt

from gogooku.core.errors import DataError

DateArray = npt.NDArray[np.datetime64]


class Clock(StrEnum):
    """When a decision is taken. Everything known by then may be used, nothing later."""

    EVENING = "evening"
    """20:00 in Tokyo on the session itself; elsewhere five hours after the close."""


@dataclass(frozen=True)
class Exchange:
    """An exchange: its name, its time zone and its decision time.

    ``known`` is the local time at which the session's own bars are public, ``evening`` that of the
    evening clock, both on the session's date.
    """

    name: str
    timezone: str
    known: time
    evening: time

    def known_at(self, sessions: DateArray) -> npt.NDArray[np.datetime64]:
        """UTC instants (microseconds) at which each session's bars are known."""
        return _instants(sessions, self.known, self.timezone)

    def decision(self, sessions: DateArray, clock: Clock) -> npt.NDArray[np.datetime64]:
        """UTC instants (microseconds) of the named clock for each session."""
        if clock is not Clock.EVENING:
            raise DataError(f"{self.name}: the clock {clock!r} is not defined")
        return _instants(sessions, self.evening, self.timezone)


TOKYO = Exchange("tokyo", "Asia/Tokyo", known=time(16, 30), evening=time(20, 0))
NEW_YORK = Exchange("new_york", "America/New_York", known=time(17, 0), evening=time(21, 0))
EXCHANGES = {exchange.name: exchange for exchange in (TOKYO, NEW_YORK)}


def exchange_named(name: str) -> Exchange:
    """Find an exchange by name; a `DataError` lists the known ones."""
    if name not in EXCHANGES:
        raise DataError(f"exchange {name!r} is not known; known: {', '.join(sorted(EXCHANGES))}")
    return EXCHANGES[name]


def _instants(sessions: DateArray, local: time, timezone: str) -> npt.NDArray[np.datetime64]:
    zone = ZoneInfo(timezone)
    days: list[Any] = sessions.astype("datetime64[D]").tolist()
    moments = [
        datetime.combine(day, local, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        for day in days
    ]
    return np.array(moments, dtype="datetime64[us]")


def is_tokyo_session(day: date) -> bool:
    """Whether the Tokyo Stock Exchange trades on a date."""
    if day.weekday() >= 5 or (day.month, day.day) in {(12, 31), (1, 1), (1, 2), (1, 3)}:
        return False
    return not jpholiday.is_holiday(day)


def tokyo_sessions(first: date, last: date) -> DateArray:
    """All Tokyo sessions from ``first`` to ``last``, both included, ascending."""
    days = (first + timedelta(days=step) for step in range((last - first).days + 1))
    return np.array([day for day in days if is_tokyo_session(day)], dtype="datetime64[D]")


def next_tokyo_sessions(first: date, count: int) -> DateArray:
    """The first ``count`` Tokyo sessions on or after ``first``."""
    sessions = tokyo_sessions(first, first + timedelta(days=int(count * 1.6) + 30))
    return sessions[:count]
