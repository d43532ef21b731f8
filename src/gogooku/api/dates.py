"""Dates as a Python user gives them."""

from __future__ import annotations

from datetime import date, datetime

from gogooku.core.errors import UsageError
from gogooku.core.findings import short

Day = date | str
"""A date, or a text YYYY-MM-DD."""


def day_of(given: Day | None, what: str) -> date | None:
    """A date of an argument.

    Raises
    ------
    UsageError
        It is no date and no text YYYY-MM-DD.

    Examples
    --------
    >>> from gogooku.api.dates import day_of
    >>> day_of("2024-01-04", "since")
    datetime.date(2024, 1, 4)
    >>> day_of("4 January", "since")
    Traceback (most recent call last):
        ...
    gogooku.core.errors.UsageError: since='4 January': expected a date or YYYY-MM-DD
    """
    if given is None or (isinstance(given, date) and not isinstance(given, datetime)):
        return given
    if isinstance(given, datetime):
        return given.date()
    try:
        return date.fromisoformat(given)
    except (TypeError, ValueError) as fault:
        raise UsageError(f"{what}={short(given)}: expected a date or YYYY-MM-DD") from fault
