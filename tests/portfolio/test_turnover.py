"""The limit of turnover holds for what is ordered, however few lots an account can pay."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gogooku.core.errors import DataError
from gogooku.portfolio.backtest import run_backtest
from gogooku.portfolio.choice import Choice, Weighed
from gogooku.portfolio.config import EqualConfig, LimitConfig, PortfolioConfig, ScoreConfig, Stance
from gogooku.portfolio.construct import build_portfolio
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.decide import lots_of
from gogooku.portfolio.turnover import within_turnover
from support.lively import lively_market
from support.portfolios import account, decision, known_decision

FREE = CostConfig(commission_bps=0.0, slippage_bps=0.0)
COSTS = CostConfig()
NONE = np.empty(0, dtype=np.int64)
SEEDS = st.integers(0, 2**32 - 10)


def small(seed, *, lot, equity, short=False):
    """A decision of an account of this size, its holdings in whole lots but for two of them."""
    made = known_decision(seed, short=short)
    shares = np.trunc(made.shares_N * (equity / made.equity) / lot).astype(np.int64) * lot
    odd = np.flatnonzero(shares)[:2]
    shares[odd] += np.sign(shares[odd]) * (lot // 3)
    return replace(made, lot_size=lot, equity=equity, shares_N=shares)


def ordered(made, portfolio):
    """Shares that orders bring about, [N]: what has no weight is sold."""
    target = np.zeros_like(made.shares_N)
    names, shares, known = lots_of(portfolio, made)
    assert known.all()
    target[names] = shares
    return target - made.shares_N


def traded(made, config):
    """Value of the orders as the limit counts it, and what was built."""
    built = build_portfolio(made, config=config, costs=COSTS)
    return np.abs(ordered(made, built)) @ made.price_N / 2.0 / made.equity, built


@given(
    SEEDS,
    st.sampled_from([1, 100, 1_000]),
    st.sampled_from([1e5, 3e6, 1e9]),
    st.sampled_from([0.01, 0.05, 0.3]),
    st.sampled_from([EqualConfig(), ScoreConfig()]),
)
@settings(max_examples=100, deadline=None)
def test_no_order_of_a_small_account_breaks_the_limit(seed, lot, equity, limit, weighting):
    made = small(seed, lot=lot, equity=equity)
    config = PortfolioConfig(
        top_k=6, max_weight=1.0, weighting=weighting, limits=LimitConfig(turnover=limit)
    )
    value, built = traded(made, config)
    assert made.weights.sum() < 0.99, "no limit makes a trade necessary"
    assert value <= limit * (1.0 + 1e-8)
    moved = np.abs(ordered(made, built))
    whole = (moved % lot == 0) | (moved >= np.abs(made.shares_N))
    assert whole[made.shares_N % lot == 0].all()


@given(
    SEEDS,
    st.sampled_from([1, 100]),
    st.sampled_from([2e5, 1e7]),
    st.sampled_from([0.02, 0.2]),
    st.sampled_from(list(Stance)[:3]),
    st.sampled_from([0.0, 0.15]),
    st.sampled_from([0.0, 0.02]),
)
@settings(max_examples=60, deadline=None)
def test_only_what_other_limits_force_is_traded_beyond_it(
    seed, lot, equity, limit, stance, sector, traded_value
):
    made = small(seed, lot=lot, equity=equity, short=stance.shorts)
    config = PortfolioConfig(top_k=6, max_weight=0.12, stance=stance, exposure=0.7)
    limits = {"sector": sector, "traded_value": traded_value}

    def with_turnover(share):
        bound = LimitConfig(turnover=share, **limits)
        return traded(made, config.model_copy(update={"limits": bound}))

    value, built = with_turnover(limit)
    forced, _ = with_turnover(1e-12)
    assert value <= max(limit, forced) * (1.0 + 1e-8)
    weights = np.zeros(len(made.codes))
    for code, weight in built.weights.items():
        weights[made.place[code]] = weight
    after = 1.0 + COSTS.rate
    assert np.abs(weights).max() <= 0.12 / after + 1e-9
    for signed in (weights, -weights):
        assert signed[signed > 0].sum() <= 0.7 / after + 1e-9
        for one in np.unique(made.past.sector):
            inside = signed[(made.past.sector == one) & (signed > 0)]
            assert not sector or inside.sum() <= sector + 1e-9


@given(SEEDS, st.sampled_from([100, 1_000]))
@settings(max_examples=60, deadline=None)
def test_an_account_that_may_trade_a_lot_of_any_name_does_not_stand_still(seed, lot):
    """Rounded towards what is held alone, a tenth of each of its lots would never be traded."""
    made = small(seed, lot=lot, equity=1e7 * lot / 100)
    config = PortfolioConfig(top_k=6, max_weight=1.0)
    free, _ = traded(made, config)
    dearest = made.price_N.max() * lot / 2.0 / made.equity
    limit = max(dearest, 0.01) * 1.001
    value, _ = traded(made, config.model_copy(update={"limits": LimitConfig(turnover=limit)}))
    assert (value > 0.0) == (free > 0.0)


@given(SEEDS, st.sampled_from([1e6, 1e7]), st.sampled_from([0.05, 0.2]))
@settings(max_examples=10, deadline=None)
def test_it_holds_from_decision_to_decision(seed, cash, limit):
    """Through a whole backtest: target less holding at the prices of each decision."""
    market, scores = lively_market(seed, names=8)
    config = account(
        cash=cash, top_k=3, max_weight=1.0, exposure=0.9, limits={"turnover": limit},
        max_market_share=1e6,
    )  # fmt: skip
    try:
        result = run_backtest(market, scores, np.arange(len(scores)), config=config)
    except DataError as refused:
        assume("no trade" not in str(refused))
        assume("benchmark" not in str(refused))
        raise
    held = {
        day: dict(rows.select("code", "weight").rows())
        for (day,), rows in result.holdings.partition_by("date", as_dict=True).items()
    }
    for portfolio in result.portfolios:
        now = held.get(portfolio.decided_at.date(), {})
        names = set(now) | set(portfolio.weights)
        value = sum(abs(portfolio.weights.get(n, 0.0) - now.get(n, 0.0)) for n in names) / 2.0
        long = sum(now.values())
        forced = max(long - 0.9 / (1.0 + config.costs.rate), 0.0)
        if not forced:
            assert value <= limit * (1.0 + 1e-8)


def test_lots_go_one_after_the_other_the_worst_sold_and_the_best_bought_first():
    """Lots of a tenth of the account: with cash the best is bought first, then the next."""
    made = decision(
        [1.0, 2.0, 3.0, 4.0], shares_N=np.array([1_000, 1_000, 1_000, 0]), lot_size=1_000,
        price_N=np.full(4, 100.0),
    )  # fmt: skip
    config = PortfolioConfig(top_k=2, max_weight=1.0, limits=LimitConfig(turnover=0.05))
    choice = Choice(made, made.score_N, np.array([3, 2]), NONE, config, FREE)
    target = Weighed(np.array([0.0, 0.0, 0.5, 0.5]))
    step = within_turnover(choice, target)
    np.testing.assert_allclose(step.weights_N, [0.1, 0.1, 0.1, 0.1])
    assert step.notes == ("turnover: 9% of the way to the target",)
    wider = replace(choice, config=replace_limit(config, 0.15))
    np.testing.assert_allclose(within_turnover(wider, target).weights_N, [0.1, 0.1, 0.2, 0.2])
    invested = replace(choice, decision=replace(made, equity=300_000.0))
    step = within_turnover(replace(invested, config=replace_limit(config, 0.4)), target)
    np.testing.assert_allclose(step.weights_N, [0.0, 1 / 3, 1 / 3, 1 / 3])


def replace_limit(config, turnover):
    return config.model_copy(update={"limits": LimitConfig(turnover=turnover)})


def test_what_is_held_and_not_to_change_keeps_its_odd_shares():
    made = decision([1.0, 2.0], shares_N=np.array([137, 250]), lot_size=100, price_N=np.ones(2))
    config = PortfolioConfig(top_k=1, max_weight=1.0, limits=LimitConfig(turnover=1e-5))
    built = build_portfolio(made, config=config, costs=FREE)
    assert ordered(made, built).tolist() == [0, 0]
    free = build_portfolio(made, config=replace_limit(config, 0.0), costs=FREE)
    assert ordered(made, free).tolist() == [-137, 1_000_000 - 250]


def test_a_target_within_the_limit_is_taken_whole_and_without_the_limit_it_is_untouched():
    made = decision([1.0, 2.0], shares_N=np.array([300, 0]), lot_size=100)
    config = PortfolioConfig(top_k=1, max_weight=1.0)
    choice = Choice(made, made.score_N, np.array([1]), NONE, config, FREE)
    target = Weighed(np.array([0.0, 0.00025]))
    assert within_turnover(choice, target) is target
    bound = within_turnover(replace(choice, config=replace_limit(config, 0.5)), target)
    assert bound.notes == ()
    np.testing.assert_allclose(bound.weights_N, [0.0, 0.0002])


def test_a_name_that_changes_sides_is_sold_before_it_is_sold_short():
    made = decision([1.0, 2.0], shares_N=np.array([400_000, 0]), lot_size=100_000)
    config = PortfolioConfig(
        top_k=1, max_weight=1.0, stance=Stance.LONG_SHORT, limits=LimitConfig(turnover=0.1)
    )
    choice = Choice(made, made.score_N, np.array([1]), np.array([0]), config, FREE)
    way = []
    for limit in (0.1, 0.3, 0.5, 0.7):
        bound = replace(choice, config=replace_limit(config, limit))
        way.append(within_turnover(bound, Weighed(np.array([-0.5, 0.0]))).weights_N[0])
    assert way == pytest.approx([0.2, 0.0, -0.5, -0.5])
