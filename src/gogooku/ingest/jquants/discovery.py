"""Finding out which plan a key has, and the dates it may see.

No endpoint names the plan. A date before every window is refused with the window's two ends, and
these say which plan it is: only Free ends before today, the others differ in how far they reach
back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from gogooku.core.wall import WallClock, tokyo_time
from gogooku.ingest.jquants.client import BadRequest, Client, NotInPlan, OutsideWindow
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.plans import FREE_DELAY_DAYS, Plan, plan_window
from gogooku.ingest.jquants.subscription import Subscription

_BEFORE_EVERYTHING: Final = date(2000, 1, 4)
_SLACK_DAYS: Final = 45
"""How far the window may lie from the rule and still be that plan's: the plans are years apart."""

_PROBES: Final[tuple[tuple[Plan, str, Mapping[str, str]], ...]] = (
    (Plan.PREMIUM, "breakdown", {"code": "72030"}),
    (Plan.STANDARD, "indices", {"code": "0000"}),
    (Plan.LIGHT, "topix", {}),
)


def discover(
    client: Client, *, clock: WallClock, known: Subscription | None = None
) -> Subscription:
    """Find out the plan of the client's key, and set the client's pace.

    It is asked at the pace of the plan that was ``known`` of the same key, otherwise at the Free
    plan's.

    At most five requests, nearly always one. An endpoint that fails in another way than by the
    plan stops the discovery, so that a fault never looks like a smaller plan.

    Raises
    ------
    TransientError, RefusedKey, NoSubscription
        As the client says.
    """
    today = tokyo_time(clock.now()).date()
    client.pacer.set_plan(Plan.FREE if known is None else known.plan)
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
