"""Optimised weights: within every limit, and the same as an independent solver's."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from sklearn.covariance import ledoit_wolf

from gogooku.core.errors import DataError
from gogooku.portfolio.config import (
    HrpConfig,
    LimitConfig,
    MeanRiskConfig,
    Measure,
    OnFailure,
    PortfolioConfig,
    Stance,
)
from gogooku.portfolio.construct import build_portfolio
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.optimise import CVAR_LEVEL
from portfolio.test_limits import assert_within, weights_of
from support.portfolios import decision, known_decision, known_market

FREE = CostConfig(commission_bps=0.0, slippage_bps=0.0)
COSTS = CostConfig()
LOOKBACK = 120


def tiny(seed=0, names=5, held=()):
    """A decision on a few names without gaps, and the moments of its problem."""
    history = known_market(seed, names=names, sessions=LOOKBACK + 30)
    filled = np.where(np.isfinite(history.close), history.close, 100.0)
    past = replace(history, close=filled).until(LOOKBACK + 29)
    score = np.random.default_rng(seed).normal(size=names)
    shares = np.zeros(names, dtype=np.int64)
    shares[: len(held)] = np.array(held) * 1e6
    made = decision(score, past=past, shares_N=shares)
    returns = past.returns(LOOKBACK)
    z = (score - score.mean()) / score.std()
    mean = 0.1 * math.sqrt(5) * past.volatility * z
    return made, mean, returns


def config_of(measure, *, aversion=4.0, limits=None, **settings):
    return PortfolioConfig(
        **{"top_k": 5, "max_weight": 0.6, **settings},
        limits=LimitConfig(**(limits or {})),
        weighting=MeanRiskConfig(
            measure=measure, risk_aversion=aversion, ic=0.1, lookback=LOOKBACK
        ),
    )


def best_by_scipy(objective, names, *, low, high, constraints):
    """The minimum by sequential quadratic programming from several starts."""
    found = [
        minimize(
            objective,
            start,
            method="SLSQP",
            bounds=list(zip(low, high, strict=True)),
            constraints=constraints,
            options={"ftol": 1e-14, "maxiter": 1000},
        )
        for start in (np.full(names, 1.0 / names), np.clip(np.eye(names)[0], low, high))
    ]
    return min(found, key=lambda one: one.fun).x


@pytest.mark.parametrize("seed", range(4))
def test_mean_variance_is_that_of_scipy(seed):
    made, mean, returns = tiny(seed)
    covariance = 5 * ledoit_wolf(returns)[0]
    expected = best_by_scipy(
        lambda w: -(mean @ w) + 4.0 * w @ covariance @ w,
        5,
        low=[0.0] * 5,
        high=[0.6] * 5,
        constraints=[{"type": "eq", "fun": lambda w: w.sum() - 1.0}],
    )
    found = weights_of(made, config_of(Measure.VARIANCE), FREE)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_least_variance_of_two_names_is_the_closed_form():
    made, _, returns = tiny(names=2)
    config = config_of(Measure.VARIANCE, aversion=1e3, top_k=2, max_weight=1.0)
    (a, c), (_, b) = ledoit_wolf(returns)[0]
    first = (b - c) / (a + b - 2 * c)
    np.testing.assert_allclose(weights_of(made, config, FREE), [first, 1 - first], atol=1e-3)


def test_dollar_neutral_mean_variance_is_that_of_scipy():
    made, mean, returns = tiny(1, names=4)
    made = replace(made, past=replace(made.past._history, lendable=None).until(LOOKBACK + 29))
    covariance = 5 * ledoit_wolf(returns)[0]
    order = np.argsort(-made.score_N)
    low, high = np.zeros(4), np.zeros(4)
    high[order[:2]], low[order[2:]] = 0.6, -0.6
    expected = best_by_scipy(
        lambda w: -(mean @ w) + 4.0 * w @ covariance @ w,
        4,
        low=low,
        high=high,
        constraints=[
            {"type": "eq", "fun": lambda w: w.sum()},
            {"type": "ineq", "fun": lambda w: 1.0 - np.maximum(w, 0).sum()},
        ],
    )
    config = config_of(Measure.VARIANCE, top_k=2, stance=Stance.DOLLAR_NEUTRAL)
    found = weights_of(made, config, FREE)
    np.testing.assert_allclose(found, expected, atol=5e-4)
    assert abs(found.sum()) < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_mean_cvar_with_costs_is_that_of_a_linear_program(seed):
    held = np.array([0.3, 0.2, 0.0, 0.1, 0.0])
    made, mean, returns = tiny(seed, held=held)
    outcomes = math.sqrt(5) * (returns - returns.mean(axis=0)) + mean
    sessions, names = outcomes.shape
    after, rate, aversion = 1.0 + COSTS.rate, COSTS.rate, 1.5
    # variables: w, |w - held|, the value at risk, what each outcome loses beyond it
    cost = np.concatenate(
        [
            -mean,
            np.full(names, rate * (1.0 + aversion)),  # the tail is one after costs
            [aversion],
            np.full(sessions, aversion / (0.05 * sessions)),
        ]
    )
    eye, none = np.eye(names), np.zeros((names, 1 + sessions))
    upper = np.vstack(
        [
            np.hstack([eye, -eye, none]),
            np.hstack([-eye, -eye, none]),
            np.hstack(
                [-outcomes, np.zeros((sessions, names)), -np.ones((sessions, 1)), -np.eye(sessions)]
            ),
        ]
    )
    right = np.concatenate([held, -held, np.zeros(sessions)])
    total = np.concatenate([np.ones(names), np.zeros(names + 1 + sessions)])[None]
    limits = [(0, 0.6 / after)] * names + [(0, None)] * names
    limits += [(None, None)] + [(0, None)] * sessions
    solved = linprog(cost, upper, right, total, [1.0 / after], limits)
    found = weights_of(made, config_of(Measure.CVAR, aversion=aversion))

    def value(w):
        losses = np.sort(-(outcomes @ w))[::-1]
        tail = losses[: round((1.0 - CVAR_LEVEL) * sessions)].mean()
        return -(mean @ w) + rate * (1.0 + aversion) * np.abs(w - held).sum() + aversion * tail

    assert value(found) == pytest.approx(solved.fun, abs=2e-6)


def test_no_alpha_is_worth_its_cost_and_nothing_is_traded():
    made, _, _ = tiny(held=[0.2] * 5)
    dear = CostConfig(commission_bps=1000.0, slippage_bps=0.0)
    made = replace(made, shares_N=np.array([200_000] * 5))
    config = config_of(Measure.VARIANCE, exposure=1.0)
    weights = weights_of(made, config, dear)
    np.testing.assert_allclose(weights, 0.2 * min(1.0, 1 / 1.1 / weights.sum()), atol=0.02)


@given(
    st.integers(0, 2**32 - 10),
    st.sampled_from(list(Measure)),
    st.sampled_from(list(Stance)),
    st.sampled_from([0.0, 0.35]),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([0.0, 0.5]),
)
@example(171, Measure.VARIANCE, Stance.DOLLAR_NEUTRAL, 0.35, 0.3, 0.0)
@example(1_836_768_936, Measure.VARIANCE, Stance.DOLLAR_NEUTRAL, 0.35, 0.3, 0.0)
@settings(max_examples=25, deadline=None)
def test_every_limit_holds(seed, measure, stance, turnover, sector, beta):
    made = known_decision(seed, short=stance.shorts, sessions=150)
    config = PortfolioConfig(
        top_k=8,
        max_weight=0.2,
        stance=stance,
        limits=LimitConfig(turnover=turnover, sector=sector, beta=beta, traded_value=0.5),
        weighting=MeanRiskConfig(measure=measure, on_failure=OnFailure.KEEP, lookback=LOOKBACK),
    )
    portfolio = build_portfolio(made, config=config, costs=COSTS)
    weights = weights_of(made, config)
    assert_within(weights, made, config, slack=1e-5)
    if any("no weights keep" in note for note in portfolio.notes):
        return
    known = np.nan_to_num(made.past.beta)
    # A limit of turnover is kept by whole lots, one of each name off at most.
    lots = (weights != 0.0) @ (made.price_N * np.maximum(np.abs(known), 1.0)) / made.equity
    slack = 1e-5 + (lots if turnover else 0.0)
    if beta:
        assert abs(weights @ known) <= beta + slack
    if stance is Stance.BETA_NEUTRAL:
        assert abs(weights @ known) < slack
    if stance is Stance.DOLLAR_NEUTRAL:
        assert abs(weights.sum()) < slack


def test_what_the_solver_says_of_a_solution_is_kept():
    made, _, _ = tiny(names=2)
    config = config_of(Measure.VARIANCE, aversion=1e6, top_k=2, max_weight=1.0)
    portfolio = build_portfolio(made, config=config, costs=FREE)
    assert "the solver says: Solution may be inaccurate" in portfolio.notes[0]


def test_turnover_holds_in_the_optimisation():
    made = known_decision(5, held=0.5)
    config = config_of(Measure.VARIANCE, top_k=8, max_weight=0.2, limits={"turnover": 0.2})
    weights = weights_of(made, config)
    assert np.abs(weights - made.weights).sum() / 2.0 <= 0.2 + 1e-5


def impossible(**changes):
    """A whole portfolio of names whose betas lie about one, and a limit far below."""
    made, _, _ = tiny()
    assert (made.past.beta > 0.1).all()
    config = config_of(Measure.VARIANCE, limits={"beta": 0.1})
    weighting = config.weighting.model_copy(update=changes)
    return made, config.model_copy(update={"weighting": weighting})


def test_a_failed_solution_names_the_session_and_the_limit():
    made, config = impossible()
    with pytest.raises(DataError, match=r"2024-05-07: 5 names.*portfolio\.limits\.beta"):
        build_portfolio(made, config=config, costs=COSTS)


def test_what_a_sector_may_not_hold_stays_in_cash():
    made, _, _ = tiny()
    history = replace(made.past._history, sector=np.array([[0, 0, 0, 1, 1]] * (LOOKBACK + 30)))
    made = replace(made, past=history.until(LOOKBACK + 29))
    config = config_of(Measure.VARIANCE, limits={"sector": 0.3})
    weights = weights_of(made, config, FREE)
    np.testing.assert_allclose([weights[:3].sum(), weights[3:].sum()], 0.3, atol=1e-5)


def test_a_fallback_is_recorded():
    made, config = impossible(on_failure=OnFailure.KEEP)
    made = replace(made, shares_N=np.array([50_000, 0, 0, 0, 0]))
    portfolio = build_portfolio(made, config=config, costs=COSTS)
    assert portfolio.weights == pytest.approx({"10000": 0.05})
    assert "portfolio.limits.beta" in portfolio.notes[0]


def test_names_without_a_past_are_left_out_and_counted():
    made = known_decision(3)
    young = made.past._history.close.copy()
    young[:-5, :4] = np.nan
    made = replace(made, past=replace(made.past._history, close=young).until(129))
    config = config_of(Measure.VARIANCE, top_k=24, max_weight=0.2)
    portfolio = build_portfolio(made, config=config, costs=COSTS)
    lost = int(np.isfinite(made.score_N[:4]).sum())
    assert portfolio.notes == (f"{lost} names have no trailing volatility and are left out",)
    assert not set(made.codes[:4]) & set(portfolio.weights)


# ---------------------------------------------------------------------- hierarchical risk parity


def hrp(top_k, **changes):
    return PortfolioConfig(
        top_k=top_k, max_weight=1.0, weighting=HrpConfig(lookback=LOOKBACK), **changes
    )


def test_risk_parity_of_two_names_is_inverse_variance():
    made, _, returns = tiny(names=2)
    parts = 1.0 / np.diag(ledoit_wolf(returns)[0])
    np.testing.assert_allclose(weights_of(made, hrp(2), FREE), parts / parts.sum(), rtol=1e-9)


def test_risk_parity_of_two_pairs_is_the_closed_form():
    rng = np.random.default_rng(2)
    shared = rng.normal(0, 0.02, (LOOKBACK + 1, 2)).repeat(2, axis=1)
    returns = shared + rng.normal(0, 0.004, shared.shape) * [1, 2, 1, 2]
    close = 100.0 * np.cumprod(1.0 + returns, axis=0)
    history = replace(known_market(0, names=4, sessions=LOOKBACK + 1), close=close, lendable=None)
    made = decision([4.0, 3.0, 2.0, 1.0], past=history.until(LOOKBACK))
    covariance = ledoit_wolf(made.past.returns(LOOKBACK))[0]

    def inverse(block):
        parts = 1.0 / np.diag(covariance)[block]
        return parts / parts.sum()

    pairs = [np.array([0, 1]), np.array([2, 3])]
    inside = [inverse(pair) for pair in pairs]
    risk = [w @ covariance[np.ix_(pair, pair)] @ w for w, pair in zip(inside, pairs, strict=True)]
    share = 1.0 - risk[0] / sum(risk)
    expected = np.concatenate([share * inside[0], (1.0 - share) * inside[1]])
    np.testing.assert_allclose(weights_of(made, hrp(4), FREE), expected, rtol=1e-9)


def test_one_name_has_all_and_sides_are_weighted_by_themselves():
    made = known_decision(6)
    alone = weights_of(made, hrp(1), FREE)
    assert sorted(alone.tolist())[-1] == pytest.approx(1.0)
    both = weights_of(made, hrp(4, stance=Stance.DOLLAR_NEUTRAL), FREE)
    assert both[both > 0].sum() == pytest.approx(-both[both < 0].sum()) == pytest.approx(1.0)


def test_a_beta_neutral_optimum_without_a_short_side_is_nothing():
    made = known_decision(3, sessions=150)
    none = replace(made.past._history, lendable=np.zeros_like(made.past._history.universe))
    made = replace(
        made, past=none.until(len(none.close) - 1), shares_N=np.zeros_like(made.shares_N)
    )
    config = PortfolioConfig(
        top_k=6, max_weight=0.2, stance=Stance.BETA_NEUTRAL, weighting=MeanRiskConfig()
    )
    assert build_portfolio(made, config=config, costs=COSTS).weights == {}
