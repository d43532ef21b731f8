"""Which plan a key has, and the dates it may see: asked once, remembered, never guessed down.

No endpoint names the plan. A date before every window is refused with the window's two ends, and
these tell the plan: only Free ends before today, the others differ in how far they reach back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, Self

from gogooku.core.errors import DataError
from gogooku.core.wall import WallClock, tokyo_time
from gogooku.ingest.jquants.client import BadRequest, Client, NotInPlan, OutsideWindow
from gogooku.ingest.jquants.endpoints import (
    ENDPOINTS,
    FREE_DELAY_DAYS,
    HISTORY_YEARS,
    Endpoint,
    Plan,
)

_BEFORE_EVERYTHING: Final = date(2000, 1, 4)
_SLACK_DAYS: Final = 45
"""How far the window may lie from the rule and still be that plan's: the plans are years apart."""
_SHIFT_DAYS: Final = 3
"""Up to this the vendor's ends are its own way of counting years, and move on with today."""

_PROBES: Final[tuple[tuple[Plan, str, Mapping[str, str]], ...]] = (
    (Plan.PREMIUM, "breakdown", {"code": "72030"}),
    (Plan.STANDARD, "indices", {"code": "0000"}),
    (Plan.LIGHT, "topix", {}),
)


@dataclass(frozen=True)
class Subscription:
    """A plan and its window as the server gave them on the day ``seen``.

    ``last`` is None where the window is open at its end.
    """

    plan: Plan
    first: date
    last: date | None
    seen: date

    def window(self, today: date, *, endpoint: Endpoint | None = None) -> tuple[date, date]:
        """First and last date that can be asked for today, both included.

        Parameters
        ----------
        today : date
            In Tokyo.
        endpoint : Endpoint, optional
            Cuts the window to the endpoint's history.
        """
        first, last = plan_window(self.plan, today)
        shift = self.first - plan_window(self.plan, self.seen)[0]
        # A far end that is not the rule's is the start of all data: it stays where it is.
        first = first + shift if abs(shift.days) <= _SHIFT_DAYS else max(first, self.first)
        if self.last is not None:
            last += self.last - plan_window(self.plan, self.seen)[1]
        if endpoint is not None and endpoint.starts is not None:
            first = max(first, endpoint.starts)
        return first, last

    def to_json(self) -> dict[str, Any]:
        """As plain values, for a file."""
        return {
            "plan": self.plan.name.lower(),
            "first": self.first.isoformat(),
            "last": self.last.isoformat() if self.last else None,
            "seen": self.seen.isoformat(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; anything else is a `DataError`."""
        try:
            return cls(
                plan=Plan[value["plan"].upper()],
                first=date.fromisoformat(value["first"]),
                last=date.fromisoformat(value["last"]) if value["last"] else None,
                seen=date.fromisoformat(value["seen"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise DataError(
                f"the remembered subscription is not readable ({fault!r}); remove it and run "
                "gogooku sync, which asks for it again."
            ) from fault


def plan_window(plan: Plan, today: date) -> tuple[date, date]:
    """First and last date that a plan sees on a day, by the vendor's rule."""
    last = today - timedelta(days=FREE_DELAY_DAYS) if plan is Plan.FREE else today
    return _years_before(last, HISTORY_YEARS[plan]), last


def discover(client: Client, *, clock: WallClock) -> Subscription:
    """Find out the plan of the client's key, at the Free plan's pace, and set the client's pace.

    At most five requests, nearly always one. An endpoint that fails in another way than by the
    plan stops the discovery, so that a fault never looks like a smaller plan.

    Raises
    ------
    TransientError, RefusedKey, NoSubscription
        As the client says.
    """
    today = tokyo_time(clock.now()).date()
    client.pacer.set_plan(Plan.FREE)
    refusal = _refusal(client)
    plan = None if refusal is None else _plan_of(refusal.first, refusal.last, today)
    if refusal is not None and plan is not None:
        found = Subscription(plan, refusal.first, refusal.last, today)
    else:
        found = _from_probes(client, today)
        if refusal is not None and refusal.first > found.first:
            found = replace(found, first=refusal.first)
    client.pacer.set_plan(found.plan)
    return found


def _refusal(client: Client) -> OutsideWindow | None:
    """The refusal of a date before everything, which names the window; None without one."""
    query = {"date": _BEFORE_EVERYTHING.isoformat()}
    try:
        next(client.pages(ENDPOINTS["quotes"], query), None)
    except OutsideWindow as refusal:
        return refusal
    except BadRequest:
        return None
    return None


def _plan_of(first: date, last: date | None, today: date) -> Plan | None:
    """The plan whose window is nearest; None if none is near."""
    if last is not None and last >= today - timedelta(days=FREE_DELAY_DAYS // 2):
        last = None
    plans = [plan for plan in Plan if (plan is Plan.FREE) == (last is not None)]
    starts = ENDPOINTS["quotes"].starts or first

    def distance(plan: Plan) -> int:
        by_rule, end = plan_window(plan, today)
        ends = abs((last - end).days) if last is not None else 0
        return ends + min(abs((first - by_rule).days), abs((first - max(by_rule, starts)).days))

    nearest = min(plans, key=distance)
    return nearest if distance(nearest) <= _SLACK_DAYS else None


def _from_probes(client: Client, today: date) -> Subscription:
    """The plan from the highest endpoint that answers."""
    last = today - timedelta(days=FREE_DELAY_DAYS + 1)
    span = {"from": (last - timedelta(days=7)).isoformat(), "to": last.isoformat()}
    for plan, name, params in _PROBES:
        try:
            next(client.pages(ENDPOINTS[name], {**params, **span}), None)
        except NotInPlan:
            continue
        except OutsideWindow:
            pass  # refused for its dates only: the plan has the endpoint
        return _by_rule(plan, today)
    return _by_rule(Plan.FREE, today)


def _by_rule(plan: Plan, today: date) -> Subscription:
    first, last = plan_window(plan, today)
    return Subscription(plan, first, last if plan is Plan.FREE else None, today)


def _years_before(day: date, years: int) -> date:
    if (day.month, day.day) == (2, 29) and not _is_leap(day.year - years):
        return date(day.year - years, 2, 28)
    return day.replace(year=day.year - years)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
