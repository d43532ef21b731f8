"""Who may ask what: keys, plans, date windows, and the words of each refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gogooku.ingest.jquants.plans import FREE_DELAY_DAYS, HISTORY_YEARS, Plan, years_before

KEYS: Final[Mapping[str, Plan]] = MappingProxyType(
    {
        "sandbox-free": Plan.FREE,
        "sandbox-light": Plan.LIGHT,
        "sandbox-standard": Plan.STANDARD,
        "sandbox-premium": Plan.PREMIUM,
        "sandbox": Plan.PREMIUM,
    }
)
"""Keys that are accepted, and the plan that each one chooses."""
LAPSED_KEY: Final = "sandbox-lapsed"
"""The key of an account whose contract ended."""

NO_KEY: Final = "The api key is required. Please set your API key in the x-api-key header."
BAD_KEY: Final = "The incoming api key is invalid or expired."
LAPSED: Final = "There is no active subscription. Please subscribe to a plan."
NO_ENDPOINT: Final = (
    "The requested endpoint does not exist. Please check the URL, HTTP method, and parameters."
)
NO_CONTENT: Final = "No content due to outside the target time or a stock code does not exist."
TOO_MANY: Final = "Rate limit exceeded. Please try again later."
UNEXPECTED: Final = "Unexpected error. Please try again later."


class Gate(StrEnum):
    """What a request has to pass once its key is accepted."""

    PLAN = "plan"
    WINDOW = "window"
    PARAMS = "params"


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """Ends the handling of a request with a status and a message."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True)
class Window:
    """Dates that a plan covers; ``last`` is None where the end is open."""

    first: date
    last: date | None

    def covers(self, day: date) -> bool:
        """Whether a date lies inside."""
        return self.first <= day and (self.last is None or day <= self.last)

    def message(self, plans_url: str) -> str:
        """What the exchange says of a date outside."""
        return (
            f"Your subscription covers the following dates: {self.first} ~ {self.last or ''}. "
            f"If you want more data, please check other plans:{plans_url}"
        )


def plan_of(key: str | None) -> Plan:
    """Plan of a key.

    Raises
    ------
    Refusal
        403: no key, an unknown one, or one without a contract.
    """
    if not key:
        raise Refusal(403, NO_KEY)
    if key == LAPSED_KEY:
        raise Refusal(403, LAPSED)
    if key not in KEYS:
        raise Refusal(403, BAD_KEY)
    return KEYS[key]


def require_plan(plan: Plan, needed: Plan, *, plans_url: str) -> None:
    """Refuse (403) a plan below the needed one."""
    if plan < needed:
        raise Refusal(
            403,
            "This API is not available on your subscription. If you want more data, please check "
            f"other plans: {plans_url}",
        )


def window_of(plan: Plan, today: date, *, history_from: date) -> Window:
    """Dates that a plan covers on a Tokyo date, from the first one that the market has."""
    years = HISTORY_YEARS[plan]
    last = today - timedelta(days=FREE_DELAY_DAYS) if plan is Plan.FREE else None
    first = years_before(last or today, years)
    return Window(max(first, history_from), last)
