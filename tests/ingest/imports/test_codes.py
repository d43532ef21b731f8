"""Codes are spelled once: two spellings of one company never become two."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from tests.support.field import bars, counts, first, imported

from gogooku.core.errors import DataError
from gogooku.ingest.imports.codes import one_spelling
from gogooku.ingest.imports.config import ImportConfig
from gogooku.ingest.imports.files import read_frames

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
    ".N225": ".N225",
    "72\u200b03": "7203",
    "\ufeff7203": "7203",
    '="0072"': "0072",
    "'0072": "0072",
    "0072.00": "0072",
    "7203  jp": "7203 JP",
    "7203\n": "7203",
    "nan": "NAN",
    "NASDAQ_KINS": "NASDAQ_KINS",
    "1.50": "1.50",
}


@pytest.mark.parametrize("written", SPELLINGS)
def test_a_code_is_spelled_in_one_way(tmp_path: Path, written: str) -> None:
    frame = bars(1, 3).with_columns(code=pl.lit(written))
    quotes = imported(frame, tmp_path).frames.quotes
    assert quotes["code"].unique().to_list() == [SPELLINGS[written]]
    frame.write_csv(tmp_path / "prices.csv")
    same = read_frames([tmp_path / "prices.csv"], ImportConfig())
    assert same.frames.quotes.equals(quotes)
    expected = {} if written == SPELLINGS[written] else {"code_spellings": 3}
    assert counts(same) == expected


@pytest.mark.parametrize("values", [7203, 7203.0, Decimal("7203.0"), "7203.0", "7203"])
def test_numbers_are_codes_alike(tmp_path: Path, values: object) -> None:
    frame = bars(1, 3).with_columns(code=pl.lit(values))
    reading = imported(frame, tmp_path)
    assert reading.frames.quotes["code"].unique().to_list() == ["7203"]
    assert set(counts(reading)) <= {"number_codes", "code_spellings"}
    assert bool(counts(reading)) == (values != "7203")


def test_a_missing_code_is_no_code(tmp_path: Path) -> None:
    whole = [7203.0, None, math.nan, 7203.0]
    for codes in (whole, ["7203", None, "  ", "7203"], ["7203", "\u3000", "", "7203"]):
        frame = bars(1, 4).with_columns(code=pl.Series(codes, strict=False))
        reading = imported(frame, tmp_path)
        assert counts(reading)["no_code"] == 2
        assert "code_spellings" not in counts(reading)


@pytest.mark.parametrize(
    "other",
    ["13010.0", " 13010", "1301", "1301.T", "TSE:1301", "1301 JP", "13010.T", "１３０１"]
    + ["1301 JT Equity", "1301-JP", "XTKS:1301", "1301.xtks", "TSE_1301"],
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


def test_files_of_two_forms_are_one_delivery(tmp_path: Path) -> None:
    """A vendor that went from four to five characters: names that left before, and came after."""
    early, late = bars(3, 10), bars(4, 10, start=date(2024, 2, 1)).filter(pl.col("code") != "13010")
    early = early.with_columns(code=pl.col("code").str.head(4))
    paths = [tmp_path / "early.csv", tmp_path / "late.parquet"]
    early.write_csv(paths[0])
    late.write_parquet(paths[1])
    reading = read_frames(paths, ImportConfig(missing_splits="keep"))
    codes = ["1301", "1311", "1321", "1331"]
    assert reading.frames.listings["code"].to_list() == codes
    assert counts(reading)["code_spellings"] == late.height
    assert first(reading, "code_spellings") == "13110 -> 1311"


def test_the_first_row_is_named_and_what_cannot_be_seen_is_shown(tmp_path: Path) -> None:
    for written, shown in (("7203.0", "7203.0 -> 7203"), ("7203\u3000", r"'7203\u3000' -> 7203")):
        frame = bars(1, 3).with_columns(code=pl.Series(["7203", written, written]))
        reading = imported(frame, tmp_path)
        assert counts(reading) == {"code_spellings": 2}
        assert first(reading, "code_spellings") == shown


def test_other_exchanges_are_other_companies() -> None:
    apart = [
        "7203.N",
        "7203.F",
        "7203.HK",
        "7203.TW",
        "0072",
        "00720",
        "72035",
        "7203T",
        "130A0",
        "13A10",
    ]
    found = one_spelling(pl.Series("code", ["7203", "7203.T", *apart]), exchange="tokyo")
    assert found == {"7203.T": "7203", "130A0": "130A"}


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
        (".", "plain characters"),
        ("a\\b", "plain characters"),
        ("a\0b", "plain characters"),
        ("a\nb", "plain characters"),
        ("a\u2028b", "plain characters"),
        ("a／b", "plain characters"),
        ('="../x"', "plain characters"),
        (7203.5, "not codes"),
        (float("inf"), "not codes"),
    ],
)
def test_what_is_no_code_is_refused(tmp_path: Path, code: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        imported(bars(1, 3).with_columns(code=pl.lit(code)), tmp_path)
