"""Months and growth over the universe: against the plain arithmetic."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.evaluate.over_time import (
    by_year,
    excess_growth,
    monthly_rank_ic,
    monthly_returns,
)

DAYS = [date(2023, 12, 28), date(2023, 12, 29), date(2024, 1, 4), date(2024, 1, 5)]
PORTFOLIO = pl.DataFrame(
    {
        "date": DAYS,
        "equity": [100.0, 110.0, 99.0, 108.9],
        "benchmark": [50.0, 50.0, 55.0, 55.0],
        "cost_bps": [0.0, 100.0, 0.0, 50.0],
    }
)


def test_a_month_is_the_mean_of_its_sessions_that_count():
    daily = pl.DataFrame(
        {"date": [*DAYS, date(2024, 2, 1)], "rank_ic": [0.1, 0.3, None, -0.2, None],
         "horizon": [5] * 5, "num_names": [20] * 5}
    )  # fmt: skip
    assert monthly_rank_ic(daily).rows() == [
        (2023, 12, pytest.approx(0.2), 2),
        (2024, 1, pytest.approx(-0.2), 1),
    ]


def test_months_compound_and_the_first_session_has_earned_nothing():
    found = monthly_returns(PORTFOLIO)
    assert found.columns == ["year", "month", "portfolio", "universe", "excess"]
    assert found.row(0)[2:] == pytest.approx((0.1, 0.0, 0.1))
    assert found.row(1)[2:] == pytest.approx((-0.01, 0.1, -0.11))
    assert by_year(found, "portfolio").rows() == [(2023, pytest.approx(0.1)),
                                                  (2024, pytest.approx(-0.01))]  # fmt: skip


def test_all_months_together_are_the_whole():
    rng = np.random.default_rng(1)
    days = [date(2022, 1, 1) + timedelta(days=n) for n in range(500)]
    equity = 1e9 * np.cumprod(1.0 + rng.normal(0, 0.01, 500))
    whole = pl.DataFrame({"date": days, "equity": equity, "benchmark": equity[::-1]})
    months = monthly_returns(whole).get_column("portfolio").to_numpy()
    assert np.prod(1.0 + months) == pytest.approx(equity[-1] / equity[0])


def test_costs_are_given_back_before_costs_and_the_universe_is_divided_out():
    found = excess_growth(PORTFOLIO)
    assert found.get_column("net").to_list() == pytest.approx([0.0, 0.1, -0.1, -0.01])
    gross = np.array([1.0, 1.11, 1.11 * 0.9, 1.11 * 0.9 * 1.105])
    market = np.array([1.0, 1.0, 1.1, 1.1])
    assert found.get_column("gross").to_list() == pytest.approx((gross / market - 1.0).tolist())
