"""What the page shows of a backtest is what the backtest keeps, and totals that add up."""

import numpy as np
import polars as pl
import pytest

from gogooku.runs.account import account_of, sectors_whole
from gogooku.runs.newest import company_names, source_of
from gogooku.runs.trade import backtest

BY_SECTOR = ["allocation", "selection", "interaction"]


@pytest.fixture
def account(home, ridge):
    return account_of(backtest(home, ridge), company_names(source_of(home, ridge)))


def test_every_frame_that_the_page_needs_is_read(home, ridge, account):
    traded = backtest(home, ridge)
    assert account.daily.equals(traded.frame("daily"))
    wanted = {"baselines", "parts", "parts_whole", "parts_by_year", "sectors_whole", "risk",
              "risk_tests", "drawdowns", "worst_sessions", "worst_windows", "exit", "capacity",
              "cost_sensitivity", "slices", "months", "contributors", "month_sectors", "events",
              "styles", "sectors"}  # fmt: skip
    assert wanted <= set(account.frames)
    assert not {"ledger", "holdings", "brinson"} & set(account.frames)
    assert account.currency == "JPY"
    assert set(account.rules) == set(traded.written["baselines"])
    assert account.company()


def test_parts_of_the_whole_add_up_to_the_compounded_excess(account):
    whole = account.frame("parts_whole").row(0, named=True)
    parts = (*BY_SECTOR, "cost", "dividends", "trading")
    assert sum(whole[name] for name in parts) == pytest.approx(whole["excess"], abs=1e-10)
    level = account.daily.select("equity", "benchmark").to_numpy()
    grown = level[-1] / level[0]
    assert whole["excess"] == pytest.approx(grown[0] - grown[1], abs=1e-10)


def test_sectors_of_the_whole_add_up_to_its_parts(account):
    whole = account.frame("parts_whole").row(0, named=True)
    sums = account.frame("sectors_whole").select(pl.col(BY_SECTOR).sum()).row(0, named=True)
    for name in BY_SECTOR:
        assert sums[name] == pytest.approx(whole[name], abs=1e-10)


def test_a_sector_of_one_session_has_its_own_part(home, ridge):
    traded = backtest(home, ridge)
    parts, brinson = traded.frame("parts").head(1), traded.frame("brinson")
    one = sectors_whole(brinson, parts)
    day = brinson.filter(date=parts["date"][0])
    np.testing.assert_allclose(one["selection"], day["selection"], atol=1e-15)


def test_names_may_be_missing(home, ridge):
    assert account_of(backtest(home, ridge), None).company() == {}
