"""Which session should be published by now, by the calendar of its exchange."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np

from gogooku.core.calendar import TOKYO, Clock, DateArray, exchange_named, tokyo_sessions
from gogooku.core.errors import NotFoundError

_LONGEST_BREAK = timedelta(days=21)
"""No exchange is closed for longer."""


def expected_session(
    exchange: str,
    clock: Clock,
    now: datetime,
    sessions: DateArray,
    *,
    open_days: Callable[[date, date], DateArray] = tokyo_sessions,
) -> date:
    """The last session whose decision is past: what should be published by now.

    Parameters
    ----------
    sessions : array of dates, ascending
        Those of the dataset. Elsewhere than in Tokyo, whose calendar is known, the last of them
        whose decision is past is expected.
    open_days : callable
        Tokyo sessions from a date to another; the vendor's calendar where there is one.
    """
    place = exchange_named(exchange)
    days = sessions
    if place is TOKYO:
        today = now.astimezone(UTC).date() + timedelta(days=1)
        days = open_days(today - _LONGEST_BREAK, today)
    moment = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us")
    past = days[place.decision(days, clock) <= moment]
    if not len(past):
        raise NotFoundError(
            f"{exchange}: no session of the dataset ({days[0]} to {days[-1]}) is decided by {now}"
        )
    found: date = past[-1].item()
    return found
