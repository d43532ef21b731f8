"""Rows without a trade: vendors fill the days of a suspension with the last close and no volume."""

from __future__ import annotations

import numpy as np
import polars as pl

from gogooku.ingest.imports.by_code import BoolArray, ByCode, FloatArray

SAME = 1e-6
"""Relative difference up to which two prices are one: ten roundings of single precision."""

USUAL_SHARE = 0.5
"""From this share of rows with a volume on, a row without one is one without a trade, if flat."""

SILENT_ROWS = 20
"""A code whose last rows, at least this many, are all without a trade may have been delisted."""


def untraded_rows(rows: pl.DataFrame, by_code: ByCode) -> pl.Series:
    """Mask the rows that a vendor filled in: a price stands there, but nothing was traded.

    Such a row has volume 0, and all prices that it gives are one; where it gives a close alone,
    that is the last close. A flat row without any volume counts as well if it repeats the last
    close and most rows of the file do have a volume. A code whose volume is never above 0 says
    nothing about its trades. A row that repeats all prices and the volume of the row before it, in
    a session that was not flat, is that row filled forward.

    Parameters
    ----------
    rows : polars.DataFrame
        Sorted by (date, code); zeros and nulls as the file has them.
    """
    maybe = _maybe(rows)
    close = by_code.floats(rows.get_column("close"))
    again = _again(rows, by_code, close)
    if not maybe.any():
        return again
    known = np.where(close > 0, close, np.nan)
    traded = rows.filter(pl.col("volume") > 0).get_column("code").unique()
    some = rows.with_columns(before=by_code.in_rows(by_code.last_known(known))).filter(maybe)
    given, equal = _flat(some)
    at_last = some.get_column("before").is_nan() | _same(some, "before")
    zero = (some.get_column("volume") == 0).fill_null(value=False)
    filled = equal & ((zero & ((given > 0) | at_last)) | (~zero & (given == 3) & at_last))
    filled &= some.get_column("code").is_in(traded.implode())
    found = np.zeros(rows.height, dtype=bool)
    found[maybe.to_numpy()] = filled.to_numpy()
    return pl.Series(found) | again


def ends_untraded(close: FloatArray, by_code: ByCode) -> BoolArray:
    """Mark the last row of the codes whose last `SILENT_ROWS` rows or more have no close.

    They are listed to the end of their rows, which hides a delisting if that is what happened.
    """
    ends = np.append(by_code.begins[1:], True) if len(close) else by_code.begins
    at = by_code.last_place(~np.isnan(close))
    silent = np.arange(len(close)) - at
    return np.asarray(ends & np.isnan(close) & (at >= 0) & (silent >= SILENT_ROWS))


def _maybe(rows: pl.DataFrame) -> pl.Series:
    """Rows with a close, and a volume that says that nothing was traded, or none."""
    if "volume" not in rows.columns or rows.is_empty():
        return pl.repeat(value=False, n=rows.height, dtype=pl.Boolean, eager=True)
    volume = rows.get_column("volume")
    none = (volume == 0).fill_null(value=volume.null_count() <= (1 - USUAL_SHARE) * rows.height)
    return none & (rows.get_column("close") > 0).fill_null(value=False)


def _again(rows: pl.DataFrame, by_code: ByCode, close: FloatArray) -> pl.Series:
    """Rows that repeat the row before them: five equal numbers, two of them different prices."""
    found = np.zeros(rows.height, dtype=bool)
    if {"open", "high", "low", "close", "volume"} <= set(rows.columns):
        volume = by_code.floats(rows.get_column("volume"))
        same = (close[1:] == close[:-1]) & (volume[1:] == volume[:-1]) & (volume[1:] > 0)
        places = np.flatnonzero(same & ~by_code.begins[1:]) + 1
        here, before = rows[by_code.order[places]], rows[by_code.order[places - 1]]
        keep = (here.get_column("high") > here.get_column("low")).fill_null(value=False)
        for name in ("open", "high", "low"):
            keep &= (here.get_column(name) == before.get_column(name)).fill_null(value=False)
        found[by_code.order[places[keep.to_numpy()]]] = True
    return pl.Series(found)


def _flat(some: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """How many of open, high and low a row gives, and whether all of those equal its close."""
    given = pl.zeros(some.height, dtype=pl.Int32, eager=True)
    equal = pl.repeat(value=True, n=some.height, dtype=pl.Boolean, eager=True)
    for name in ("open", "high", "low"):
        if name in some.columns:
            known = (some.get_column(name) > 0).fill_null(value=False)
            given += known.cast(pl.Int32)
            equal &= ~known | _same(some, name)
    return given, equal


def _same(some: pl.DataFrame, name: str) -> pl.Series:
    """Rows in which another price is the close."""
    close = pl.col("close")
    near = (pl.col(name) - close).abs() <= SAME * close.abs()
    return some.select(near.fill_null(value=False)).to_series()
