"""The plan of the next sync against a store, without a network."""

import json
from datetime import date

import pytest

from gogooku.core.errors import UsageError
from gogooku.core.wall import VirtualClock
from gogooku.ingest.jquants.ledger import BatchKind, Draft
from gogooku.ingest.jquants.plan import SyncOptions
from gogooku.ingest.jquants.planning import dry_run, held_calendar, plan_for, plan_of
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.jquants.raw import open_store
from support.vendor import FakeVendor, run, some, tokyo

NAMES = some("calendar", "quotes")
NOW = tokyo("2026-11-20 20:00")
RECENT = date(2026, 11, 16)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path, "fake")


def commit_calendar(store, rows, at):
    with store.writer() as writer:
        digest = writer.put(json.dumps({"data": rows}).encode())
        draft = Draft(
            endpoint="calendar",
            query=at,
            kind=BatchKind.PAGES,
            first=None,
            last=None,
            fetched_at=tokyo(at),
            rows=len(rows),
        )
        writer.commit(draft, bodies=[digest])


def test_the_newest_calendar_is_held(store):
    assert held_calendar(store) == {}
    commit_calendar(store, [{"Date": "2026-11-20", "HolDiv": "1"}], "2026-11-19 10:00")
    newer = [{"Date": "2026-11-20", "HolDiv": "0"}, {"Date": "soon", "HolDiv": "1"}]
    commit_calendar(store, newer, "2026-11-20 10:00")
    assert held_calendar(store) == {date(2026, 11, 20): "0"}


@pytest.mark.parametrize(
    ("plan", "first", "last"),
    [
        (Plan.FREE, date(2024, 8, 28), date(2026, 8, 28)),  # 84 days ago, and two years before
        (Plan.LIGHT, date(2021, 11, 20), None),
        (Plan.PREMIUM, date(2006, 11, 20), None),
    ],
)
def test_a_plan_has_the_window_of_the_vendors_rule(plan, first, last):
    made = plan_for(plan, now=NOW)
    assert (made.plan, made.first, made.last, made.seen) == (plan, first, last, date(2026, 11, 20))


def test_before_the_first_sync_a_plan_must_be_named(store):
    with pytest.raises(UsageError, match=r"fake: .*name a plan \(free, light"):
        dry_run(store, endpoints=NAMES, now=NOW)
    made = dry_run(store, endpoints=NAMES, now=NOW, plan=Plan.LIGHT)
    assert made.plan is Plan.LIGHT
    assert {job.endpoint.name for job in made.jobs} == {"calendar", "quotes"}
    assert not store.folder.exists(), "a dry run writes nothing"


def test_what_is_held_and_final_is_not_asked_for_again(store):
    clock = VirtualClock(NOW)
    run(store, FakeVendor(clock, plan=Plan.LIGHT), endpoints=NAMES, first=RECENT)
    later = tokyo("2026-12-18 20:00")
    options = SyncOptions(first=RECENT)
    made = dry_run(store, endpoints=NAMES, now=later, options=options)
    assert made.plan is Plan.LIGHT, "the remembered subscription"
    asked = {job.query for job in made.jobs if job.endpoint.name == "quotes"}
    november = {query for query in asked if query.startswith("date=2026-11")}
    # the 16th and 17th were final at the fetch; of the 18th to 20th there may be corrections; the
    # days after them come with the month's file
    assert november == {f"date=2026-11-{day}" for day in (18, 19, 20)}
    fresh = plan_of(
        open_store(store.home / "other", "none"),
        endpoints=NAMES,
        subscription=plan_for(Plan.LIGHT, now=later),
        now=later,
        options=options,
    )
    every = {job.query for job in fresh.jobs if job.endpoint.name == "quotes"}
    assert every == asked - november, "of nothing held, the file has the whole month"
