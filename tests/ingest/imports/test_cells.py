"""Cells on their way to a type: no value, where they stand, what is refused."""

import polars as pl
import pytest

from gogooku.core.errors import DataError
from gogooku.ingest.imports.cells import NULL_TOKENS, Place, refuse_cells, stripped

PLACE = Place("p.csv", "close", "Close", lambda row: f"line {row + 2}", ",")


def test_texts_that_mean_no_value():
    cells = pl.Series([" 1 ", *NULL_TOKENS, "NA", None, "x"])
    assert stripped(cells).drop_nulls().to_list() == ["1", "x"]


def test_wrong_cells_are_named_by_their_lines():
    values = pl.Series(["a", "b", "c", "d", "e"])
    bad = pl.Series([False, True, True, True, True])
    with pytest.raises(DataError, match=r"p\.csv: column Close \(the close\): 4 cell") as caught:
        refuse_cells(bad, values, PLACE, wanted="numbers")
    assert "line 3 'b', line 4 'c', line 5 'd'. Correct" in str(caught.value)
    assert "line 6" not in str(caught.value)
    refuse_cells(bad & ~bad, values, PLACE, wanted="numbers")
