"""Markets of imported names by date."""

from datetime import date

import polars as pl

from gogooku.core.frames import LISTINGS_SCHEMA, MARKETS_SCHEMA
from gogooku.ingest.imports.markets import dated_markets

DAYS = [date(2022, 3, 31), date(2022, 4, 1), date(2022, 4, 4), date(2022, 4, 5)]


def rows(**markets):
    made = [(d, code, one[t]) for t, d in enumerate(DAYS) for code, one in markets.items()]
    return pl.DataFrame(made, schema=["date", "code", "market"], orient="row").sort("date", "code")


def listings(*codes, begins=DAYS[0]):
    made = [(code, None, None, None, begins, None) for code in codes]
    return pl.DataFrame(made, schema=dict(LISTINGS_SCHEMA), orient="row")


def test_a_name_that_changes_has_each_market_from_its_first_row_on():
    frame = rows(A=["1", "1", "2", "2"], B=["1", "1", "1", "1"], C=["1", "2", "1", "1"])
    made = dated_markets(frame, listings("A", "B", "C"))
    assert dict(made.schema) == dict(MARKETS_SCHEMA)
    assert made.rows() == [
        (DAYS[0], "A", "1"),
        (DAYS[0], "C", "1"),
        (DAYS[1], "C", "2"),
        (DAYS[2], "A", "2"),
        (DAYS[2], "C", "1"),
    ]


def test_a_missing_market_changes_nothing_and_the_first_stands_from_the_listing_on():
    frame = rows(A=[None, "1", None, "2"])
    made = dated_markets(frame, listings("A", begins=date(2022, 3, 1)))
    assert made.rows() == [(date(2022, 3, 1), "A", "1"), (DAYS[3], "A", "2")]


def test_nothing_where_nobody_changes_or_nobody_says():
    assert dated_markets(rows(A=["1"] * 4), listings("A")) is None
    assert dated_markets(rows(A=["1"] * 4).drop("market"), listings("A")) is None
    assert dated_markets(rows(A=[None, "1", None, "1"]), listings("A")) is None
