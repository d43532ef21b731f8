"""Where a portfolio is exposed: drawdown, concentration, sectors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

_UNKNOWN = "unknown"


def drawdowns(daily: pl.DataFrame) -> pl.DataFrame:
    """Fall from the running peak at each close, as a positive share: (date, drawdown)."""
    equity = daily.get_column("equity").to_numpy()
    fall = 1.0 - equity / np.maximum.accumulate(equity)
    return daily.select("date").with_columns(pl.Series("drawdown", fall))


def concentration(holdings: pl.DataFrame) -> pl.DataFrame:
    """How few names carry the holdings at each close.

    Returns
    -------
    polars.DataFrame
        (date, largest_weight, effective_names): the largest share of equity in one name, and the
        inverse Herfindahl index of the weights rescaled to 1.
    """
    total, squares = pl.col("weight").sum(), (pl.col("weight") ** 2).sum()
    return (
        holdings.group_by("date")
        .agg(
            largest_weight=pl.col("weight").max(),
            effective_names=total**2 / squares,
        )
        .sort("date")
    )


def sector_exposure(holdings: pl.DataFrame, sector_of: Mapping[str, str]) -> pl.DataFrame:
    """Share of equity per sector at each close: (date, sector, weight), largest first."""
    sector = pl.col("code").replace_strict(
        dict(sector_of), default=_UNKNOWN, return_dtype=pl.String
    )
    return (
        holdings.with_columns(sector=sector)
        .group_by("date", "sector")
        .agg(pl.col("weight").sum())
        .sort("date", "weight", "sector", descending=[False, True, False])
    )
