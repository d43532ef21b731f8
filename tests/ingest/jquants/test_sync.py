"""A sync against a small vendor: nothing lost, nothing twice, and each endpoint alone."""

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from gogooku.core import files
from gogooku.core.calendar import is_tokyo_session
from gogooku.core.errors import BusyError, StorageError, TransientError, UsageError
from gogooku.core.wall import VirtualClock
from gogooku.ingest.jquants.client import BadRequest, NoSubscription, NotInPlan, RefusedKey
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.ledger import BatchKind
from gogooku.ingest.jquants.moments import axis_days, moments, sessions_of
from gogooku.ingest.jquants.plan import BulkUse, SyncOptions
from gogooku.ingest.jquants.planning import dry_run
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.jquants.raw import open_store
from support import soak
from support.vendor import (
    EVERY,
    FakeVendor,
    announced,
    asked,
    calendar_rows,
    content,
    days_between,
    leftovers,
    run,
    some,
    tokyo,
)

SMALL = some("calendar", "master", "quotes", "topix", "statements")
FROM = date(2026, 10, 1)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path, "fake")


def vendor_at(text, **changes):
    return FakeVendor(VirtualClock(tokyo(text)), **changes)


def rows_held(store, name):
    """Newest row of every key: what a table would hold."""
    found = {}
    endpoint = ENDPOINTS[name]
    for batch in store.batches(name):
        for row in store.decoded(batch).frame.to_dicts():
            found[tuple(row[key] for key in endpoint.key)] = row
    return found


def test_the_first_sync_holds_every_session_and_the_second_asks_nothing(store):
    vendor = vendor_at("2026-11-20 20:00")
    summary = run(store, vendor, endpoints=SMALL, first=FROM)
    assert summary.failed == ()
    assert store.subscription().plan is Plan.STANDARD
    assert vendor.pacer.plan is Plan.STANDARD
    sessions = [day for day in days_between(FROM, date(2026, 11, 20)) if is_tokyo_session(day)]
    held = rows_held(store, "quotes")
    assert {key[0] for key in held} == {str(day) for day in sessions}
    assert len(held) == 3 * len(sessions)
    assert summary.total("batches") == len(store.batches())
    assert summary.requests == vendor.requests
    kinds = {batch.kind for batch in store.batches("quotes")}
    assert kinds == {BatchKind.FILE, BatchKind.PAGES}
    before = content(store)
    sent = vendor.requests
    again = run(store, vendor, endpoints=SMALL, first=FROM)
    assert (vendor.requests, again.requests) == (sent, 0)
    assert content(store) == before
    assert leftovers(store) == ([], [])


def test_files_and_pages_give_the_same_rows(tmp_path):
    found = []
    for use in BulkUse:
        store = open_store(tmp_path, use.value)
        vendor = vendor_at("2026-11-20 20:00")
        run(
            store,
            vendor,
            endpoints=some("calendar", "quotes", "dividends"),
            first=FROM,
            use_bulk=use,
        )
        found.append(rows_held(store, "quotes"))
        assert any(name == "bulk_file" for name, _ in asked(vendor)) is (use is BulkUse.AUTO)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("begin", "plan"),
    soak.some(
        [
            ("2026-09-14 20:00", Plan.PREMIUM),  # three holidays and the margin switch
            ("2026-04-24 09:00", Plan.LIGHT),  # the golden week
            ("2026-07-30 03:30", Plan.FREE),
            ("2025-12-22 20:00", Plan.STANDARD),  # the new year
        ],
        keep=2,
    ),
)
def test_every_day_asks_exactly_what_was_announced_and_no_more(store, begin, plan):
    vendor = vendor_at(begin, plan=plan, splits={("72030", date(2026, 9, 29)): 0.5})
    first = vendor.clock.now().date() - timedelta(days=9)
    if plan is Plan.FREE:
        first -= timedelta(days=84)
    options = {"first": first}
    run(store, vendor, **options)
    rng = random.Random(begin)
    for _ in range(10):
        later = vendor.clock.now() + timedelta(hours=rng.choice((1, 5, 9, 24, 24)))
        plan_then = dry_run(store, endpoints=EVERY, now=later, options=SyncOptions(**options))
        place = len(vendor.log)
        vendor.clock.move_to(later)
        summary = run(store, vendor, **options)
        assert summary.failed == ()
        assert asked(vendor, since=place) == announced(plan_then)
        left = dry_run(store, endpoints=EVERY, now=later, options=SyncOptions(**options))
        assert left.jobs == ()
    assert_whole(store, vendor, first)


def assert_whole(store, vendor, first):
    """Every day that is out is held in its last version, each was asked once per moment at most."""
    now = vendor.clock.now()
    sessions = sessions_of({}, now=now)
    window = vendor.window(now.date())
    for name in ("quotes", "margin_interest", "statements", "futures", "valuation"):
        endpoint = ENDPOINTS[name]
        if vendor.plan < endpoint.plan:
            continue
        batches = [one for one in store.batches(name) if one.kind is BatchKind.PAGES]
        span = sessions.between(max(first, window[0]), window[1])
        for day in axis_days(endpoint, span, sessions=sessions):
            every = moments(endpoint, day, sessions=sessions, plan=vendor.plan)
            passed = [moment for moment in every if moment <= now]
            times = [one.fetched_at for one in batches if one.first == day]
            assert len(times) <= len(passed)
            if passed:
                assert max(times) >= passed[-1], f"{name} {day}"


def test_a_split_makes_its_history_asked_again_on_the_next_day_and_only_then(store):
    vendor = vendor_at("2026-11-17 20:00", splits={("72030", date(2026, 11, 18)): 0.5})
    quotes = some("calendar", "quotes")
    run(store, vendor, endpoints=quotes, first=FROM)
    vendor.clock.move_to(tokyo("2026-11-18 20:00"))
    place = len(vendor.log)
    run(store, vendor, endpoints=quotes, first=FROM)
    run(store, vendor, endpoints=quotes, first=FROM)
    assert "code" not in str(asked(vendor, since=place))
    assert [due.code for due in store.dues()] == ["72030"]
    vendor.clock.move_to(tokyo("2026-11-19 08:00"))
    place = len(vendor.log)
    run(store, vendor, endpoints=quotes, first=FROM)
    run(store, vendor, endpoints=quotes, first=FROM)
    assert asked(vendor, since=place) == [("quotes", "code=72030&from=2026-10-01")]
    assert store.dues() == []


def test_a_history_fetched_whole_owes_nothing_for_its_splits(store):
    vendor = vendor_at("2026-11-20 20:00", splits={("72030", date(2026, 10, 5)): 0.5})
    run(store, vendor, endpoints=some("calendar", "quotes"), first=FROM)
    assert store.dues() == []


@pytest.mark.parametrize(
    "fault",
    [TransientError("quotes: gave up"), BadRequest("quotes: refused"), NotInPlan("q", said="")],
)
def test_a_failing_endpoint_blocks_no_other_and_is_named(store, fault):
    faults = {("quotes", f"2026-11-{day:02d}"): fault for day in range(1, 31)}
    vendor = vendor_at("2026-11-20 20:00", faults=faults)
    summary = run(store, vendor, endpoints=SMALL, first=date(2026, 11, 2))
    assert [one.name for one in summary.failed] == ["quotes"]
    assert str(fault) in " ".join(summary.failed[0].failed)
    assert sum(name == "quotes" for name, _ in asked(vendor)) <= 5, "the rest is left alone"
    assert store.batches("quotes") == []
    assert store.batches("topix")
    vendor.faults.clear()
    if isinstance(fault, BadRequest):
        later = run(store, vendor, endpoints=SMALL, first=date(2026, 11, 2))
        (said,) = later.failed[0].failed
        assert said.startswith("quotes: 5 days were not accepted earlier today")
        vendor.clock.move_to(tokyo("2026-11-21 00:10"))
    place = len(vendor.log)
    healed = run(store, vendor, endpoints=SMALL, first=date(2026, 11, 2))
    assert healed.failed == ()
    assert {name for name, _ in asked(vendor, since=place)} == {"quotes"}


def test_old_days_that_stay_refused_block_no_new_one_and_are_tried_once_a_day(store):
    sessions = [
        day for day in days_between(date(2026, 11, 2), date(2026, 11, 20)) if is_tokyo_session(day)
    ]
    old = sessions[:7]
    faults = {("quotes", str(day)): BadRequest("quotes: refused") for day in old}
    vendor = vendor_at("2026-11-20 20:00", faults=faults)
    names = some("calendar", "quotes")
    summary = run(store, vendor, endpoints=names, first=old[0])
    assert {key[0] for key in rows_held(store, "quotes")} == {str(day) for day in sessions[7:]}
    assert len(summary.endpoints[1].failed) == 5 + 1, "five in a row and what was left"
    sent = vendor.requests
    run(store, vendor, endpoints=names, first=old[0], last=date(2026, 11, 20))
    assert vendor.requests == sent + 2, "the two that were not asked yet"
    sent = vendor.requests
    run(store, vendor, endpoints=names, first=old[0], last=date(2026, 11, 20))
    assert vendor.requests == sent
    vendor.clock.move_to(tokyo("2026-11-24 20:00"))
    place = len(vendor.log)
    run(store, vendor, endpoints=names, first=old[0])
    days = [params["date"] for name, params in vendor.log[place:] if name == "quotes"][1:]
    assert days[0] == "2026-11-24"
    assert days[-5:] == [str(day) for day in reversed(old[2:])]


def test_failed_jobs_are_counted_in_a_row(store):
    days = days_between(date(2026, 10, 26), date(2026, 11, 20))
    sessions = [day for day in days if is_tokyo_session(day)]
    bad = [day for place, day in enumerate(sessions) if place % 3]
    faults = {("quotes", str(day)): BadRequest("quotes: refused") for day in bad}
    vendor = vendor_at("2026-11-20 20:00", faults=faults)
    options = {"first": sessions[0], "use_bulk": BulkUse.NEVER}
    summary = run(store, vendor, endpoints=some("calendar", "quotes"), **options)
    assert len(bad) > 5
    assert len(summary.endpoints[1].failed) == len(bad)
    assert len(store.batches("quotes")) == len(sessions) - len(bad)


def test_a_vendor_that_refuses_dates_without_session_fails_nothing(store):
    days = days_between(date(2026, 11, 2), date(2026, 11, 24))
    faults = {
        ("statements", str(day)): BadRequest("no such day")
        for day in days
        if not is_tokyo_session(day)
    }
    vendor = vendor_at("2026-11-24 20:00", faults=faults)
    names = some("calendar", "statements")
    assert run(store, vendor, endpoints=names, first=days[0]).failed == ()
    place = len(vendor.log)
    vendor.clock.move_to(tokyo("2026-11-25 09:00"))
    assert run(store, vendor, endpoints=names, first=days[0]).failed == ()
    assert asked(vendor, since=place) == [("statements", "date=2026-11-24")]


@pytest.mark.parametrize(
    "fault", [BadRequest("bulk files: no such endpoint"), NotInPlan("bulk", said="no")]
)
@pytest.mark.parametrize("what", ["bulk_list", "bulk_file"])
def test_files_that_are_refused_are_replaced_by_their_days(store, fault, what):
    vendor = vendor_at("2026-11-20 20:00", faults={what: fault})
    names = some("calendar", "quotes")
    summary = run(store, vendor, endpoints=names, first=FROM)
    assert summary.failed == ()
    assert str(fault) in " ".join(summary.endpoints[1].by_day)
    days = days_between(FROM, date(2026, 11, 20))
    assert {key[0] for key in rows_held(store, "quotes")} == {
        str(day) for day in days if is_tokyo_session(day)
    }
    sent = vendor.requests
    run(store, vendor, endpoints=names, first=FROM)
    assert vendor.requests == sent


def test_a_file_without_its_objects_goes_by_day_and_the_next_is_not_fetched(store):
    vendor = vendor_at("2026-11-20 20:00", plan=Plan.PREMIUM)
    plain = vendor._value

    def value(endpoint, name, kind, day, code):
        found = plain(endpoint, name, kind, day, code)
        return "a=1" if vendor.log[-1][0] == "bulk_file" and isinstance(found, dict) else found

    vendor._value = value
    names = some("calendar", "statement_details")
    summary = run(store, vendor, endpoints=names, first=date(2026, 9, 1))
    assert summary.failed == ()
    said = summary.endpoints[1].by_day
    assert ["no JSON objects in FS" in text for text in said] == [True, False]
    assert sum(name == "bulk_file" for name, _ in asked(vendor)) == 1
    held = rows_held(store, "statement_details")
    assert {row["FS"] for row in held.values()} == {'{"a":"1"}'}
    assert "2026-09-01" in {row["DiscDate"] for row in held.values()}


def test_a_key_refused_after_an_answer_fails_one_endpoint_only(store):
    vendor = vendor_at("2026-11-20 20:00", faults={"master": RefusedKey("403 Forbidden")})
    summary = run(store, vendor, endpoints=SMALL, first=date(2026, 11, 18))
    assert [(one.name, one.failed) for one in summary.failed] == [("master", ["403 Forbidden"])]
    assert rows_held(store, "quotes")


def test_an_expired_cursor_is_replaced_by_the_whole_day(store):
    vendor = vendor_at("2026-11-20 13:00", plan=Plan.PREMIUM)
    names = some("calendar", "statements")
    run(store, vendor, endpoints=names, first=date(2026, 11, 20))
    plain = vendor._answer

    def answer(endpoint, params):
        if "cursor" in params:
            raise BadRequest("the cursor has expired")
        return plain(endpoint, params)

    vendor._answer = answer
    vendor.clock.move_to(tokyo("2026-11-20 19:00"))
    summary = run(store, vendor, endpoints=names, first=date(2026, 11, 20))
    assert summary.failed == ()
    polls = store.batches("statements")
    assert [(one.kind, one.query) for one in polls] == [(BatchKind.CURSOR, "date=2026-11-20")] * 2
    assert {(one.first, one.last) for one in polls} == {(date(2026, 11, 20),) * 2}
    assert not any(one.covers for one in polls)
    assert store.refused("statements") == {}


def test_a_listing_that_slips_is_asked_again_and_not_held_for_three_sessions(store):
    vendor = vendor_at("2026-11-20 17:31")
    plain = vendor._day
    slipped = {"until": tokyo("2026-11-20 18:00")}

    def day_of(endpoint, day):
        if day == date(2026, 11, 24) and vendor.clock.now() < slipped["until"]:
            day = date(2026, 11, 20)
        return plain(endpoint, day)

    vendor._day = day_of
    names = some("calendar", "master")
    run(store, vendor, endpoints=names, first=date(2026, 11, 20))
    assert date(2026, 11, 24) not in store.days("master")
    for text, expected in (("17:31", []), ("18:31", ["date=2026-11-24"]), ("20:31", [])):
        vendor.clock.move_to(tokyo(f"2026-11-20 {text}"))
        options = {"first": date(2026, 11, 20)}
        plan = dry_run(
            store, endpoints=names, now=vendor.clock.now(), options=SyncOptions(**options)
        )
        place = len(vendor.log)
        run(store, vendor, endpoints=names, **options)
        assert (
            asked(vendor, since=place) == announced(plan) == [("master", one) for one in expected]
        )
    assert store.days("master")[date(2026, 11, 24)] == 3


@pytest.mark.parametrize("fault", [RefusedKey("no"), NoSubscription("no")])
def test_a_refused_key_stops_everything_and_nothing_is_written(store, fault):
    vendor = vendor_at("2026-11-20 20:00", faults={"quotes": fault})
    with pytest.raises(type(fault)):
        run(store, vendor, endpoints=SMALL)
    assert not store.folder.exists()
    vendor.faults.clear()
    run(store, vendor, endpoints=SMALL, first=FROM)
    before = content(store)
    vendor.clock.move_to(tokyo("2026-11-24 20:00"))
    vendor.faults["quotes"] = fault
    with pytest.raises(type(fault)):
        run(store, vendor, endpoints=SMALL, first=FROM)
    assert content(store) == before


def test_no_network_before_the_first_sync_is_one_error(store):
    vendor = vendor_at("2026-11-20 20:00", faults={"quotes": TransientError("no answer")})
    with pytest.raises(TransientError):
        run(store, vendor, endpoints=SMALL)
    assert not store.folder.exists()


def test_a_smaller_plan_is_noticed_and_planned_anew(store):
    vendor = vendor_at("2026-11-20 20:00", plan=Plan.PREMIUM)
    names = some("calendar", "indices", "topix", "breakdown")
    run(store, vendor, endpoints=names, first=date(2026, 11, 18))
    vendor.clock.move_to(tokyo("2026-11-24 20:00"))
    vendor.plan = Plan.LIGHT
    gone = [NotInPlan("indices", said="no")]
    vendor.faults = {"indices": gone}
    summary = run(store, vendor, endpoints=names, first=date(2026, 11, 18))
    assert store.subscription().plan is Plan.LIGHT
    assert summary.failed == ()
    skipped = {one.name for one in summary.endpoints if one.skipped}
    assert skipped == {"indices", "breakdown"}
    # Before: one span; after: the new day, and the 18th, which is final by now.
    assert len(store.batches("topix")) == 3


def plan_questions(vendor, since=0):
    return sum(params.get("date") == "2000-01-04" for _, params in vendor.log[since:])


def test_a_larger_plan_of_the_same_key_is_noticed_on_the_next_day(store):
    vendor = vendor_at("2026-10-01 20:00", plan=Plan.FREE)
    names = some("calendar", "topix")
    run(store, vendor, endpoints=names, first=date(2026, 6, 1))
    assert store.batches("topix") == []
    vendor.plan = Plan.PREMIUM
    run(store, vendor, endpoints=names, first=date(2026, 6, 1))
    assert (store.subscription().plan, plan_questions(vendor)) == (Plan.FREE, 1)
    vendor.clock.move_to(tokyo("2026-10-02 00:01"))
    summary = run(store, vendor, endpoints=names, first=date(2026, 6, 1))
    assert (store.subscription().plan, plan_questions(vendor)) == (Plan.PREMIUM, 2)
    assert store.batches("topix")
    assert summary.notes == ("the plan is Premium now, it was Free",)
    place = len(vendor.log)
    run(store, vendor, endpoints=names, first=date(2026, 6, 1))
    assert len(vendor.log) == place, "the same day is not asked about twice"


def test_the_plan_is_asked_for_at_once_on_demand(store):
    vendor = vendor_at("2026-10-01 20:00", plan=Plan.FREE)
    names = some("calendar", "topix")
    run(store, vendor, endpoints=names, first=date(2026, 6, 1))
    vendor.plan = Plan.LIGHT
    summary = run(store, vendor, endpoints=names, first=date(2026, 6, 1), check_plan=True)
    assert store.subscription().plan is summary.plan is Plan.LIGHT
    assert store.batches("topix")


@pytest.mark.parametrize("changed", ["key", "base_url"])
@pytest.mark.parametrize("plan", [Plan.PREMIUM, Plan.FREE])
def test_another_key_or_address_is_noticed_at_the_same_instant(store, changed, plan):
    vendor = vendor_at("2026-10-01 20:00", plan=Plan.STANDARD)
    names = some("calendar", "topix", "indices", "breakdown")
    run(store, vendor, endpoints=names, first=date(2026, 6, 1))
    held = store.batches()
    setattr(vendor, changed, f"{getattr(vendor, changed)}2")
    vendor.plan = plan
    place = len(vendor.log)
    summary = run(store, vendor, endpoints=names, first=date(2026, 6, 1))
    assert plan_questions(vendor, place) == 1
    assert summary.plan is plan
    assert "another key or address" in summary.notes[0]
    assert store.batches()[: len(held)] == held, "what is stored stays"
    assert bool(store.batches("breakdown")) is (plan is Plan.PREMIUM)
    said = {one.name: one.skipped for one in summary.endpoints}
    if plan is Plan.FREE:
        assert said["indices"] == "not in the Free plan; needs Standard"


def test_refused_days_and_cursors_belong_to_the_key_and_plan_that_they_came_from(store):
    vendor = vendor_at("2026-10-01 20:00", plan=Plan.PREMIUM)
    names = some("calendar", "statements")
    refused = BadRequest("no such day")
    vendor.faults = {("statements", "2026-09-30"): [refused, refused]}
    run(store, vendor, endpoints=names, first=date(2026, 9, 29))
    assert set(store.refused("statements")) == {"date=2026-09-30"}
    vendor.clock.move_to(tokyo("2026-10-01 20:30"))
    vendor.key = "another-key"
    vendor.faults = {}
    place = len(vendor.log)
    summary = run(store, vendor, endpoints=names, first=date(2026, 9, 29))
    assert summary.failed == ()
    assert store.refused("statements") == {}
    asked_now = [params for name, params in vendor.log[place:] if name == "statements"]
    assert {"date": "2026-09-30"} in asked_now
    assert not [params for params in asked_now if "cursor" in params]


def test_a_store_of_an_earlier_version_is_asked_for_its_plan_at_once(store):
    vendor = vendor_at("2026-10-01 20:00", plan=Plan.LIGHT)
    names = some("calendar", "topix")
    run(store, vendor, endpoints=names, first=date(2026, 6, 1))
    with store.writer() as writer:
        writer.remember(replace(store.subscription(), mark="", plan=Plan.FREE))
    summary = run(store, vendor, endpoints=names, first=date(2026, 6, 1))
    assert (summary.plan, plan_questions(vendor)) == (Plan.LIGHT, 2)


def test_a_file_that_is_not_listed_is_replaced_by_its_days(store):
    quotes = ENDPOINTS["quotes"]
    vendor = vendor_at("2026-11-20 20:00", missing_files={quotes.bulk_key(2026, 10)})
    summary = run(store, vendor, endpoints=some("calendar", "quotes"), first=FROM)
    assert summary.failed == ()
    (said,) = summary.endpoints[1].by_day
    assert "202610" in said
    held = {key[0] for key in rows_held(store, "quotes")}
    assert held == {
        str(day) for day in days_between(FROM, date(2026, 11, 20)) if is_tokyo_session(day)
    }
    sent = vendor.requests
    run(store, vendor, endpoints=some("calendar", "quotes"), first=FROM)
    assert vendor.requests == sent


def test_a_file_that_does_not_decode_is_fetched_again_then_replaced_by_its_days(store):
    vendor = vendor_at("2026-11-20 20:00")
    whole = vendor.bulk_file
    broken = {"left": 1}

    def bulk_file(key):
        body = whole(key)
        if broken["left"] and "202610" in key:
            broken["left"] -= 1
            return body[:-9]
        return body

    vendor.bulk_file = bulk_file
    names = some("calendar", "quotes")
    summary = run(store, vendor, endpoints=names, first=date(2026, 10, 1))
    assert summary.endpoints[1].by_day == []
    broken["left"] = 2
    other = open_store(store.home, "other")
    summary = run(other, vendor, endpoints=names, first=date(2026, 10, 1))
    assert "does not unpack" in summary.endpoints[1].by_day[0]
    assert rows_held(other, "quotes") == rows_held(store, "quotes")


def test_a_file_that_was_written_anew_is_fetched_again_when_files_are_listed(store):
    vendor = vendor_at("2026-11-20 20:00")
    names = some("calendar", "quotes")
    run(store, vendor, endpoints=names, first=date(2026, 10, 1))
    key = ENDPOINTS["quotes"].bulk_key(2026, 10)
    vendor.modified[key] = datetime(2026, 11, 20, tzinfo=UTC)
    place = len(vendor.log)
    run(store, vendor, endpoints=names, first=date(2026, 8, 1))
    files_asked = [query for name, query in asked(vendor, since=place) if name == "bulk_file"]
    assert [query[-13:-7] for query in files_asked] == ["202608", "202609", "202610"]


def test_a_short_day_is_asked_again_once_and_named_if_it_stays_short(store):
    day = date(2026, 11, 19)
    vendor = vendor_at("2026-11-20 20:00", short={("quotes", day): [1]})
    names = some("calendar", "master", "quotes")
    summary = run(store, vendor, endpoints=names, first=date(2026, 11, 18))
    assert summary.endpoints[2].short == {}
    assert len(rows_held(store, "quotes")) == 9
    other = open_store(store.home, "other")
    vendor.short = {("quotes", day): 2}
    place = len(vendor.log)
    summary = run(other, vendor, endpoints=names, first=date(2026, 11, 18))
    assert summary.endpoints[2].short == {day: 2}
    assert asked(vendor, since=place).count(("quotes", f"date={day}")) == 2
    assert len(rows_held(other, "quotes")) == 7


def test_when_every_day_is_short_the_asking_again_ends(store):
    first = date(2026, 11, 2)
    sessions = [day for day in days_between(first, date(2026, 11, 20)) if is_tokyo_session(day)]
    vendor = vendor_at("2026-11-20 20:00", short={("quotes", day): 1 for day in sessions})
    summary = run(store, vendor, endpoints=some("calendar", "master", "quotes"), first=first)
    assert sorted(summary.endpoints[2].short) == sessions
    assert sum(name == "quotes" for name, _ in asked(vendor)) == len(sessions) + 3


def test_unknown_and_missing_fields_are_named_and_kept(store):
    vendor = vendor_at("2026-11-20 20:00")
    plain = vendor._rows

    def rows(endpoint, day):
        found = plain(endpoint, day)
        for row in found:
            row["Fresh"] = "new"
            row.pop("Va", None)
        return found

    vendor._rows = rows
    summary = run(store, vendor, endpoints=some("calendar", "quotes"), first=date(2026, 11, 18))
    assert (summary.endpoints[1].unknown, summary.endpoints[1].missing) == ({"Fresh"}, {"Va"})
    assert b"Fresh" in store.bodies(store.batches("quotes")[0])[0]
    text = json.dumps(summary.to_json())
    assert '"unknown": ["Fresh"]' in text


def test_premium_polls_today_and_completes_the_day_tomorrow(store):
    vendor = vendor_at("2026-11-20 13:00", plan=Plan.PREMIUM)
    names = some("calendar", "statements")
    for text in ("2026-11-20 13:00", "2026-11-20 19:00", "2026-11-21 09:00"):
        vendor.clock.move_to(tokyo(text))
        run(store, vendor, endpoints=names, first=date(2026, 11, 20))
    found = [(one.kind, one.query) for one in store.batches("statements")]
    assert found[0] == (BatchKind.CURSOR, "date=2026-11-20")
    assert found[1][1].startswith("date=2026-11-20&cursor=c")
    assert found[2] == (BatchKind.PAGES, "date=2026-11-20")
    assert len(found) == 3


def test_versions_are_kept(store):
    vendor = vendor_at("2026-11-19 20:00")
    names = some("calendar", "quotes")
    run(store, vendor, endpoints=names, first=date(2026, 11, 19))
    known = store.batches()
    vendor.clock.move_to(tokyo("2026-11-27 20:00"))
    run(store, vendor, endpoints=names, first=date(2026, 11, 19))
    assert store.batches(as_known_on=date(2026, 11, 19)) == known
    assert len(store.batches()) > len(known)
    assert rows_held(store, "quotes")["2026-11-19", "72030"]["C"] == 2.0


def test_an_answer_is_as_old_as_its_first_request(store):
    vendor = vendor_at("2026-11-20 16:29", plan=Plan.PREMIUM)
    plain = vendor._answer

    def slow(endpoint, params):
        found = plain(endpoint, params)
        vendor.clock.sleep(120)
        return found

    vendor._answer = slow
    begun = vendor.clock.now() + timedelta(minutes=2)  # the calendar comes first
    run(store, vendor, endpoints=some("calendar", "quotes"), first=date(2026, 11, 19))
    assert store.batches("calendar")[0].fetched_at < store.batches("quotes")[0].fetched_at
    assert begun in {batch.fetched_at for batch in store.batches("quotes")}


def test_a_dry_run_needs_a_plan_before_the_first_sync(store):
    now = tokyo("2026-11-20 20:00")
    with pytest.raises(UsageError, match="name a plan"):
        dry_run(store, endpoints=EVERY, now=now)
    assert dry_run(store, endpoints=EVERY, now=now, plan=Plan.LIGHT).minutes > 1
    assert not store.folder.exists()


def test_a_second_sync_is_refused_before_it_asks(store):
    vendor = vendor_at("2026-11-20 20:00")
    with store.writer(), pytest.raises(BusyError):
        run(store, vendor, endpoints=SMALL)
    assert vendor.requests == 0


def test_a_full_disk_stops_the_sync_and_keeps_what_was_committed(store, monkeypatch):
    vendor = vendor_at("2026-11-20 20:00")
    run(store, vendor, endpoints=SMALL, first=FROM)
    before = content(store)
    vendor.clock.move_to(tokyo("2026-11-24 20:00"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gogooku.ingest.jquants.raw.os.fsync", full)
    with pytest.raises(StorageError):
        run(store, vendor, endpoints=SMALL, first=FROM)
    monkeypatch.undo()
    # A day that came back with the same body needs no space.
    assert set(before[0]) <= set(content(store)[0])
    assert leftovers(store) == ([], [])


KILLED = some("calendar", "quotes", "topix")


def two_days(store):
    """A sync, and one of the next day with a code history due."""
    vendor = vendor_at("2026-11-18 20:00", splits={("72030", date(2026, 11, 18)): 0.5})
    for text in ("2026-11-17 20:00", "2026-11-18 20:00", "2026-11-19 20:00"):
        vendor.clock.move_to(tokyo(text))
        run(store, vendor, endpoints=KILLED, first=date(2026, 10, 1))


def kill_in_children(home, places):
    """For each (name, nth): a child that syncs and is killed there, then one that syncs again."""
    for number, (name, nth) in enumerate(places):
        for stop in ((name, nth), None):
            pid = os.fork()
            if pid == 0:
                try:
                    child(open_store(home, f"k{number}"), stop)
                finally:
                    os._exit(70)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            wanted = -signal.SIGKILL if stop else 0
            assert code == wanted, f"{name} {nth}: {code}"


def child(store, stop):
    seen = {}

    def watch(name):
        seen[name] = seen.get(name, 0) + 1
        if (name, seen[name]) == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    files.WATCHERS.append(watch)
    two_days(store)
    os._exit(0)


@pytest.mark.parametrize("every", soak.and_all([3], [1]))
def test_killed_at_every_write_point_and_run_again_is_as_undisturbed(
    store, every, tmp_path, monkeypatch
):
    """Every third of them; all of them in the long version."""
    points = []
    monkeypatch.setattr(files, "WATCHERS", [points.append])
    two_days(store)
    monkeypatch.undo()
    assert {"raw.written", "raw.body", "raw.commit", "raw.inserted", "sync.job"} <= set(points)
    places = [
        (name, nth)
        for name in dict.fromkeys(points)
        for nth in dict.fromkeys((1, points.count(name)))
    ][::every]
    # Another process, which has not used Polars: a fork after that may hang.
    order = json.dumps([str(tmp_path), places])
    folders = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, str(Path(__file__)), order],
        env={"PYTHONPATH": folders, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for number, place in enumerate(places):
        other = open_store(tmp_path, f"k{number}")
        assert content(other) == content(store), place
        assert leftovers(other) == ([], []), place
        for batch in other.batches():
            assert other.bodies(batch)


if __name__ == "__main__":
    base, chosen = json.loads(sys.argv[1])
    sessions_of({}, now=tokyo("2026-11-20 20:00"))  # remembered by every child
    calendar_rows(date(2027, 12, 31))
    kill_in_children(Path(base), [tuple(place) for place in chosen])
