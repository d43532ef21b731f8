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
    maybe, again = _maybe(rows), _again(rows, by_code)
    if not maybe.any():
        return again
    volume = by_code.floats(rows.get_column("volume"))
    active = np.logical_or.reduceat(volume > 0, np.flatnonzero(by_code.begins))
    close = _price(rows, "close", by_code)
    given, equal = _flat(rows, close, by_code)
    before = by_code.last_known(close)
    at_last = np.isnan(before) | _same(close, before)
    filled = np.where(volume == 0, (given > 0) | at_last, (given == 3) & at_last) & equal
    return (by_code.in_rows(filled & active[by_code.number]) & maybe) | again


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


def _again(rows: pl.DataFrame, by_code: ByCode) -> pl.Series:
    """Rows that repeat the row before them: five equal numbers, two of them different prices."""
    names = ("open", "high", "low", "close", "volume")
    if not set(names) <= set(rows.columns):
        return pl.repeat(value=False, n=rows.height, dtype=pl.Boolean, eager=True)
    repeated = ~by_code.begins
    for name in names:
        values = by_code.floats(rows.get_column(name))
        repeated[1:] &= values[1:] == values[:-1]
    moved = (rows.get_column("high") > rows.get_column("low")).fill_null(value=False)
    traded = (rows.get_column("volume") > 0).fill_null(value=False)
    return by_code.in_rows(repeated) & moved & traded


def _flat(rows: pl.DataFrame, close: FloatArray, by_code: ByCode) -> tuple[FloatArray, BoolArray]:
    """How many of open, high and low a row gives, and whether all of those equal its close."""
    given = np.zeros(len(close))
    equal = ~np.isnan(close)
    for name in ("open", "high", "low"):
        if name in rows.columns:
            price = _price(rows, name, by_code)
            known = ~np.isnan(price)
            given += known
            equal &= ~known | _same(price, close)
    return given, equal


def _price(rows: pl.DataFrame, name: str, by_code: ByCode) -> FloatArray:
    """A price, NaN where it is missing or zero."""
    values = by_code.floats(rows.get_column(name))
    return np.where(values > 0, values, np.nan)


def _same(a: FloatArray, b: FloatArray) -> BoolArray:
    return np.asarray(np.abs(a - b) <= SAME * np.abs(b))
