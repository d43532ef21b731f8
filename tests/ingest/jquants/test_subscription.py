"""The plan is found from the window in a refusal, else by probing; a fault never lowers it."""

from dataclasses import replace
from datetime import UTC, date, datetime

import httpx
import pytest

from gogooku.core.errors import DataError, TransientError
from gogooku.core.wall import VirtualClock
from gogooku.ingest.jquants.client import ApiKey, Client, NoSubscription, Patience, RefusedKey
from gogooku.ingest.jquants.discovery import discover
from gogooku.ingest.jquants.endpoints import ENDPOINTS, by_path
from gogooku.ingest.jquants.pacing import Pacer
from gogooku.ingest.jquants.plans import Plan, plan_window
from gogooku.ingest.jquants.subscription import Subscription

START = datetime(2026, 11, 20, 20, tzinfo=UTC)
TODAY = date(2026, 11, 21)  # it is already Saturday in Tokyo
FIRST = {
    Plan.FREE: date(2024, 8, 29),
    Plan.LIGHT: date(2021, 11, 21),
    Plan.STANDARD: date(2016, 11, 21),
    Plan.PREMIUM: date(2006, 11, 21),
}
LAST_FREE = date(2026, 8, 29)


def say(status, message):
    return httpx.Response(status, json={"message": message})


def window(first, last=""):
    return say(400, f"Your subscription covers the following dates: {first} ~ {last}. If you want")


class Server:
    """Refuses what is above the plan; old dates get ``refusal``, or an empty page."""

    def __init__(self, plan, refusal=None, probes=None):
        self.plan, self.refusal, self.probes, self.asked = plan, refusal, probes, []

    def __call__(self, request):
        self.asked.append(request.url)
        endpoint = by_path(request.url.path.removeprefix("/v2"))
        if endpoint.name == "quotes" and self.refusal is not None:
            return self.refusal
        if endpoint.name != "quotes" and self.probes is not None:
            return self.probes
        if endpoint.plan > self.plan:
            return say(403, "This API is not available on your subscription.")
        return httpx.Response(200, json={"data": []})


def found(server):
    clock = VirtualClock(START)
    pacer = Pacer(Plan.PREMIUM, clock=clock)
    with Client(
        base_url="https://x.test/v2",
        key=ApiKey("k"),
        pacer=pacer,
        clock=clock,
        transport=httpx.MockTransport(server),
        patience=Patience(attempts=2),
    ) as client:
        subscription = discover(client, clock=clock)
    assert pacer.plan is subscription.plan
    # At the Free plan's pace, whatever the plan turns out to be.
    assert clock.slept_seconds >= 12 * (len(server.asked) - 1)
    return subscription


@pytest.mark.parametrize("plan", Plan)
def test_one_request_tells_the_plan(plan):
    last = LAST_FREE if plan is Plan.FREE else ""
    server = Server(plan, window(FIRST[plan], last))
    assert found(server) == Subscription(plan, FIRST[plan], last or None, TODAY)
    assert len(server.asked) == 1
    assert server.asked[0].params["date"] == "2000-01-04"


@pytest.mark.parametrize(
    ("first", "last", "plan"),
    [
        ("2024-08-31", "2026-08-31", Plan.FREE),
        ("2021-11-22", "2026-11-21", Plan.LIGHT),
        ("2008-05-07", "", Plan.PREMIUM),
        ("2006-11-20", "", Plan.PREMIUM),
    ],
)
def test_windows_a_little_off_the_rule(first, last, plan):
    server = Server(plan, window(first, last))
    assert found(server).plan is plan
    assert len(server.asked) == 1


@pytest.mark.parametrize("plan", Plan)
@pytest.mark.parametrize(
    "refusal",
    [None, say(400, "out of range"), window("2013-01-01"), window("2024-99-99", "2026-01-01")],
    ids=["answered", "unreadable", "no such plan", "no such date"],
)
def test_probing_where_the_refusal_does_not_tell(plan, refusal):
    server = Server(plan, refusal)
    first, last = plan_window(plan, TODAY)
    expected = Subscription(plan, first, last if plan is Plan.FREE else None, TODAY)
    made = found(server)
    assert replace(made, first=first) == expected
    # data that begins later than the plan reaches back: there is no older date to ask for
    named = date(2013, 1, 1) if refusal is not None and "2013" in refusal.text else first
    assert made.first == max(first, named)
    assert len(server.asked) == 1 + min(3, 4 - plan)


def test_a_probe_refused_for_its_dates_has_passed_the_plan():
    assert found(Server(Plan.PREMIUM, probes=window("2024-08-28"))).plan is Plan.PREMIUM


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(503), TransientError),
        (say(403, "invalid or expired"), RefusedKey),
        (say(403, "no active subscription"), NoSubscription),
    ],
)
def test_another_failure_stops_the_discovery(answer, kind):
    for server in (Server(Plan.PREMIUM, answer), Server(Plan.PREMIUM, probes=answer)):
        with pytest.raises(kind):
            found(server)


@pytest.mark.parametrize("last", [None, LAST_FREE])
def test_the_round_trip(last):
    subscription = Subscription(Plan.FREE, FIRST[Plan.FREE], last, TODAY)
    assert Subscription.from_json(subscription.to_json()) == subscription


@pytest.mark.parametrize(
    "value", [{}, {"plan": "gold"}, {"plan": 3, "first": "2020-01-01", "last": None}, None]
)
def test_a_broken_memory_is_named(value):
    with pytest.raises(DataError, match="remembered subscription"):
        Subscription.from_json(value)


@pytest.mark.parametrize("plan", Plan)
def test_the_window_moves_with_the_day(plan):
    first, last = plan_window(plan, TODAY)
    subscription = Subscription(plan, first, last if plan is Plan.FREE else None, TODAY)
    assert subscription.window(TODAY) == (first, last)
    assert (first, last) == (FIRST[plan], LAST_FREE if plan is Plan.FREE else TODAY)
    assert subscription.window(date(2027, 3, 1)) == plan_window(plan, date(2027, 3, 1))


def test_leap_days_have_a_window():
    assert plan_window(Plan.LIGHT, date(2028, 2, 29))[0] == date(2023, 2, 28)
    assert plan_window(Plan.PREMIUM, date(2028, 2, 29))[0] == date(2008, 2, 29)


def test_the_server_s_own_way_of_counting_is_kept():
    off = Subscription(Plan.FREE, date(2024, 8, 31), date(2026, 8, 31), TODAY)
    assert off.window(TODAY) == (date(2024, 8, 31), date(2026, 8, 31))
    assert off.window(date(2026, 12, 1)) == (date(2024, 9, 10), date(2026, 9, 10))
    clipped = Subscription(Plan.PREMIUM, date(2008, 5, 7), None, TODAY)
    assert clipped.window(date(2026, 12, 1))[0] == date(2008, 5, 7)
    assert clipped.window(date(2030, 1, 5))[0] == date(2010, 1, 5)


def test_the_window_of_an_endpoint_begins_with_its_history():
    subscription = Subscription(Plan.PREMIUM, FIRST[Plan.PREMIUM], None, TODAY)
    assert subscription.window(TODAY, endpoint=ENDPOINTS["breakdown"]) == (date(2015, 4, 1), TODAY)
    assert subscription.window(TODAY, endpoint=ENDPOINTS["morning"])[0] == FIRST[Plan.PREMIUM]
