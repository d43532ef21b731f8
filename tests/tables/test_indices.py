"""Bars of indices, and the form in which they are stored."""

from datetime import date

from gogooku.core.frames import INDICES_SCHEMA
from gogooku.tables.indices import INDICES, TOPIX, store_indices
from support.typed_tables import convert, refused

DAY = {"Date": "2026-06-05", "O": 1.0, "H": 3.0, "L": 1.0, "C": 2.0}


def test_codes_of_indices_have_four_characters():
    assert convert(INDICES, DAY | {"Code": "002A"}).frame["code"].to_list() == ["002A"]
    refused(INDICES, DAY | {"Code": "72030"}, "Code is malformed")


def test_an_index_may_have_a_close_alone():
    table = convert(INDICES, {"Date": "2026-06-05", "Code": "0028", "C": 2000.0})
    assert table.frame.select("open", "close").rows() == [(None, 2000.0)]


def test_topix_in_the_stored_form():
    refused(TOPIX, DAY | {"C": 4.0}, "bar: high is below open, low or close")
    stored = store_indices(convert(TOPIX, DAY).frame)
    assert dict(stored.schema) == dict(INDICES_SCHEMA)
    assert stored.rows() == [(date(2026, 6, 5), "TOPIX", 1.0, 3.0, 1.0, 2.0)]
