"""Other shapes of a delivery come to the same rows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.support.field import bars

from gogooku.core.errors import DataError
from gogooku.ingest.imports.config import ImportConfig
from gogooku.ingest.imports.files import import_files, read_frames
from gogooku.ingest.imports.shapes import FROM_NAME

FIELDS = ("Open", "High", "Low", "Close", "Volume")


def market() -> pl.DataFrame:
    return bars(3, 8).sort("date", "code")


def quotes(paths: list[Path], **settings: object) -> pl.DataFrame:
    return read_frames(paths, ImportConfig.model_validate(settings)).frames.quotes


def plain(folder: Path) -> pl.DataFrame:
    market().write_csv(folder / "plain.csv")
    return quotes([folder / "plain.csv"])


def closes_csv() -> str:
    """A column of closes a name, over more sessions."""
    wide = bars(3, 40).sort("date", "code").pivot("code", index="date", values="close")
    return wide.write_csv()


def cells(frame: pl.DataFrame, ticker: str, field: str) -> list[float]:
    mine = frame.filter(pl.col("code") == ticker).sort("date")
    return mine[field.lower()].to_list()


def headed(order: str, *, levels: int = 3, sessions: int = 8) -> str:
    """Fields and tickers side by side, as yfinance writes them."""
    frame = bars(3, sessions).sort("date", "code")
    tickers = frame["code"].unique().sort().to_list()
    days = frame["date"].unique().sort().to_list()
    pairs = [(f, t) for f in FIELDS for t in tickers]
    if order == "ticker":
        pairs = [(f, t) for t in tickers for f in FIELDS]
    fields = ",".join(f for f, _ in pairs)
    names = ",".join(t for _, t in pairs)
    top = [f"Price,{fields}", f"Ticker,{names}"]
    if order == "ticker":
        top = [f"Ticker,{names}", f"Price,{fields}"]
    if levels == 3:
        top.append("Date" + "," * len(pairs))
    body = [
        ",".join([str(day), *(str(cells(frame, t, f)[at]) for f, t in pairs)])
        for at, day in enumerate(days)
    ]
    return "\n".join([*top, *body]) + "\n"


@pytest.mark.parametrize("order", ["field", "ticker"])
@pytest.mark.parametrize("levels", [2, 3])
def test_fields_and_tickers_in_header_lines(tmp_path: Path, order: str, levels: int) -> None:
    path = tmp_path / "yf.csv"
    path.write_text(headed(order, levels=levels))
    assert_frame_equal(quotes([path]), plain(tmp_path))


@pytest.mark.parametrize("order", ["field", "ticker"])
@pytest.mark.parametrize("index", ["Date", "__index_level_0__"])
def test_fields_and_tickers_in_the_names_of_parquet(tmp_path: Path, order: str, index: str) -> None:
    frame = market()
    days = frame["date"].unique().sort()
    columns: dict[str, object] = {}
    for ticker in frame["code"].unique().sort():
        for field in FIELDS:
            pair = (field, ticker) if order == "field" else (ticker, field)
            columns[str(pair)] = cells(frame, ticker, field)
    path = tmp_path / "yf.parquet"
    pl.DataFrame({**columns, index: days.cast(pl.Datetime)}).write_parquet(path)
    assert_frame_equal(quotes([path]), plain(tmp_path))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_of_closes_for_each_ticker(tmp_path: Path, kind: str) -> None:
    wide = market().pivot("code", index="date", values="close").rename({"date": "Date"})
    path = tmp_path / f"wide.{kind}"
    wide.write_csv(path) if kind == "csv" else wide.write_parquet(path)
    expected = plain(tmp_path).select("date", "code", "close")
    assert_frame_equal(quotes([path]).select("date", "code", "close"), expected)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_one_ticker_a_file_is_known_by_its_name(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    for code, rows in market().group_by("code"):
        path = folder / f"{code[0]}.{kind}"
        mine = rows.drop("code").sort("date")
        mine.write_csv(path) if kind == "csv" else mine.write_parquet(path)
    paths = sorted(folder.iterdir())
    reading = read_frames(paths, ImportConfig())
    assert reading.mapping.used["code"] == FROM_NAME
    assert_frame_equal(reading.frames.quotes, plain(tmp_path))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("7203.T.csv", "7203.T"),
        ("7203_2024.csv", "7203"),
        ("7203 daily.csv", "7203"),
        ("130A.csv", "130A"),
        ("AAPL.csv", "AAPL"),
        ("BRK.B.csv", "BRK.B"),
        ("prices.csv", None),
        ("2024.csv", None),
        ("my_7203.csv", None),
    ],
)
def test_names_that_are_codes(tmp_path: Path, name: str, code: str | None) -> None:
    path = tmp_path / name
    path.write_text("date,close\n2024-01-04,1\n")
    if code is None:
        with pytest.raises(DataError, match=r"no column for the code.*--map code=COLUMN.*7203\.T"):
            quotes([path])
    else:
        assert quotes([path])["code"].to_list() == [code]


def test_pandas_dates_as_an_unnamed_index(tmp_path: Path) -> None:
    path = tmp_path / "7203.csv"
    path.write_text(",Open,Close\n2024-01-04,1,2\n2024-01-05,1,2\n")
    assert quotes([path])["date"].to_list() == [date(2024, 1, 4), date(2024, 1, 5)]
    frame = pl.DataFrame({"Close": [1.0], "__index_level_0__": [date(2024, 1, 4)]})
    frame.write_parquet(tmp_path / "6758.parquet")
    assert quotes([tmp_path / "6758.parquet"])["code"].to_list() == ["6758"]


def test_what_is_wrong_in_a_shape_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "yf.csv"
    lines = headed("field").split("\n")
    lines[5] = lines[5].replace(lines[5].split(",")[1], "what", 1)
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match="line 6 'what'"):
        quotes([path])


def test_how_a_file_was_written_is_recorded(tmp_path: Path) -> None:
    from gogooku.core.config import resolve
    from gogooku.core.progress import SilentReporter

    path = tmp_path / "prices.csv"
    path.write_bytes("日付,コード,終値\n2024/01/04,7203,1\n".encode("cp932"))
    resolved = resolve(ImportConfig(), base_name="import")
    result = import_files(
        [path], resolved=resolved, home=tmp_path / "home", reporter=SilentReporter()
    )
    assert result.written == ("Shift-JIS (CP932)",)
    assert result.to_json()["written"] == ["Shift-JIS (CP932)"]


@pytest.mark.parametrize("empty", ["", "NaN", "-"])
@pytest.mark.parametrize("kind", ["fields", "closes"])
def test_a_name_begins_with_its_first_price_and_ends_with_its_last(
    tmp_path: Path, kind: str, empty: str
) -> None:
    """Side by side it has a cell on every date, and nobody was listed because of that."""
    text = headed("field", sessions=40) if kind == "fields" else closes_csv()
    other, skip = bars(3, 40)["code"].unique().sort()[1], 3 if kind == "fields" else 1
    lines = [line.split(",") for line in text.splitlines()]
    places = [n for n, name in enumerate(lines[1 if kind == "fields" else 0]) if name == other]
    rows = lines[skip:]
    for row in [*rows[:4], rows[7], *rows[-12:]]:
        for place in places:
            row[place] = empty
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(",".join(line) for line in lines) + "\n")
    reading = read_frames([path], ImportConfig())
    days = [date.fromisoformat(row[0]) for row in rows]
    mine = reading.frames.quotes.filter(pl.col("code") == other)
    assert mine["date"].to_list() == days[4:-12]
    assert mine.filter(pl.col("close").is_null())["date"].to_list() == [days[7]]
    listing = reading.frames.listings.filter(pl.col("code") == other)
    assert listing.select("listed_from", "listed_to").row(0) == (days[4], days[-13])
    whole = reading.frames.quotes.filter(pl.col("code") != other)
    assert whole.group_by("code").len()["len"].unique().to_list() == [len(days)]


def test_what_is_wrong_behind_rows_that_were_left_out_has_its_line(tmp_path: Path) -> None:
    lines = [line.split(",") for line in closes_csv().splitlines()]
    place = lines[0].index(bars(3, 40)["code"].unique().sort()[1])
    for line in lines[1:4]:
        line[place] = ""
    lines[9][place] = "twelve"
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(",".join(line) for line in lines) + "\n")
    with pytest.raises(DataError, match=r"1 cell\(s\) are not numbers: line 10 'twelve'"):
        read_frames([path], ImportConfig())
