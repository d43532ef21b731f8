from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.errors import DataError
from gogooku.core.frames import LISTINGS_SCHEMA
from gogooku.tables.listings import listing_facts, listing_spells, store_listings
from gogooku.tables.schema import typed
from support.wire_rows import decoded

SESSIONS = tokyo_sessions(date(2021, 1, 1), date(2026, 12, 31))
BASE = {
    "CoName": "甲",
    "CoNameEn": "Ko",
    "S17": "6",
    "S33": "3700",
    "ScaleCat": "-",
    "Mkt": "0111",
    "Mrgn": "2",
}


def master(rows):
    """Typed master: (first, last, changes) per stretch of sessions."""
    wires = []
    for first, last, changes in rows:
        for day in SESSIONS[(np.datetime64(first) <= SESSIONS) & (np.datetime64(last) >= SESSIONS)]:
            wires.append(BASE | {"Date": str(day), "Code": "72030"} | changes)
    table = typed("master", decoded("master", wires), sessions=SESSIONS)
    assert table.quarantine.is_empty()
    return table.frame


def facts_of(*rows):
    whole = master(rows)
    years = [part for _, part in sorted(whole.group_by(pl.col("event_date").dt.year()))]
    facts = listing_facts(years)
    assert facts.equals(listing_facts([whole]))
    assert facts.equals(listing_facts(whole.lazy()))
    return facts


def test_master_rows_are_known_the_session_before():
    frame = master([("2026-06-08", "2026-06-08", {})])
    row = frame.row(0, named=True)
    assert row["available_at"] == datetime(2026, 6, 5, 8, 30)
    assert (row["sector33"], row["margin_class"], row["product_category"]) == (
        "3700",
        "lendable",
        None,
    )


def test_unknown_segments_and_classes_are_kept_and_counted():
    row = BASE | {"Date": "2026-06-08", "Code": "72030", "Mkt": "0120", "Mrgn": "8"}
    table = typed("master", decoded("master", [row]), sessions=SESSIONS)
    assert table.frame["margin_class"].to_list() == ["8"]
    assert set(table.notes) == {
        "kept: Mkt is not a known value",
        "kept: Mrgn is not a known value",
    }
    bad = [row | {"Mkt": ""}, row | {"Date": "2026-06-07"}, row | {"Code": "7203"}]
    assert typed("master", decoded("master", bad), sessions=SESSIONS).quarantine.height == 3


def test_facts_are_run_lengths_across_the_new_segments():
    facts = facts_of(
        ("2022-03-28", "2022-04-01", {"Mkt": "0101"}),
        ("2022-04-04", "2022-04-08", {"Mkt": "0111"}),
        ("2022-03-28", "2022-04-08", {"Code": "13010", "Mkt": "0107"}),
    )
    mine = facts.filter(pl.col("code") == "72030")
    assert mine.select("valid_from", "valid_to", "market_code", "segment").rows() == [
        (date(2022, 3, 28), date(2022, 4, 1), "0101", "Prime"),
        (date(2022, 4, 4), None, "0111", "Prime"),
    ]
    # the new segment was known on the evening of the Friday before
    assert mine["available_at"][1] == datetime(2022, 4, 1, 8, 30)
    assert facts.filter(pl.col("code") == "13010")["segment"].to_list() == ["Growth"]
    assert mine["spell"].to_list() == [0, 0]


def test_facts_go_on_across_years():
    rows = [
        ("2021-12-20", "2022-01-14", {}),
        ("2021-12-20", "2021-12-30", {"Code": "13010"}),
        ("2022-01-04", "2022-01-14", {"Code": "13010"}),
        ("2021-12-28", "2022-01-05", {"Code": "99990", "ScaleCat": "TOPIX Small 1"}),
    ]
    facts = facts_of(*rows)
    # 30 December and 4 January are neighbours
    assert facts.select("code", "valid_from", "valid_to").rows() == [
        ("13010", date(2021, 12, 20), None),
        ("72030", date(2021, 12, 20), None),
        ("99990", date(2021, 12, 28), date(2022, 1, 5)),
    ]


def test_a_gap_begins_a_new_spell_and_a_missing_list_does_not():
    facts = facts_of(
        ("2026-06-01", "2026-06-03", {}),
        ("2026-06-05", "2026-06-12", {}),
        ("2026-06-01", "2026-06-12", {"Code": "13010"}),
    )
    spells = listing_spells(facts)
    assert spells.select("code", "spell", "listed_from", "listed_to").rows() == [
        ("13010", 0, date(2026, 6, 1), None),
        ("72030", 0, date(2026, 6, 1), date(2026, 6, 3)),
        ("72030", 1, date(2026, 6, 5), None),
    ]
    nobody_on_the_fourth = facts_of(
        ("2026-06-01", "2026-06-03", {}), ("2026-06-05", "2026-06-12", {})
    )
    assert listing_spells(nobody_on_the_fourth).height == 1


@pytest.mark.parametrize(
    ("changes", "common"),
    [
        ({}, True),
        ({"Mkt": "0104"}, True),
        ({"Mkt": "0109", "S33": "9999"}, False),  # a fund
        ({"Mkt": "0109"}, False),
        ({"S33": "9999"}, False),
        ({"Code": "25935"}, False),  # preferred
        ({"Code": "83010"}, False),  # the central bank
        ({"Code": "130A0"}, True),
        ({"ProdCat": "011", "Code": "25935"}, True),  # the vendor's word goes first
        ({"ProdCat": "021"}, False),  # foreign
        ({"ProdCat": "014", "Mkt": "0109"}, False),
        ({"S33": ""}, False),
    ],
)
def test_domestic_common_stock(changes, common):
    facts = facts_of(("2026-06-01", "2026-06-03", changes))
    assert facts["domestic_common"].to_list() == [common]
    market = store_listings(facts)["market"][0]
    assert market == (facts["segment"][0] if common else "Other")


def test_a_later_category_does_not_colour_the_past():
    facts = facts_of(
        ("2026-05-20", "2026-05-25", {"Mkt": "0111"}),
        ("2026-05-26", "2026-05-29", {"Mkt": "0111", "ProdCat": "021"}),
    )
    assert facts["domestic_common"].to_list() == [True, False]


def test_stored_listings_take_the_first_facts_and_the_last_session():
    facts = facts_of(
        ("2026-06-01", "2026-06-03", {"Mkt": "0104", "CoName": "old"}),
        ("2026-06-04", "2026-06-09", {"Mkt": "0111", "S33": "5250", "CoName": "new"}),
        ("2026-06-01", "2026-06-12", {"Code": "13010"}),
    )
    frame = store_listings(facts)
    assert dict(frame.schema) == dict(LISTINGS_SCHEMA)
    assert frame.rows() == [
        ("13010", "甲", "3700", "Prime", date(2026, 6, 1), None),
        ("72030", "new", "3700", "Growth", date(2026, 6, 1), date(2026, 6, 9)),
    ]


def test_no_master_is_said():
    for nothing in ([], [master([])]):
        with pytest.raises(DataError, match="nothing is listed; run: gogooku sync"):
            listing_facts(nothing)
    one = master([("2026-06-01", "2026-06-03", {})])
    with pytest.raises(DataError, match="two frames share a session"):
        listing_facts([one, one.tail(1)])
