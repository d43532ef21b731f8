"""Which sessions are published: all that came since, in order, none before its decision."""

from datetime import date

import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.errors import NotFoundError
from gogooku.evening.due import due_sessions

SESSIONS = tokyo_sessions(date(2026, 11, 16), date(2026, 11, 27))
EXPECTED = date(2026, 11, 27)


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
