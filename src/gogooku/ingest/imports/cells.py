"""Cells of a column on their way to a type: where they stand, what is no value, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from gogooku.core.errors import DataError

NULL_TOKENS: tuple[str, ...] = (
    *("", "-", "--", "---", "－", "—"),
    *("na", "n/a", "null", "none", "#n/a"),
)
"""Texts that mean "no value", compared without case; ``NaN`` and ``inf`` are non-finite numbers."""

CELLS_SHOWN = 3


@dataclass(frozen=True)
class Place:
    """Where a value stands, for messages."""

    file: str
    field: str
    column: str
    line: Callable[[int], str]
    separator: str

    def at(self, index: int) -> str:
        """Where the cell of a row stands: ``line 31``."""
        return self.line(index)

    @property
    def text(self) -> str:
        """File and column, and the field where its name differs."""
        named = "" if self.field == self.column else f" (the {self.field})"
        return f"{self.file}: column {self.column}{named}"


def stripped(series: pl.Series) -> pl.Series:
    """Text without blanks around it, null where it means no value."""
    text = series.cast(pl.String).str.strip_chars()
    return text.set(text.str.to_lowercase().is_in(NULL_TOKENS), None)


def refuse_cells(bad: pl.Series, values: pl.Series, place: Place, *, wanted: str) -> None:
    """Refuse a column that has cells which are not what they must be.

    Raises
    ------
    DataError
        With their number and the first of them.
    """
    indices = bad.arg_true()
    if indices.is_empty():
        return
    shown = ", ".join(f"{place.at(i)} {values[i]!r}" for i in indices.head(CELLS_SHOWN).to_list())
    raise DataError(
        f"{place.text}: {len(indices):,} cell(s) are not {wanted}: {shown}. Correct them in the "
        f"file, or point the field at another column: --map {place.field}=COLUMN"
    )
