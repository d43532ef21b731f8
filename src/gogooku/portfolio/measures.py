"""What a backtest says about itself, each figure with its sample and error."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.errors import DataError
from gogooku.core.metrics import (
    Estimate,
    FloatArray,
    has_dispersion,
    max_drawdown,
    mean_estimate,
    newey_west_lags,
    ratio_estimate,
    uncertain,
)
from gogooku.core.types import Report

COST_KINDS = ("commission", "spread", "impact", "borrow")
"""Columns of the daily frame that sum to its cost."""


def session_returns(daily: pl.DataFrame, column: str) -> FloatArray:
    """Returns by session of a column of `Backtest.daily`, [sessions - 1]."""
    value = daily.get_column(column).to_numpy()
    made: FloatArray = value[1:] / value[:-1] - 1.0
    return made


def backtest_report(daily: pl.DataFrame) -> Report:
    """Measures of `Backtest.daily`.

    ``annual_return`` compounds; ``volatility`` and ``sharpe`` are of session returns, annualised
    with `SESSIONS_PER_YEAR` (errors by the delta method, Lo 2002; Newey-West throughout);
    ``excess_return`` is the annualised mean difference from the benchmark; ``turnover`` is the
    share of equity replaced per year; ``cost_drag_bps`` per year of equity; ``hit_rate`` the share
    of sessions that beat the benchmark. The largest drawdown has no standard error.

    Raises
    ------
    DataError
        The benchmark has no value on some session.
    """
    _check_benchmark(daily)
    equity = daily.get_column("equity").to_numpy()
    returns, market = session_returns(daily, "equity"), session_returns(daily, "benchmark")
    traded = {c: daily.get_column(c).to_numpy()[1:] for c in ("turnover", "cost_bps")}
    year, root = float(SESSIONS_PER_YEAR), math.sqrt(SESSIONS_PER_YEAR)
    drawdown = max_drawdown(equity)
    values = {
        "annual_return": _compounded(returns),
        "volatility": _volatility(returns),
        "sharpe": ratio_estimate(returns, horizon=1).times(root),
        "max_drawdown": Estimate(value=drawdown, n=len(returns), error=math.nan, lags=0),
        "excess_return": mean_estimate(returns - market, horizon=1).times(year),
        "benchmark_return": _compounded(market),
        "benchmark_sharpe": ratio_estimate(market, horizon=1).times(root),
        "turnover": mean_estimate(traded["turnover"], horizon=1).times(year),
        "cost_drag_bps": mean_estimate(traded["cost_bps"], horizon=1).times(year),
        "hit_rate": mean_estimate((returns > market).astype(np.float64), horizon=1),
        "gross": mean_estimate(daily.get_column("gross").to_numpy()[1:], horizon=1),
    }
    facts = {
        "first": str(daily.get_column("date")[0]),
        "last": str(daily.get_column("date")[-1]),
        "sessions": len(returns),
        "sessions_per_year": SESSIONS_PER_YEAR,
        "unfilled": int(daily.get_column("unfilled").sum()),
        "capped": int(daily.get_column("capped").sum()),
        "cost": float(daily.get_column("cost").sum()),
        "costs": {kind: float(daily.get_column(kind).sum()) for kind in COST_KINDS},
        "benchmark": "equal-weighted universe, rebalanced daily, no costs, no lots; dividends, tax "
        "and delistings as in the account",
    }
    named = {f"portfolio.{name}": estimate for name, estimate in values.items()}
    return Report(values=named, facts=facts)


def _check_benchmark(daily: pl.DataFrame) -> None:
    level = daily.get_column("benchmark").cast(pl.Float64).fill_null(math.nan)
    missing = daily.filter(~level.is_finite() | (level <= 0.0)).get_column("date")
    if len(missing):
        raise DataError(
            f"backtest: the benchmark has no value on {len(missing)} of {daily.height} sessions, "
            f"first {missing[0]}; give one with a value on each, or leave those sessions out"
        )


def _compounded(returns: FloatArray) -> Estimate:
    growth = mean_estimate(np.log1p(returns), horizon=1)
    factor = math.exp(growth.value * SESSIONS_PER_YEAR) if growth.n else math.nan
    return replace(growth.times(factor * SESSIONS_PER_YEAR), value=factor - 1.0)


def _volatility(returns: FloatArray) -> Estimate:
    n, root = len(returns), math.sqrt(SESSIONS_PER_YEAR)
    lags = newey_west_lags(n, 1)
    spread = float(returns.std(ddof=1)) if n > 1 else math.nan
    if not has_dispersion(returns):
        return Estimate(value=spread * root, n=n, error=math.nan, lags=lags)
    influence = ((returns - returns.mean()) ** 2 - spread**2) / (2.0 * spread)
    return uncertain(spread, influence, lags=lags, horizon=1).times(root)
