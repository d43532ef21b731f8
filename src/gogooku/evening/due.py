"""Which sessions an evening has to publish."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from gogooku.core.calendar import DateArray
from gogooku.core.errors import NotFoundError


def due_sessions(
    sessions: DateArray, *, expected: date, published: Sequence[date], asked: date | None
) -> list[date]:
    """Sessions to publish, in order.

    All that came since the last publication, up to the expected one; before the first publication
    the newest alone. One that is asked for by its date is that one.

    Raises
    ------
    NotFoundError
        What is asked for is no session of the dataset, or its decision is still to come.
    """
    days: list[date] = sessions.tolist()
    if asked is not None:
        if asked not in days:
            raise NotFoundError(
                f"--date {asked}: is no session of the dataset, which has {days[0]} to {days[-1]}"
            )
        if asked > expected:
            raise NotFoundError(
                f"--date {asked}: is decided later than now; {expected} is the last that is past"
            )
        return [] if asked in published else [asked]
    known = [day for day in days if day <= expected]
    if not published:
        return known[-1:]
    return [day for day in known if day > max(published)]
