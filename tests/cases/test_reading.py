"""Field cases: files of odd encodings, line ends, shapes, codes and dates."""

from __future__ import annotations

from datetime import date

import pytest
from tests.support.field import read_case, returns

from gogooku.core.errors import DataError


@pytest.mark.parametrize("file", ["float.csv", "spaces.csv"])
def test_spellings_of_a_code_are_one_company(file: str) -> None:
    reading = read_case("code-spellings-become-names", file)
    assert reading.frames.listings.select("code", "listed_to").rows() == [("7203", None)]


def test_the_same_rows_twice_are_refused() -> None:
    with pytest.raises(DataError, match=r"repeat \(date, code\)"):
        read_case("code-spellings-become-names", "twice.csv")


SAME = [
    ("cr-only-csv-traceback", "mac.csv"),
    ("unclear-file-errors", "p.csv.zip"),
    ("unclear-file-errors", "unnamed2.csv"),
    ("unclear-file-errors", "blank_first.csv"),
    ("unclear-file-errors", "cp932.csv"),
]


@pytest.mark.parametrize(("folder", "file"), SAME)
def test_the_same_thirty_rows_however_they_come(folder: str, file: str) -> None:
    quotes = read_case(folder, file).frames.quotes
    assert quotes.height == 30
    assert quotes["code"].unique().to_list() == ["7203"]
    assert quotes["close"].to_list() == [100.0 + n for n in range(30)]
    assert quotes["date"][0] == date(2024, 1, 4)


@pytest.mark.parametrize(
    ("file", "message"),
    [("cut.csv", "line 31 has 4"), ("shortrow.csv", "line 6 has 3")],
)
def test_a_row_that_lacks_cells_is_refused(file: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"5 columns of the header: {message}"):
        read_case("csv-cut-mid-row", file)


def test_zoned_datetimes_of_a_csv() -> None:
    quotes = read_case("csv-dates-with-offset-refused", "history.csv").frames.quotes
    assert quotes.height == 30
    assert quotes["date"][0] == date(2024, 1, 4)


@pytest.mark.parametrize(
    ("file", "codes"),
    [("yf.csv", ["7203.T"]), ("wide.csv", ["6758.T", "7203.T"]), ("7203.T.csv", ["7203.T"])],
)
def test_shapes_of_yfinance(file: str, codes: list[str]) -> None:
    quotes = read_case("yfinance-three-line-header", file).frames.quotes
    assert sorted(quotes["code"].unique()) == codes
    assert quotes["close"].null_count() == 0


def test_the_footnote_of_an_adjusted_close_is_no_part_of_its_name() -> None:
    reading = read_case("split-without-factor-unnoticed", "yahoojp.csv")
    by_date = dict(returns(reading).select("date", "ret").rows())
    assert by_date[date(2024, 1, 26)] == pytest.approx(0.0005, abs=2e-4)
    assert reading.adjustment.startswith("adjusted close: 1 event(s)")
