"""Target weights, costs and what the constructor refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gogooku.core.errors import DataError
from gogooku.core.types import Portfolio
from gogooku.portfolio.construct import PortfolioConfig, build_portfolio, ranked_names
from gogooku.portfolio.costs import CostConfig
from support.portfolios import EVENING, OPEN, decision

CODES = ("a", "b", "c", "d")


def build(score, **config):
    return build_portfolio(
        decision(score, codes=CODES),
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
    with pytest.raises(DataError, match="long weights sum"):
        Portfolio(decided_at=EVENING, filled_at=OPEN, weights={"a": 0.6, "b": 0.6})


def test_short_weights_have_a_limit_of_their_own():
    signed = {"a": 0.5, "b": -0.4}
    held = Portfolio(decided_at=EVENING, filled_at=OPEN, weights=signed, max_short=0.4)
    assert sum(held.weights.values()) == pytest.approx(0.1)
    with pytest.raises(DataError, match="short weights sum to 0.400000, above 0.3"):
        Portfolio(decided_at=EVENING, filled_at=OPEN, weights=signed, max_short=0.3)
    with pytest.raises(DataError, match=r"outside -0\.3 to 0\.3"):
        Portfolio(
            decided_at=EVENING, filled_at=OPEN, weights={"b": -0.4}, max_short=1.0, max_weight=0.3
        )
