"""Calendar, dividends, announced earnings dates, futures and options."""

from datetime import date, datetime

import numpy as np
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.tables.schema import typed
from gogooku.tables.trading import sessions_of_calendar
from support.wire_rows import decoded

SESSIONS = tokyo_sessions(date(2026, 1, 1), date(2026, 12, 31))


def convert(name, *rows):
    return typed(name, decoded(name, rows), sessions=SESSIONS)


def one(name, row):
    table = convert(name, row)
    assert table.frame.height == 1, table.quarantine["reason"].to_list()
    return table.frame.row(0, named=True)


def refused(name, row, reason):
    table = convert(name, row)
    assert table.frame.is_empty()
    assert reason in table.quarantine["reason"][0].split("; "), table.quarantine["reason"][0]


def test_calendar_knows_sessions_half_days_and_holiday_trading():
    rows = [
        {"Date": f"2026-06-0{n}", "HolDiv": div}
        for n, div in ((4, "1"), (5, "2"), (6, "0"), (8, "3"))
    ]
    table = convert("calendar", *rows)
    assert table.frame["is_session"].to_list() == [True, True, False, False]
    assert table.frame["kind"][1] == "half_session"
    np.testing.assert_array_equal(
        sessions_of_calendar(table.frame),
        np.array(["2026-06-04", "2026-06-05"], dtype="datetime64[D]"),
    )
    refused("calendar", {"Date": "2026-06-04", "HolDiv": "9"}, "HolDiv is not a known value")


PAID = {
    "PubDate": "2026-06-05",
    "PubTime": "17:30",
    "Code": "72030",
    "RefNo": "202606050001",
    "StatCode": "2",
    "IFCode": "2",
    "FRCode": "1",
    "IFTerm": "2026-09",
    "DivRate": "12.5",
    "RecDate": "2026-09-30",
    "ExDate": "-",
    "PayDate": "",
    "CARefNo": "202606010009",
    "CommSpecCode": "0",
    "CommDivRate": "-",
}


def test_dividends():
    row = one("dividends", PAID)
    assert (row["dividend_yen"], row["dividend_yen_mark"]) == (12.5, None)
    assert (row["ex_date"], row["record_date"]) == (None, date(2026, 9, 30))
    assert (row["status"], row["term"], row["certainty"]) == ("correction", "final", "decided")
    assert (row["corrects"], row["commemorative_yen_mark"]) == ("202606010009", "-")
    assert (row["special_yen"], row["special_yen_mark"]) == (None, None)
    assert row["disclosed_at"] == datetime(2026, 6, 5, 8, 30)
    assert row["available_at"] == datetime(2026, 6, 5, 9)
    late = one("dividends", PAID | {"PubTime": "18:59"})
    assert late["available_at"] == datetime(2026, 6, 5, 15, 30)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"PubTime": "17h30"}, "PubTime is not a time HH:MM[:SS]"),
        ({"StatCode": "4"}, "StatCode is not a known value"),
        ({"FRCode": "0"}, "FRCode is not a known value"),
        ({"RefNo": ""}, "RefNo is missing"),
        ({"DivRate": "-3"}, "a dividend is below 0"),
        ({"DivRate": "three"}, "DivRate is not a number"),
        ({"ExDate": "2026-09-31"}, "ExDate is not a date YYYY-MM-DD"),
    ],
)
def test_bad_dividends_are_kept_aside(changes, reason):
    refused("dividends", PAID | changes, reason)


def test_earnings_dates_keep_every_revision():
    head = {"Code": "72030", "FQName": "1Q", "FYE": "0331", "PubDate": "2026-06-05"}
    moved = head | {"PubDate": "2026-06-08", "SchDate": "2026-08-07"}
    frame = convert("earnings_dates", head | {"SchDate": ""}, moved).frame
    assert frame["scheduled_date"].to_list() == [None, date(2026, 8, 7)]
    assert frame["available_at"].to_list() == [
        datetime(2026, 6, 5, 1, 5),
        datetime(2026, 6, 8, 1, 5),
    ]
    refused("earnings_dates", head | {"FQName": "6Q"}, "FQName is not a known value")


def test_the_old_calendar_is_known_when_it_was_archived():
    row = {"Date": "2026-06-08", "Code": "72030", "FQ": "本決算"}
    late = row | {"_fetched_at": datetime(2026, 6, 4, 16)}  # 01:00 of the 5th in Tokyo
    kept = one("earnings_calendar", late)
    assert kept["event_date"] == date(2026, 6, 5)
    assert kept["available_at"] == datetime(2026, 6, 5, 10, 30)
    assert kept["scheduled_date"] == date(2026, 6, 8)
    assert one("earnings_calendar", row | {"Date": ""})["scheduled_date"] is None


CONTRACT = {
    "Date": "2026-06-05",
    "Code": "130040018",
    "EmMrgnTrgDiv": "002",
    "CM": "2026-07",
    "O": "10",
    "H": "12",
    "L": "9",
    "C": "11",
    "EO": "",
    "AO": "0",
    "AH": "0",
    "AL": "0",
    "AC": "0",
    "Vo": "5",
    "OI": "7",
    "LTD": "2026-07-09",
    "Settle": "11.5",
}
OPTION = CONTRACT | {"Strike": "40000", "PCDiv": "1", "IV": "21.5", "BaseVol": "20", "IR": "0.5"}


def test_options_prices_and_percentages():
    row = one("index_options", OPTION)
    assert (row["open"], row["close"], row["night_open"], row["day_open"]) == (10, 11, None, None)
    assert (row["put_call"], row["strike_price"]) == ("put", 40000)
    assert row["implied_volatility_ratio"] == pytest.approx(0.215)
    assert row["interest_rate_ratio"] == pytest.approx(0.005)
    assert (row["settlement"], row["code"]) == ("normal", "130040018")
    assert row["last_trading_date"] == date(2026, 7, 9)
    assert row["available_at"] == datetime(2026, 6, 5, 18)
    wide = OPTION | {"ProdCat": "EQOP", "UndSSO": "72030", "CCMFlag": "1", "MO": "3"}
    kept = one("options", wide)
    assert (kept["underlying_code"], kept["is_central_month"]) == ("72030", True)
    assert kept["morning_open"] == 3
    assert one("options", wide | {"UndSSO": "-"})["underlying_code"] == "-"


def test_futures_of_both_settlements_are_two_rows():
    row = CONTRACT | {"ProdCat": "TOPIXF", "CCMFlag": "0"}
    table = convert("futures", row, row | {"EmMrgnTrgDiv": "001", "Settle": "9"})
    assert table.frame["settlement"].to_list() == ["emergency_margin", "normal"]
    assert table.frame["settlement_price"].to_list() == [9, 11.5]
    assert table.frame["is_central_month"].to_list() == [False, False]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"H": "10.5"}, "bar: high is below open, low or close"),
        ({"L": "10.5"}, "bar: low is above open or close"),
        ({"EC": "-1"}, "night_bar: a price is negative"),
        ({"Vo": "-1"}, "volume, open interest or turnover is below 0"),
        ({"EmMrgnTrgDiv": "003"}, "EmMrgnTrgDiv is not a known value"),
        ({"EmMrgnTrgDiv": ""}, "EmMrgnTrgDiv is missing"),
        ({"PCDiv": ""}, "PCDiv is missing"),
        ({"Strike": ""}, "Strike is missing or not positive"),
        ({"IV": "-1"}, "a volatility or theoretical price is below 0"),
        ({"C": "abc"}, "C is not a number"),
        ({"Date": "2026-06-06"}, "event_date is not a trading session"),
    ],
)
def test_bad_contracts_are_kept_aside(changes, reason):
    refused("index_options", OPTION | changes, reason)
