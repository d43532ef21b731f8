"""Periods that files are named by: a year, a month of it, or the whole of time.

A table is kept by year; the year that grows is kept by month, so that an evening costs a month.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Final

WHOLE: Final = "all"
"""In place of the period of a table that is kept in one piece."""


def periods(first: date, last: date, *, by_month: Collection[int]) -> list[str]:
    """Periods that some dates lie in, ascending: years, and months of the years ``by_month``."""
    found = []
    for year in range(first.year, last.year + 1):
        if year not in by_month:
            found.append(f"{year}")
            continue
        begin = first.month if year == first.year else 1
        end = last.month if year == last.year else 12
        found += [f"{year}-{month:02}" for month in range(begin, end + 1)]
    return found


def month_of(day: date) -> str:
    """The month that a date lies in, as the name of a period."""
    return f"{day:%Y-%m}"


def may_hold(period: str, first: date, last: date) -> bool:
    """Whether some dates may lie in a period; whatever is no year and no month may hold any."""
    if not _is_period(period):
        return True
    width = len(period)
    return first.isoformat()[:width] <= period <= last.isoformat()[:width]


def _is_period(text: str) -> bool:
    year, _, month = text.partition("-")
    return len(year) == 4 and year.isdigit() and (text == year or month.isdigit())
