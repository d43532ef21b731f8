"""Trading sessions, and the instants at which the rows of a session are worth asking for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.wall import tokyo_instant, tokyo_time
from gogooku.ingest.jquants.endpoints import MARGIN_DAILY_FROM, Endpoint
from gogooku.ingest.jquants.ledger import Batch
from gogooku.ingest.jquants.plans import Plan

CALENDAR_AHEAD_DAYS = 60
"""How far after now sessions are known."""
SURELY_PAST = timedelta(days=45)
"""No moment of a day is later than this after it: spares the arithmetic for old days."""
_FLASH_FINAL_MINUTES = 24 * 60 + 30
"""Disclosures of a day are final at 00:30 of the next (J-Quants, update times)."""
_MARGIN_WEEKLY_LAG_SESSIONS = 2
_CALENDAR_FROM = date(2008, 1, 1)
EVERY_DAY = frozenset({"statements", "statement_details"})
"""Endpoints that are asked on Saturdays, Sundays and holidays too: results are disclosed then now
and then. The other disclosures are not worth a query for each of those days."""
_OPEN_SESSION = frozenset({"1", "2"})
"""HolDiv of a session: full day, half day. 3 is a holiday on which only derivatives trade."""


@dataclass(frozen=True)
class Sessions:
    """Trading sessions, ascending."""

    days: tuple[date, ...]

    def between(self, first: date, last: date) -> tuple[date, ...]:
        """Sessions from ``first`` to ``last``, both included."""
        return self.days[bisect_left(self.days, first) : bisect_right(self.days, last)]

    def shifted(self, day: date, steps: int) -> date:
        """The session ``steps`` after (before, if negative) a session."""
        return self.days[bisect_left(self.days, day) + steps]

    def __contains__(self, day: date) -> bool:
        """Whether a date is a session."""
        place = bisect_left(self.days, day)
        return place < len(self.days) and self.days[place] == day


def sessions_of(holiday_divisions: Mapping[date, str], *, now: datetime) -> Sessions:
    """Sessions from 2008 to some weeks after ``now``.

    Parameters
    ----------
    holiday_divisions : mapping of date to str
        ``HolDiv`` of the held calendar; empty before the first sync. Dates outside its range
        follow the rule of the exchange (`gogooku.core.calendar`): the Free plan's calendar ends
        twelve weeks ago.
    """
    until = tokyo_time(now).date() + timedelta(days=CALENDAR_AHEAD_DAYS)
    held = sorted(holiday_divisions)
    if not held:
        return Sessions(_by_rule(_CALENDAR_FROM, until))
    opened = tuple(day for day in held if holiday_divisions[day] in _OPEN_SESSION)
    before = _by_rule(_CALENDAR_FROM, held[0] - timedelta(days=1))
    return Sessions(before + opened + _by_rule(held[-1] + timedelta(days=1), until))


@lru_cache(maxsize=64)
def _by_rule(first: date, last: date) -> tuple[date, ...]:
    return tuple(tokyo_sessions(first, last).tolist()) if first <= last else ()


def axis_days(
    endpoint: Endpoint, days: tuple[date, ...], *, sessions: Sessions
) -> tuple[date, ...]:
    """Those of some sessions for which an endpoint has rows.

    A date that is no session is kept for those of `EVERY_DAY` only.

    Margin interest has week ends, then every session. A week of one or two sessions has no data,
    and neither has the cut week before the switch: its last session is the first daily one.
    """
    if endpoint.name in EVERY_DAY:
        return days
    days = tuple(day for day in days if day in sessions)
    if endpoint.name != "margin_interest":
        return days
    return tuple(day for day in days if day >= MARGIN_DAILY_FROM or _is_margin_week(day, sessions))


def asked_days(
    endpoint: Endpoint, first: date, last: date, *, sessions: Sessions
) -> tuple[date, ...]:
    """Axis dates from ``first`` to ``last`` for which an endpoint is asked, ascending."""
    days = _dates(endpoint.name, first, last, sessions)
    return axis_days(endpoint, days, sessions=sessions)


def _dates(name: str, first: date, last: date, sessions: Sessions) -> tuple[date, ...]:
    """Sessions of a span, or all its dates where an endpoint has rows on every day."""
    if name not in EVERY_DAY:
        return sessions.between(first, last)
    return tuple(first + timedelta(days=step) for step in range((last - first).days + 1))


def _is_margin_week(day: date, sessions: Sessions) -> bool:
    monday = day - timedelta(days=day.weekday())
    week = sessions.between(monday, monday + timedelta(days=6))
    return len(week) > 2 and week[-1] == day


def ready_at(endpoint: Endpoint, day: date, *, sessions: Sessions) -> datetime:
    """When the rows of a session can first be asked for."""
    return tokyo_instant(_ready_session(endpoint, day, sessions), endpoint.ready.minutes)


def _ready_session(endpoint: Endpoint, day: date, sessions: Sessions) -> date:
    steps = endpoint.ready.sessions
    if endpoint.name in EVERY_DAY and day not in sessions:
        return day
    if endpoint.name == "margin_interest" and day < MARGIN_DAILY_FROM:
        steps = _MARGIN_WEEKLY_LAG_SESSIONS
    return sessions.shifted(day, steps)


def moments(
    endpoint: Endpoint, day: date, *, sessions: Sessions, plan: Plan
) -> tuple[datetime, ...]:
    """Instants after which the rows of an axis date are worth asking for, ascending.

    With cursor polling the evening's flash comes by polls, so the first whole query waits until
    the day is final.
    """
    base = _ready_session(endpoint, day, sessions)
    minutes = endpoint.ready.minutes
    final = tokyo_instant(sessions.shifted(base, endpoint.final_sessions), minutes)
    ready = tokyo_instant(base, minutes)
    if endpoint.cursor is None:
        return ready, final
    flash_final = tokyo_instant(day, _FLASH_FINAL_MINUTES)
    polled = plan >= endpoint.cursor
    return (flash_final, final) if polled else (ready, flash_final, final)


def coverage(batches: Sequence[Batch], sessions: Sessions) -> dict[date, datetime]:
    """When each session (of `EVERY_DAY` each date) was last fetched whole."""
    found: dict[date, datetime] = {}
    for batch in batches:
        if not batch.covers or batch.first is None or batch.last is None:
            continue
        for day in _dates(batch.endpoint, batch.first, batch.last, sessions):
            if day not in found or found[day] < batch.fetched_at:
                found[day] = batch.fetched_at
    return found
