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
