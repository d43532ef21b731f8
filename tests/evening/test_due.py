"""Which sessions are published: all that came since, in order, none before its decision."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from gogooku.core.calendar import Clock, tokyo_sessions
from gogooku.core.errors import NotFoundError
from gogooku.evening.due import due_sessions, expected_session

SESSIONS = tokyo_sessions(date(2026, 11, 16), date(2026, 11, 27))
EXPECTED = date(2026, 11, 27)


def tokyo(day, hour, minute=0):
    return datetime(2026, 11, day, hour - 9, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (tokyo(27, 19, 59), date(2026, 11, 26)),
        (tokyo(27, 20), date(2026, 11, 27)),
        (tokyo(29, 12), date(2026, 11, 27)),
        (tokyo(23, 21), date(2026, 11, 20)),
    ],
)
def test_what_is_expected_by_now(now, expected):
    """The 23rd is a public holiday, the 29th a Sunday."""
    assert expected_session("tokyo", Clock.EVENING, now, SESSIONS) == expected


def test_the_calendar_says_what_is_expected_and_not_what_came():
    assert expected_session("tokyo", Clock.EVENING, tokyo(27, 21), SESSIONS[:-3]) == EXPECTED


def test_before_the_open_the_session_before_is_expected():
    now = datetime(2026, 11, 26, 23, 31, tzinfo=UTC)
    assert expected_session("tokyo", Clock.PREMARKET, now, SESSIONS) == date(2026, 11, 26)
    earlier = datetime(2026, 11, 26, 23, 29, tzinfo=UTC)
    assert expected_session("tokyo", Clock.PREMARKET, earlier, SESSIONS) == date(2026, 11, 25)


def test_elsewhere_the_last_session_that_is_decided_is_expected():
    now = datetime(2026, 11, 27, 12, tzinfo=UTC)
    days = np.array(["2026-11-25", "2026-11-26", "2026-11-27"], dtype="datetime64[D]")
    assert expected_session("new_york", Clock.EVENING, now, days) == date(2026, 11, 26)
    with pytest.raises(NotFoundError, match="no session"):
        expected_session("new_york", Clock.EVENING, now, days[2:])


def due(published=(), asked=None, expected=EXPECTED, sessions=SESSIONS):
    return due_sessions(sessions, expected=expected, published=published, asked=asked)


def test_the_first_time_it_is_the_newest_alone():
    assert due() == [EXPECTED]
    assert due(expected=date(2026, 11, 26)) == [date(2026, 11, 26)]


def test_missed_evenings_are_caught_up_in_order():
    published = [date(2026, 11, 19), date(2026, 11, 20)]
    assert due(published) == [date(2026, 11, day) for day in (24, 25, 26, 27)]


def test_nothing_is_due_twice():
    assert due([EXPECTED]) == []
    assert due([EXPECTED], asked=EXPECTED) == []


def test_one_session_by_its_date():
    assert due([EXPECTED], asked=date(2026, 11, 18)) == [date(2026, 11, 18)]
    with pytest.raises(NotFoundError, match="--date 2026-11-23: is no session"):
        due(asked=date(2026, 11, 23))
    with pytest.raises(NotFoundError, match="decided later than now"):
        due(asked=EXPECTED, expected=date(2026, 11, 26))
