"""Target weights, costs and what the constructor refuses."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gogooku.core.errors import DataError
from gogooku.core.registry import chosen_references
from gogooku.core.types import Portfolio
from gogooku.portfolio.config import Stance
from gogooku.portfolio.construct import PortfolioConfig, build_portfolio, ranked_names
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.weightings import WEIGHTINGS
from support.portfolios import EVENING, OPEN, decision, known_decision

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


def weighed(score, before=None, **config):
    previous = before and Portfolio(
        decided_at=EVENING, filled_at=OPEN, weights={}, seats=before, max_short=1.0
    )
    return build_portfolio(
        decision(score, codes=CODES, previous=previous),
        config=PortfolioConfig(**{"max_weight": 1.0, **config}),
        costs=CostConfig(commission_bps=0.0, slippage_bps=0.0),
    )


def test_a_seat_is_kept_from_decision_to_decision():
    kept = weighed([4, 3, 2, 1], {"c": 1}, top_k=2, exit_margin=1)
    assert list(kept.weights) == ["a", "c"]
    assert kept.seats == {"a": 1, "c": 1}
    assert list(weighed([4, 3, 2, 1], {"d": 1}, top_k=2, exit_margin=1).weights) == ["a", "b"]


def test_both_sides_in_order_the_best_and_the_worst_first():
    both = weighed([4, 3, 2, 1], top_k=2, stance=Stance.DOLLAR_NEUTRAL, exposure=0.8)
    assert both.weights == pytest.approx({"a": 0.4, "b": 0.4, "d": -0.4, "c": -0.4})
    assert list(both.weights) == ["a", "b", "d", "c"]
    assert both.seats == {"a": 1, "b": 1, "d": -1, "c": -1}


def test_every_kind_of_weighting_is_found_and_fills_the_portfolio():
    made = known_decision(2)
    assert set(WEIGHTINGS.kinds()) == {"equal", "score", "hrp", "mean_risk"}
    for kind in WEIGHTINGS.kinds():
        config = PortfolioConfig(top_k=8, max_weight=0.4, weighting={"kind": kind})
        assert config.weighting.kind == kind
        built = build_portfolio(made, config=config, costs=CostConfig())
        assert sum(built.weights.values()) == pytest.approx(1 / (1 + CostConfig().rate), abs=1e-5)
        assert set(built.weights) <= set(built.seats) | {
            made.codes[n] for n in np.flatnonzero(made.shares_N)
        }


def test_an_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(ValidationError, match="equal"):
        PortfolioConfig(weighting={"kind": "magic"})


@given(st.integers(0, 2**32 - 10), st.integers(1, 9), st.integers(0, 9))
def test_never_more_seats_than_k(seed, top_k, margin):
    made = known_decision(seed)
    config = PortfolioConfig(top_k=top_k, exit_margin=margin)
    built = build_portfolio(made, config=config, costs=CostConfig())
    again = build_portfolio(replace(made, previous=built), config=config, costs=CostConfig())
    assert again.weights == built.weights
    later = build_portfolio(
        replace(made, previous=built, score_N=made.score_N[::-1].copy()),
        config=config,
        costs=CostConfig(),
    )
    assert len(later.seats) <= top_k


def test_a_chosen_weighting_names_its_code():
    found = chosen_references(PortfolioConfig(weighting={"kind": "mean_risk"}))
    assert found == (
        "gogooku.portfolio.config:MeanRiskConfig",
        "gogooku.portfolio.optimise:mean_risk",
    )
