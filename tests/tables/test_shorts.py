"""Short selling by sector and by holder."""

from datetime import datetime

from gogooku.tables.shorts import SHORT_POSITIONS, SHORT_RATIO
from support.typed_tables import convert, one, refused

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
    row = one(SHORT_POSITIONS, REPORT)
    assert (row["position_ratio"], row["contractor_name"]) == (0.0053, None)
    assert row["available_at"] == datetime(2026, 6, 5, 8, 30)
    both = convert(SHORT_POSITIONS, REPORT, REPORT | {"FundName": "B"}, REPORT | {"SSName": ""})
    assert (both.frame.height, both.notes) == (3, {})
    refused(SHORT_POSITIONS, REPORT | {"ShrtPosToSO": 1.3}, "position_ratio is outside 0 to 1")
    refused(SHORT_POSITIONS, REPORT | {"CalcDate": "x"}, "CalcDate is not a date YYYY-MM-DD")


def test_short_ratio():
    row = {"Date": "2026-06-05", "S33": "0050", "SellExShortVa": 1.0, "ShrtNoResVa": 2.0}
    assert one(SHORT_RATIO, row)["short_without_restrictions_yen"] == 2
    assert one(SHORT_RATIO, row)["sector33"] == "0050"
    refused(SHORT_RATIO, row | {"S33": "50"}, "S33 is malformed")
    refused(SHORT_RATIO, row | {"ShrtWithResVa": -1.0}, "a value is below 0")
    refused(SHORT_RATIO, row | {"Date": "2026-06-07"}, "event_date is not a trading session")
