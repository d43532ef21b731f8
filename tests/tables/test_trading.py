"""The calendar and the breakdown of trading."""

from gogooku.tables.trading import BREAKDOWN, CALENDAR
from support.typed_tables import convert, one, refused

DAY = {"Date": "2026-06-05", "Code": "72030"}


def test_calendar_knows_sessions_half_days_and_holiday_trading():
    rows = [
        {"Date": f"2026-06-0{n}", "HolDiv": div}
        for n, div in ((4, "1"), (5, "2"), (6, "0"), (8, "3"))
    ]
    table = convert(CALENDAR, *rows)
    assert table.frame["is_session"].to_list() == [True, True, False, False]
    assert table.frame["kind"][1] == "half_session"
    refused(CALENDAR, {"Date": "2026-06-04", "HolDiv": "9"}, "HolDiv is not a known value")


def test_breakdown():
    broken = DAY | {"LongSellVa": 3.0, "MrgnBuyNewVo": 4.0}
    kept = one(BREAKDOWN, broken)
    assert (kept["long_sell_yen"], kept["margin_buy_new_shares"]) == (3, 4)
    refused(BREAKDOWN, broken | {"LongBuyVo": -4.0}, "a value or volume is below 0")
