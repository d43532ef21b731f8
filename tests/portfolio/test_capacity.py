"""Days to exit, costs made dearer, and impact by capital, against closed forms."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.errors import DataError
from gogooku.portfolio.capacity import (
    Orders,
    break_even_capital,
    break_even_multiple,
    capacity_curve,
    cost_sensitivity,
    days_to_exit,
    orders_of,
)
from gogooku.portfolio.costs import UNKNOWN_VOLATILITY
from gogooku.portfolio.measures import backtest_report
from support.portfolios import placed, traded


@pytest.fixture(scope="module")
def case():
    return traded(7, sessions=160, names=20, cash=1e9)


@pytest.fixture(scope="module")
def positions(case):
    return placed(*case)


def equity_of(case):
    return case[0].daily.get_column("equity").to_numpy()


def late_trades(case):
    """Trades after volatilities are known."""
    ledger = case[0].ledger
    return ledger.filter(pl.col("date") > case[1].sessions[70].item())


def test_days_to_exit_by_hand(case, positions):
    volume = np.full_like(positions.history.close, 0.0)
    traded_value = np.array([100.0, 50.0, 0.0, *[1.0] * 17])
    close = np.ones_like(volume)
    history = replace(positions.history, close=close, volume=volume + traded_value)
    weights = np.zeros_like(positions.weights)
    weights[80, :2] = [0.5, -0.5]
    weights[90, [0, 2]] = [0.5, 0.5]
    made = replace(positions, history=history, weights=weights)
    frame = days_to_exit(made, np.full(160, 200.0), participation=0.1)
    # a hundred each: 10 and 5 a session
    row = frame.row(80, named=True)
    assert (row["within_1"], row["within_5"], row["within_20"]) == (
        pytest.approx(15 / 200), pytest.approx(75 / 200), pytest.approx(1.0),
    )  # fmt: skip
    assert (row["longest"], row["untraded"]) == (20.0, 0.0)
    stuck = frame.row(90, named=True)
    assert (stuck["longest"], stuck["untraded"]) == (None, 0.5)
    nothing = frame.row(0, named=True)
    assert (nothing["within_1"], nothing["longest"]) == (1.0, 0.0)


def test_costs_at_their_own_multiple_are_the_backtest(case, positions):
    frame = cost_sensitivity(positions)
    own = frame.row(by_predicate=pl.col("multiple") == 1.0, named=True)
    report = backtest_report(case[0].daily).values
    assert own["annual_return"] == pytest.approx(report["portfolio.annual_return"].value)
    assert own["annual_excess"] == pytest.approx(report["portfolio.excess_return"].value)
    assert own["excess_error"] == pytest.approx(report["portfolio.excess_return"].error)
    assert own["sharpe"] == pytest.approx(report["portfolio.sharpe"].value)
    returns = frame.get_column("annual_return").to_list()
    assert returns == sorted(returns, reverse=True)


def test_the_break_even_multiple_leaves_no_excess(positions):
    multiple = break_even_multiple(positions)
    frame = cost_sensitivity(positions, multiples=(multiple,))
    assert frame.get_column("annual_excess").item() == pytest.approx(0.0, abs=1e-12)
    free = replace(positions, cost=np.zeros_like(positions.cost))
    assert break_even_multiple(free) == math.inf


def test_orders_are_the_trades_with_what_was_known_before(case, positions):
    trades = late_trades(case)
    orders = orders_of(trades, positions)
    wanted = trades.filter(pl.col("decided").is_not_null())
    assert len(orders.value) == wanted.height > 20
    one = wanted.row(5, named=True)
    n, s = case[1].codes.index(one["code"]), int(orders.row[5])
    past = positions.history.until(int(positions.rows[s]) - 1)
    assert positions.sessions[s].item() == one["date"]
    assert orders.value[5] == pytest.approx(one["shares"] * one["price"])
    assert orders.share_of_traded[5] == pytest.approx(orders.value[5] / past.traded_value()[n])
    assert orders.volatility[5] == past.volatility[n]


def test_the_curve_is_the_square_root_law(positions):
    orders = Orders(
        row=np.array([1, 2]),
        value=np.array([100.0, 300.0]),
        share_of_traded=np.array([0.01, 0.04]),
        volatility=np.array([0.02, 0.03]),
    )
    equity = np.full(160, 1000.0)
    frame = capacity_curve(positions, orders, equity, impact=0.5, multiples=(1.0, 4.0))
    drag = 0.5 * (0.02 * 0.1 * 0.1 + 0.03 * 0.2 * 0.3) * 250 / 159
    one, four = frame.to_dicts()
    year = one["impact_bps"] / 1e4 / drag * 250
    assert four["impact_bps"] == pytest.approx(2 * one["impact_bps"])
    assert year == pytest.approx(round(year))
    gross = positions.excess[1:].mean() * round(year)
    assert one["annual_excess"] == pytest.approx(gross - one["impact_bps"] / 1e4)
    assert (one["capital"], four["capital"]) == (1000.0, 4000.0)
    assert (one["participation"], four["participation"]) == (0.04, 0.16)


def test_impact_that_was_paid_is_taken_out_first(case, positions):
    orders, equity = orders_of(late_trades(case), positions), equity_of(case)
    paid = 1e-4 * equity
    free = capacity_curve(positions, orders, equity)
    back = capacity_curve(positions, orders, equity, paid=paid)
    more = (back.get_column("annual_excess") - free.get_column("annual_excess")).to_numpy()
    shares = (paid[1:] / equity[:-1]).mean() * SESSIONS_PER_YEAR
    np.testing.assert_allclose(more, shares)


def test_at_break_even_capital_nothing_is_left(case, positions):
    good = replace(positions, portfolio=positions.benchmark + 0.001)
    orders = orders_of(late_trades(case), positions)
    equity = equity_of(case)
    capital = break_even_capital(capacity_curve(good, orders, equity))
    at = capacity_curve(good, orders, equity, multiples=(capital / equity[0],))
    assert at.get_column("annual_excess").item() == pytest.approx(0.0, abs=1e-9)
    bad = replace(positions, portfolio=positions.benchmark - 0.001)
    assert break_even_capital(capacity_curve(bad, orders, equity)) == 0.0
    none = replace(orders, volatility=np.zeros_like(orders.volatility))
    assert break_even_capital(capacity_curve(good, none, equity)) == math.inf


def test_what_was_not_known_of_a_name_is_guessed_and_counted(case, positions):
    ledger = case[0].ledger
    early = orders_of(ledger.filter(pl.col("date") < case[1].sessions[20].item()), positions)
    assert early.guessed == len(early.value) > 0
    assert (early.volatility == UNKNOWN_VOLATILITY).all()
    assert orders_of(late_trades(case), positions).guessed == 0


def test_trades_that_cannot_be_placed_are_refused(case, positions):
    moved = late_trades(case).with_columns(pl.lit("99990").alias("code"))
    with pytest.raises(DataError, match="no session or name of the backtest.* 99990"):
        orders_of(moved, positions)
    with pytest.raises(DataError, match="no volume"):
        days_to_exit(
            replace(positions, history=replace(positions.history, volume=None)), equity_of(case)
        )
