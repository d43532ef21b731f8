"""What a store says of itself."""

import json
from datetime import date, timedelta

import pytest

from gogooku.core.wall import VirtualClock
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.jquants.status import status
from support.vendor import FakeVendor, run, some, tokyo

NAMES = some("calendar", "quotes", "margin_interest", "morning", "breakdown")


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path, "fake")


def described(store, now):
    return {one.name: one for one in status(store, endpoints=NAMES, now=now).endpoints}


def test_an_empty_store_has_endpoints_without_dates(store):
    found = described(store, tokyo("2026-11-20 20:00"))
    assert set(found) == {one.name for one in NAMES}
    assert {(one.batches, one.rows, one.first, one.age_hours) for one in found.values()} == {
        (0, 0, None, None)
    }
    assert not store.folder.exists()


def test_gaps_are_sessions_that_are_not_held_between_those_that_are(store):
    clock = VirtualClock(tokyo("2026-11-13 13:00"))
    vendor = FakeVendor(clock, plan=Plan.PREMIUM)
    for text, first, last in (
        ("2026-11-13 13:00", (2026, 9, 14), (2026, 9, 28)),
        ("2026-11-20 13:00", (2026, 11, 10), (2026, 11, 20)),
    ):
        clock.move_to(tokyo(text))
        run(store, vendor, endpoints=NAMES, first=date(*first), last=date(*last))
    now = clock.now() + timedelta(hours=36)
    found = described(store, now)
    quotes = found["quotes"]
    assert (quotes.first, quotes.last) == (date(2026, 9, 1), date(2026, 11, 19))
    # All 21 sessions of October, and 2, 4, 5, 6 and 9 November (3 November is a holiday).
    assert quotes.num_gaps == 26
    assert quotes.gaps == tuple(date(2026, 10, day) for day in (1, 2, 5, 6, 7))
    assert quotes.age_hours == pytest.approx(36)
    assert quotes.rows == sum(batch.rows for batch in store.batches("quotes"))
    margin = found["margin_interest"]
    # Weekly before 25 September: nothing of the 21st to the 24th is a gap.
    assert margin.first == date(2026, 9, 4)
    assert margin.gaps[0] == date(2026, 10, 1)
    morning = found["morning"]
    assert (morning.first, morning.last, morning.num_gaps) == (
        date(2026, 11, 20),
        date(2026, 11, 20),
        0,
    )
    assert found["calendar"].last == date(2027, 12, 31)


def test_a_status_is_json(store):
    clock = VirtualClock(tokyo("2026-11-20 20:00"))
    run(store, FakeVendor(clock), endpoints=NAMES, first=date(2026, 11, 18))
    text = json.dumps(status(store, endpoints=NAMES, now=clock.now()).to_json())
    value = json.loads(text)
    assert (value["source"], value["plan"], value["dues"]) == ("fake", "Standard", 0)
    quotes = next(one for one in value["endpoints"] if one["name"] == "quotes")
    assert (quotes["first"], quotes["last"], quotes["gaps"]) == ("2026-11-18", "2026-11-20", [])
