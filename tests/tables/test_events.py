"""Announced dates of earnings."""

from datetime import date, datetime

from gogooku.tables.events import EARNINGS_CALENDAR, EARNINGS_DATES
from support.typed_tables import convert, one, refused


def test_earnings_dates_keep_every_revision():
    head = {"Code": "72030", "FQName": "1Q", "FYE": "0331", "PubDate": "2026-06-05"}
    moved = head | {"PubDate": "2026-06-08", "SchDate": "2026-08-07"}
    frame = convert(EARNINGS_DATES, head | {"SchDate": ""}, moved).frame
    assert frame["scheduled_date"].to_list() == [None, date(2026, 8, 7)]
    assert frame["available_at"].to_list() == [
        datetime(2026, 6, 5, 1, 5),
        datetime(2026, 6, 8, 1, 5),
    ]
    refused(EARNINGS_DATES, head | {"FQName": "6Q"}, "FQName is not a known value")


def test_the_old_calendar_is_known_when_it_was_archived():
    row = {"Date": "2026-06-08", "Code": "72030", "FQ": "本決算"}
    late = row | {"_fetched_at": datetime(2026, 6, 4, 16)}  # 01:00 of the 5th in Tokyo
    kept = one(EARNINGS_CALENDAR, late)
    assert kept["event_date"] == date(2026, 6, 5)
    assert kept["available_at"] == datetime(2026, 6, 5, 10, 30)
    assert kept["scheduled_date"] == date(2026, 6, 8)
    assert one(EARNINGS_CALENDAR, row | {"Date": ""})["scheduled_date"] is None
