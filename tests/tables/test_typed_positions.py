"""Margin, shorts, flows, breakdown and valuation: units, marks and checks."""

import json
from datetime import date, datetime

import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.tables.flows import INVESTORS
from gogooku.tables.schema import TABLES, typed
from support.wire_rows import decoded

SESSIONS = tokyo_sessions(date(2026, 1, 1), date(2027, 2, 28))
DAY = {"Date": "2026-06-05", "Code": "72030"}


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


def test_margin_interest_of_both_eras():
    weekly = one("margin_interest", DAY | {"IssType": "2", "ShrtVol": 5.0, "LongVol": 7.0})
    assert weekly["event_date"] == date(2026, 6, 5)
    assert weekly["available_at"] == datetime(2026, 6, 9, 7, 30)
    assert (weekly["short_shares"], weekly["long_shares"]) == (5, 7)
    assert (weekly["margin_class"], weekly["published_date"], weekly["long_yen"]) == (
        "lendable",
        None,
        None,
    )
    daily = DAY | {"Date": "2026-09-25", "PubDate": "2026-09-28", "LongVal": 9000.0}
    row = one("margin_interest", daily)
    assert (row["available_at"], row["long_yen"]) == (datetime(2026, 9, 28, 7, 30), 9000)
    refused("margin_interest", DAY | {"ShrtVol": -1.0}, "a balance is below 0")
    refused("margin_interest", DAY | {"IssType": "7"}, "IssType is not a known value")
    refused("margin_interest", DAY | {"Date": "2026-06-06"}, "event_date is not a trading session")


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
    row = one("margin_alert", ALERT)
    assert (row["event_date"], row["published_date"]) == (date(2026, 6, 4), date(2026, 6, 5))
    assert (row["short_change_shares"], row["short_change_shares_mark"]) == (None, "-")
    assert (row["short_listed_ratio"], row["short_listed_ratio_mark"]) == (None, "*")
    assert (row["long_change_shares"], row["long_change_shares_mark"]) == (-50, None)
    assert row["long_listed_ratio"] == pytest.approx(0.035)
    assert row["short_long_ratio"] == pytest.approx(0.5)
    assert row["long_standardized_change_shares_mark"] is None
    assert (row["reason_restricted"], row["reason_daily_publication"]) == (False, True)
    assert row["reason_monitoring"] is None
    refused("margin_alert", ALERT | {"LongOutRatio": "lots"}, "LongOutRatio is not a number")
    refused("margin_alert", ALERT | {"LongOutRatio": "-2"}, "long_listed_ratio is outside 0 to 10")
    refused("margin_alert", ALERT | {"PubDate": ""}, "PubDate is missing")
    kept = convert("margin_alert", ALERT | {"TSEMrgnRegCls": "999"})
    assert kept.notes == {"kept: TSEMrgnRegCls is not a known value": 1}
    assert kept.frame.height == 1


def test_a_correction_of_an_alert_is_a_row_of_its_own():
    corrected = ALERT | {"PubDate": "2026-06-08", "LongOut": 250.0}
    frame = convert("margin_alert", corrected, ALERT).frame
    assert frame["long_shares"].to_list() == [200, 250]
    assert [known.day for known in frame["available_at"]] == [5, 8]


REPORT = {
    "DiscDate": "2026-06-05",
    "CalcDate": "2026-06-03",
    "Code": "72030",
    "SSName": "A Fund",
    "DICName": "",
    "FundName": "",
    "ShrtPosToSO": 0.0053,
    "ShrtPosShares": 10.0,
    "PrevRptRatio": 0.006,
    "PrevRptDate": "",
}


def test_short_positions():
    row = one("short_positions", REPORT)
    assert (row["position_ratio"], row["contractor_name"]) == (0.0053, None)
    assert row["available_at"] == datetime(2026, 6, 5, 8, 30)
    both = convert("short_positions", REPORT, REPORT | {"FundName": "B"}, REPORT | {"SSName": ""})
    assert (both.frame.height, both.notes) == (3, {})
    refused("short_positions", REPORT | {"ShrtPosToSO": 1.3}, "position_ratio is outside 0 to 1")
    refused("short_positions", REPORT | {"CalcDate": "x"}, "CalcDate is not a date YYYY-MM-DD")


def test_short_ratio_and_breakdown():
    row = {"Date": "2026-06-05", "S33": "0050", "SellExShortVa": 1.0, "ShrtNoResVa": 2.0}
    assert one("short_ratio", row)["short_without_restrictions_yen"] == 2
    assert one("short_ratio", row)["sector33"] == "0050"
    refused("short_ratio", row | {"S33": "50"}, "S33 is malformed")
    refused("short_ratio", row | {"ShrtWithResVa": -1.0}, "a value is below 0")
    refused("short_ratio", row | {"Date": "2026-06-07"}, "event_date is not a trading session")
    broken = DAY | {"LongSellVa": 3.0, "MrgnBuyNewVo": 4.0}
    kept = one("breakdown", broken)
    assert (kept["long_sell_yen"], kept["margin_buy_new_shares"]) == (3, 4)
    refused("breakdown", broken | {"LongBuyVo": -4.0}, "a value or volume is below 0")


WEEK = {
    "PubDate": "2026-06-11",
    "StDate": "2026-06-01",
    "EnDate": "2026-06-05",
    "Section": "TSEPrime",
    "FrgnSell": 100.0,
    "FrgnBuy": 130.0,
    "FrgnTot": 230.0,
    "FrgnBal": 30.0,
}


def test_investor_types_are_yen():
    row = one("investor_types", WEEK)
    assert (row["foreigners_sell_yen"], row["foreigners_balance_yen"]) == (100e3, 30e3)
    assert row["event_date"] == date(2026, 6, 5)
    assert row["available_at"] == datetime(2026, 6, 11, 9)
    assert one("investor_types", WEEK | {"FrgnBal": 31.0})["foreigners_balance_yen"] == 31e3
    stems = [stem for _, stem in INVESTORS]
    wires = {f"{stem}{part}" for stem in stems for part in ("Sell", "Buy", "Tot", "Bal")}
    assert wires < set(ENDPOINTS["investor_types"].columns)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"FrgnBal": -30.0}, "FrgnBal is not FrgnBuy - FrgnSell"),
        ({"FrgnTot": 235.0}, "FrgnTot is not FrgnBuy + FrgnSell"),
        ({"FrgnSell": -100.0}, "a value is below 0"),
        ({"EnDate": "2026-05-05"}, "EnDate is before StDate"),
        ({"PubDate": "2026-06-04"}, "PubDate is before EnDate"),
        ({"Section": ""}, "Section is missing"),
    ],
)
def test_investor_types_that_do_not_add_up_are_kept_aside(changes, reason):
    refused("investor_types", WEEK | changes, reason)


def test_an_unknown_section_is_kept_and_a_correction_too():
    table = convert("investor_types", WEEK, WEEK | {"PubDate": "2026-06-18"})
    assert table.frame.height == 2
    table = convert("investor_types", WEEK | {"Section": "TSENew"})
    assert table.notes == {"kept: Section is not a known value": 1}


def test_valuation_in_yen_and_fractions():
    row = one("valuation", DAY | {"ROE": 0.112, "MktCap": 12.0, "PER": -8.0})
    assert (row["roe_ratio"], row["market_cap_yen"], row["per_ratio"]) == (0.112, 12e6, -8.0)
    assert row["available_at"] == datetime(2026, 6, 8, 7, 30)
    refused("valuation", DAY | {"MktCap": -1.0}, "market value is below 0")


def test_units_name_the_basis_of_every_share_count():
    for name in ("margin_interest", "margin_alert", "breakdown", "short_positions"):
        units = TABLES[name].units
        counts = [
            c for c in units if c.endswith("_shares") and "change" not in c and "buy_c" not in c
        ]
        assert counts
        assert all("basis of event_date" in units[column] for column in counts)
