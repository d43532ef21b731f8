from datetime import date, timedelta

import polars as pl
import pytest

from gogooku.core.errors import DataError
from gogooku.tables.basis import to_per_share_basis, to_share_basis

EX = date(2026, 6, 10)
LATER = date(2026, 9, 1)
SPLITS = pl.DataFrame(
    {
        "code": ["72030", "72030", "72030", "130A0"],
        "event_date": [EX, LATER, LATER - timedelta(days=1), EX],
        "adjustment_factor": [0.5, 10.0, 1.0, 0.25],
    }
)


def held(*dates, code="72030"):
    return pl.DataFrame(
        {"code": [code] * len(dates), "event_date": dates, "long_shares": [1000.0] * len(dates)}
    )


def test_shares_around_a_split_and_a_consolidation():
    frame = held(LATER, EX - timedelta(days=1), EX, EX + timedelta(days=1))
    found = to_share_basis(frame, ["long_shares"], factors=SPLITS)
    # a 1:2 split doubles the shares from its ex-date on: 1,000 of them are 500 of the first ones;
    # 10:1 in September makes each one ten
    assert found["long_shares"].to_list() == [5000.0, 1000.0, 500.0, 500.0]
    assert found.drop("long_shares").equals(frame.drop("long_shares"))
    other = to_share_basis(held(EX, code="130A0"), ["long_shares"], factors=SPLITS)
    assert other["long_shares"].to_list() == [250.0]
    none = to_share_basis(held(EX, code="99990"), ["long_shares"], factors=SPLITS)
    assert none["long_shares"].to_list() == [1000.0]


def test_a_balance_that_did_not_change_is_flat_across_the_split():
    frame = pl.DataFrame(
        {
            "code": ["72030"] * 2,
            "event_date": [EX - timedelta(days=1), EX],
            "long_shares": [1000.0, 2000.0],
            "eps_yen": [100.0, 50.0],
        }
    )
    shares = to_share_basis(frame, ["long_shares"], factors=SPLITS)
    assert shares["long_shares"].to_list() == [1000.0, 1000.0]
    both = to_per_share_basis(shares, ["eps_yen"], factors=SPLITS)
    assert both["eps_yen"].to_list() == [100.0, 100.0]


def test_adjusted_prices_and_per_share_values_share_a_basis():
    # forward-adjusted price = raw / product of factors up to the day
    frame = held(EX).with_columns(close=pl.lit(500.0))
    found = to_per_share_basis(frame, ["close"], factors=SPLITS)
    assert found["close"].to_list() == [500.0 / 0.5]


def test_a_later_split_changes_nothing_before_it():
    frame = held(EX - timedelta(days=1), EX)
    cut = SPLITS.filter(pl.col("event_date") <= EX)
    now = to_share_basis(frame, ["long_shares"], factors=cut)
    assert now.equals(to_share_basis(frame, ["long_shares"], factors=SPLITS))


def test_nulls_stay_and_bad_factors_are_refused():
    frame = held(EX).with_columns(long_shares=pl.lit(None, pl.Float64))
    assert to_share_basis(frame, ["long_shares"], factors=SPLITS)["long_shares"].to_list() == [None]
    with pytest.raises(DataError, match=r"columns \['short_shares'\] are missing"):
        to_share_basis(frame, ["short_shares"], factors=SPLITS)
    with pytest.raises(DataError, match="not positive"):
        bad = SPLITS.with_columns(adjustment_factor=-pl.col("adjustment_factor"))
        to_share_basis(frame, ["long_shares"], factors=bad)
    with pytest.raises(DataError, match="repeats"):
        to_share_basis(frame, ["long_shares"], factors=pl.concat([SPLITS, SPLITS]))
