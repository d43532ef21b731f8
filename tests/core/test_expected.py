"""What the calendar says should be there by now."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from gogooku.core.calendar import Clock, tokyo_sessions
from gogooku.core.errors import NotFoundError
from gogooku.core.expected import expected_session

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
