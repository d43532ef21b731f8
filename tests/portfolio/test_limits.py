"""Each limit holds for whatever is chosen, and the order of the limits is as said."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gogooku.portfolio.backtest import run_backtest
from gogooku.portfolio.choice import Choice
from gogooku.portfolio.config import (
    EqualConfig,
    LimitConfig,
    PortfolioConfig,
    ScoreConfig,
    ScoreScale,
    Stance,
)
from gogooku.portfolio.construct import build_portfolio
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.decide import History
from gogooku.portfolio.limits import room_of, start_of, within_sectors
from support.portfolios import account, bars, decision, known_decision, known_market

COSTS = CostConfig()
WEIGHTINGS = (EqualConfig(), ScoreConfig(), ScoreConfig(scale=ScoreScale.Z))


def weights_of(made, config, costs=COSTS):
    portfolio = build_portfolio(made, config=config, costs=costs)
    out = np.zeros(len(made.codes))
    for code, weight in portfolio.weights.items():
        out[made.place[code]] = weight
    return out


def assert_within(weights, made, config, slack=1e-9):
    """Every limit of single names, sectors and sides."""
    after = 1.0 + COSTS.rate
    assert np.abs(weights).max() <= config.max_weight / after + slack
    assert weights[weights > 0].sum() <= config.exposure / after + slack
    assert -weights[weights < 0].sum() <= config.exposure / after + slack
    if not config.stance.shorts:
        assert weights.min() >= 0.0
    limits = config.limits
    if limits.traded_value:
        most = limits.traded_value * made.past.traded_value() / made.equity
        assert (np.abs(weights) <= most + slack).all()
    if limits.sector:
        for group in np.unique(made.past.sector):
            inside = weights[made.past.sector == group]
            assert max(inside[inside > 0].sum(), -inside[inside < 0].sum()) <= limits.sector + slack


@given(
    st.integers(0, 2**32 - 10),
    st.sampled_from(WEIGHTINGS),
    st.sampled_from(list(Stance)[:3]),
    st.sampled_from([0.0, 0.1, 0.3]),
    st.sampled_from([0.0, 0.08, 0.25]),
    st.sampled_from([0.0, 0.02]),
    st.sampled_from([0.4, 1.0]),
)
@settings(max_examples=60)
def test_limits_hold(seed, weighting, stance, turnover, sector, traded_value, exposure):
    made = known_decision(seed, short=stance.shorts)
    config = PortfolioConfig(
        top_k=6,
        max_weight=0.12,
        weighting=weighting,
        stance=stance,
        exposure=exposure,
        limits=LimitConfig(turnover=turnover, sector=sector, traded_value=traded_value),
    )
    weights = weights_of(made, config)
    assert_within(weights, made, config)
    if turnover == 0.0 and stance is Stance.DOLLAR_NEUTRAL:
        assert abs(weights.sum()) < 1e-12


@given(st.integers(0, 2**32 - 10), st.sampled_from([0.0, 0.05, 0.2, 0.6]))
def test_turnover_is_within_its_limit_but_for_what_other_limits_force(seed, turnover):
    made = known_decision(seed)
    free = PortfolioConfig(top_k=6, max_weight=0.15)
    bound = replace_limits(free, turnover=turnover)
    now, weights = made.weights, weights_of(made, bound)
    traded = np.abs(weights - now).sum() / 2.0
    wanted = np.abs(weights_of(made, free) - now).sum() / 2.0
    if turnover:
        forced = np.maximum(now - 0.15 / (1.0 + COSTS.rate), 0.0).sum() / 2.0
        assert traded <= max(turnover, forced) + 1e-9
    lots = made.price_N.sum() / made.equity if turnover else 1e-6
    assert traded == pytest.approx(min(wanted, turnover or wanted), abs=lots) or now.max() > 0.149


def replace_limits(config, **limits):
    return config.model_copy(update={"limits": LimitConfig(**limits)})


def test_the_way_to_the_target_is_gone_in_steps_and_said():
    made = decision([1.0, 2.0], shares_N=np.array([500_000, 0]))
    config = PortfolioConfig(top_k=1, max_weight=1.0, limits=LimitConfig(turnover=0.25))
    costs = CostConfig(commission_bps=0.0, slippage_bps=0.0)
    portfolio = build_portfolio(made, config=config, costs=costs)
    # from (0.5, 0) to (0, 1): 0.75 of turnover, a third of the way
    assert portfolio.weights == pytest.approx({"10010": 1 / 3, "10000": 1 / 3}, abs=1e-6)
    assert portfolio.notes == ("turnover: 33% of the way to the target",)
    assert portfolio.seats == {"10010": 1}


def test_a_sector_above_its_limit_is_cut_alike_and_the_rest_is_cash():
    flat = np.ones((1, 3))
    past = History(
        close=flat,
        adjustment_factor=flat,
        universe=flat > 0,
        sector=np.array([[0, 0, 1]]),
        sector_names=("a", "b"),
    ).until(0)
    config = PortfolioConfig(top_k=3, max_weight=1.0, limits=LimitConfig(sector=0.4))
    costs = CostConfig(commission_bps=0.0, slippage_bps=0.0)
    weights = weights_of(decision([3.0, 2.0, 1.0], past=past), config, costs)
    np.testing.assert_allclose(weights, [0.2, 0.2, 1 / 3])


@given(st.integers(0, 2**32 - 10))
@settings(max_examples=30)
def test_beta_neutral_has_no_beta_and_a_limit_of_beta_holds(seed):
    made = known_decision(seed, sessions=200)
    config = PortfolioConfig(top_k=6, max_weight=0.2, stance=Stance.BETA_NEUTRAL)
    weights = weights_of(made, config)
    beta = np.nan_to_num(made.past.beta)
    assert abs(weights @ beta) < 1e-12
    assert_within(weights, made, config)
    limited = PortfolioConfig(top_k=6, max_weight=0.2, limits=LimitConfig(beta=0.4))
    assert abs(weights_of(made, limited) @ beta) <= 0.4 + 1e-12


def test_sides_of_betas_with_different_signs_hold_nothing_and_say_why():
    made = known_decision(0)
    beta = np.where(np.nan_to_num(made.score_N) > 0, 1.0, -0.5)
    made.past.__dict__["beta"] = beta
    config = PortfolioConfig(top_k=3, max_weight=0.3, stance=Stance.BETA_NEUTRAL)
    built = build_portfolio(made, config=config, costs=COSTS)
    assert built.weights == {}
    why = "nothing is held: the beta of the names to sell short is not above zero"
    assert built.notes == (why,)


@given(st.integers(0, 2**32 - 10), st.sampled_from(["best", "worst", "some", "all"]))
@settings(max_examples=40, deadline=None)
def test_a_name_without_a_beta_is_on_neither_side_of_a_beta_neutral_portfolio(seed, which):
    made = known_decision(seed, short=True)
    known = made.past.beta.copy()
    order = np.argsort(np.nan_to_num(made.score_N, nan=0.0))
    rng = np.random.default_rng(seed)
    lost = {
        "best": order[-12:],
        "worst": order[:12],
        "some": rng.permutation(len(order))[:8],
        "all": order,
    }[which]
    known[lost] = np.nan
    made.past.__dict__["beta"] = known
    config = PortfolioConfig(top_k=6, max_weight=0.2, stance=Stance.BETA_NEUTRAL)
    built = build_portfolio(made, config=config, costs=COSTS)
    scored = np.isfinite(made.score_N)
    count = int((scored & ~np.isfinite(known)).sum())
    assert not {made.codes[n] for n in lost} & (set(built.weights) | set(built.seats))
    if count:
        assert built.notes[0] == f"{count} names have no trailing beta and are left out"
    if not built.weights:
        assert built.notes[-1].startswith("nothing is held: ")
    if which == "all":
        assert built.notes[1:] == ("nothing is held: there is no name to buy that has a beta",)


def test_without_a_beta_on_the_short_side_nothing_is_held_and_the_next_decision_goes_on():
    """The account goes flat where nobody can be sold short, and trades again when somebody can."""
    market = known_market(3, names=12, sessions=120)
    t = 100
    shorts = np.zeros_like(market.universe)
    shorts[t + 4 :] = True
    dense = np.nan_to_num(market.close, nan=100.0)
    traded = bars(dense, dense, lendable=shorts)
    scores = np.tile(np.arange(12.0), (10, 1))
    config = account(cash=1e8, lot=1, top_k=3, max_weight=0.3, stance=Stance.BETA_NEUTRAL)
    result = run_backtest(traded, scores, np.arange(t, t + 10), config=config)
    empty = [not one.weights for one in result.portfolios]
    assert empty == [True] * 4 + [False] * 6
    assert result.daily["num_positions"].to_list()[:5] == [0] * 5
    why = "nothing is held: there is no name to sell short that has a beta"
    assert [one.notes for one in result.portfolios[:4]] == [(why,)] * 4


def test_what_is_short_is_lendable_and_sides_are_equal():
    made = known_decision(4)
    config = PortfolioConfig(top_k=5, max_weight=0.2, stance=Stance.DOLLAR_NEUTRAL)
    weights = weights_of(made, config)
    assert made.past.lendable[weights < 0].all()
    assert (weights > 0).sum() == (weights < 0).sum() == 5
    np.testing.assert_allclose(weights.sum(), 0.0, atol=1e-12)


def test_without_one_side_a_neutral_portfolio_is_empty():
    made = known_decision(4)
    none = replace(made.past._history, lendable=np.zeros_like(made.past._history.universe))
    past = none.until(len(none.close) - 1)
    config = PortfolioConfig(top_k=5, max_weight=0.2, stance=Stance.DOLLAR_NEUTRAL)
    built = build_portfolio(replace(made, past=past), config=config, costs=COSTS)
    assert built.weights == {}
    assert built.notes == ("nothing is held: there is no name to sell short",)


def test_what_is_held_is_cut_down_to_the_limits_before_it_is_moved():
    made = decision([1.0, 2.0], shares_N=np.array([700_000, 200_000]))
    config = PortfolioConfig(top_k=1, max_weight=0.5, limits=LimitConfig(turnover=0.25))
    none = np.empty(0, dtype=np.int64)
    costs = CostConfig(commission_bps=0.0, slippage_bps=0.0)
    choice = Choice(made, made.score_N, none, none, config, costs)
    start = start_of(choice)
    np.testing.assert_allclose(start, [0.5, 0.2])
    assert room_of(choice, start) == pytest.approx(0.25 - 0.1)
    free = replace_limits(config)
    assert room_of(replace(choice, config=free), start) == np.inf
    assert within_sectors(choice, start) is start
