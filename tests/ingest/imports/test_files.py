"""Good input: names, dates, codes, adjustment, listings, index, storing."""

from __future__ import annotations

import gzip
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gogooku.core.config import resolve
from gogooku.core.errors import ConfigError, DataError, UsageError
from gogooku.core.frames import QUOTES_SCHEMA
from gogooku.core.progress import SilentReporter
from gogooku.ingest.imports.columns import map_columns
from gogooku.ingest.imports.config import ImportConfig, PriceBasis
from gogooku.ingest.imports.dates import DateOrder
from gogooku.ingest.imports.derive import ROUNDING
from gogooku.ingest.imports.files import import_files, read_frames
from gogooku.ingest.source import read_source

US = ImportConfig(exchange="new_york")
US_RESOLVED = resolve(US, base_name="import")
TOKYO = ImportConfig()


def write(folder: Path, text: str, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def parquet(folder: Path, frame: pl.DataFrame, name: str = "prices.parquet") -> Path:
    frame.write_parquet(folder / name)
    return folder / name


def days(count: int) -> list[date]:
    return pl.date_range(date(2024, 1, 1), date(2024, 12, 31), eager=True).head(count).to_list()


def market(count: int = 3, codes: tuple[str, ...] = ("A", "B")) -> pl.DataFrame:
    rows = [(day, code, 10.0 + i) for i, day in enumerate(days(count)) for code in codes]
    return pl.DataFrame(rows, schema=["date", "code", "close"], orient="row")


def test_codes_stay_text_and_rows_are_sorted(tmp_path: Path) -> None:
    path = write(
        tmp_path, "Date,Ticker,Close\n2024-05-08,0072,3\n2024-05-07,130A0,2\n2024-05-07,0072,1\n"
    )
    quotes = read_frames([path], TOKYO).frames.quotes
    assert quotes.get_column("code").to_list() == ["0072", "130A0", "0072"]
    assert quotes.get_column("close").to_list() == [1.0, 2.0, 3.0]
    assert dict(quotes.schema) == dict(QUOTES_SCHEMA)


def test_number_codes_in_parquet_are_counted(tmp_path: Path) -> None:
    frame = market().with_columns(code=pl.lit(7203)).unique("date")
    reading = read_frames([parquet(tmp_path, frame)], US)
    assert reading.frames.quotes.get_column("code").unique().to_list() == ["7203"]
    assert {row.defect: row.count for row in reading.table}["number_codes"] == 3


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        (
            "Date,Code,O,H,L,C,UL,LL,Vo,Va,AdjFactor,AdjO,AdjC",
            {
                "open",
                "high",
                "low",
                "close",
                "limit_up",
                "limit_down",
                "volume",
                "turnover_value",
                "adjustment_factor",
            },
        ),
        (
            "Date,symbol,Open,High,Low,Close,Adj Close,Volume",
            {"open", "high", "low", "close", "adj_close", "volume"},
        ),
        (
            "<DATE>,<TICKER>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
            {"open", "high", "low", "close", "volume"},
        ),
        (
            "日付,コード,始値,高値,安値,終値,出来高,業種",
            {"open", "high", "low", "close", "volume", "sector"},
        ),
    ],
)
def test_known_headers_are_guessed(header: str, fields: set[str]) -> None:
    mapping = map_columns(header.split(","), overrides={}, where="f")
    assert set(mapping.used) == fields | {"date", "code"}


def test_unused_columns_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "date,code,close,AdjC,AdjFactor,note\n2024-05-07,1,2,2,1,x\n")
    ignored = read_frames([path], TOKYO).mapping.ignored
    assert ignored == ("note", "AdjC (the adjustment factor is given)")


def test_override_beats_the_guess_and_empty_leaves_out() -> None:
    columns = ["date", "code", "close", "px_last", "sector"]
    with pytest.raises(ConfigError, match=r"close, px_last.*--map close=close"):
        map_columns(columns, overrides={}, where="f")
    mapping = map_columns(columns, overrides={"close": "px_last", "sector": ""}, where="f")
    assert mapping.used["close"] == "px_last"
    assert "sector" not in mapping.used
    assert mapping.ignored == ("close", "sector")
    assert "sector: no sector column" in mapping.absent_groups()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"clos": "close"}, "no field 'clos'; nearest: close"),
        ({"close": "px"}, "no column 'px'"),
        ({"close": "close", "open": "close"}, "more than one field"),
    ],
)
def test_wrong_overrides_are_refused(overrides: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        map_columns(["date", "code", "close"], overrides=overrides, where="f")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2024-05-07", "2024-05-13"),
        ("2024/5/7", "2024/05/13"),
        ("20240507", "20240513"),
        ("07/05/2024", "13/05/2024"),
        ("5/7/2024", "5/13/2024"),
        ("2024-05-07 00:00:00", "2024-05-13T00:00"),
    ],
)
def test_text_dates(tmp_path: Path, first: str, second: str) -> None:
    path = write(tmp_path, f"date,code,close\n{first},1,2\n{second},1,3\n")
    dates = read_frames([path], TOKYO).frames.quotes.get_column("date").to_list()
    assert dates == [date(2024, 5, 7), date(2024, 5, 13)]


def test_undecided_slashes_need_an_order(tmp_path: Path) -> None:
    path = write(tmp_path, "date,code,close\n03/04/2024,1,2\n")
    with pytest.raises(DataError, match="date_order=day_first"):
        read_frames([path], US)
    for order, wanted in (("day_first", date(2024, 4, 3)), ("month_first", date(2024, 3, 4))):
        config = ImportConfig(exchange="new_york", date_order=DateOrder(order))
        assert read_frames([path], config).frames.quotes.get_column("date").item() == wanted


def test_datetimes_are_midnights_and_their_zone_is_stated(tmp_path: Path) -> None:
    frame = pl.DataFrame({"date": [datetime(2024, 5, 6, 15)], "code": ["1"], "close": [1.0]})
    utc = frame.with_columns(pl.col("date").dt.replace_time_zone("UTC"))
    reading = read_frames([parquet(tmp_path, utc)], TOKYO)
    assert reading.frames.quotes.get_column("date").item() == date(2024, 5, 7)
    assert reading.frames.facts["date_forms"] == ["datetime UTC, read in Asia/Tokyo"]
    with pytest.raises(DataError, match="midnight"):
        read_frames([parquet(tmp_path, frame)], TOKYO)


def test_csv_dialects_give_the_same_frames(tmp_path: Path) -> None:
    text = "date,code,close\n2024-05-07,1,2\n2024-05-08,1,-\n"
    plain = read_frames([write(tmp_path, text)], TOKYO).frames.quotes
    zipped = tmp_path / "z.csv.gz"
    zipped.write_bytes(gzip.compress(text.encode()))
    marked = write(tmp_path, "\ufeff" + text.replace(",", ";"), "s.csv")
    for path in (zipped, marked):
        assert_frame_equal(read_frames([path], TOKYO).frames.quotes, plain)


def test_several_files_are_one_delivery(tmp_path: Path) -> None:
    whole = market(4)
    first = parquet(tmp_path, whole.head(4), "a.parquet")
    second = parquet(tmp_path, whole.tail(4), "b.parquet")
    both = read_frames([second, first], US).frames.quotes
    assert_frame_equal(both, read_frames([parquet(tmp_path, whole)], US).frames.quotes)
    with pytest.raises(DataError, match=r"8 row\(s\) repeat \(date, code\), 8 of them identical"):
        read_frames([first, second, parquet(tmp_path, whole)], US)
    other = parquet(tmp_path, whole.rename({"close": "last"}), "c.parquet")
    with pytest.raises(DataError, match=r"c.parquet: 1 column\(s\) of a.parquet"):
        read_frames([first, other], US)
    with pytest.raises(UsageError, match="no file given"):
        read_frames([], US)


def test_adjusted_close_gives_forward_factors(tmp_path: Path) -> None:
    close = [100.0, 102.0, 52.03, None, 53.41, 5.33, 5.37]
    cumulative = [1.0, 1.0, 0.5, 0.5, 0.5, 0.05, 0.05]
    adjusted = [
        None if c is None else round(c * 0.02 / k, 4)
        for c, k in zip(close, cumulative, strict=True)
    ]
    frame = pl.DataFrame(
        {"date": days(7), "code": ["A"] * 7, "close": close, "adj_close": adjusted}
    )
    frames = read_frames([parquet(tmp_path, frame)], US).frames
    factors = frames.quotes.get_column("adjustment_factor")
    assert factors.to_list()[:2] == [1.0, 1.0]
    assert factors.to_list() == pytest.approx([1, 1, 0.5, 1, 1, 0.1, 1], rel=1e-3)
    assert [f == 1.0 for f in factors] == [True, True, False, True, True, False, True]
    forward = frames.quotes.get_column("close") / factors.cum_prod()
    ratio = (forward / frame.get_column("adj_close")).drop_nulls()
    assert float(ratio.max()) / float(ratio.min()) - 1 < 2e-3 + ROUNDING
    assert frames.facts["adjustment_events"] == 2
    assert frames.extras["adjusted_close"].get_column("adj_close").to_list() == adjusted


def test_split_is_no_absurd_jump(tmp_path: Path) -> None:
    frame = market(3, ("A",)).with_columns(
        close=pl.Series([100.0, 5.0, 500.0]), AdjFactor=pl.Series([1.0, 0.05, 1.0])
    )
    reading = read_frames([parquet(tmp_path, frame)], US)
    jump = next(row for row in reading.table if row.defect == "absurd_jump")
    assert (jump.count, jump.first) == (1, "2024-01-03 A")


def test_without_adjustment_all_factors_are_one(tmp_path: Path) -> None:
    config = ImportConfig(exchange="new_york", price_basis=PriceBasis.BACK_ADJUSTED)
    frames = read_frames([parquet(tmp_path, market())], config).frames
    assert frames.quotes.get_column("adjustment_factor").unique().to_list() == [1.0]
    assert frames.facts["adjustment"] == "none"
    assert "look ahead" in frames.facts["known_bias"][0]


def test_turnover_is_close_times_volume_where_not_given(tmp_path: Path) -> None:
    frame = market(2, ("A",)).with_columns(volume=pl.Series([5, 0]))
    quotes = read_frames([parquet(tmp_path, frame)], US).frames.quotes
    assert quotes.get_column("turnover_value").to_list() == [50.0, None]
    given = frame.with_columns(amount=pl.Series([51.0, 7.0]))
    quotes = read_frames([parquet(tmp_path, given)], US).frames.quotes
    assert quotes.get_column("turnover_value").to_list() == [51.0, 7.0]


def test_listings_from_rows(tmp_path: Path) -> None:
    whole = market(10)
    frame = whole.filter((pl.col("code") == "A") | (pl.col("date") < date(2024, 1, 5)))
    listings = read_frames([parquet(tmp_path, frame)], US).frames.listings
    assert listings.get_column("listed_from").to_list() == [date(2024, 1, 1)] * 2
    assert listings.get_column("listed_to").to_list() == [None, date(2024, 1, 4)]


def test_listing_columns_and_rows_outside_them(tmp_path: Path) -> None:
    frame = market(3).with_columns(
        listed_from=pl.lit(date(2024, 1, 2)),
        listed_to=pl.when(pl.col("code") == "B").then(date(2024, 1, 3)),
        sector=pl.when(pl.col("code") == "B").then(pl.lit("bank")),
    )
    reading = read_frames([parquet(tmp_path, frame)], US)
    assert reading.frames.listings.get_column("listed_to").to_list() == [None, date(2024, 1, 3)]
    assert reading.frames.listings.get_column("sector").to_list() == [None, "bank"]
    out = reading.frames.extras["quarantine"]
    assert out.get_column("reason").to_list() == ["outside_listing"] * 2
    two = frame.with_columns(listed_from=pl.col("date"))
    with pytest.raises(DataError, match=r"2 code\(s\) have two dates or more in listed_from"):
        read_frames([parquet(tmp_path, two)], US)


def test_changed_sector_is_counted_and_kept(tmp_path: Path) -> None:
    frame = market(3, ("A",)).with_columns(sector=pl.Series(["x", None, "y"]))
    reading = read_frames([parquet(tmp_path, frame)], US)
    assert reading.frames.listings.get_column("sector").item() == "y"
    assert reading.frames.extras["sector_changes"].row(0) == (date(2024, 1, 3), "A", "y")


@pytest.mark.parametrize(("config", "name"), [(US, "MARKET"), (TOKYO, "TOPIX")])
def test_market_index(tmp_path: Path, config: ImportConfig, name: str) -> None:
    frame = (
        market(6)
        .filter(pl.col("date") > date(2024, 1, 3))
        .with_columns(index_close=pl.col("date").dt.day().cast(pl.Float64))
    )
    frame = frame.filter(pl.col("date") < date(2024, 1, 6))
    reading = read_frames([parquet(tmp_path, frame)], config)
    indices = reading.frames.indices
    assert indices.select("index", "close").rows() == [(name, 4.0), (name, 5.0)]
    assert not any(group.startswith("market") for group in reading.mapping.absent_groups())


def test_index_that_differs_is_refused(tmp_path: Path) -> None:
    frame = market(2).with_columns(topix=pl.int_range(pl.len()))
    with pytest.raises(DataError, match=r"on 1 date\(s\).*first 2024-01-02|more than one value"):
        read_frames([parquet(tmp_path, frame)], US)


def test_limit_flags(tmp_path: Path) -> None:
    text = "Date,Code,C,UL,LL\n2024-05-07,1,2,1,0\n2024-05-08,1,2,,true\n"
    quotes = read_frames([write(tmp_path, text)], TOKYO).frames.quotes
    assert quotes.get_column("limit_up").to_list() == [True, None]
    assert quotes.get_column("limit_down").to_list() == [False, True]


def test_import_is_stored_once_and_recognised(tmp_path: Path) -> None:
    path = parquet(tmp_path, market())
    home = tmp_path / "home"
    first = import_files([path], resolved=US_RESOLVED, home=home, reporter=SilentReporter())
    written = {p: p.stat().st_mtime_ns for p in first.source.folder.rglob("*")}
    again = import_files([path], resolved=US_RESOLVED, home=home, reporter=SilentReporter())
    assert again.source.folder == first.source.folder
    assert {p: p.stat().st_mtime_ns for p in again.source.folder.rglob("*")} == written
    assert read_source(home, "prices").content_hash == first.source.content_hash
    assert (first.rows, first.codes, first.sessions) == (6, 2, 3)
    plain = first.to_json()
    assert plain["first"] == "2024-01-01"
    assert plain["mapping"] == {"date": "date", "code": "code", "close": "close"}
    other = import_files(
        [path],
        resolved=resolve(ImportConfig(exchange="new_york", name="other"), base_name="import"),
        home=home,
        reporter=SilentReporter(),
    )
    assert other.source.content_hash == first.source.content_hash
    assert other.source.folder != first.source.folder
