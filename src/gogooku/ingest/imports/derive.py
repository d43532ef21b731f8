"""What an import works out from cleaned rows: adjustment, listings and the market index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.frames import INDICES_SCHEMA, LISTINGS_SCHEMA

ROUNDING = 1e-6
"""Relative rounding of ratios beyond the printed decimals: single precision, a few times over."""

STILL_LISTED_SESSIONS = 5
"""A code whose last row is at most this many sessions before the last one counts as listed."""

_MAX_DECIMALS = 6
_SMALL_FACTOR = 0.9


def adjustment_from_close(rows: pl.DataFrame) -> pl.Series:
    """Find the adjustment factors that turn the close into the adjusted close, forward.

    With r = adjusted close / close per code, the factor of a row is r of the row before divided by
    r of the row: 0.5 on the ex-date of two shares for one. Rows without r pass it on, so the factor
    lands on the first row at which the change shows. Within the rounding of both rows it is exactly
    1.0: half a printed unit of the adjusted close plus half a unit of the close (units found from
    the decimals of the file), each relative to its price, plus `ROUNDING`.

    Parameters
    ----------
    rows : polars.DataFrame
        Sorted by date within each code; ``code``, ``close``, ``adj_close`` (null allowed).

    Returns
    -------
    polars.Series
        One factor per row, never null; 1.0 on a code's first row.
    """
    slack = sum(
        (_unit(rows.get_column(name)) / 2 / pl.col(name) for name in ("adj_close", "close")),
        start=pl.lit(0.0),
    )
    work = rows.select(
        "code",
        ratio=pl.col("adj_close") / pl.col("close"),
        slack=pl.when(pl.col("close").is_not_null() & pl.col("adj_close").is_not_null()).then(
            slack
        ),
    ).with_columns(
        before=pl.col("ratio").forward_fill().shift(1).over("code"),
        slack_before=pl.col("slack").forward_fill().shift(1).over("code"),
    )
    factor = pl.col("before") / pl.col("ratio")
    close_enough = (factor - 1).abs() <= pl.col("slack") + pl.col("slack_before") + ROUNDING
    return work.select(
        adjustment_factor=pl.when(factor.is_null() | close_enough).then(1.0).otherwise(factor)
    ).to_series()


def _unit(values: pl.Series) -> float:
    """Find the printed unit of a column: 0.01 when every value has at most two decimals; else 0."""
    for decimals in range(_MAX_DECIMALS + 1):
        off = (values - values.round(decimals)).abs() > values.abs() * 2e-7
        if not off.any():
            return float(10.0**-decimals)
    return 0.0


def adjustment_facts(factors: pl.Series, *, origin: str) -> dict[str, Any]:
    """Count for the manifest: events, and those small enough to be dividends."""
    events = factors.filter(factors != 1.0)
    return {
        "adjustment": origin,
        "adjustment_events": len(events),
        "adjustment_events_within_10_percent": int(
            events.is_between(_SMALL_FACTOR, 1 / _SMALL_FACTOR).sum()
        ),
    }


def sector_changes(rows: pl.DataFrame) -> pl.Series | None:
    """Mask the rows whose sector differs from the code's last known one; None without sectors."""
    if "sector" not in rows.columns:
        return None
    before = pl.col("sector").forward_fill().shift(1).over("code")
    return rows.select((pl.col("sector") != before).fill_null(value=False)).to_series()


def listings_of(rows: pl.DataFrame, quarantine: pl.DataFrame) -> pl.DataFrame:
    """Make one row per code: name, sector and market as last known, and its first and last session.

    Listing dates that stand on quarantined rows count as well, and their texts for a code that has
    none on kept rows.

    Without listing columns a code is listed from its first row to its last, and still listed
    (``listed_to`` null) when that row is within `STILL_LISTED_SESSIONS` sessions of the last one.

    Raises
    ------
    DataError
        A listing column that gives one code two dates.
    """
    given = [name for name in ("listed_from", "listed_to") if name in rows.columns]
    known = pl.concat(
        [
            frame.select(pl.col("code").cast(pl.String), *given)
            for frame in (rows, quarantine.filter(pl.col("code").is_not_null()))
        ]
        if given
        else [pl.DataFrame({"code": []}, schema={"code": pl.String})]
    )
    for name in given:
        _refuse_two_dates(known, name)
    sessions = rows.get_column("date").unique().sort()
    recent = sessions[max(len(sessions) - 1 - STILL_LISTED_SESSIONS, 0)]
    texts = [name for name in ("name", "sector", "market") if name in rows.columns]
    table = (
        rows.group_by("code")
        .agg(
            pl.col("date").min().alias("first"),
            pl.col("date").max().alias("last"),
            *(pl.col(name).drop_nulls().last() for name in texts),
        )
        .with_columns(pl.col("code").cast(pl.String))
    )
    dates = known.group_by("code").agg(pl.col(name).drop_nulls().first() for name in given)
    table = table.join(dates, on="code", how="left")
    table = _with_texts(table, quarantine, texts)
    last = pl.when(pl.col("last") < recent).then(pl.col("last"))
    table = table.with_columns(
        listed_from=pl.coalesce([*[n for n in given if n == "listed_from"], "first"]),
        listed_to=pl.col("listed_to") if "listed_to" in given else last,
    )
    table = table.with_columns(
        pl.lit(None, dtype=pl.String).alias(name)
        for name in ("name", "sector", "market")
        if name not in texts
    )
    return table.select(pl.col(name).cast(kind) for name, kind in LISTINGS_SCHEMA.items()).sort(
        "code"
    )


def _with_texts(
    table: pl.DataFrame, quarantine: pl.DataFrame, texts: Sequence[str]
) -> pl.DataFrame:
    """Fill texts that only quarantined rows give."""
    if not texts or quarantine.is_empty():
        return table
    also = quarantine.group_by("code").agg(pl.col(name).drop_nulls().last() for name in texts)
    return table.join(also, on="code", how="left", suffix="_also").with_columns(
        pl.coalesce(name, f"{name}_also").alias(name) for name in texts
    )


def _refuse_two_dates(rows: pl.DataFrame, name: str) -> None:
    many = (
        rows.group_by("code")
        .agg(pl.col(name).drop_nulls().unique().sort().alias("dates"))
        .filter(pl.col("dates").list.len() > 1)
        .sort("code")
    )
    if not many.is_empty():
        code, dates = many.row(0)
        raise DataError(
            f"prices: {many.height:,} code(s) have two dates or more in {name}, first {code}: "
            f"{dates[0]} and {dates[1]}. Give each code one, or leave the column out: --map {name}="
        )


def indices_of(rows: pl.DataFrame, *, index: str) -> pl.DataFrame:
    """Take the market index from a column that repeats it on every row of a date; closes only.

    Raises
    ------
    DataError
        The column differs between codes on a date.
    """
    if "index_close" not in rows.columns:
        return pl.DataFrame(schema=dict(INDICES_SCHEMA))
    daily = (
        rows.group_by("date")
        .agg(close=pl.col("index_close").min(), top=pl.col("index_close").max())
        .drop_nulls("close")
        .sort("date")
    )
    differs = daily.filter(pl.col("top") != pl.col("close"))
    if not differs.is_empty():
        day, low, top = differs.row(0)
        raise DataError(
            f"prices: the market index has more than one value on {differs.height:,} date(s), "
            f"first {day}: {low!r} to {top!r}. It must be the same for all codes; if the column is "
            "something else, leave it out: --map index_close="
        )
    empty = pl.lit(None, dtype=pl.Float64)
    return daily.select(
        "date",
        pl.lit(index).alias("index"),
        *(empty.alias(name) for name in ("open", "high", "low")),
        "close",
    )
