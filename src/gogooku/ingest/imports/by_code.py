"""The rows of a delivery, code by code in order of date: what came before a row of its code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_FEW = 1 << 16


def by_date_and_code(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort rows by (date, code), the code an `polars.Enum`; neither is ever null."""
    code, day = _numbered(rows.get_column("code")), _numbered(rows.get_column("date"))
    order = np.argsort(code, kind="stable")
    order = order[np.argsort(day[order], kind="stable")]
    if (order[1:] > order[:-1]).all():
        return rows
    return rows[pl.Series(order.astype(np.uint32))]


def _numbered(values: pl.Series) -> npt.NDArray[np.integer]:
    """Codes or dates as numbers in their order, of 16 bits if those will do: sorted by radix."""
    number: npt.NDArray[np.integer] = values.to_physical().to_numpy()
    if len(number) and int(number.max()) - int(number.min()) < _FEW:
        return np.asarray(number - number.min(), dtype=np.uint16)
    return number


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
    begins : bool [R]
        First row of each code.
    """

    order: IntArray
    start: IntArray
    begins: BoolArray

    @classmethod
    def of(cls, rows: pl.DataFrame) -> ByCode:
        """Order of rows that are sorted by (date, code), the code an `polars.Enum`."""
        number = _numbered(rows.get_column("code"))
        order = np.argsort(number, kind="stable")
        codes = number[order]
        begins = np.ones(len(order), dtype=bool)
        begins[1:] = codes[1:] != codes[:-1]
        first = np.flatnonzero(begins)
        return cls(order, np.repeat(first, np.diff(first, append=len(order))), begins)

    @property
    def last_rows(self) -> IntArray:
        """Place of the last row of each code."""
        return np.append(np.flatnonzero(self.begins)[1:], len(self.begins))[: len(self.begins)] - 1

    def floats(self, values: pl.Series) -> FloatArray:
        """Numbers of the frame's rows in this order, NaN where null."""
        return values.to_numpy().astype(np.float64, copy=False)[self.order]

    def days(self, values: pl.Series) -> IntArray:
        """Dates of the frame's rows in this order, as days since 1970; dates are never null."""
        return values.to_physical().to_numpy()[self.order].astype(np.int64)

    def in_rows(self, values: npt.NDArray[np.generic]) -> pl.Series:
        """Put values back into the order of the frame's rows."""
        out = np.empty_like(values)
        out[self.order] = values
        return pl.Series(out)

    def last_place(self, known: BoolArray) -> IntArray:
        """Place of the newest row before each one, of the same code, that is known; -1 for none."""
        before = np.arange(-1, len(known) - 1)
        odd = np.flatnonzero(~known[:-1]) + 1
        before[odd] = self.last_place_of(odd, known)
        before[self.begins] = -1
        return before

    def last_place_of(self, places: IntArray, known: BoolArray) -> IntArray:
        """The same for some places only."""
        unknown = np.flatnonzero(~known)
        begins = np.diff(unknown, prepend=-2) != 1
        run = unknown[begins][np.cumsum(begins) - 1]
        before = places - 1
        odd = np.flatnonzero((before >= 0) & ~known[before])
        before[odd] = run[np.searchsorted(unknown, before[odd])] - 1
        return np.where(before >= self.start[places], before, -1)

    def last_known(self, values: FloatArray) -> FloatArray:
        """Newest value before each row, of the same code, that is no NaN; NaN for none."""
        at = self.last_place(~np.isnan(values))
        return np.where(at >= 0, values[at], np.nan)
