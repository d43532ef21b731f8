"""What the report page shows of a backtest, read from its folder, with totals over its periods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from gogooku.core.seal import open_sealed
from gogooku.evaluate.account import NAMES_SCHEMA, Account
from gogooku.portfolio.attribution import PARTS, link_factors, linked
from gogooku.portfolio.measures import COST_KINDS, backtest_report
from gogooku.runs.trade import Traded

_UNSHOWN: Final = ("daily", "ledger", "holdings", "decisions", "unfilled", "brinson")
"""Frames of which the page shows nothing, or a total only."""
_INDEX: Final = "index"


def account_of(traded: Traded, names: pl.DataFrame | None) -> Account:
    """A backtest as the page shows it.

    Parameters
    ----------
    traded : Traded
    names : polars.DataFrame or None
        `gogooku.evaluate.account.NAMES_SCHEMA`; None where nobody says what companies are called.

    Raises
    ------
    DataError
        A file of the backtest is damaged.
    """
    sealed = open_sealed(traded.folder)
    there = [
        name.removesuffix(".parquet")
        for name in sorted(sealed.manifest["parts"])
        if name.endswith(".parquet")
    ]
    frames = {name: traded.frame(name) for name in there if name not in _UNSHOWN}
    parts = frames.get("parts")
    if parts is not None:
        frames["parts_whole"] = linked(parts, every="all")
        frames["parts_by_year"] = linked(parts, every="1y")
        frames["sectors_whole"] = sectors_whole(traded.frame("brinson"), parts)
    daily = traded.frame("daily")
    return Account(
        daily=daily,
        frames=frames,
        facts=traded.facts,
        rules=_rules(traded, frames.get("baselines"), daily),
        names=pl.DataFrame(schema=NAMES_SCHEMA) if names is None else names,
    )


def sectors_whole(brinson: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Brinson's parts of each sector over all sessions, linked: they add up to those of the whole.

    Parameters
    ----------
    brinson : polars.DataFrame
        `gogooku.portfolio.attribution.brinson`.
    parts : polars.DataFrame
        `gogooku.portfolio.attribution.daily_parts` of the same sessions.

    Returns
    -------
    polars.DataFrame
        sector, allocation, selection, interaction (sums over sessions, linked), portfolio_weight,
        benchmark_weight (means).
    """
    factor = link_factors(*(parts.get_column(c).to_numpy() for c in ("portfolio", "benchmark")))
    linking = parts.select("date", pl.Series("factor", factor))
    return (
        brinson.join(linking, on="date", how="inner", validate="m:1", maintain_order="left")
        .group_by("sector", maintain_order=True)
        .agg(
            *((pl.col(name) * pl.col("factor")).sum() for name in PARTS[:3]),
            pl.col("portfolio_weight", "benchmark_weight").mean(),
        )
    )


def _rules(
    traded: Traded, baselines: pl.DataFrame | None, daily: pl.DataFrame
) -> dict[str, Mapping[str, Any]]:
    """Measures of what stands beside the account; those of the index are made here."""
    found: dict[str, Mapping[str, Any]] = dict(traded.written["baselines"])
    if baselines is None or _INDEX in found:
        return found
    index = baselines.filter(baseline=_INDEX)
    if index.height:
        found[_INDEX] = index_measures(index, daily)
    return found


def index_measures(index: pl.DataFrame, daily: pl.DataFrame) -> Mapping[str, Any]:
    """Measures of an index that is held whole and costs nothing, against the account's benchmark.

    Parameters
    ----------
    index : polars.DataFrame
        date, equity.
    daily : polars.DataFrame
        Of the account: date, benchmark.
    """
    level = index.select("date", "equity").join(
        daily.select("date", "benchmark"), on="date", how="inner", maintain_order="left"
    )
    nothing = ("turnover", "cost", "cost_bps", *COST_KINDS)
    held = level.with_columns(
        pl.lit(1.0).alias("gross"),
        *(pl.lit(0.0).alias(name) for name in nothing),
        *(pl.lit(0).alias(name) for name in ("unfilled", "capped")),
    )
    measures: Mapping[str, Any] = backtest_report(held).to_json()["metrics"]
    return measures
