"""One market in any shape that people send imports to the same content."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ingest.imports.test_factors import FORMS, SPLITS, event, written
from tests.support.field import bars

from gogooku.ingest.imports.config import ImportConfig
from gogooku.ingest.imports.files import read_frames

FIELDS = ("date", "code", "open", "high", "low", "close", "volume", "adjustment_factor")


def zipped(body: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("prices.csv", body)
    return out.getvalue()


HEADERS: Mapping[str, tuple[str, ...]] = {
    "english": ("Date", "Code", "Open", "High", "Low", "Close", "Volume", "AdjustmentFactor"),
    "japanese": (
        "日付",
        "銘柄コード",
        "始値",
        "高値",
        "安値",
        "終値*",
        "出来高（株）",
        "adj_factor",
    ),
    "vendor": ("Date", "Code", "O", "H", "L", "C", "Vo", "AdjFactor"),
    "angle": (
        "<DATE>",
        "<TICKER>",
        "<OPEN>",
        "<HIGH>",
        "<LOW>",
        "<CLOSE>",
        "<VOL>",
        "split_factor",
    ),
}
DATES: Mapping[str, Callable[[date], str]] = {
    "iso": date.isoformat,
    "slashes": lambda day: f"{day:%Y/%m/%d}",
    "digits": lambda day: f"{day:%Y%m%d}",
    "kanji": lambda day: f"{day.year}年{day.month}月{day.day}日",
    "day first": lambda day: f"{day:%d/%m/%Y}",
    "month first": lambda day: f"{day:%m/%d/%Y}",
    "midnight": lambda day: f"{day} 00:00:00",
    "zoned": lambda day: f"{day} 00:00:00+09:00",
    "serial": lambda day: str((day - date(1899, 12, 30)).days),
    "named": lambda day: f"{day:%d-%b-%Y}",
}
CODES: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "blank": lambda code: f" {code} ",
    "tail": lambda code: f"{code}.0",
    "wide": lambda code: code.translate({ord("0") + n: 0xFF10 + n for n in range(10)}),
}
ENCODINGS = ("utf-8", "utf-8-sig", "cp932", "euc_jp", "utf-16")
CONTAINERS: Mapping[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
}
ENDS = ("\n", "\r\n", "\r")
SEPARATORS = (",", ";", "\t")
EXTRAS = ("none", "title", "blank lines", "index", "trailing", "quoted")


def shape(extra: str, rows: list[list[str]], separator: str, end: str) -> str:
    """Rows as text, with what vendors and spreadsheets put around them."""
    if extra == "index":
        rows = [["" if at == 0 else str(at - 1), *row] for at, row in enumerate(rows)]
    if extra == "trailing":
        rows = [[*row, ""] for row in rows]
    out = io.StringIO()
    quoting = csv.QUOTE_ALL if extra == "quoted" else csv.QUOTE_MINIMAL
    csv.writer(out, delimiter=separator, lineterminator=end, quoting=quoting).writerows(rows)
    text = out.getvalue()
    if extra == "title":
        text = f"Prices of twelve names{end}{text}"
    if extra == "blank lines":
        text = end + text.replace(end, end + end)
    return text


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    path = tmp_path_factory.mktemp("plain") / "plain.parquet"
    event(bars(), *SPLITS).write_parquet(path)
    return read_frames([path], ImportConfig()).frames.quotes


@settings(max_examples=60, deadline=None)
@given(
    header=st.sampled_from(sorted(HEADERS)),
    form=st.sampled_from(sorted(DATES)),
    code=st.sampled_from(sorted(CODES)),
    encoding=st.sampled_from(ENCODINGS),
    container=st.sampled_from(sorted(CONTAINERS)),
    end=st.sampled_from(ENDS),
    separator=st.sampled_from(SEPARATORS),
    extra=st.sampled_from(EXTRAS),
    factor=st.sampled_from(FORMS),
    reverse=st.booleans(),
)
def test_any_shape_is_the_same_market(
    tmp_path_factory: pytest.TempPathFactory, plain: pl.DataFrame, *, reverse: bool, **drawn: str
) -> None:
    frame = written(drawn["factor"]).select(FIELDS)
    frame = frame.reverse() if reverse else frame
    write_day, write_code = DATES[drawn["form"]], CODES[drawn["code"]]
    rows = [list(HEADERS[drawn["header"]])]
    for day, code, *numbers in frame.iter_rows():
        cells = ["" if one is None else repr(one) for one in numbers]
        rows.append([write_day(day), write_code(code), *cells])
    text = shape(drawn["extra"], rows, drawn["separator"], drawn["end"])
    path: Path = tmp_path_factory.mktemp("shape") / "prices.csv"
    path.write_bytes(CONTAINERS[drawn["container"]](text.encode(drawn["encoding"])))
    quotes = read_frames([path], ImportConfig()).frames.quotes
    rounded = [pl.col("adjustment_factor").round(9)]
    assert quotes.with_columns(rounded).equals(plain.with_columns(rounded))
