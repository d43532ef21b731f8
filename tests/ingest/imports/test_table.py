"""Rows of one width, their lines, the header, and numbers as people write them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.field import bars, imported

from gogooku.core.errors import DataError
from gogooku.ingest.imports import table as module
from gogooku.ingest.imports.config import ImportConfig
from gogooku.ingest.imports.files import read_frames
from gogooku.ingest.imports.regular import regular_lines
from gogooku.ingest.imports.table import open_table

Written = Callable[[pl.DataFrame], bytes]
HEADER = "date,code,close\n"
ROWS = "2024-01-04,7203,100\n2024-01-05,7203,101\n"


def opened(folder: Path, text: str, stack: ExitStack, name: str = "prices.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return open_table(path, stack)


SAME = {
    "plain": HEADER + ROWS,
    "no last newline": (HEADER + ROWS)[:-1],
    "crlf": (HEADER + ROWS).replace("\n", "\r\n"),
    "cr": (HEADER + ROWS).replace("\n", "\r"),
    "mixed ends": HEADER + ROWS.replace("\n", "\r\n", 1),
    "blank first": "\n\n" + HEADER + ROWS,
    "blank between": HEADER + "\n" + ROWS.replace("\n", "\n\n") + "\n\n",
    "spaces for a line": HEADER + "   \n" + ROWS,
    "bom": "\ufeff" + HEADER + ROWS,
    "semicolons": (HEADER + ROWS).replace(",", ";"),
    "tabs": (HEADER + ROWS).replace(",", "\t"),
    "bars": (HEADER + ROWS).replace(",", "|"),
    "trailing everywhere": (HEADER + ROWS).replace("\n", ",\n"),
    "trailing in the rows": HEADER + ROWS.replace("\n", ",\n"),
    "quoted": '"date","code","close"\n' + '"2024-01-04","7203","100"\n"2024-01-05","7203","101"\n',
    "title": "Prices of Toyota\nSource: someone\n" + HEADER + ROWS,
    "comment": "# made on 2024-02-01\n" + HEADER + ROWS,
    "index": "," + HEADER + "".join(f"{n},{row}\n" for n, row in enumerate(ROWS.split())),
    "two indices": ",,"
    + HEADER
    + "".join(f"{n},{n},{row}\n" for n, row in enumerate(ROWS.split())),
    "footnotes": "date※,code*,close（円）\n" + ROWS,
    "spaces": "Date, Code, Close\n" + ROWS.replace(",", ", "),
}


@pytest.mark.parametrize("shape", SAME)
def test_the_same_rows_however_they_are_written(tmp_path: Path, shape: str) -> None:
    with ExitStack() as stack:
        table = opened(tmp_path, SAME[shape], stack)
    path = tmp_path / "prices.csv"
    del table
    quotes = read_frames([path], ImportConfig()).frames.quotes
    assert quotes["close"].to_list() == [100.0, 101.0]
    assert quotes["code"].str.strip_chars().to_list() == ["7203", "7203"]


UNEVEN = {
    "short": (HEADER + "2024-01-04,7203\n" + ROWS, r"1 line\(s\).*line 2 has 2\. Correct"),
    "long": (HEADER + ROWS + "2024-01-09,7203,1,2\n" + ROWS, "line 4 has 4"),
    "cut": (HEADER + ROWS + "2024-01-09,72", "line 4 has 2. The last line was cut"),
    "total": (HEADER + ROWS + "Total\n", "line 4 has 1. The last line was cut .* or is no row"),
    "blank before": ("\n\n" + HEADER + ROWS + "x\n", "line 6 has 1"),
    "quotes": (HEADER + '"2024-01-04","7203\n' + ROWS, "line 4: unexpected end of data"),
    "after a quoted line feed": (HEADER + '"2024-01-\n04",7203,1\n7\n', "line 4 has 1"),
    "cr": (HEADER + ROWS + "7\n" + ROWS, "line 4 has 1"),
    "crowded": (HEADER + "1,2,3,4\n" * 99, "99 line.*The header lacks the name of a column"),
}


@pytest.mark.parametrize("case", UNEVEN)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_of_another_width_are_refused_with_their_line(
    tmp_path: Path, case: str, end: str
) -> None:
    text, message = UNEVEN[case]
    with pytest.raises(DataError, match=message), ExitStack() as stack:
        opened(tmp_path, text.replace("\n", end), stack)


def test_lines_count_blank_ones_and_quoted_line_feeds(tmp_path: Path) -> None:
    text = "\n" + HEADER + '\n2024-01-04,"7203",1\n\n2024-01-05,"7203","a\nb"\n'
    with ExitStack() as stack:
        table = opened(tmp_path, text, stack)
        assert [table.line(n) for n in range(2)] == ["line 4", "line 7"]
    path = tmp_path / "prices.csv"
    with pytest.raises(DataError, match=r"not numbers: line 7"):
        read_frames([path], ImportConfig())


def test_more_rows_than_an_import_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    for name in ("prices.csv", "prices.parquet"):
        path = tmp_path / name
        frame = pl.DataFrame({"date": ["2024-01-04"] * 4, "code": "1", "close": 1.0})
        frame.write_parquet(path) if name.endswith("parquet") else frame.write_csv(path)
        with pytest.raises(DataError, match="more than 3 rows"), ExitStack() as stack:
            open_table(path, stack)


NUMBERS = {
    '"1,234"': 1234.0,
    '"1,234,567.5"': 1234567.5,
    "１２３４": 1234.0,
    "¥1234": 1234.0,
    '"￥1,234円"': 1234.0,
    "1234*": 1234.0,
    "1 234": 1234.0,
    "--": None,
    "－": None,
    "N/A": None,
    "1e3": 1000.0,
}


@pytest.mark.parametrize("cell", NUMBERS)
def test_numbers_as_people_write_them(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(f"date,code,open,close\n2024-01-04,1,{cell},2\n2024-01-05,1,3,2\n")
    quotes = read_frames([path], ImportConfig()).frames.quotes
    assert quotes["open"].to_list() == [NUMBERS[cell], 3.0]


def test_decimal_commas_where_the_column_decides_them(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"

    def closes(*cells: str) -> list[float]:
        days = ("04", "05", "09")
        rows = "".join(f"2024-01-{d};1;{c}\n" for d, c in zip(days, cells, strict=False))
        path.write_text("date;code;close\n" + rows)
        config = ImportConfig(exchange="new_york")
        return read_frames([path], config).frames.quotes["close"].to_list()

    assert closes("1.234,5", "1.250", "1250,75") == [1234.5, 1250.0, 1250.75]
    with pytest.raises(DataError, match="decimal comma or a thousands separator"):
        closes("1,234", "1,250")
    with pytest.raises(DataError, match=r"not numbers: line 3 '12\.5'"):
        closes("1.234,5", "12.5")


@given(
    st.lists(
        st.lists(st.sampled_from(["", "1", "a b", 'q"q', "x,y", "l\nf"]), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_regular_tables_are_known_as_such(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], end: str, cut: bool
) -> None:
    """A table written by a CSV writer is regular, and no more so once a row loses a cell."""
    import csv
    import io

    out = io.StringIO()
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    path = tmp_path_factory.mktemp("regular") / "t.csv"
    path.write_text(out.getvalue() + (f'"1","2"{end}' if cut else ""), newline="")
    found = regular_lines(path, separator=",", columns=3)
    assert found == (0 if cut else len(rows))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_all_files_and_tickers_of_an_import_count_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 5)
    long = pl.DataFrame({"date": ["2024-01-04"], "code": ["1301"], "close": [10.0]})
    wide = pl.DataFrame({"Date": ["2024-01-04", "2024-01-05"], "AAA": [1.0, 2.0], "BBB": [3.0, 4]})
    paths = []
    for name, frame in {"1": long, "2": pl.concat([long] * 4), "3": long}.items():
        paths.append(tmp_path / f"{name}.{suffix}")
        frame.write_csv(paths[-1]) if suffix == "csv" else frame.write_parquet(paths[-1])
    for together in (paths[:2], paths):
        if together == paths:
            with pytest.raises(DataError, match=rf"3.{suffix} and the 2 file.s. before it: more"):
                read_frames(together, ImportConfig(exchange="new_york"))
        else:
            with pytest.raises(DataError, match="repeat"):
                read_frames(together, ImportConfig(exchange="new_york"))
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    side = tmp_path / f"wide.{suffix}"
    wide.write_csv(side) if suffix == "csv" else wide.write_parquet(side)
    with pytest.raises(DataError, match="wide.*: more than 3 rows"):
        read_frames([side], ImportConfig(exchange="new_york"))


def _column(name: str, written: pl.Expr) -> Written:
    return lambda frame: (
        frame.with_columns(written.cast(pl.String).alias(name)).write_csv().encode()
    )


def _text(change: Callable[[str], str]) -> Written:
    return lambda frame: change(frame.write_csv()).encode()


def _parquet(*columns: pl.Expr) -> Written:
    def write(frame: pl.DataFrame) -> bytes:
        out = io.BytesIO()
        frame.with_columns(columns).write_parquet(out)
        return out.getvalue()

    return write


VOLUME = pl.col("volume").cast(pl.Int64).cast(pl.String)
CLOSE = pl.col("close").cast(pl.String)
ODD_FILES: Mapping[str, Written] = {
    "every cell in quotes": lambda frame: frame.write_csv(quote_style="always").encode(),
    "the line of Excel that names the separator": _text(lambda text: "sep=,\r\n" + text),
    "comments before the header": _text(lambda text: "# from a vendor\n# daily\n" + text),
    "two byte order marks": _text(lambda text: "\ufeff\ufeff" + text),
    "a comma behind each line": _text(lambda text: text.replace("\n", ",\n")),
    "units in the header": _text(lambda text: text.replace("close,", "close (JPY),")),
    "both line ends": _text(lambda text: text.replace("\n", "\r\n", 40)),
    "a plus sign": _column("close", pl.lit("+") + CLOSE),
    "a yen sign": _column("close", pl.lit("¥") + CLOSE),
    "shares behind the number": _column("volume", VOLUME + "株"),
    "thin blanks between thousands": _column(
        "volume", VOLUME.str.replace(r"(\d)(\d{3})$", "${1}\u202f$2")
    ),
    "numbers with exponents": _column("volume", pl.format("{}e2", pl.col("volume") / 100)),
    "gzip of two members": lambda frame: b"".join(
        gzip.compress(part)
        for part in (frame.write_csv().encode()[:99], frame.write_csv().encode()[99:])
    ),
    "decimals": _parquet(pl.col("close").cast(pl.Decimal(20, 4))),
    "dates as floats": _parquet(pl.col("date").dt.strftime("%Y%m%d").cast(pl.Float64)),
    "nanoseconds in Tokyo": _parquet(
        pl.col("date").cast(pl.Datetime("ns")).dt.replace_time_zone("Asia/Tokyo")
    ),
    "a column that is a struct": _parquet(pl.struct("close").alias("notes")),
}


@pytest.mark.parametrize("name", ODD_FILES)
def test_odd_files_are_read_as_the_plain_one(tmp_path: Path, name: str) -> None:
    frame = bars(3, 30)
    path = tmp_path / "prices"
    path.write_bytes(ODD_FILES[name](frame))
    plain = imported(frame, tmp_path).frames.quotes
    assert read_frames([path], ImportConfig()).frames.quotes.equals(plain)


BAD_NUMBERS = (
    "(1959)",
    "1959%",
    "1959K",
    "1959万",
    "0x1959",
    "1_959",
    "#DIV/0!",
    ".",
    "×",
    "1'959",
)


@pytest.mark.parametrize("written", BAD_NUMBERS)
def test_what_may_be_another_number_is_refused_with_its_line(tmp_path: Path, written: str) -> None:
    frame = bars(2, 4).with_columns(CLOSE)
    frame[3, "close"] = written
    frame.write_csv(tmp_path / "prices.csv")
    with pytest.raises(DataError, match=r"1 cell\(s\) are not numbers: line 5"):
        read_frames([tmp_path / "prices.csv"], ImportConfig())
