from datetime import date

import exchange_calendars
import numpy as np
import pytest

from gogooku.core.calendar import (
    NEW_YORK,
    TOKYO,
    Clock,
    exchange_named,
    is_tokyo_session,
    next_tokyo_sessions,
    session_after,
    session_before,
    session_of_next_week,
    tokyo_sessions,
)
from gogooku.core.errors import DataError


@pytest.mark.filterwarnings("ignore")  # the oracle library's own deprecations
def test_tokyo_sessions_equal_an_independent_calendar():
    first, last = date(2009, 1, 1), date(2025, 12, 31)
    oracle = exchange_calendars.get_calendar("XTKS", start="2009-01-01", end="2025-12-31")
    expected = oracle.sessions.to_numpy().astype("datetime64[D]")
    ours = tokyo_sessions(first, last)
    # 2020-10-01 was a session on which the exchange's system failed: its rows exist, without bars.
    assert set(ours) ^ set(expected) <= {np.datetime64("2020-10-01")}


def test_new_year_and_weekends_are_closed():
    assert not is_tokyo_session(date(2024, 1, 2))
    assert is_tokyo_session(date(2024, 1, 4))
    assert not is_tokyo_session(date(2024, 1, 6))


def test_next_sessions_are_consecutive():
    found = next_tokyo_sessions(date(2024, 1, 1), 5)
    assert list(found.astype(str)) == [
        "2024-01-04",
        "2024-01-05",
        "2024-01-09",
        "2024-01-10",
        "2024-01-11",
    ]


def test_decisions_are_exchange_local():
    days = np.array(["2024-01-04", "2024-07-01"], dtype="datetime64[D]")
    assert list(TOKYO.decision(days, Clock.EVENING).astype(str)) == [
        "2024-01-04T11:00:00.000000",
        "2024-07-01T11:00:00.000000",
    ]
    # daylight saving moves New York against UTC
    assert list(NEW_YORK.decision(days, Clock.EVENING).astype(str)) == [
        "2024-01-05T02:00:00.000000",
        "2024-07-02T01:00:00.000000",
    ]
    assert (TOKYO.known_at(days) < TOKYO.decision(days, Clock.EVENING)).all()


def test_unknown_exchange_is_named():
    with pytest.raises(DataError, match="known: new_york, tokyo"):
        exchange_named("mars")


def days(*texts):
    return np.array(texts, dtype="datetime64[D]")


def test_premarket_is_the_morning_of_the_following_session():
    # a Friday, the last session before Golden Week's holidays, the last one of a year
    asked = days("2026-06-05", "2026-05-01", "2026-12-30")
    assert list(TOKYO.decision(asked, Clock.PREMARKET).astype(str)) == [
        "2026-06-07T23:30:00.000000",
        "2026-05-06T23:30:00.000000",
        "2027-01-03T23:30:00.000000",
    ]
    # a slice, in any order, decides as the whole
    whole = tokyo_sessions(date(2026, 1, 1), date(2026, 12, 31))
    all_at_once = TOKYO.decision(whole, Clock.PREMARKET)
    np.testing.assert_array_equal(TOKYO.decision(whole[50:51], Clock.PREMARKET), all_at_once[50:51])
    assert (all_at_once > TOKYO.decision(whole, Clock.EVENING)).all()
    assert (all_at_once[:-1] < TOKYO.known_at(whole)[1:]).all()
    assert len(TOKYO.decision(whole[:0], Clock.PREMARKET)) == 0


def test_premarket_is_refused_where_the_next_session_is_not_known():
    with pytest.raises(DataError, match="new_york: the clock 'premarket' is not defined"):
        NEW_YORK.decision(days("2026-06-05"), Clock.PREMARKET)


def test_premarket_is_refused_on_a_date_that_is_no_session():
    """After a holiday that traded, the Friday before would be decided after its open."""
    with pytest.raises(DataError, match="1 of 2 dates are no sessions .*first 2026-05-04"):
        TOKYO.decision(days("2026-05-01", "2026-05-04"), Clock.PREMARKET)


def test_sessions_of_a_span_are_cut_from_whole_years():
    found = tokyo_sessions(date(2025, 12, 30), date(2026, 1, 5))
    assert list(found.astype(str)) == ["2025-12-30", "2026-01-05"]
    assert len(tokyo_sessions(date(2026, 1, 2), date(2026, 1, 1))) == 0


def test_steps_along_sessions_start_anywhere():
    sessions = tokyo_sessions(date(2026, 4, 1), date(2026, 6, 30))
    asked = days("2026-05-01", "2026-05-02", "2026-04-30")
    assert list(session_after(asked, sessions=sessions).astype(str)) == [
        "2026-05-07",
        "2026-05-07",
        "2026-05-01",
    ]
    assert str(session_after(asked[:1], sessions=sessions, count=3)[0]) == "2026-05-11"
    assert list(session_before(asked, sessions=sessions).astype(str)) == [
        "2026-04-30",
        "2026-05-01",
        "2026-04-28",
    ]
    # before the first session there is none: the day before stands in
    assert str(session_before(days("2026-04-01"), sessions=sessions)[0]) == "2026-03-31"
    with pytest.raises(DataError, match="1 dates, first 2026-06-30, need a session after"):
        session_after(days("2026-06-29", "2026-06-30"), sessions=sessions)


def test_sessions_of_the_next_week_go_on_past_a_short_week():
    sessions = tokyo_sessions(date(2025, 12, 1), date(2026, 6, 30))
    asked = days("2026-04-10", "2026-04-12", "2026-04-13", "2026-05-01", "2025-12-26")
    found = session_of_next_week(asked, sessions=sessions, count=2)
    assert list(found.astype(str)) == [
        "2026-04-14",  # Friday
        "2026-04-14",  # Sunday of the same week
        "2026-04-21",  # Monday
        "2026-05-08",  # the week has sessions on Thursday and Friday only
        "2025-12-30",
    ]
    only = session_of_next_week(days("2025-12-30"), sessions=sessions, count=2)
    assert str(only[0]) == "2026-01-06"
