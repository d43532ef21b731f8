"""Sessions of an exchange, and the instants at which a decision is taken.

Tokyo sessions are weekdays that are not public holidays, without 31 December to 3 January
(Tokyo Stock Exchange, business regulations, rule 5). An imported market brings its own sessions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import jpholiday
import numpy as np
import numpy.typing as npt

from gogooku.core.errors import DataError

DateArray = npt.NDArray[np.datetime64]

SESSIONS_PER_YEAR = 245
"""Sessions of a year in Tokyo: what annualises, and what yearly rates count in."""
TSE_RESTRUCTURED = date(2022, 4, 4)
"""First day, a Monday, of Prime, Standard and Growth; before it the old sections."""


class Clock(StrEnum):
    """When a decision is taken. Everything known by then may be used, nothing later."""

    EVENING = "evening"
    """20:00 in Tokyo on the session itself; elsewhere five hours after the close."""

    PREMARKET = "premarket"
    """08:30 in Tokyo on the session that follows, before the open at which orders fill."""


@dataclass(frozen=True)
class Exchange:
    """An exchange: its name, its time zone and its decision time.

    ``known`` is the local time at which the session's own bars are public, ``evening`` that of the
    evening clock, both on the session's date. ``premarket`` is that of the premarket clock on the
    *following* session's date; None where this project has no calendar of the exchange.
    """

    name: str
    timezone: str
    known: time
    evening: time
    premarket: time | None = None

    def known_at(self, sessions: DateArray) -> npt.NDArray[np.datetime64]:
        """UTC instants (microseconds) at which each session's bars are known."""
        return _instants(sessions, self.known, self.timezone)

    def decision(self, sessions: DateArray, clock: Clock) -> npt.NDArray[np.datetime64]:
        """UTC instants (microseconds) of the named clock for each session.

        The premarket clock takes the following session from the exchange's calendar, not from the
        array: a slice of sessions has the same decisions as the whole.

        Raises
        ------
        DataError
            The exchange has no such clock, or a date is no session of its calendar: then the
            session that follows is not known either, and its open may lie before the decision.
        """
        if clock is Clock.EVENING:
            return _instants(sessions, self.evening, self.timezone)
        if self.premarket is None:
            raise DataError(
                f"{self.name}: the clock {str(clock)!r} is not defined there, since the session "
                "after the last one is not known; build with clock evening"
            )
        return _instants(_next_tokyo_session(sessions), self.premarket, self.timezone)


TOKYO = Exchange(
    "tokyo", "Asia/Tokyo", known=time(16, 30), evening=time(20, 0), premarket=time(8, 30)
)
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
    years = [_sessions_of_year(year) for year in range(first.year, last.year + 1)]
    days = np.concatenate(years) if years else np.array([], dtype="datetime64[D]")
    return days[(days >= np.datetime64(first)) & (days <= np.datetime64(last))]


@lru_cache(maxsize=64)
def _sessions_of_year(year: int) -> DateArray:
    start = date(year, 1, 1)
    days = (start + timedelta(days=step) for step in range((date(year, 12, 31) - start).days + 1))
    return np.array([day for day in days if is_tokyo_session(day)], dtype="datetime64[D]")


def _next_tokyo_session(days: DateArray) -> DateArray:
    if not len(days):
        return days.astype("datetime64[D]")
    first, last = days.min().astype("datetime64[D]").item(), days.max().astype("datetime64[D]")
    known = tokyo_sessions(first, last.item() + timedelta(days=30))
    odd = days[~np.isin(days.astype("datetime64[D]"), known)]
    if len(odd):
        raise DataError(
            f"tokyo: {len(odd)} of {len(days)} dates are no sessions of its calendar, first "
            f"{odd.min()}, so the session before each of them would be decided after it opens; "
            "build with clock evening"
        )
    return session_after(days, sessions=known)


def next_tokyo_sessions(first: date, count: int) -> DateArray:
    """The first ``count`` Tokyo sessions on or after ``first``."""
    sessions = tokyo_sessions(first, first + timedelta(days=int(count * 1.6) + 30))
    return sessions[:count]


# ------------------------------------------------------------------------ steps along sessions


def session_after(days: DateArray, *, sessions: DateArray, count: int = 1) -> DateArray:
    """Find the ``count``-th session strictly after each date, which need not be a session.

    Parameters
    ----------
    days : array of dates, any order
    sessions : array of dates, ascending
    count : int
        At least 1.

    Raises
    ------
    DataError
        The sessions end too early.
    """
    at = np.searchsorted(sessions, days.astype("datetime64[D]"), side="right") + count - 1
    return _taken(at, days, sessions=sessions)


def session_before(days: DateArray, *, sessions: DateArray) -> DateArray:
    """Find the last session strictly before each date.

    A date up to the first session has none: it gets the day before it, which lies before every
    decision that the sessions can take, so that the first day of a history is not lost.
    """
    whole = days.astype("datetime64[D]")
    at = np.searchsorted(sessions, whole, side="left") - 1
    found = sessions[np.maximum(at, 0)].astype("datetime64[D]") if len(sessions) else whole
    return np.where(at >= 0, found, whole - np.timedelta64(1, "D"))


def session_of_next_week(days: DateArray, *, sessions: DateArray, count: int) -> DateArray:
    """Find the ``count``-th session after the Sunday that ends each date's week.

    In a week with fewer sessions (New Year, Golden Week) the count goes on into the week after.

    Raises
    ------
    DataError
        The sessions end too early.
    """
    whole = days.astype("datetime64[D]")
    weekday = (whole.astype(np.int64) + 3) % 7  # Monday 0; 1970-01-01 was a Thursday
    sunday = whole + (6 - weekday).astype("timedelta64[D]")
    return session_after(sunday, sessions=sessions, count=count)


def _taken(at: npt.NDArray[np.intp], days: DateArray, *, sessions: DateArray) -> DateArray:
    beyond = at >= len(sessions)
    if beyond.any():
        end = sessions[-1] if len(sessions) else "nothing"
        raise DataError(
            f"sessions: {int(beyond.sum())} dates, first {days[beyond].min()}, need a session "
            f"after {end}; extend the calendar by at least 15 sessions beyond the data"
        )
    return np.asarray(sessions[at].astype("datetime64[D]"))
