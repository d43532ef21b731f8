"""Announcements of dividends."""

from datetime import date, datetime

import pytest

from gogooku.tables.dividends import DIVIDENDS
from support.typed_tables import one, refused

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
    row = one(DIVIDENDS, PAID)
    assert (row["dividend_yen"], row["dividend_yen_mark"]) == (12.5, None)
    assert (row["ex_date"], row["record_date"]) == (None, date(2026, 9, 30))
    assert (row["status"], row["term"], row["certainty"]) == ("correction", "final", "decided")
    assert (row["corrects"], row["commemorative_yen_mark"]) == ("202606010009", "-")
    assert (row["special_yen"], row["special_yen_mark"]) == (None, None)
    assert row["disclosed_at"] == datetime(2026, 6, 5, 8, 30)
    assert row["available_at"] == datetime(2026, 6, 5, 9)
    late = one(DIVIDENDS, PAID | {"PubTime": "18:59"})
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
    refused(DIVIDENDS, PAID | changes, reason)
