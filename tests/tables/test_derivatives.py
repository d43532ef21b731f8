"""Futures and options."""

from datetime import date, datetime

import pytest

from gogooku.tables.derivatives import FUTURES, INDEX_OPTIONS, OPTIONS
from support.typed_tables import convert, one, refused

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
    row = one(INDEX_OPTIONS, OPTION)
    assert (row["open"], row["close"], row["night_open"], row["day_open"]) == (10, 11, None, None)
    assert (row["put_call"], row["strike_price"]) == ("put", 40000)
    assert row["implied_volatility_ratio"] == pytest.approx(0.215)
    assert row["interest_rate_ratio"] == pytest.approx(0.005)
    assert (row["settlement"], row["code"]) == ("normal", "130040018")
    assert row["last_trading_date"] == date(2026, 7, 9)
    assert row["available_at"] == datetime(2026, 6, 5, 18)
    wide = OPTION | {"ProdCat": "EQOP", "UndSSO": "72030", "CCMFlag": "1", "MO": "3"}
    kept = one(OPTIONS, wide)
    assert (kept["underlying_code"], kept["is_central_month"]) == ("72030", True)
    assert kept["morning_open"] == 3
    assert one(OPTIONS, wide | {"UndSSO": "-"})["underlying_code"] == "-"


def test_futures_of_both_settlements_are_two_rows():
    row = CONTRACT | {"ProdCat": "TOPIXF", "CCMFlag": "0"}
    table = convert(FUTURES, row, row | {"EmMrgnTrgDiv": "001", "Settle": "9"})
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
    refused(INDEX_OPTIONS, OPTION | changes, reason)
