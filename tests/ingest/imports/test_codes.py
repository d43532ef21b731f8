"""Codes are spelled once: two spellings of one company never become two."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tests.support.field import bars, counts, first, imported

from gogooku.core.errors import DataError
from gogooku.ingest.imports.codes import one_spelling

SPELLINGS = {
    "7203": "7203",
    " 7203 ": "7203",
    "7203\u3000": "7203",
    "7203\u00a0": "7203",
    "７２０３": "7203",
    "7203.0": "7203",
    "130a": "130A",
    "brk.b": "BRK.B",
    "NA": "NA",
    "TRUE": "TRUE",
    "-": "-",
    "^N225": "^N225",
}


@pytest.mark.parametrize("written", SPELLINGS)
def test_a_code_is_spelled_in_one_way(tmp_path: Path, written: str) -> None:
    frame = bars(1, 3).with_columns(code=pl.lit(written))
    quotes = imported(frame, tmp_path).frames.quotes
    assert quotes["code"].unique().to_list() == [SPELLINGS[written]]


@pytest.mark.parametrize("values", [7203, 7203.0, "7203.0", "7203"])
def test_numbers_are_codes_alike(tmp_path: Path, values: object) -> None:
    frame = bars(1, 3).with_columns(code=pl.lit(values))
    assert imported(frame, tmp_path).frames.quotes["code"].unique().to_list() == ["7203"]


@pytest.mark.parametrize(
    "other", ["13010.0", " 13010", "1301", "1301.T", "TSE:1301", "1301 JP", "13010.T", "１３０１"]
)
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_second_spelling_is_no_second_company(tmp_path: Path, other: str, share: float) -> None:
    frame = bars(2, 10)
    late = pl.col("date") >= frame["date"].unique().sort()[int(10 * share)]
    mixed = frame.with_columns(
        code=pl.when((pl.col("code") == "13010") & late).then(pl.lit(other)).otherwise("code")
    )
    reading = imported(mixed, tmp_path)
    assert reading.frames.listings.height == 2
    assert reading.frames.quotes.height == frame.height
    assert sorted(reading.frames.quotes["close"]) == sorted(frame["close"])


def test_it_is_counted_and_named(tmp_path: Path) -> None:
    frame = bars(2, 10)
    late = pl.col("date") >= frame["date"].unique().sort()[7]
    mixed = frame.with_columns(
        code=pl.when((pl.col("code") == "13010") & late).then(pl.lit("1301.T")).otherwise("code")
    )
    reading = imported(mixed, tmp_path)
    assert counts(reading) == {"code_spellings": 3}
    assert first(reading, "code_spellings") == "1301.T -> 13010"


def test_twice_the_same_row_is_refused(tmp_path: Path) -> None:
    frame = bars(2, 5)
    again = frame.with_columns(code=pl.col("code") + " ")
    with pytest.raises(DataError, match=r"10 row\(s\) repeat \(date, code\)"):
        imported(pl.concat([frame, again]), tmp_path)


def test_a_file_of_one_spelling_is_left_as_it_is(tmp_path: Path) -> None:
    for codes in (["13010", "25935", "130A0"], ["1301", "2593"], ["1301.T", "2593.T"]):
        assert one_spelling(pl.Series("code", codes * 3), exchange="tokyo") == {}
    assert one_spelling(pl.Series("code", ["AA", "AA.T"]), exchange="new_york") == {}


def test_a_preferred_share_is_no_spelling_of_the_ordinary_one(tmp_path: Path) -> None:
    assert one_spelling(pl.Series("code", ["25930", "25935", "2593"]), exchange="tokyo") == {
        "25930": "2593"
    }


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("../x", "plain characters"),
        ("a/b", "plain characters"),
        ("a\x1bb", "plain characters"),
        ("x" * 33, "at most 32"),
        ("..", "plain characters"),
        (7203.5, "not codes"),
        (float("inf"), "not codes"),
    ],
)
def test_what_is_no_code_is_refused(tmp_path: Path, code: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        imported(bars(1, 3).with_columns(code=pl.lit(code)), tmp_path)
