from datetime import date, datetime

import polars as pl
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.frames import QUOTES_SCHEMA
from gogooku.tables.quotes import store_quotes
from gogooku.tables.schema import typed
from support.wire_rows import decoded

SESSIONS = tokyo_sessions(date(2026, 1, 1), date(2026, 12, 31))
BAR = {
    "Date": "2026-06-05",
    "Code": "72030",
    "O": 100.0,
    "H": 110.0,
    "L": 95.0,
    "C": 105.0,
    "UL": "0",
    "LL": "0",
    "Vo": 1000.0,
    "Va": 104000.0,
    "AdjFactor": 1.0,
    "AdjC": 10.5,
    "MktCap": 7.0,
    "ExRT": "",
}
EMPTY = dict.fromkeys(("O", "H", "L", "C", "Vo", "Va", "MktCap"))


def convert(*rows, name="quotes"):
    return typed(name, decoded(name, rows), sessions=SESSIONS)


def changed(**changes):
    return BAR | changes


def test_a_bar_keeps_raw_prices_and_never_the_adjusted_ones():
    table = convert(BAR)
    row = table.frame.row(0, named=True)
    assert row["event_date"] == date(2026, 6, 5)
    assert row["available_at"] == datetime(2026, 6, 5, 7, 30)
    assert (row["open"], row["high"], row["low"], row["close"]) == (100, 110, 95, 105)
    assert (row["volume_shares"], row["turnover_yen"]) == (1000, 104000)
    assert row["market_cap_yen"] == 7e6
    assert (row["limit_up"], row["ex_rights"], row["morning_open"]) == (False, None, None)
    assert not [name for name in table.frame.columns if "adj" in name and "factor" not in name]


@pytest.mark.parametrize(
    ("changes", "touched", "closed"),
    [
        ({"UL": "1", "C": 110.0}, (True, False), (True, False)),
        ({"UL": "1", "C": 109.0}, (True, False), (False, False)),
        ({"LL": "1", "C": 95.0}, (False, True), (False, True)),
        ({"UL": "0", "C": 110.0}, (False, False), (False, False)),
        ({"UL": "", "LL": None}, (None, None), (None, None)),
        ({"UL": "1", "LL": "1", "C": 95.0}, (True, True), (False, True)),
    ],
)
def test_limits_touched_and_closed_at(changes, touched, closed):
    row = convert(changed(**changes)).frame.row(0, named=True)
    assert (row["limit_up_touched"], row["limit_down_touched"]) == touched
    assert (row["limit_up"], row["limit_down"]) == closed


def test_a_day_without_trade_and_the_halt_are_rows_with_nulls():
    table = convert(changed(**EMPTY))
    assert table.frame.height == 1
    assert table.frame["close"][0] is None
    assert table.frame["volume_shares"][0] is None
    assert table.frame["adjustment_factor"][0] == 1.0
    assert table.frame["limit_up"][0] is False


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Code": "7203"}, "Code is malformed"),
        ({"Code": "720 30"}, "Code is malformed"),
        ({"Code": "7203a"}, "Code is malformed"),
        ({"Code": ""}, "Code is missing"),
        ({"Code": None}, "Code is missing"),
        ({"Date": "2026-06-06"}, "event_date is not a trading session"),
        ({"Date": "2026-13-05"}, "Date is not a date YYYY-MM-DD"),
        ({"Date": None}, "Date is missing"),
        ({"L": 0.0}, "bar: price is not positive"),
        ({"O": -1.0, "L": -1.0}, "bar: price is not positive"),
        ({"H": 104.0}, "bar: high is below open, low or close"),
        ({"L": 101.0}, "bar: low is above open or close"),
        ({"O": None}, "bar: some of its four prices are missing"),
        ({"Vo": -1.0}, "volume or turnover is below 0"),
        ({"Va": -1.0}, "volume or turnover is below 0"),
        ({"AdjFactor": None}, "AdjFactor is missing"),
        ({"AdjFactor": 0.0}, "AdjFactor is not positive"),
        ({"C": float("nan")}, "C is not a finite number"),
        ({"UL": "2"}, "UL is not a flag 0 or 1"),
        ({"ExRT": "9"}, "ExRT is not a known value"),
        ({"MktCap": -1.0}, "market value is below 0"),
        ({"MH": 1.0, "MC": 2.0}, "morning_bar: high is below open, low or close"),
        ({"AVo": -2.0}, "afternoon volume or turnover is below 0"),
    ],
)
def test_a_bad_row_is_kept_aside_with_its_reason(changes, reason):
    table = convert(BAR | {"Code": "130A0"}, changed(**changes))
    assert table.frame["code"].to_list() == ["130A0"]
    assert table.quarantine.height == 1
    assert reason in table.quarantine["reason"][0].split("; ")
    assert table.notes[reason] == 1


def test_the_quarantine_holds_the_row_as_it_came():
    frame = decoded("quotes", [changed(Code="7203"), BAR]).with_columns(Surprise=pl.lit("x"))
    table = typed("quotes", frame, sessions=SESSIONS)
    kept = table.quarantine.row(0, named=True)
    assert (kept["Code"], kept["O"], kept["AdjC"], kept["Surprise"]) == (
        "7203",
        "100.0",
        "10.5",
        "x",
    )
    assert set(table.quarantine.schema.values()) == {pl.String()}
    assert "Surprise" not in table.frame.columns


def test_several_reasons_are_all_told():
    table = convert(changed(Code="7203", Vo=-1.0))
    assert table.quarantine["reason"][0] == "Code is malformed; volume or turnover is below 0"
    assert sum(table.notes.values()) == 2


def test_a_repeated_key_keeps_the_newest_delivery():
    old = changed(C=101.0) | {"_fetched_at": datetime(2026, 6, 5, 8)}
    new = changed(C=102.0) | {"_fetched_at": datetime(2026, 6, 6, 8)}
    other = changed(Code="13010")
    for rows in ((old, new, other), (new, other, old)):
        table = convert(*rows)
        assert table.frame["code"].to_list() == ["13010", "72030"]
        assert table.frame["close"].to_list() == [105.0, 102.0]
        assert table.quarantine["C"].to_list() == ["101.0"]
        repeated = "key is repeated by a later delivery of the same row"
        assert table.notes == {repeated: 1}
        assert table.quarantine["reason"].to_list() == [repeated]


def test_a_bad_row_does_not_push_out_a_good_one_of_its_key():
    bad = changed(Vo=-1.0) | {"_fetched_at": datetime(2026, 6, 6, 8)}
    good = changed() | {"_fetched_at": datetime(2026, 6, 5, 8)}
    table = convert(good, bad)
    assert table.frame.height == 1
    assert list(table.notes) == ["volume or turnover is below 0"]


def test_rows_come_sorted_and_codes_untouched():
    rows = [changed(Code=code, Date=d) for d in ("2026-06-08", "2026-06-05") for code in "ZA"]
    rows = [row | {"Code": {"Z": "25935", "A": "130A0"}[row["Code"]]} for row in rows]
    frame = convert(*rows).frame
    assert frame.select("event_date", "code").rows() == [
        (date(2026, 6, 5), "130A0"),
        (date(2026, 6, 5), "25935"),
        (date(2026, 6, 8), "130A0"),
        (date(2026, 6, 8), "25935"),
    ]


def test_stored_form_of_quotes():
    frame = store_quotes(convert(BAR).frame)
    assert dict(frame.schema) == dict(QUOTES_SCHEMA)
    assert frame["turnover_value"][0] == 104000
    assert frame["code"].to_list() == [BAR["Code"]]


def test_morning_bars():
    morning = {"Date": "2026-06-05", "Code": "72030", "MO": 1.0, "MH": 2.0, "ML": 1.0, "MC": 2.0}
    row = convert(morning | {"MVo": 5.0, "MVa": 8.0}, name="morning").frame.row(0, named=True)
    assert (row["morning_close"], row["morning_volume_shares"]) == (2.0, 5.0)
    assert row["available_at"] == datetime(2026, 6, 5, 3)
