"""Markets of imported names by date: which one each name was on, and from when."""

from __future__ import annotations

import polars as pl

from gogooku.core.frames import MARKETS_SCHEMA


def dated_markets(rows: pl.DataFrame, listings: pl.DataFrame) -> pl.DataFrame | None:
    """The markets of names whose rows say more than one, each from its first row on.

    A name that never changes has its market in the listings. What is first known of a name stands
    from its listing on; a row without a market changes nothing.

    Parameters
    ----------
    rows : polars.DataFrame
        Kept rows sorted by (date, code); ``date``, ``code`` and, if the files have it, ``market``.
    listings : polars.DataFrame
        With `gogooku.core.frames.LISTINGS_SCHEMA`.

    Returns
    -------
    polars.DataFrame or None
        With `MARKETS_SCHEMA`; None where no name changes its market.
    """
    if "market" not in rows.columns:
        return None
    known = rows.select("date", pl.col("code").cast(pl.String), "market").drop_nulls("market")
    moving = (
        known.group_by("code")
        .agg(pl.col("market").n_unique().alias("count"))
        .filter(pl.col("count") > 1)
    )
    if moving.is_empty():
        return None
    before = pl.col("market").shift(1).over("code")
    runs = (
        known.join(moving.select("code"), on="code", how="semi", maintain_order="left")
        .filter(before.is_null() | (pl.col("market") != before))
        .join(listings.select("code", "listed_from"), on="code", how="left", maintain_order="left")
    )
    first = pl.int_range(pl.len()).over("code") == 0
    begins = pl.when(first).then(pl.min_horizontal("date", "listed_from")).otherwise("date")
    return (
        runs.with_columns(begins.alias("date"))
        .select(pl.col(name).cast(kind) for name, kind in MARKETS_SCHEMA.items())
        .sort("date", "code")
    )
