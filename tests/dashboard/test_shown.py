"""What the page is made from."""

import polars as pl
import pytest

from gogooku.dashboard.shown import company
from gogooku.evaluate.report_tables import TOP
from gogooku.evaluate.words import Text
from support.dashboards import NAMES, SEATS, bare, frames, shown


def test_as_many_names_are_shown_as_the_portfolio_has_seats():
    assert shown().top == SEATS
    assert bare().top == TOP


def test_a_target_without_seats_and_a_short_ranking():
    made = frames()
    assert shown(frames={**made, "target": made["target"].drop("seat")}).top == TOP
    few = made["ranking"].head(3)
    assert shown(frames={"ranking": few}).top == 3


def test_no_seat_is_counted_of_what_is_sold_short():
    made = frames()
    short = made["target"].with_columns(seat=-pl.col("seat"))
    assert shown(frames={**made, "target": short}).top == TOP


def test_parts_that_are_not_there_are_none():
    assert (bare().target, bare().orders) == (None, None)
    assert bare().ranking.height == NAMES


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"name_en": "A", "name_ja": "あ"}, Text("A", "あ")),
        ({"name_en": None, "name_ja": "あ"}, Text("あ", "あ")),
        ({"name_en": "A", "name_ja": None}, Text("A", "A")),
        ({"name_en": None, "name_ja": None}, Text("13010", "13010")),
        ({}, Text("13010", "13010")),
    ],
)
def test_a_company_has_a_name_in_each_language(row, name):
    assert company({"code": "13010", **row}) == name
