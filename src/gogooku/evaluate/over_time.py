"""Skill and money month by month and over the last quarter: the numbers behind the page's charts.

Frames in, frames out; a month is a month of the calendar, by the date of the session.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from gogooku.core.metrics import FloatArray, mean_estimate

ROLLING: Final = 63
"""Sessions of a rolling mean: a quarter."""


def rolling_mean(daily: FloatArray, *, horizon: int, window: int = ROLLING) -> FloatArray:
    """Mean of the last sessions with its 95% Newey-West interval, for every session.

    Parameters
    ----------
    daily : float64 [T]
        One value a session; NaN where a session does not count.
    horizon : int
        Sessions over which labels overlap; decides the lags of the error.
    window : int
        Sessions of a mean, the current one included.

    Returns
    -------
    float64 [T, 3]
        Mean, low and high; NaN before the first whole window, and where fewer than half of its
        sessions count.
    """
    out = np.full((len(daily), 3), np.nan)
    for last in range(window - 1, len(daily)):
        part = daily[last - window + 1 : last + 1]
        if np.isfinite(part).sum() * 2 >= window:
            found = mean_estimate(part, horizon=horizon)
            out[last] = found.value, found.low, found.high
    return out


def monthly_mean(daily: pl.DataFrame, column: str) -> pl.DataFrame:
    """Mean of a daily column by month: (year, month, value, n), nulls left out.

    Parameters
    ----------
    daily : polars.DataFrame
        With ``date`` and the column, one row a session.
    """
    return (
        daily.drop_nulls(column)
        .group_by(_year(), _month())
        .agg(pl.col(column).mean().alias("value"), pl.len().cast(pl.Int64).alias("n"))
        .sort("year", "month")
    )


def monthly_returns(portfolio: pl.DataFrame) -> pl.DataFrame:
    """Compound returns by month: (year, month, portfolio, universe, excess).

    ``excess`` is the difference of the two. The first row of the frame, from which nothing has
    been earned yet, only gives the level.

    Parameters
    ----------
    portfolio : polars.DataFrame
        ``date``, ``equity`` and ``benchmark``, one row a session.
    """
    grown = portfolio.select(
        "date",
        (pl.col("equity") / pl.col("equity").shift(1)).alias("portfolio"),
        (pl.col("benchmark") / pl.col("benchmark").shift(1)).alias("universe"),
    ).slice(1)
    return (
        grown.group_by(_year(), _month())
        .agg(pl.col("portfolio", "universe").product() - 1.0)
        .with_columns((pl.col("portfolio") - pl.col("universe")).alias("excess"))
        .sort("year", "month")
    )


def by_year(months: pl.DataFrame, column: str) -> pl.DataFrame:
    """Compound returns of a column of `monthly_returns` by year: (year, value)."""
    return (
        months.group_by("year")
        .agg(((pl.col(column) + 1.0).product() - 1.0).alias("value"))
        .sort("year")
    )


def excess_growth(portfolio: pl.DataFrame) -> pl.DataFrame:
    """Growth of 1 less that of the equal-weighted universe: (date, net, gross), as ratios less 1.

    ``net`` is after costs; ``gross`` has each session's costs given back, as a share of equity at
    its open. The universe pays no costs in either.

    Parameters
    ----------
    portfolio : polars.DataFrame
        ``date``, ``equity``, ``benchmark`` and ``cost_bps``, one row a session.
    """
    equity, benchmark = (portfolio.get_column(c).to_numpy() for c in ("equity", "benchmark"))
    cost = portfolio.get_column("cost_bps").to_numpy()[1:] / 1e4
    market = benchmark / benchmark[0]
    returns = equity[1:] / equity[:-1] - 1.0
    gross = np.concatenate([[1.0], np.cumprod(1.0 + returns + cost)])
    return portfolio.select(
        "date",
        pl.Series("net", equity / equity[0] / market - 1.0),
        pl.Series("gross", gross / market - 1.0),
    )


def _year() -> pl.Expr:
    return pl.col("date").dt.year().alias("year")


def _month() -> pl.Expr:
    return pl.col("date").dt.month().cast(pl.Int32).alias("month")
