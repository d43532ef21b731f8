"""Dates as people write them, in CSV and in Parquet alike."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from tests.support.field import counts

from gogooku.core.errors import DataError
from gogooku.ingest.imports.config import ImportConfig
from gogooku.ingest.imports.dates import DateOrder
from gogooku.ingest.imports.files import read_frames

DAYS = [date(2024, 5, 7), date(2024, 5, 13)]

FORMS = {
    "2024-05-07": "2024-05-13",
    "2024-5-7": "2024-5-13",
    "2024/05/07": "2024/05/13",
    "2024.05.07": "2024.5.13",
    "20240507": "20240513",
    "20240507.0": "20240513.0",
    "2024年5月7日": "2024年05月13日",
    "２０２４-０５-０７": "２０２４-０５-１３",
    "令和6年5月7日": "令和6年5月13日",
    "R6.5.7": "R6.5.13",
    "07/05/2024": "13/05/2024",
    "5/7/2024": "5/13/2024",
    "07-May-2024": "13-May-2024",
    "7 May 2024": "13 May 2024",
    '"May 7, 2024"': '"May 13, 2024"',
    "2024-05-07 00:00:00": "2024-05-13T00:00",
    "2024-05-07 00:00:00+09:00": "2024-05-13 00:00:00+09:00",
    "2024-05-07T00:00:00.000+0900": "2024-05-13T00:00:00.000+0900",
    "2024-05-06 15:00:00+00:00": "2024-05-12 15:00:00+00:00",
    "2024-05-06T15:00:00Z": "2024-05-12T15:00:00Z",
    "2024-05-07T00:00:00Z": "2024-05-13T00:00:00Z",
    "1715040000": "1715558400",
    "1715007600": "1715526000",
    "1715040000000": "1715558400000",
    "1715040000000000000": "1715558400000000000",
    "947116800": "1715558400",
    "1715040000000000": "1715558400000000",
    "20240507000000": "20240513000000",
    "2024/5/7 0:00": "2024/5/13 0:00",
    "5/7/2024 12:00:00 AM": "5/13/2024 12:00:00 AM",
    "7/5/2024 0:00": "13/5/2024 0:00",
    "07.05.2024": "13.05.2024",
    "07-05-2024": "13-05-2024",
    "０７／０５／２０２４": "１３／０５／２０２４",
    "07MAY2024": "13MAY2024",
    "2024-May-07": "2024-May-13",
    '"Tuesday, May 7, 2024"': '"Monday, May 13, 2024"',
    "2024年 5月 7日(火)": "2024年 5月13日(月)",
    "2024/05/07（火）": "2024/05/13（月）",
    "2024-05-07 00:00:00+09": "2024-05-13 00:00:00+09",
    "45419": "45425",
    "45419.0": "45425.0",
}


@pytest.mark.parametrize("first", FORMS)
def test_one_form_a_column_is_read(tmp_path: Path, first: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(f"date,code,close\n{first},1,2\n{FORMS[first]},1,3\n", encoding="utf-8")
    reading = read_frames([path], ImportConfig())
    days = [date(2000, 1, 6), DAYS[1]] if first == "947116800" else DAYS
    assert reading.frames.quotes["date"].to_list() == days
    plain = [text.strip('"') for text in (first, FORMS[first])]
    frame = pl.DataFrame({"date": plain, "code": "1", "close": [2.0, 3.0]})
    frame.write_parquet(tmp_path / "prices.parquet")
    same = read_frames([tmp_path / "prices.parquet"], ImportConfig())
    assert same.frames.quotes.equals(reading.frames.quotes)
    assert same.frames.facts["date_forms"] == reading.frames.facts["date_forms"]


@pytest.mark.parametrize(
    "values",
    [
        [20240507, 20240513],
        [20240507.0, 20240513.0],
        [Decimal(20240507), Decimal(20240513)],
        [1715040000, 1715558400],
        [45419.0, 45425.0],
        [datetime(2024, 5, 7), datetime(2024, 5, 13)],
        [datetime(2024, 5, 6, 15, tzinfo=UTC), datetime(2024, 5, 12, 15, tzinfo=UTC)],
    ],
)
def test_numbers_and_datetimes_of_parquet(tmp_path: Path, values: list[object]) -> None:
    frame = pl.DataFrame({"date": values, "code": "1", "close": [2.0, 3.0]})
    frame.write_parquet(tmp_path / "prices.parquet")
    reading = read_frames([tmp_path / "prices.parquet"], ImportConfig())
    assert reading.frames.quotes["date"].to_list() == DAYS


def test_offsets_change_with_the_season(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(
        "date,code,close\n2024-03-08 00:00:00-05:00,A,1\n2024-03-11 00:00:00-04:00,A,1\n"
    )
    reading = read_frames([path], ImportConfig(exchange="new_york"))
    assert reading.frames.quotes["date"].to_list() == [date(2024, 3, 8), date(2024, 3, 11)]


REFUSED = {
    "1715067000": r"seconds since 1970 \(epoch\).*Export the date of the session",
    "2024-05-07 15:30:00": r"times of day, not dates: .*first line 2 '2024-05-07 15:30:00'",
    "2024-05-07 00:00:00.5": "times of day",
    "2024-05-07 00:00:00-11:30": None,
    "24/05/07": "year of two digits",
    "7.5.24": "year of two digits",
    "07-May-24": "year of two digits",
    "24年5月7日": "year of two digits",
    "240507": "year of two digits",
    "19850": r"Excel \(1954-05-06\) or days since 1970 \(2024-05-07\)",
    "2.0240507e+07": "not dates",
    "Marble 7 2024": "not dates",
    "R0.5.7": "not dates",
    "00000000": "not dates",
    "2024-05-07 00:00:00+09:18:59": "not dates",
    "2024-02-30": "1 cell.*not dates: line 2",
    "123": "not dates",
    "99999": "not dates",
    "May 2024": "not dates",
    "令和100年5月7日": "not dates",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_date_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(f"date,code,close\n{text},1,2\n", encoding="utf-8")
    if REFUSED[text] is None:
        assert read_frames([path], ImportConfig()).frames.quotes.height == 1
        return
    with pytest.raises(DataError, match=REFUSED[text]):
        read_frames([path], ImportConfig())


PAIRS = {
    "zoned and not": ("2024-05-07 00:00:00", "2024-05-12 15:00:00+00:00", "in 2 forms"),
    "zones apart": ("2024-05-07 00:00:00-05:00", "2024-05-13 00:00:00+09:00", "one zone of their"),
    "seconds and milliseconds": ("1715040000", "1715558400000", "in 2 forms"),
    "with a clock and without": ("2024-05-07", "2024-05-13 00:00:00", "in 2 forms"),
    "marks": ("13/05/2024", "14.05.2024", "in 2 forms"),
    "serial and compact": ("45419", "20240513", "in 2 forms"),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_two_forms_in_one_column_are_refused(tmp_path: Path, pair: str) -> None:
    first, second, message = PAIRS[pair]
    path = tmp_path / "prices.csv"
    path.write_text(f"date,code,close\n{first},1,2\n{second},1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_frames([path], ImportConfig())


def test_one_instant_in_two_zones_is_one_date(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(
        "date,code,close\n2024-05-07 00:00:00+09:00,1,2\n2024-05-12 15:00:00+00:00,1,2\n"
    )
    assert read_frames([path], ImportConfig()).frames.quotes["date"].to_list() == DAYS


@pytest.mark.parametrize("text", ["99991231", "9999-12-31", "9999-12-31T00:00:00Z"])
def test_a_listing_without_an_end_may_say_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(f"date,code,close,listed_to\n2024-05-07,1,2,{text}\n")
    assert read_frames([path], ImportConfig()).frames.quotes.height == 1


def test_a_year_typed_wrongly_is_a_row_and_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("date,code,close\n20240507,1,2\n22040513,1,2\n")
    assert counts(read_frames([path], ImportConfig()))["date_out_of_range"] == 1


@pytest.mark.parametrize("value", [math.inf, 1e300, 20240507.5])
def test_numbers_that_are_no_dates_are_refused(tmp_path: Path, value: float) -> None:
    frame = pl.DataFrame({"date": [20240507.0, value], "code": "1", "close": 1.0})
    frame.write_parquet(tmp_path / "prices.parquet")
    with pytest.raises(DataError, match=r"1 cell\(s\) are not dates: row 2"):
        read_frames([tmp_path / "prices.parquet"], ImportConfig())


def test_how_dates_were_understood_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    for text, form in (
        ("45419", "text Excel serial"),
        ("1715007600", "text seconds since 1970, read in Asia/Tokyo"),
        ("令和6年5月7日", "text Japanese era"),
        ("5/13/2024", "text MM/DD/YYYY"),
    ):
        path.write_text(f"date,code,close\n{text},1,2\n", encoding="utf-8")
        assert read_frames([path], ImportConfig()).frames.facts["date_forms"] == [form]


def test_orders_of_day_and_month() -> None:
    assert [str(one) for one in DateOrder] == ["auto", "day_first", "month_first"]
