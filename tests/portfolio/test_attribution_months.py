"""A month's return is what its names, costs, dividends and fills add up to."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import DataError
from gogooku.portfolio.attribution_months import contributions, months_of
from support.portfolios import placed, traded


@pytest.fixture(scope="module")
def case():
    return traded(6, sessions=160, names=20)


@pytest.fixture(scope="module")
def made(case):
    result, *_ = case
    return months_of(placed(*case), result.ledger, result.unfilled, names=3)


def test_parts_add_up_to_the_return_of_the_month(case, made):
    parts = made.months.select(
        pl.col("holdings") + pl.col("cost") + pl.col("dividends") + pl.col("trading")
    ).to_series()
    np.testing.assert_allclose(parts, made.months.get_column("portfolio"), atol=1e-12)
    equity = case[0].daily.get_column("equity").to_numpy()
    growth = np.prod(1.0 + made.months.get_column("portfolio").to_numpy())
    assert growth == pytest.approx(equity[-1] / equity[0])
    assert made.months.get_column("sessions").sum() == 159


def test_names_and_sectors_add_up_to_the_holdings(case, made):
    positions = placed(*case)
    month = positions.sessions[1:].astype("datetime64[M]")
    for row in made.months.iter_rows(named=True):
        inside = np.flatnonzero(month == np.datetime64(row["month"], "M")) + 1
        own = contributions(positions, inside)
        assert own.names.sum() == pytest.approx(row["holdings"], abs=1e-12)
        sectors = made.sectors.filter(pl.col("month") == row["month"])
        assert sectors.get_column("contribution").sum() == pytest.approx(row["holdings"], abs=1e-12)
        top = made.contributors.filter(pl.col("month") == row["month"], pl.col("side") == "top")
        best = np.sort(own.names[own.names > 0])[::-1][:3]
        np.testing.assert_allclose(top.get_column("contribution"), best)
        worst = made.contributors.filter(pl.col("month") == row["month"], pl.col("side") == "worst")
        least = np.sort(own.names[own.names < 0])[:3]
        np.testing.assert_allclose(worst.get_column("contribution"), least)


def test_costs_and_turnover_are_those_of_the_days(case, made):
    positions = placed(*case)
    assert made.months.get_column("turnover").sum() == pytest.approx(positions.turnover[1:].sum())
    assert (made.months.get_column("cost") <= 0.0).all()
    worst = positions.sessions[np.argmin(positions.portfolio)].item()
    assert worst in made.months.get_column("worst_day").to_list()


def test_events_are_all_there_and_counted(case, made):
    result, *_ = case
    ledger = result.ledger
    counts = {
        "unfilled": result.unfilled.filter(pl.col("reason") != "cash").height,
        "splits": ledger.filter(pl.col("side") == "split").height,
        "delistings": ledger.filter(pl.col("reason") == "delisted").height,
        "trades": ledger.filter(pl.col("decided").is_not_null()).height,
    }
    assert min(counts.values()) > 0
    found = made.months.select(pl.col(list(counts)).sum()).row(0, named=True)
    assert found == counts
    assert made.events.height == sum(counts.values()) - counts["trades"]
    assert made.events.get_column("date").is_sorted()
    detail = made.events.filter(pl.col("what") == "unfilled").get_column("detail")
    assert detail.str.contains(r"^(buy|sell) \d+: \w+$").all()


def test_a_market_without_sectors_has_months_all_the_same(case):
    result, market, history = case
    positions = placed(result, market, replace(history, sector=None, sector_names=()))
    made = months_of(positions, result.ledger, result.unfilled)
    assert made.sectors.height == 0
    assert made.months.height > 6


def test_one_session_has_no_month(case):
    result = case[0]
    first = result.daily.head(1)
    positions = placed(replace(result, daily=first, holdings=result.holdings.clear()), *case[1:])
    with pytest.raises(DataError, match="one session"):
        months_of(positions, result.ledger, result.unfilled)
