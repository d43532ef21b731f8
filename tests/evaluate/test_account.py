"""What a page shows of a backtest: frames by name, fewer points, running sums, company names."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.evaluate.account import Account, running, thinned
from support.account_pages import account_of, days_of


def numbered(count):
    return pl.DataFrame({"date": days_of(count), "n": range(count)})


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 19, 20, 100, 999])
def test_few_points_are_spread_evenly_with_both_ends(count):
    kept = thinned(numbered(count), most=10)["n"].to_list()
    assert kept[0] == 0
    assert kept[-1] == count - 1
    assert len(kept) <= 10
    assert count > 10 or len(kept) == count
    assert len(set(np.diff(kept[1:]).tolist())) <= 1


def test_running_sums_go_by_date():
    frame = pl.DataFrame({"date": [date(2024, 1, 5), date(2024, 1, 4)], "a": [2.0, 1.0]})
    assert running(frame, ["a"])["a"].to_list() == [1.0, 3.0]


def test_what_is_not_there_or_empty_is_none():
    account = account_of(20, events=None)
    assert account.frame("events") is None
    assert account.frame("weather") is None
    empty = account_of(20, months=account.frame("months").clear())
    assert empty.frame("months") is None
    assert account.fact("attribution", "break_even_capital") == 3.2e9
    assert account.fact("attribution", "no", "such") is None
    assert Account(account.daily).fact("attribution") is None


def test_a_company_with_one_name_has_it_in_both_languages():
    names = account_of(20).company()
    assert names["13010"].en == "Co <A> & B"
    assert names["13020"] == ("二", "二")
    assert "99990" not in names
