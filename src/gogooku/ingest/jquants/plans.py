"""The vendor's subscriptions: what each may ask, how fast, and how far back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Plan(IntEnum):
    """A subscription; a higher one includes the lower ones."""

    FREE = 0
    LIGHT = 1
    STANDARD = 2
    PREMIUM = 3

    @property
    def label(self) -> str:
        """The name as people write it."""
        return self.name.capitalize()


REQUESTS_PER_MINUTE: Mapping[Plan, int] = MappingProxyType(
    {Plan.FREE: 5, Plan.LIGHT: 60, Plan.STANDARD: 120, Plan.PREMIUM: 500}
)
"""Rate limit of each plan (J-Quants, rate limits, 2025-12-22)."""


class Bucket(StrEnum):
    """A rate limit of its own. Every request counts in ``default``, and also in its own bucket."""

    DEFAULT = "default"
    SUMMARY = "fins/summary"
    DETAILS = "fins/details"


BUCKET_PER_MINUTE: Mapping[Bucket, int] = MappingProxyType({Bucket.SUMMARY: 60, Bucket.DETAILS: 60})
"""Extra caps on top of the plan's limit (July 2026)."""

HISTORY_YEARS: Mapping[Plan, int] = MappingProxyType(
    {Plan.FREE: 2, Plan.LIGHT: 5, Plan.STANDARD: 10, Plan.PREMIUM: 20}
)
"""Years a plan reaches back from the last date it may see."""

FREE_DELAY_DAYS = 84
"""The Free plan sees dates only up to today minus this many days."""


def plan_window(plan: Plan, today: date) -> tuple[date, date]:
    """First and last date that a plan sees on a day, by the vendor's rule."""
    last = today - timedelta(days=FREE_DELAY_DAYS) if plan is Plan.FREE else today
    return years_before(last, HISTORY_YEARS[plan]), last


def years_before(day: date, years: int) -> date:
    """The same day so many years earlier; 28 February for a 29th that the year does not have."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)
