"""Orders of an evening: whole lots, within cash, and what is not ordered says why."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gogooku.portfolio.backtest import terms_for
from gogooku.portfolio.book import Reason, Side
from gogooku.portfolio.broker import Broker
from gogooku.portfolio.costs import Traded
from gogooku.portfolio.fills import make_offer
from gogooku.portfolio.orders import Orders
from gogooku.portfolio.plan import ODD_LOT, SIDES, plan_orders
from gogooku.portfolio.tonight import Account, decision_of, last_closes, targets_of
from support.portfolios import account, bars, random_market

COSTS = {
    "plain": {},
    "least": {"min_commission": 300.0},
    "tiers": {"tier_from": (1e5,), "tier_bps": (1.0,), "slippage_bps": 20.0},
    "impact": {"impact": 1.0, "spread_ticks": 0.5},
}


def one_day(*closes, **changes):
    row = [list(closes)]
    return bars(open_=row, close=row, **changes)


def planned(market, targets, *, cash=0.0, shares=None, config=None):
    held = np.zeros(len(market.codes), dtype=np.int64) if shares is None else np.array(shares)
    state = Account(cash, held, last_closes(market, 0))
    return plan_orders(market, 0, state, targets, account(bps=10.0) if config is None else config)


def given_to_broker(plan):
    return [(side.value, n, count) for side in SIDES for n, count in plan.orders[side].items()]


def test_by_hand():
    """500 sold of A pay for B: 50,000 - 50 = 49,950; 900 of B at 50 cost 45,000 + 45."""
    plan = planned(one_day(100.0, 50.0), {0: 0, 1: 900}, shares=[500, 0])
    assert given_to_broker(plan) == [("sell", 0, 500), ("buy", 1, 900)]
    assert plan.cash == 49_950.0 - 45_045.0
    assert plan.left == {}


def test_what_cash_does_not_allow_is_scaled_alike_and_the_rest_goes_by_rank():
    """80,080 are wanted: of each 437 shares, which are four lots; then one lot more of B."""
    plan = planned(one_day(100.0, 50.0, 10.0), {0: 500, 1: 500, 2: 500}, cash=70_000.0)
    assert plan.orders[Side.BUY] == {0: 400, 1: 500, 2: 400}
    assert plan.left == {0: (Reason.CASH,), 2: (Reason.CASH,)}
    assert plan.cash == 70_000.0 - 40_040.0 - 25_025.0 - 4_004.0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    costs=st.sampled_from(["plain", "least", "tiers"]),
    cash=st.floats(1e5, 5e7),
)
def test_where_the_session_opens_at_the_last_closes_a_backtest_trades_these_orders(
    seed, costs, cash
):
    """Of one account, targets and prices, also where cash does not allow all, share by share."""
    rng = np.random.default_rng(seed)
    market, scores = random_market(seed, sessions=22, names=12)
    last = last_closes(market, 20)
    still = np.isfinite(market.close[20]) & (market.volume[20] > 0.0)
    tomorrow = np.where(still, market.close[20], np.nan)

    def followed(rows, value):
        made = rows.copy()
        made[21] = value
        return made

    market = replace(
        market,
        open=followed(market.open, tomorrow),
        high=followed(market.high, tomorrow),
        low=followed(market.low, tomorrow),
        close=followed(market.close, tomorrow),
        volume=followed(market.volume, np.where(still, 1e9, 0.0)),
        adjustment_factor=followed(market.adjustment_factor, 1.0),
        listed=followed(market.listed, market.listed[20]),
        limit_up=np.zeros_like(market.limit_up),
        limit_down=np.zeros_like(market.limit_down),
    )
    config = account(cash=cash, costs=COSTS[costs], top_k=4, max_weight=0.4)
    held = np.where((rng.random(12) < 0.4) & np.isfinite(last), rng.integers(0, 30, 12) * 100, 0)
    state = Account(float(round(cash)), held.astype(np.int64), last)
    decision = decision_of(market, 20, scores[:21], state, history=market.history(),
                           lot=100, fill=config.fills.price)  # fmt: skip
    _, targets = targets_of(decision, config=config.portfolio, costs=config.costs)
    targets = {n: 3 * count for n, count in targets.items()}
    plan = plan_orders(market, 20, state, targets, config)
    broker = Broker(market.codes, cash, terms_for(market, config))
    broker.shares[:], broker.last = held, last.copy()
    broker.orders = Orders.of(targets, market.sessions[20].item())
    broker.start_session()
    slip = broker.due()
    offer = make_offer(market, 21, slip.names, broker.last[slip.names], config=config.fills,
                       costs=config.costs)  # fmt: skip
    broker.fill(market.sessions[21].item(), slip, offer)
    traded = {n: int(change) for n, change in enumerate(broker.shares - held) if change}
    ordered = {n: plan.change_of(n) for side in SIDES for n in plan.orders[side]}
    assert traded == ordered
    assert broker.cash == plan.cash


def test_a_least_commission_counts():
    """900 yen of shares and 100 of commission are a thousand; one yen less buys nothing."""
    config = account(bps=0.0, costs={"min_commission": 100.0})
    market = one_day(9.0)
    assert planned(market, {0: 100}, cash=1_000.0, config=config).cash == 0.0
    short_of = planned(market, {0: 100}, cash=999.0, config=config)
    assert (short_of.orders[Side.BUY], short_of.cash) == ({}, 999.0)


def test_shares_beyond_whole_lots_stay_and_it_is_said():
    plan = planned(one_day(100.0, 50.0), {0: 0, 1: 300}, shares=[150, 250], cash=9e5)
    assert given_to_broker(plan) == [("sell", 0, 100), ("buy", 1, 100)]
    assert plan.left == {0: (ODD_LOT,), 1: (ODD_LOT,)}


def flags(*values):
    return np.array([values], dtype=float)


@pytest.mark.parametrize(
    ("changes", "targets", "why"),
    [
        ({"limit_up": flags(1, 0)}, {0: 200}, Reason.LIMIT_UP),
        ({"limit_down": flags(1, 0)}, {0: 0}, Reason.LIMIT_DOWN),
        ({"volume": flags(0, 1e9)}, {0: 0}, Reason.NO_TRADE),
        ({"listed": flags(0, 1) > 0}, {0: 0}, Reason.DELISTED),
    ],
)
def test_a_name_that_is_locked_or_halted_is_not_ordered(changes, targets, why):
    market = one_day(100.0, 50.0, **changes)
    state = Account(1e6, np.array([100, 0]), np.array([100.0, 50.0]))
    plan = plan_orders(market, 0, state, targets, account())
    assert given_to_broker(plan) == []
    assert plan.left == {0: (why,)}


def test_at_its_limit_during_the_session_and_not_at_its_end_is_ordered():
    market = one_day(100.0, limit_up=flags(1), high=flags(110))
    assert planned(market, {0: 100}, cash=1e6).orders[Side.BUY] == {0: 100}


def test_selling_at_the_upper_limit_is_ordered():
    market = one_day(100.0, limit_up=flags(1))
    assert planned(market, {0: 0}, shares=[100]).orders[Side.SELL] == {0: 100}


def test_no_more_than_a_share_of_traded_value():
    """A tenth of 4,500 shares a session is 450: four lots."""
    config = account(fills={"max_participation": 0.1})
    market = one_day(100.0, volume=flags(4_500))
    plan = planned(market, {0: 1_000}, cash=1e9, config=config)
    assert plan.orders[Side.BUY] == {0: 400}
    assert plan.left == {0: (Reason.PARTICIPATION,)}


def test_long_and_short():
    config = account(bps=0.0, stance="long_short", max_gross=1.0)
    market = one_day(100.0, 50.0, 20.0)
    plan = planned(market, {0: 0, 1: 1_000, 2: -1_000}, shares=[0, -200, 100], cash=90_000.0,
                   config=config)  # fmt: skip
    assert plan.orders[Side.SELL] == {2: 100}
    assert plan.orders[Side.COVER] == {1: 200}
    assert plan.orders[Side.SHORT] == {2: 1_000}
    # 82,000 of equity: 20,000 are sold short, 62,000 may be bought.
    assert plan.orders[Side.BUY] == {1: 1_000}
    assert plan.cash == 90_000 + 2_000 - 10_000 + 20_000 - 50_000
    market = replace(market, lendable=np.zeros((1, 3), dtype=bool))
    barred = planned(market, {2: -1_000}, cash=90_000.0, config=config)
    assert (given_to_broker(barred), barred.left) == ([], {2: (Reason.NOT_LENDABLE,)})


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    costs=st.sampled_from(sorted(COSTS)),
    cap=st.sampled_from([0.0, 1e-7, 1e-3]),
    stance=st.sampled_from(["long", "long_short"]),
    cash=st.floats(0.0, 5e7),
)
def test_orders_of_any_account(seed, costs, cap, stance, cash):
    """Whole lots, cash never exceeded, costs counted; targets are reached, or it says why not."""
    rng = np.random.default_rng(seed)
    market, scores = random_market(seed, sessions=30, names=12)
    config = account(cash=1e7, costs=COSTS[costs], fills={"max_participation": cap}, stance=stance,
                     top_k=4, max_weight=0.4)  # fmt: skip
    last, t = last_closes(market, 20), 20
    held = np.where(rng.random(12) < 0.4, rng.integers(0, 3_000, 12), 0) * np.isfinite(last)
    if stance == "long_short":
        held = held * rng.choice([1, 1, -1], 12)
        cash += float(np.abs(held) @ np.nan_to_num(last)) * 2
    state = Account(float(round(cash) + 1), held.astype(np.int64), last)
    decision = decision_of(market, t, scores[: t + 1], state, history=market.history(),
                           lot=100, fill=config.fills.price)  # fmt: skip
    _, targets = targets_of(decision, config=config.portfolio, costs=config.costs)
    plan = plan_orders(market, t, state, targets, config)
    paid = 0.0
    for side in SIDES:
        for n, count in plan.orders[side].items():
            assert count > 0
            assert count % 100 == 0
            value = count * last[n]
            assert math.isfinite(value)
            one = Traded(*(np.array([x]) for x in (value, count, np.nan, np.nan, np.nan)))
            sign = 1 if side in (Side.BUY, Side.COVER) else -1
            least = sign * value + (config.costs.charges(one).commission[0] if sign > 0 else 0.0)
            paid += least
    assert plan.cash <= state.cash - paid + 12.0
    if stance == "long":
        assert plan.cash >= 0.0
        assert not plan.orders[Side.SHORT]
        assert not plan.orders[Side.COVER]
    for n, target in targets.items():
        if held[n] + plan.change_of(n) != target:
            assert plan.left[n]
        elif n in plan.left:
            assert plan.left[n] == (ODD_LOT,) or held[n] == target
    touched = {n for side in SIDES for n in plan.orders[side]}
    assert touched <= set(targets)
