"""The vendor's calendar comes before the rule of the exchange, as far as it reaches."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import polars as pl
import pytest

from gogooku.core.calendar import Clock, tokyo_sessions
from gogooku.core.expected import expected_session
from gogooku.evening.closed import vendor_sessions
from gogooku.ingest.source import read_source

FIRST, LAST = date(2026, 11, 16), date(2026, 12, 4)
CLOSED = date(2026, 11, 26)
"""A Thursday that the rule has open."""


def source_of(folder, closed=(CLOSED,), reach=date(2026, 11, 30)):
    """A source whose calendar holds the days up to ``reach``."""
    days = [FIRST + timedelta(days=n) for n in range((reach - FIRST).days + 1)]
    ruled = set(tokyo_sessions(FIRST, reach).tolist())
    frame = pl.DataFrame(
        {"event_date": days, "is_session": [d in ruled and d not in closed for d in days]}
    )
    path = folder / "2026.parquet"
    frame.write_parquet(path)
    return SimpleNamespace(table_paths=lambda name: [path][: name == "calendar"], checked=list)


def test_a_day_that_the_vendor_has_closed_is_no_session(tmp_path):
    ruled = tokyo_sessions(FIRST, LAST).tolist()
    assert CLOSED in ruled
    found = vendor_sessions(source_of(tmp_path), FIRST, LAST).tolist()
    assert found == [day for day in ruled if day != CLOSED]


def test_beyond_its_reach_the_rule_says(tmp_path):
    found = vendor_sessions(source_of(tmp_path, reach=date(2026, 11, 24)), FIRST, LAST).tolist()
    assert found == tokyo_sessions(FIRST, LAST).tolist()


def test_on_such_a_day_the_session_before_is_expected(tmp_path):
    source = source_of(tmp_path)
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    sessions = tokyo_sessions(FIRST, date(2026, 11, 25))
    asked = ("tokyo", Clock.EVENING, now, sessions)
    assert expected_session(*asked) == CLOSED
    found = expected_session(
        *asked, open_days=lambda first, last: vendor_sessions(source, first, last)
    )
    assert found == date(2026, 11, 25)


def test_a_source_without_a_calendar_follows_the_rule(tour_home):
    source = read_source(tour_home, "tiny")
    found = vendor_sessions(source, FIRST, LAST)
    assert found.tolist() == tokyo_sessions(FIRST, LAST).tolist()


@pytest.mark.parametrize("first", [FIRST, date(2026, 11, 20)])
def test_a_synced_source_has_one(synced, first):
    home, _ = synced
    source = read_source(home, "sandbox")
    assert source.table_paths("calendar")
    assert vendor_sessions(source, first, LAST).tolist() == tokyo_sessions(first, LAST).tolist()
