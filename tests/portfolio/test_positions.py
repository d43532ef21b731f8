"""A backtest on dense axes: what it earned is what the frames say, and gaps are refused."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import ContractError, DataError
from gogooku.portfolio.positions import positions_of
from support.portfolios import placed, traded


@pytest.fixture(scope="module")
def case():
    return traded(1)


def test_sessions_without_a_fill_are_earned_by_the_weights_alone(case):
    result, market, history = case
    positions = placed(result, market, history)
    busy = set(result.ledger.get_column("date").to_list())
    quiet = [s for s, day in enumerate(positions.sessions.tolist()) if s and day not in busy]
    assert len(quiet) > 50
    earned = positions.earned.sum(axis=1)
    np.testing.assert_allclose(earned[quiet], positions.portfolio[quiet], atol=1e-12)


def test_the_benchmark_is_the_universe_of_the_session_before(case):
    positions = placed(*case)
    assert (positions.benchmark_dividends > 0.0).sum() > 10
    own = positions.benchmark_earned.sum(axis=1) + positions.benchmark_dividends
    np.testing.assert_allclose(own[2:], positions.benchmark[2:], atol=1e-12)
    assert own[1] == 0.0


def test_dividends_and_costs_are_apart(case):
    result, *_ = case
    positions = placed(*case)
    equity = result.daily.get_column("equity").to_numpy()
    paid = result.daily.get_column("dividends").to_numpy()
    assert paid.sum() > 0.0
    np.testing.assert_allclose(positions.dividends[1:] * equity[:-1], paid[1:])
    assert positions.cost.sum() > 0.0


def test_trading_is_what_fills_earn_until_the_close(case):
    result, market, _ = case
    positions = placed(*case)
    equity = result.daily.get_column("equity").to_numpy()
    earned = np.zeros(len(equity))
    rows = {day: s for s, day in enumerate(positions.sessions.tolist())}
    for one in result.ledger.filter(pl.col("decided").is_not_null()).iter_rows(named=True):
        s, n = rows[one["date"]], market.codes.index(one["code"])
        change = one["shares"] if one["side"] == "buy" else -one["shares"]
        earned[s] += change * (market.close[positions.rows[s], n] - one["price"]) / equity[s - 1]
    np.testing.assert_allclose(positions.trading[2:], earned[2:], atol=1e-5)  # yen, fractions


def with_daily(case, daily):
    result, market, history = case
    return placed(replace(result, daily=daily), market, history)


def test_a_benchmark_with_missing_days_is_refused(case):
    daily = case[0].daily
    with pytest.raises(DataError, match="lacks 1 sessions of the market, first 2022-01-14"):
        with_daily(case, daily.filter(pl.col("date") != pl.date(2022, 1, 14)))
    gap = pl.when(pl.col("date") == pl.date(2022, 1, 14)).then(None).otherwise(pl.col("benchmark"))
    with pytest.raises(DataError, match="benchmark has no value above 0 on 1 of 160 sessions, fir"):
        with_daily(case, daily.with_columns(gap.alias("benchmark")))
    with pytest.raises(DataError, match="no session"):
        with_daily(case, daily.clear())


def test_days_that_are_no_sessions_are_refused(case):
    daily = case[0].daily
    more = daily.head(1).with_columns(pl.lit(pl.Series([None], dtype=pl.Date)).alias("date"))
    sunday = more.with_columns(pl.date(2022, 1, 9).alias("date"))
    with pytest.raises(DataError, match="days that are no sessions of the market.* 2022-01-09"):
        with_daily(case, pl.concat([daily, sunday]).sort("date"))
    with pytest.raises(DataError, match="must have each session once"):
        with_daily(case, pl.concat([daily, daily.slice(3, 1)]).sort("date"))


def test_holdings_off_the_axes_are_refused(case):
    result, market, history = case
    moved = result.holdings.with_columns(pl.lit("99990").alias("code"))
    with pytest.raises(DataError, match="holdings are on no name or session.* 99990"):
        placed(replace(result, holdings=moved), market, history)
    with pytest.raises(ContractError, match="its axes 159 sessions"):
        positions_of(
            result.daily,
            result.holdings,
            history=history,
            sessions=market.sessions[1:],
            codes=market.codes,
        )
