"""How fresh: by the calendar, with the time that an evening takes."""

from datetime import UTC, date, datetime, timedelta

import pytest

from gogooku.core.calendar import Clock
from gogooku.serve.standing import standing


def tokyo(month, day, hour, minute=0):
    return datetime(2026, month, day, hour, minute, tzinfo=UTC) - timedelta(hours=9)


def at(now, session=date(2026, 11, 26), clock=Clock.EVENING, **more):
    return standing(session, exchange="tokyo", clock=clock, now=now, **more)


@pytest.mark.parametrize(
    ("now", "behind"),
    [
        (tokyo(11, 27, 20), 0),
        (tokyo(11, 27, 22, 59), 0),
        (tokyo(11, 27, 23), 1),
        (tokyo(11, 29, 12), 1),
        (tokyo(11, 30, 23), 2),
    ],
)
def test_a_session_is_due_some_hours_after_its_decision(now, behind):
    found = at(now)
    assert found.behind == behind
    assert found.status == ("degraded" if behind else "ok")


def test_holidays_are_no_delay():
    """23 November is a holiday: on its evening the 20th, a Friday, is still the newest."""
    found = at(tokyo(11, 23, 23, 30), session=date(2026, 11, 20))
    assert (found.status, found.expected) == ("ok", date(2026, 11, 20))
    assert found.age == timedelta(days=3, hours=3, minutes=30)


def test_the_morning_is_soon_after_its_decision():
    assert at(tokyo(11, 30, 8, 45), clock=Clock.PREMARKET).status == "ok"
    found = at(tokyo(11, 30, 8, 50), clock=Clock.PREMARKET)
    assert (found.status, found.expected) == ("degraded", date(2026, 11, 27))


def test_it_says_why():
    old = at(tokyo(11, 30, 23), stale="the newest is damaged")
    assert old.why == ("the newest session is 2026-11-26, 2026-11-30 is due; the newest is damaged")
    assert at(tokyo(11, 26, 21), stale="the newest is damaged").status == "degraded"
    assert old.to_json()["sessions_behind"] == 2


def test_elsewhere_a_week_is_old():
    day = date(2026, 11, 27)
    for days, status in ((5, "ok"), (9, "degraded")):
        now = datetime(2026, 11, 27, 12, tzinfo=UTC) + timedelta(days=days)
        found = standing(day, exchange="new_york", clock=Clock.EVENING, now=now)
        assert (found.status, found.expected, found.behind) == (status, None, 0)
