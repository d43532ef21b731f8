"""Rows code by code: what came before a row of its code."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.ingest.imports.by_code import ByCode, by_date_and_code


def rows(codes: str, closes: list[float | None]) -> pl.DataFrame:
    kind = pl.Enum(sorted(set(codes)))
    return pl.DataFrame({"code": list(codes), "close": closes}).with_columns(
        pl.col("code").cast(kind), pl.col("close").cast(pl.Float64)
    )


def test_rows_are_put_by_code_and_back() -> None:
    frame = rows("ABABB", [1, 2, 3, None, 5])
    by_code = ByCode.of(frame)
    assert by_code.order.tolist() == [0, 2, 1, 3, 4]
    assert by_code.begins.tolist() == [True, False, True, False, False]
    assert by_code.last_rows.tolist() == [1, 4]
    values = by_code.floats(frame["close"])
    assert np.array_equal(values, [1, 3, 2, np.nan, 5], equal_nan=True)
    assert by_code.in_rows(values).to_list()[:3] == [1.0, 2.0, 3.0]


def test_the_last_known_value_is_of_the_same_code() -> None:
    frame = rows("ABABB", [1, None, 3, None, 5])
    by_code = ByCode.of(frame)
    before = by_code.last_known(by_code.floats(frame["close"]))
    assert np.array_equal(before, [np.nan, 1, np.nan, np.nan, np.nan], equal_nan=True)
    assert by_code.last_place(np.array([True] * 5)).tolist() == [-1, 0, -1, 2, 3]


def test_no_rows() -> None:
    by_code = ByCode.of(rows("A", [1.0]).clear())
    assert len(by_code.order) == 0
    assert by_code.last_place(np.array([], dtype=bool)).tolist() == []


def test_more_codes_than_sixteen_bits() -> None:
    names = [f"{n:06}" for n in range(70_000)]
    frame = pl.DataFrame({"code": [*names, names[0]]}).with_columns(
        pl.col("code").cast(pl.Enum(names))
    )
    by_code = ByCode.of(frame)
    assert by_code.order[:3].tolist() == [0, 70_000, 1]


def test_the_newest_known_row_of_some_places_is_that_of_all() -> None:
    rng = np.random.default_rng(5)
    frame = rows("".join(rng.choice(list("ABC"), 300)), [1.0] * 300)
    by_code = ByCode.of(frame)
    for share in (0.0, 0.1, 0.5, 0.9, 1.0):
        known = rng.random(300) < share
        expected = [
            max((p for p in range(start, place) if known[p]), default=-1)
            for place, start in enumerate(by_code.start)
        ]
        assert by_code.last_place(known).tolist() == expected
        some = np.flatnonzero(rng.random(300) < 0.3)
        assert by_code.last_place_of(some, known).tolist() == [expected[p] for p in some]


@pytest.mark.parametrize("names", [3, 70_000])
def test_rows_are_sorted_by_date_and_code(names: int) -> None:
    rng = np.random.default_rng(names)
    codes = [f"{n:06}" for n in range(names)]
    frame = pl.DataFrame(
        {"code": codes * 2, "date": [date(1900, 1, 1)] * names + [date(2099, 12, 31)] * names}
    ).with_columns(pl.col("code").cast(pl.Enum(codes)))
    mixed = frame[rng.permutation(frame.height)]
    assert by_date_and_code(mixed).equals(frame)
    assert by_date_and_code(frame).equals(frame)
    assert by_date_and_code(frame.clear()).is_empty()
