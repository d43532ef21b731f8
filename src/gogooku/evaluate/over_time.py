"""Skill and money month by month: the numbers behind the page's tables and charts.

Frames in, frames out; a month is a month of the calendar, by the date of the session.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from gogooku.evaluate.breakdown import by_sessions


def monthly_rank_ic(daily: pl.DataFrame) -> pl.DataFrame:
    """Mean RankIC by month: (year, month, value, n), months without a session that counts left out.

    Parameters
    ----------
    daily : polars.DataFrame
        `gogooku.evaluate.skill.Skill.daily` of one horizon.
    """
    month = daily.get_column("date").dt.to_string("%Y-%m")
    found = by_sessions(daily, "month", month, ["rank_ic"]).drop_nulls("mean")
    parts = pl.col("value").str.split_exact("-", 1)
    return found.select(
        parts.struct.field("field_0").cast(pl.Int32).alias("year"),
        parts.struct.field("field_1").cast(pl.Int32).alias("month"),
        pl.col("mean").alias("value"),
        "n",
    ).sort("year", "month")


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
