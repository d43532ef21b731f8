"""Rows without a trade: vendors fill the days of a suspension with the last close and no volume."""

from __future__ import annotations

import numpy as np
import polars as pl

from gogooku.ingest.imports.by_code import BoolArray, ByCode, FloatArray, IntArray

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
    found = np.zeros(rows.height, dtype=bool)
    if "volume" in rows.columns and not rows.is_empty():
        close = by_code.floats(rows.get_column("close"))
        volume = by_code.floats(rows.get_column("volume"))
        for places in (
            _filled_in(rows, by_code, close, volume),
            _again(rows, by_code, close, volume),
        ):
            found[by_code.order[places]] = True
    return pl.Series(found)


def ends_untraded(close: FloatArray, by_code: ByCode) -> BoolArray:
    """Mark the last row of the codes whose last `SILENT_ROWS` rows or more have no close.

    They are listed to the end of their rows, which hides a delisting if that is what happened.
    """
    known = ~np.isnan(close)
    ends = by_code.last_rows
    ends = ends[~known[ends]]
    at = by_code.last_place_of(ends, known)
    found = np.zeros(len(close), dtype=bool)
    found[ends[(at >= 0) & (ends - at >= SILENT_ROWS)]] = True
    return found


def _filled_in(
    rows: pl.DataFrame, by_code: ByCode, close: FloatArray, volume: FloatArray
) -> IntArray:
    """Places of rows with a flat close, and a volume that says that nothing was traded, or none."""
    missing = np.isnan(volume)
    none = volume == 0
    if missing.sum() <= (1 - USUAL_SHARE) * rows.height:
        none |= missing
    places = np.flatnonzero(none & (close > 0))
    trades = np.logical_or.reduceat(volume > 0, np.flatnonzero(by_code.begins))
    places = places[trades[np.searchsorted(by_code.last_rows, places)]]
    at = by_code.last_place_of(places, close > 0)
    some = rows[by_code.order[places]].with_columns(before=np.where(at >= 0, close[at], np.nan))
    given, equal = _flat(some)
    at_last = some.get_column("before").is_nan() | _same(some, "before")
    zero = (some.get_column("volume") == 0).fill_null(value=False)
    filled = equal & ((zero & ((given > 0) | at_last)) | (~zero & (given == 3) & at_last))
    return np.asarray(places[filled.to_numpy()])


def _again(rows: pl.DataFrame, by_code: ByCode, close: FloatArray, volume: FloatArray) -> IntArray:
    """Places of rows that repeat the row before: five equal numbers, two of them unlike prices."""
    if not {"open", "high", "low"} <= set(rows.columns):
        return np.empty(0, dtype=np.int64)
    same = (close[1:] == close[:-1]) & (volume[1:] == volume[:-1]) & (volume[1:] > 0)
    places = np.flatnonzero(same & ~by_code.begins[1:]) + 1
    here, before = rows[by_code.order[places]], rows[by_code.order[places - 1]]
    keep = (here.get_column("high") > here.get_column("low")).fill_null(value=False)
    for name in ("open", "high", "low"):
        keep &= (here.get_column(name) == before.get_column(name)).fill_null(value=False)
    return np.asarray(places[keep.to_numpy()])


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
