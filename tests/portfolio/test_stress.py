"""Named windows of stress: dates that are windows, and only those that an account covers."""

from datetime import date

import numpy as np
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.terms import TERMS
from gogooku.portfolio.stress import STRESSES, stresses_within


def test_each_is_a_window_of_sessions_with_a_name_of_its_own():
    assert len({one.name for one in STRESSES}) == len(STRESSES)
    assert [one.first for one in STRESSES] == sorted(one.first for one in STRESSES)
    for one in STRESSES:
        assert one.exchanges
        assert set(one.exchanges) <= set(TERMS)
        assert len(tokyo_sessions(one.first, one.last)) >= 2
        for day in (one.first, one.last):
            assert len(tokyo_sessions(day, day)) == 1, (one.name, day)


@pytest.mark.parametrize(
    ("first", "last", "names"),
    [
        ("2016-06-23", "2016-06-27", ["Brexit vote"]),
        ("2016-06-24", "2016-06-27", []),  # the first session is the evening before any trade
        ("2016-06-23", "2016-06-24", []),
        ("2013-05-01", "2013-07-31", ["May 2013 sell-off"]),
    ],
)
def test_only_what_an_account_covers_whole(first, last, names):
    days = tokyo_sessions(date.fromisoformat(first), date.fromisoformat(last))
    assert list(stresses_within(days, "tokyo")) == names


def test_what_hit_one_exchange_is_of_that_one_only():
    days = np.arange("2010-01-04", "2014-01-01", dtype="datetime64[D]")
    assert "Tohoku earthquake" in stresses_within(days, "tokyo")
    assert list(stresses_within(days, "new_york")) == ["US downgrade"]
    assert stresses_within(days[:0], "tokyo") == {}
