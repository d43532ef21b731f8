"""One conversion for every table: how each form of a column is read, and what it refuses."""

from datetime import date, datetime, time

import polars as pl
import pytest

from gogooku.core.errors import DataError
from gogooku.ingest.jquants.decode import UNREADABLE
from gogooku.tables.conversion import (
    As,
    Column,
    Derived,
    Table,
    choice,
    day,
    event_day,
    flag,
    instant_of,
    marked,
    number,
    text,
)
from support.typed_tables import SESSIONS, convert, one, refused
from support.wire_rows import decoded

WORDS = {"1": "new", "2": "old"}
TABLE = Table(
    name="dividends",
    event_date="event_date",
    columns=(
        event_day("PubDate"),
        Column("at", "PubTime", As.TIME, "Tokyo time", kept=False),
        Column("reference", "RefNo", As.TEXT, "number", required=True, pattern=r"^[0-9]{3}$"),
        choice("status", "StatCode", WORDS, unit="kind"),
        Column("term", "IFCode", As.CHOICE, "term", choices=WORDS, lenient=True),
        text("month", "IFTerm"),
        day("record_date", "RecDate"),
        marked("dividend_percent", "DivRate", "fraction", 0.01),
        flag("is_forecast", "FRCode", "yes or no"),
        number("tax", "RetEarn", "yen"),
    ),
    key=("reference",),
    derived=(
        Derived("disclosed_at", pl.Datetime("us"), "UTC", instant_of("event_date", "at")),
        Derived("doubled", pl.Float64(), "twice", pl.col("dividend_percent") * 2),
    ),
)
ROW = {"PubDate": "2026-06-05", "PubTime": "08:15", "RefNo": "001"}


def test_the_schema_follows_from_the_declaration():
    rule = TABLE.rule()
    assert list(rule.schema) == [
        "event_date",
        "available_at",
        "reference",
        "status",
        "term",
        "month",
        "record_date",
        "dividend_percent",
        "dividend_percent_mark",
        "is_forecast",
        "tax",
        "disclosed_at",
        "doubled",
    ]
    assert rule.schema["is_forecast"] == pl.Boolean()
    assert rule.units["status"] == "kind: new, old"
    assert dict(convert(TABLE, ROW).frame.schema) == dict(rule.schema)


@pytest.mark.parametrize(
    ("wire", "given", "name", "read"),
    [
        ("IFTerm", "", "month", None),
        ("IFTerm", "-", "month", "-"),
        ("RecDate", "2026-09-30", "record_date", date(2026, 9, 30)),
        ("RecDate", "-", "record_date", None),
        ("RecDate", "－", "record_date", None),
        ("StatCode", "2", "status", "old"),
        ("StatCode", "", "status", None),
        ("IFCode", "1", "term", "new"),
        ("IFCode", "9", "term", "9"),
        ("FRCode", "1", "is_forecast", True),
        ("FRCode", "false", "is_forecast", False),
        ("FRCode", "", "is_forecast", None),
        ("RetEarn", "-1.5e3", "tax", -1500.0),
        ("RetEarn", "-", "tax", None),
        ("DivRate", "250", "dividend_percent", 2.5),
        ("DivRate", "250", "doubled", 5.0),
        ("DivRate", "250", "dividend_percent_mark", None),
        ("DivRate", "*", "dividend_percent", None),
        ("DivRate", "*", "dividend_percent_mark", "*"),
        ("DivRate", "-", "dividend_percent_mark", "-"),
        ("DivRate", "", "dividend_percent_mark", None),
    ],
)
def test_each_form_is_read_as_declared(wire, given, name, read):
    assert one(TABLE, ROW | {wire: given})[name] == read


def test_times_with_and_without_seconds_become_instants():
    assert one(TABLE, ROW)["disclosed_at"] == datetime(2026, 6, 4, 23, 15)
    late = ROW | {"PubTime": "17:00:30"}
    assert one(TABLE, late)["disclosed_at"] == datetime(2026, 6, 5, 8, 0, 30)
    assert one(TABLE, ROW | {"PubTime": ""})["disclosed_at"] is None
    frame = pl.DataFrame({"d": [date(2026, 6, 5), None], "t": [time(0, 0), time(9, 0)]})
    assert frame.select(instant_of("d", "t")).to_series().to_list() == [
        datetime(2026, 6, 4, 15),
        None,
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"RefNo": ""}, "RefNo is missing"),
        ({"RefNo": None}, "RefNo is missing"),
        ({"RefNo": "1234"}, "RefNo is malformed"),
        ({"PubDate": "-"}, "event_date is missing"),
        ({"PubTime": "25:00"}, "PubTime is not a time HH:MM[:SS]"),
        ({"RecDate": "2026-02-30"}, "RecDate is not a date YYYY-MM-DD"),
        ({"StatCode": "9"}, "StatCode is not a known value"),
        ({"FRCode": "2"}, "FRCode is not a flag 0 or 1"),
        ({"RetEarn": "*"}, "RetEarn is not a number"),
        ({"RetEarn": "inf"}, "RetEarn is not a number"),
        ({"DivRate": "ten"}, "DivRate is not a number"),
    ],
)
def test_what_is_there_and_cannot_be_read_is_kept_aside(changes, reason):
    refused(TABLE, ROW | changes, reason)


def test_an_unknown_word_of_a_lenient_column_is_counted():
    assert convert(TABLE, ROW | {"IFCode": "9"}).notes == {"kept: IFCode is not a known value": 1}


def test_a_cell_that_decoding_could_not_read_sends_its_row_aside():
    frame = decoded("dividends", [ROW, ROW | {"RefNo": "002"}])
    broken = frame.with_columns(pl.Series(UNREADABLE, [None, "DivRate"], dtype=pl.String))
    table = TABLE.rule().convert(broken, SESSIONS)
    assert table.frame["reference"].to_list() == ["001"]
    assert table.quarantine["reason"].to_list() == ["a cell is no number"]


def test_rows_of_one_key_that_a_further_column_parts_are_both_kept():
    parted = Table(
        name="dividends",
        event_date="event_date",
        columns=TABLE.columns,
        key=("reference",),
        apart=("tax",),
        derived=TABLE.derived,
    )
    pair = (ROW | {"RetEarn": "2"}, ROW | {"RetEarn": "1"})
    assert convert(parted, *pair).frame["tax"].to_list() == [1.0, 2.0]
    assert convert(TABLE, *pair).frame["tax"].to_list() == [1.0]


def test_frames_that_were_not_decoded_are_refused():
    read = TABLE.rule().convert
    frame = decoded("dividends", [ROW])
    with pytest.raises(DataError, match=r"no columns \['DivRate'\]"):
        read(frame.drop("DivRate"), SESSIONS)
    with pytest.raises(DataError, match="must be text or Float64"):
        read(frame.with_columns(pl.lit(1).alias("DivRate")), SESSIONS)
    strange = Table(
        name="calendar",
        event_date="event_date",
        columns=(event_day(), Column("x", "NoSuch", As.TEXT, "unit")),
        key=("event_date",),
    )
    with pytest.raises(DataError, match=r"no columns \['NoSuch'\]"):
        convert(strange)
