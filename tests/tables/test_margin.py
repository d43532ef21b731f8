"""Margin balances and alerts: units, marks and checks."""

import json
from datetime import date, datetime

import pytest

from gogooku.tables.margin import MARGIN_ALERT, MARGIN_INTEREST
from support.typed_tables import convert, one, refused

DAY = {"Date": "2026-06-05", "Code": "72030"}


def test_margin_interest_of_both_eras():
    weekly = one(MARGIN_INTEREST, DAY | {"IssType": "2", "ShrtVol": 5.0, "LongVol": 7.0})
    assert weekly["event_date"] == date(2026, 6, 5)
    assert weekly["available_at"] == datetime(2026, 6, 9, 7, 30)
    assert (weekly["short_shares"], weekly["long_shares"]) == (5, 7)
    assert (weekly["margin_class"], weekly["published_date"], weekly["long_yen"]) == (
        "lendable",
        None,
        None,
    )
    daily = DAY | {"Date": "2026-09-25", "PubDate": "2026-09-28", "LongVal": 9000.0}
    row = one(MARGIN_INTEREST, daily)
    assert (row["available_at"], row["long_yen"]) == (datetime(2026, 9, 28, 7, 30), 9000)
    refused(MARGIN_INTEREST, DAY | {"ShrtVol": -1.0}, "a balance is below 0")
    refused(MARGIN_INTEREST, DAY | {"IssType": "7"}, "IssType is not a known value")
    refused(MARGIN_INTEREST, DAY | {"Date": "2026-06-06"}, "event_date is not a trading session")


ALERT = {
    "PubDate": "2026-06-05",
    "AppDate": "2026-06-04",
    "Code": "72030",
    "PubReason": json.dumps({"Restricted": "0", "DailyPublication": "1"}),
    "ShrtOut": 100.0,
    "ShrtOutChg": "-",
    "ShrtOutRatio": "*",
    "LongOut": 200.0,
    "LongOutChg": "-50",
    "LongOutRatio": "3.5",
    "SLRatio": 50.0,
    "TSEMrgnRegCls": "002",
}


def test_margin_alert_percent_become_fractions_and_marks_stay_apart():
    row = one(MARGIN_ALERT, ALERT)
    assert (row["event_date"], row["published_date"]) == (date(2026, 6, 4), date(2026, 6, 5))
    assert (row["short_change_shares"], row["short_change_shares_mark"]) == (None, "-")
    assert (row["short_listed_ratio"], row["short_listed_ratio_mark"]) == (None, "*")
    assert (row["long_change_shares"], row["long_change_shares_mark"]) == (-50, None)
    assert row["long_listed_ratio"] == pytest.approx(0.035)
    assert row["short_long_ratio"] == pytest.approx(0.5)
    assert row["long_standardized_change_shares_mark"] is None
    assert (row["reason_restricted"], row["reason_daily_publication"]) == (False, True)
    assert row["reason_monitoring"] is None
    refused(MARGIN_ALERT, ALERT | {"LongOutRatio": "lots"}, "LongOutRatio is not a number")
    refused(MARGIN_ALERT, ALERT | {"LongOutRatio": "-2"}, "long_listed_ratio is outside 0 to 10")
    refused(MARGIN_ALERT, ALERT | {"PubDate": ""}, "PubDate is missing")
    kept = convert(MARGIN_ALERT, ALERT | {"TSEMrgnRegCls": "999"})
    assert kept.notes == {"kept: TSEMrgnRegCls is not a known value": 1}
    assert kept.frame.height == 1


def test_a_correction_of_an_alert_is_a_row_of_its_own():
    corrected = ALERT | {"PubDate": "2026-06-08", "LongOut": 250.0}
    frame = convert(MARGIN_ALERT, corrected, ALERT).frame
    assert frame["long_shares"].to_list() == [200, 250]
    assert [known.day for known in frame["available_at"]] == [5, 8]
