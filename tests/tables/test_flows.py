"""Trading by type of investor."""

from datetime import date, datetime

import pytest

from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.tables.flows import INVESTOR_TYPES, INVESTORS
from support.typed_tables import convert, one, refused

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
    row = one(INVESTOR_TYPES, WEEK)
    assert (row["foreigners_sell_yen"], row["foreigners_balance_yen"]) == (100e3, 30e3)
    assert row["event_date"] == date(2026, 6, 5)
    assert row["available_at"] == datetime(2026, 6, 11, 9)
    assert one(INVESTOR_TYPES, WEEK | {"FrgnBal": 31.0})["foreigners_balance_yen"] == 31e3
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
    refused(INVESTOR_TYPES, WEEK | changes, reason)


def test_an_unknown_section_is_kept_and_a_correction_too():
    table = convert(INVESTOR_TYPES, WEEK, WEEK | {"PubDate": "2026-06-18"})
    assert table.frame.height == 2
    table = convert(INVESTOR_TYPES, WEEK | {"Section": "TSENew"})
    assert table.notes == {"kept: Section is not a known value": 1}
