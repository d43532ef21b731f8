"""Valuation ratios."""

from datetime import datetime

from gogooku.tables.valuation import VALUATION
from support.typed_tables import one, refused

DAY = {"Date": "2026-06-05", "Code": "72030"}


def test_valuation_in_yen_and_fractions():
    row = one(VALUATION, DAY | {"ROE": 0.112, "MktCap": 12.0, "PER": -8.0})
    assert (row["roe_ratio"], row["market_cap_yen"], row["per_ratio"]) == (0.112, 12e6, -8.0)
    assert row["available_at"] == datetime(2026, 6, 8, 7, 30)
    refused(VALUATION, DAY | {"MktCap": -1.0}, "market value is below 0")
