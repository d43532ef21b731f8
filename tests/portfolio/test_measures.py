"""Figures of a backtest against their definitions, and where the risk is."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import DataError
from gogooku.portfolio.measures import backtest_report


def daily_frame(returns, market, turnover=0.2):
    n = len(returns) + 1
    grown = [
        1e6 * np.concatenate([[1.0], np.cumprod(1.0 + np.array(r))]) for r in (returns, market)
    ]
    return pl.DataFrame(
        {
            "date": [date(2022, 1, 3) + timedelta(days=k) for k in range(n)],
            "equity": grown[0],
            "benchmark": grown[1],
            "turnover": [0.0] + [turnover] * (n - 1),
            "cost_bps": [0.0] + [4.0] * (n - 1),
            "cost": [0.0] + [100.0] * (n - 1),
            "gross": [0.0] + [0.95] * (n - 1),
            "commission": [0.0] + [20.0] * (n - 1),
            "spread": [0.0] + [80.0] * (n - 1),
            "impact": [0.0] * n,
            "borrow": [0.0] * n,
            "unfilled": [0] + [1] * (n - 1),
            "capped": [0] * n,
        }
    )


def test_measures_by_definition():
    rng = np.random.default_rng(0)
    returns, market = rng.normal(0.001, 0.01, 400), rng.normal(0.0, 0.01, 400)
    report = backtest_report(daily_frame(returns, market))
    value = {name.removeprefix("portfolio."): e.value for name, e in report.values.items()}
    assert value["annual_return"] == pytest.approx(np.prod(1 + returns) ** (245 / 400) - 1)
    assert value["volatility"] == pytest.approx(returns.std(ddof=1) * math.sqrt(245))
    sharpe = returns.mean() / returns.std(ddof=1) * math.sqrt(245)
    assert value["sharpe"] == pytest.approx(sharpe)
    assert value["excess_return"] == pytest.approx((returns - market).mean() * 245)
    assert value["hit_rate"] == pytest.approx((returns > market).mean())
    assert value["turnover"] == pytest.approx(49.0)
    assert value["cost_drag_bps"] == pytest.approx(980.0)
    assert value["gross"] == pytest.approx(0.95)
    equity = np.concatenate([[1.0], np.cumprod(1 + returns)])
    deepest = max(1 - equity[k] / equity[: k + 1].max() for k in range(401))
    assert value["max_drawdown"] == pytest.approx(deepest)
    assert all(estimate.n == 400 for estimate in report.values.values())
    error = report.values["portfolio.sharpe"].error
    lo = math.sqrt((1 + (sharpe**2 / 245) / 2) / 400) * math.sqrt(245)
    assert error == pytest.approx(lo, rel=0.25)
    volatility_error = report.values["portfolio.volatility"].error
    assert volatility_error == pytest.approx(value["volatility"] / math.sqrt(800), rel=0.25)
    assert report.facts["unfilled"] == 400
    assert report.facts["cost"] == 40_000.0 == sum(report.facts["costs"].values())
    assert report.facts["costs"]["spread"] == 32_000.0
    assert report.to_json()["metrics"]["portfolio.max_drawdown"]["low"] is None


def test_a_flat_account_has_no_sharpe():
    report = backtest_report(daily_frame([0.0] * 5, [0.0] * 5))
    assert math.isnan(report.values["portfolio.sharpe"].value)
    assert report.values["portfolio.annual_return"].value == 0.0
    assert math.isnan(report.values["portfolio.volatility"].error)


@pytest.mark.parametrize("value", [None, math.nan, 0.0])
def test_a_benchmark_with_missing_days_is_refused(value):
    daily = daily_frame([0.01] * 5, [0.0] * 5)
    days = daily["date"]
    here = pl.col("date").is_in([days[2], days[4]])
    level = pl.when(here).then(pl.lit(value, pl.Float64)).otherwise("benchmark")
    with pytest.raises(DataError, match=f"no value on 2 of 6 sessions, first {days[2]}"):
        backtest_report(daily.with_columns(benchmark=level))
