"""The rows of a delivery, code by code in order of date: what came before a row of its code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_FEW_CODES = 1 << 16


@dataclass(frozen=True)
class ByCode:
    """Rows of a frame in another order: by code, then by date.

    All arrays of this module are in that order, one value a row, unless another shape is given.

    Attributes
    ----------
    order : int64 [R]
        Row of the frame at each place.
    start : int64 [R]
        Place at which the code of each place begins.
    """

    order: IntArray
    start: IntArray

    @classmethod
    def of(cls, rows: pl.DataFrame) -> ByCode:
        """Order of rows that are sorted by (date, code), the code an `polars.Enum`."""
        number = rows.get_column("code").to_physical().to_numpy()
        if len(number) and number.max() < _FEW_CODES:
            number = number.astype(np.uint16)  # NumPy sorts these by radix
        order = np.argsort(number, kind="stable")
        sorted_codes = number[order]
        place = np.arange(len(order))
        begins = np.ones(len(order), dtype=bool)
        begins[1:] = sorted_codes[1:] != sorted_codes[:-1]
        return cls(order, np.maximum.accumulate(np.where(begins, place, 0)))

    @property
    def number(self) -> IntArray:
        """Number of each row's code, 0 for the first."""
        return np.cumsum(self.begins) - 1

    @property
    def begins(self) -> BoolArray:
        """First row of each code."""
        return np.asarray(self.start == np.arange(len(self.start)))

    def floats(self, values: pl.Series) -> FloatArray:
        """Numbers of the frame's rows in this order, NaN where null."""
        return values.to_numpy().astype(np.float64, copy=False)[self.order]

    def days(self, values: pl.Series) -> IntArray:
        """Dates of the frame's rows in this order, as days since 1970; dates are never null."""
        return values.to_physical().to_numpy().astype(np.int64)[self.order]

    def in_rows(self, values: npt.NDArray[np.generic]) -> pl.Series:
        """Put values back into the order of the frame's rows."""
        out = np.empty_like(values)
        out[self.order] = values
        return pl.Series(out)

    def last_place(self, known: BoolArray) -> IntArray:
        """Place of the newest row before each one, of the same code, that is known; -1 for none."""
        place = np.arange(len(known))
        newest = np.maximum.accumulate(np.where(known, place, -1))
        before = np.concatenate([[-1], newest[:-1]]) if len(known) else newest
        return np.where(before >= self.start, before, -1)

    def last_known(self, values: FloatArray) -> FloatArray:
        """Newest value before each row, of the same code, that is no NaN; NaN for none."""
        at = self.last_place(~np.isnan(values))
        return np.where(at >= 0, values[at], np.nan)
