"""Split bases: bringing share counts and per-share values of any day onto the forward basis.

Prices are adjusted forward from the first session: raw price divided by the product of all
adjustment factors with an ex-date up to and including the day. A split 1:2 (factor 0.5) doubles
the shares from its ex-date on, so on the same basis

    shares    x product of the factors with an ex-date up to event_date
    per share / product of the factors with an ex-date up to event_date

The vendor does not adjust margin balances, breakdown volumes and the per-share values of
statements for splits after their event date: each is on the basis of its event date. A later split
changes nothing that was converted before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from gogooku.core.errors import DataError

_PRODUCT = "_factor_product"


def to_share_basis(
    frame: pl.DataFrame, columns: Sequence[str], *, factors: pl.DataFrame
) -> pl.DataFrame:
    """Convert share counts from the basis of their event date to the forward basis.

    Parameters
    ----------
    frame : polars.DataFrame
        Typed rows with ``code`` and ``event_date``, in any order, which is kept.
    columns : sequence of str
        Share counts; nulls stay null.
    factors : polars.DataFrame
        ``code``, ``event_date`` and ``adjustment_factor`` of the typed quotes; rows with a factor
        of 1 or null do not matter and may be left out.

    Raises
    ------
    DataError
        A column is missing, or a factor is not positive or repeats its (code, event_date).
    """
    return _converted(frame, columns, factors=factors, per_share=pl.col(_PRODUCT))


def to_per_share_basis(
    frame: pl.DataFrame, columns: Sequence[str], *, factors: pl.DataFrame
) -> pl.DataFrame:
    """Convert values per share from the basis of their event date to the forward basis.

    The counterpart of `to_share_basis`: count x value per share is the same before and after.
    """
    return _converted(frame, columns, factors=factors, per_share=1.0 / pl.col(_PRODUCT))


def factor_products(factors: pl.DataFrame) -> pl.DataFrame:
    """Cumulative product of the factors per code: (code, event_date, product), ex-dates only."""
    needed = ["code", "event_date", "adjustment_factor"]
    _refuse_missing(factors, needed, what="factors")
    events = factors.select(needed).filter(pl.col("adjustment_factor") != 1.0)
    if not (events.get_column("adjustment_factor") > 0).all():
        raise DataError("factors: an adjustment factor is not positive; quarantine that row first")
    if events.select("code", "event_date").is_duplicated().any():
        raise DataError("factors: (code, event_date) repeats; pass the factors of typed quotes")
    return events.sort("code", "event_date").select(
        "code",
        "event_date",
        pl.col("adjustment_factor").cum_prod().over("code").alias(_PRODUCT),
    )


def _converted(
    frame: pl.DataFrame, columns: Sequence[str], *, factors: pl.DataFrame, per_share: pl.Expr
) -> pl.DataFrame:
    _refuse_missing(frame, ["code", "event_date", *columns], what="frame")
    products = factor_products(factors).sort("event_date")
    rows = frame.with_row_index("_row").sort("event_date")
    joined = rows.join_asof(
        products, on="event_date", by="code", strategy="backward", check_sortedness=False
    )
    scaled = joined.with_columns(pl.col(_PRODUCT).fill_null(1.0)).with_columns(
        pl.col(name) * per_share for name in columns
    )
    return scaled.sort("_row").select(frame.columns)


def _refuse_missing(frame: pl.DataFrame, needed: Sequence[str], *, what: str) -> None:
    missing = sorted(set(needed) - set(frame.columns))
    if missing:
        raise DataError(f"{what}: the columns {missing} are missing; pass typed rows")
