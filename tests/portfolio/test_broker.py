"""The account by itself, worked by hand: orders, refusals, whole lots, splits and ends."""

from datetime import date

import numpy as np
import pytest

from gogooku.portfolio.broker import Broker, Opening, Order, Reason, Side
from gogooku.portfolio.costs import CostConfig

DAY, LATER = date(2024, 1, 5), date(2024, 1, 9)
DECIDED = date(2024, 1, 4)
FREE = CostConfig(commission_bps=0.0, slippage_bps=0.0)
ONE_PERCENT = CostConfig(commission_bps=60.0, slippage_bps=40.0)


def account(cash=100_000.0, *, names=3, costs=FREE, lot=100, held=None, last=100.0):
    broker = Broker(tuple("ABC"[:names]), cash, costs, lot)
    broker.last = np.full(names, last)
    for name, count in (held or {}).items():
        broker.shares[name] = count
    return broker


def order(broker, **targets):
    for code, target in targets.items():
        broker.orders[broker.codes.index(code)] = Order(target, DECIDED)


def opening(*prices, no_buy=(), no_sell=()):
    names = range(len(prices))
    return Opening(
        price=np.array(prices, dtype=float),
        no_buy=np.array([n in no_buy for n in names]),
        no_sell=np.array([n in no_sell for n in names]),
    )


def test_sells_come_before_buys_and_pay_for_them():
    broker = account(cash=0.0, held={0: 500}, costs=ONE_PERCENT)
    order(broker, B=400, A=0)
    fills = broker.open(DAY, opening(100.0, 90.0, 100.0))
    # sold 500 x 100 = 50,000 - 500 cost; 400 x 90 = 36,000 + 360 cost
    assert [row[1:5] for row in broker.ledger] == [("A", "sell", 500, 100.0), ("B", "buy", 400, 90)]
    assert broker.cash == pytest.approx(49_500 - 36_360)
    assert broker.shares.tolist() == [0, 400, 0]
    assert (fills.equity, fills.unfilled) == (50_000.0, 0)
    assert (fills.traded, fills.cost) == (pytest.approx(86_000), pytest.approx(860))
    assert broker.orders == {}


def test_what_is_too_dear_is_scaled_alike_and_the_rest_goes_by_rank():
    broker = account(cash=100_000.0)
    order(broker, A=800, B=800)
    broker.open(DAY, opening(100.0, 100.0, 100.0))
    # 160,000 wanted: 500 each
    assert broker.shares.tolist() == [500, 500, 0]
    assert broker.cash == 0.0
    broker = account(cash=95_000.0)
    order(broker, B=800, A=800)
    broker.open(DAY, opening(100.0, 100.0, 100.0))
    # 475 each is 400 each; 15,000 are left: one lot more for the first in rank
    assert broker.shares.tolist() == [400, 500, 0]
    assert broker.cash == 5_000.0


@pytest.mark.parametrize(
    ("target", "held", "offered", "reason"),
    [
        (200, 0, opening(np.nan), Reason.NO_OPEN),
        (0, 200, opening(np.nan), Reason.NO_OPEN),
        (200, 0, opening(100.0, no_buy=[0]), Reason.LIMIT_UP),
        (0, 200, opening(100.0, no_sell=[0]), Reason.LIMIT_DOWN),
    ],
)
def test_what_the_market_refuses_is_carried_to_the_next_open(target, held, offered, reason):
    broker = account(names=1, held={0: held})
    order(broker, A=target)
    assert broker.open(DAY, offered).unfilled == 1
    side = Side.BUY if target else Side.SELL
    assert broker.unfilled == [(DAY, "A", side, 200, reason)]
    assert broker.orders == {0: Order(target, DECIDED, refused=1)}
    broker.open(LATER, opening(100.0))
    assert broker.shares.tolist() == [target]
    assert broker.ledger[-1][6] == Reason.CARRIED
    assert broker.ledger[-1][8] == DECIDED


def test_locks_bind_one_side_only():
    broker = account(names=2, held={1: 200})
    order(broker, A=100, B=100)
    broker.open(DAY, opening(100.0, 100.0, no_buy=[1], no_sell=[0]))
    assert broker.shares.tolist() == [100, 100]


@pytest.mark.parametrize("target", [250, 299, 200])
def test_less_than_a_lot_more_is_not_bought(target):
    broker = account(names=1, held={0: 200})
    order(broker, A=target)
    assert broker.open(DAY, opening(100.0)).traded == 0.0
    assert (broker.ledger, broker.unfilled, broker.orders) == ([], [], {})


def test_less_than_a_lot_is_sold():
    broker = account(names=1, held={0: 30})
    order(broker, A=0)
    broker.open(DAY, opening(100.0))
    assert broker.shares.tolist() == [0]


def test_a_split_changes_holding_price_and_order():
    broker = account(names=1, held={0: 300})
    order(broker, A=500)
    broker.split(DAY, np.array([0.5]))
    assert (broker.shares.tolist(), broker.last.tolist()) == ([600], [50.0])
    assert broker.orders[0].target == 1000
    assert broker.ledger[0][1:8] == ("A", "split", 300, 50.0, 0.0, "split", 0.0)
    assert broker.equity() == 100_000 + 600 * 50


def test_a_consolidation_pays_the_fraction_and_rounds_orders_down_to_lots():
    broker = account(names=1, cash=0.0, held={0: 105})
    order(broker, A=1550)
    broker.split(DAY, np.array([10.0]))
    assert broker.shares.tolist() == [10]
    assert broker.cash == pytest.approx(0.5 * 1_000)
    assert broker.orders[0].target == 100  # 155 shares are one lot
    assert broker.equity() == pytest.approx(105 * 100)


def test_factors_of_one_and_unknown_ones_do_nothing():
    broker = account(names=3, held={0: 100})
    broker.split(DAY, np.array([1.0, np.nan, 0.5]))
    assert broker.ledger == [], "nobody holds the name that split"
    assert broker.last.tolist() == [100.0, 100.0, 50.0]


def test_who_leaves_is_paid_at_the_last_price_without_cost():
    broker = account(names=2, cash=0.0, held={0: 100, 1: 100}, costs=ONE_PERCENT, last=70.0)
    order(broker, A=500, B=500)
    broker.delist(DAY, np.array([False, True]))
    assert (broker.cash, broker.shares.tolist()) == (7_000.0, [0, 100])
    assert list(broker.orders) == [1]
    assert broker.ledger[0][2:8] == ("sell", 100, 70.0, 0.0, "delisted", 7_000.0)


def test_a_name_without_a_trade_keeps_its_last_price():
    broker = account(names=2, cash=1.0, held={0: 100})
    broker.mark(np.array([np.nan, 20.0]))
    assert broker.last.tolist() == [100.0, 20.0]
    assert broker.equity() == 10_001.0


def test_impossible_states_are_refused():
    broker = account(names=1, held={0: 100})
    broker.last[:] = np.nan
    with pytest.raises(AssertionError, match="has no price"):
        broker.mark(np.array([np.nan]))
    broker = account(names=1, cash=-5.0)
    with pytest.raises(AssertionError, match="is negative"):
        broker.mark(np.array([1.0]))
