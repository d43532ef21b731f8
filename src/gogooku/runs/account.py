"""What the report page shows of a backtest, read from its folder, with totals over its periods."""

from __future__ import annotations

from typing import Final

import polars as pl

from gogooku.core.seal import open_sealed
from gogooku.evaluate.account import NAMES_SCHEMA, Account
from gogooku.portfolio.attribution import PARTS, link_factors, linked
from gogooku.runs.trade import Traded

_UNSHOWN: Final = ("daily", "ledger", "holdings", "decisions", "unfilled", "brinson")
"""Frames of which the page shows nothing, or a total only."""


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
    return Account(
        daily=traded.frame("daily"),
        frames=frames,
        facts=traded.facts,
        rules=traded.written["baselines"],
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
