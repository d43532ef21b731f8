"""Target weights, costs and what the constructor refuses."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gogooku.core.errors import DataError
from gogooku.core.types import Portfolio
from gogooku.portfolio.construct import PortfolioConfig, build_portfolio, ranked_names
from gogooku.portfolio.costs import CostConfig

EVENING = datetime(2024, 5, 7, 11, tzinfo=UTC)
OPEN = EVENING + timedelta(hours=13)
CODES = ("a", "b", "c", "d")


def build(score, **config):
    return build_portfolio(
        np.array(score, dtype=float),
        CODES,
        decided_at=EVENING,
        filled_at=OPEN,
        config=PortfolioConfig(**config),
        costs=CostConfig(commission_bps=5.0, slippage_bps=5.0),
    )


def test_the_best_are_equally_weighted_and_leave_cash_for_costs():
    portfolio = build([0.1, np.nan, 0.3, 0.2], top_k=2, max_weight=1.0)
    assert list(portfolio.weights) == ["c", "d"]
    assert portfolio.weights["c"] == pytest.approx(0.5 / 1.001)


def test_ties_go_by_position_and_infinities_are_no_scores():
    assert ranked_names(np.array([1.0, 2.0, 2.0, np.inf, -np.inf]), top_k=9).tolist() == [1, 2, 0]


def test_the_cap_leaves_cash():
    portfolio = build([1, 2, 3, 4], top_k=4, max_weight=0.1)
    assert sum(portfolio.weights.values()) == pytest.approx(0.4 / 1.001)


def test_no_scores_no_weights():
    assert build([np.nan] * 4).weights == {}


@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4), st.integers(1, 6))
def test_weights_always_fit(score, top_k):
    weights = build(score, top_k=top_k, max_weight=1.0).weights
    assert len(weights) == min(top_k, 4)
    assert sum(weights.values()) * 1.001 <= 1.0 + 1e-12


def test_portfolio_refuses_what_cannot_be():
    with pytest.raises(DataError, match="decided only at"):
        Portfolio(decided_at=OPEN, filled_at=OPEN, weights={"a": 0.1})
    with pytest.raises(DataError, match="outside"):
        Portfolio(decided_at=EVENING, filled_at=OPEN, weights={"a": 0.2}, max_weight=0.1)
    with pytest.raises(DataError, match="outside"):
        Portfolio(decided_at=EVENING, filled_at=OPEN, weights={"a": -0.1})
    with pytest.raises(DataError, match="sum"):
        Portfolio(decided_at=EVENING, filled_at=OPEN, weights={"a": 0.6, "b": 0.6})


def test_costs_are_basis_points_of_traded_value_on_both_sides():
    costs = CostConfig(commission_bps=3.0, slippage_bps=7.0)
    assert costs.rate == pytest.approx(0.001)
    assert costs.cost(1e6) == costs.cost(-1e6) == pytest.approx(1_000.0)
    with pytest.raises(ValidationError):
        CostConfig(slippage_bps=-1.0)
