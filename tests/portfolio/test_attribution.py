"""Brinson parts add up each day and over months, and are those of the book."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gogooku.core.errors import ContractError, DataError
from gogooku.portfolio.attribution import (
    CASH,
    PARTS,
    UNKNOWN,
    brinson,
    by_sector,
    daily_parts,
    link_factors,
    linked,
)
from support.portfolios import placed, traded

SECTOR_PARTS = ["allocation", "selection", "interaction"]


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=8, deadline=None)
def test_parts_add_up_each_day_and_over_months(seed, short):
    stance = {"stance": "long_short", "max_weight": 0.25} if short else {}
    positions = placed(*traded(seed, sessions=60, names=12, **stance))
    sectors = brinson(positions)
    daily = daily_parts(positions, sectors)
    assert daily.height == 59
    off = daily.select(pl.sum_horizontal(PARTS) - pl.col("excess")).to_series().abs().max()
    assert off < 1e-10
    sums = sectors.group_by("date", maintain_order=True).agg(pl.col(SECTOR_PARTS).sum())
    held = positions.earned.sum(axis=1) - positions.benchmark_earned.sum(axis=1)
    total = sums.select(pl.sum_horizontal(SECTOR_PARTS)).to_series().to_numpy()
    np.testing.assert_allclose(total, held[1:], atol=1e-10)
    for every in ("1mo", "1y", "all"):
        months = linked(daily, every=every)
        off = months.select(pl.sum_horizontal(PARTS) - pl.col("excess")).to_series().abs().max()
        assert off < 1e-10
        assert months.get_column("sessions").sum() == 59
    whole = linked(daily, every="all")
    equity = np.prod(1.0 + positions.portfolio)
    assert whole.get_column("portfolio").item() == pytest.approx(equity - 1.0)


def test_two_sectors_by_hand():
    result, market, history = traded(3, sessions=30, names=4, top_k=2)
    sector = np.tile([0, 0, 1, 1], (30, 1))
    positions = placed(result, market, replace(history, sector=sector, sector_names=("a", "b")))
    weights, bench, returns = (np.zeros((30, 4)) for _ in range(3))
    weights[4], bench[4] = [0.5, 0.1, 0.2, 0.0], [0.25] * 4
    returns[5] = [0.02, -0.01, 0.04, 0.0]
    made = replace(positions, weights=weights, benchmark_weights=bench, returns=returns)
    found = {
        row["sector"]: row
        for row in brinson(made).filter(pl.col("date") == made.sessions[5].item()).to_dicts()
    }
    # benchmark: a 0.5 %, b 2 %, whole 1.25 %; portfolio: a 0.9 / 0.6 = 1.5 %, b 4 %
    a, b, cash = found["a"], found["b"], found[CASH]
    assert a["allocation"] == pytest.approx((0.6 - 0.5) * (0.005 - 0.0125))
    assert a["selection"] == pytest.approx(0.5 * (0.015 - 0.005))
    assert a["interaction"] == pytest.approx(0.1 * 0.01)
    assert b["allocation"] == pytest.approx((0.2 - 0.5) * (0.02 - 0.0125))
    assert b["selection"] == pytest.approx(0.5 * 0.02)
    assert cash["allocation"] == pytest.approx(0.2 * (0.0 - 0.0125))
    assert (cash["selection"], cash["interaction"]) == (0.0, 0.0)
    assert found[UNKNOWN]["portfolio_weight"] == 0.0
    assert found[UNKNOWN]["portfolio_return"] is None


def test_a_sector_that_the_benchmark_lacks_is_interaction():
    result, market, history = traded(3, sessions=30, names=4, top_k=2)
    sector = np.tile([0, 0, 0, 1], (30, 1))
    positions = placed(result, market, replace(history, sector=sector, sector_names=("a", "b")))
    weights, bench, returns = (np.zeros((30, 4)) for _ in range(3))
    weights[4], bench[4] = [0.0, 0.0, 0.0, 1.0], [0.5, 0.5, 0.0, 0.0]
    returns[5] = [0.01, 0.01, 0.0, 0.03]
    made = replace(positions, weights=weights, benchmark_weights=bench, returns=returns)
    rows = brinson(made).filter(pl.col("date") == made.sessions[5].item())
    own = rows.row(by_predicate=pl.col("sector") == "b", named=True)
    assert own["allocation"] == pytest.approx(0.0)
    assert own["interaction"] == pytest.approx(0.02)
    assert own["benchmark_return"] is None


def test_sums_by_sector():
    values = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    sector = np.array([[0, 1, 0], [2, 2, 1]])
    assert by_sector(values, sector, 3).tolist() == [[5.0, 2.0, 0.0], [0.0, 32.0, 24.0]]


@given(st.lists(st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2)), min_size=1, max_size=30))
def test_linked_differences_are_those_of_compounded_returns(pairs):
    own, bench = np.array(pairs).T
    factor = link_factors(own, bench)
    whole = np.prod(1.0 + own) - np.prod(1.0 + bench)
    assert factor @ (own - bench) == pytest.approx(whole, abs=1e-10)


def test_equal_returns_are_linked_by_their_limit():
    assert link_factors(np.array([0.0]), np.array([0.0])).tolist() == [1.0]
    factor = link_factors(np.array([0.01, 0.02]), np.array([0.01, 0.02]))
    np.testing.assert_allclose(factor, [1.02, 1.01])


def test_what_cannot_be_attributed_is_refused():
    result, market, history = traded(3, sessions=30, names=4, top_k=2)
    positions = placed(result, market, replace(history, sector=None, sector_names=()))
    with pytest.raises(DataError, match="no sectors"):
        brinson(positions)
    with pytest.raises(DataError, match="-100 %"):
        link_factors(np.array([-1.0]), np.array([0.0]))
    with pytest.raises(ContractError, match="no session"):
        linked(pl.DataFrame({"date": [], "portfolio": [], "benchmark": [], "excess": []}))
