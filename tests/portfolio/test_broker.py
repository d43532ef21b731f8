"""The account by itself, worked by hand: orders, refusals, whole lots, splits and ends."""

from datetime import date

import numpy as np
import pytest

from gogooku.core.errors import DataError
from gogooku.portfolio.book import Reason, Side
from gogooku.portfolio.broker import AccountTerms, Broker
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.fills import Offer
from gogooku.portfolio.orders import Orders

DAY, LATER = date(2024, 1, 5), date(2024, 1, 9)
DECIDED = date(2024, 1, 4)
FREE = CostConfig(commission_bps=0.0, slippage_bps=0.0, borrow_bps=0.0)
ONE_PERCENT = CostConfig(commission_bps=60.0, slippage_bps=40.0, borrow_bps=365.0)


def account(cash=100_000.0, *, names=3, costs=FREE, lot=100, held=None, last=100.0, **terms):
    broker = Broker(tuple("ABC"[:names]), cash, AccountTerms(costs=costs, lot=lot, **terms))
    broker.last = np.full(names, last)
    for name, count in (held or {}).items():
        broker.shares[name] = count
    return broker


def order(broker, **targets):
    names = np.array([broker.codes.index(code) for code in targets])
    broker.orders = Orders.new(names, np.array(list(targets.values())), DECIDED)


def working(broker):
    """Orders by code: target and the sessions that did not fill it."""
    orders = broker.orders
    assert (orders.decided == np.datetime64(DECIDED)).all()
    codes = [broker.codes[n] for n in orders.names]
    values = zip(orders.targets.tolist(), orders.refused.tolist(), strict=True)
    return dict(zip(codes, values, strict=True))


def opening(*prices, no_buy=(), no_sell=(), most=np.inf):
    return np.array(prices, dtype=float), no_buy, no_sell, most


def session(broker, day, offered, **given):
    """One session's fills at prices of all names."""
    price, no_buy, no_sell, most = offered
    broker.start_session()
    slip = broker.due()
    of_slip = price[slip.names]
    unknown = np.full(len(slip.names), np.nan)
    made = Offer(
        price_of=lambda names: price[names],
        price=of_slip,
        buy_price=of_slip,
        sell_price=of_slip,
        no_buy=np.isin(slip.names, no_buy),
        no_sell=np.isin(slip.names, no_sell),
        tick=np.ones(len(slip.names)),
        max_shares=np.full(len(slip.names), most) if np.isfinite(most) else None,
        mean_value=unknown,
        volatility=unknown,
    )
    broker.fill(day, slip, made, **given)
    return broker.today


def ledger(broker, *columns):
    return broker.book.ledger().select(columns).rows()


def test_sells_come_before_buys_and_pay_for_them():
    broker = account(cash=0.0, held={0: 500}, costs=ONE_PERCENT)
    order(broker, B=400, A=0)
    fills = session(broker, DAY, opening(100.0, 90.0, 100.0))
    # sold 500 x 100 = 50,000 - 500 cost; 400 x 90 = 36,000 + 360 cost
    rows = ledger(broker, "code", "side", "shares", "price")
    assert rows == [("A", "sell", 500, 100.0), ("B", "buy", 400, 90)]
    assert broker.cash == pytest.approx(49_500 - 36_360)
    assert broker.shares.tolist() == [0, 400, 0]
    assert (fills.equity, fills.unfilled) == (50_000.0, 0)
    assert (fills.traded, fills.cost) == (pytest.approx(86_000), pytest.approx(860))
    assert working(broker) == {}


def test_what_is_too_dear_is_scaled_alike_and_the_rest_goes_by_rank():
    broker = account(cash=100_000.0)
    order(broker, A=800, B=800)
    session(broker, DAY, opening(100.0, 100.0, 100.0))
    # 160,000 wanted: 500 each
    assert broker.shares.tolist() == [500, 500, 0]
    assert broker.cash == 0.0
    broker = account(cash=95_000.0)
    order(broker, B=800, A=800)
    session(broker, DAY, opening(100.0, 100.0, 100.0))
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
    assert session(broker, DAY, offered).unfilled == 1
    side = Side.BUY if target else Side.SELL
    assert broker.book.unfilled().rows() == [(DAY, "A", side, 200, reason)]
    assert working(broker) == {"A": (target, 1)}
    session(broker, LATER, opening(100.0))
    assert broker.shares.tolist() == [target]
    assert ledger(broker, "reason", "decided")[-1] == (Reason.CARRIED, DECIDED)


def test_locks_bind_one_side_only():
    broker = account(names=2, held={1: 200})
    order(broker, A=100, B=100)
    session(broker, DAY, opening(100.0, 100.0, no_buy=[1], no_sell=[0]))
    assert broker.shares.tolist() == [100, 100]


@pytest.mark.parametrize("target", [250, 299, 200])
def test_less_than_a_lot_more_is_not_bought(target):
    broker = account(names=1, held={0: 200})
    order(broker, A=target)
    assert session(broker, DAY, opening(100.0)).traded == 0.0
    assert (
        broker.book.ledger().height,
        broker.book.unfilled().height,
        len(broker.orders.names),
    ) == (0, 0, 0)


def test_less_than_a_lot_is_sold():
    broker = account(names=1, held={0: 30})
    order(broker, A=0)
    session(broker, DAY, opening(100.0))
    assert broker.shares.tolist() == [0]


def test_a_split_changes_holding_price_and_order():
    broker = account(names=1, held={0: 300})
    order(broker, A=500)
    broker.split(DAY, np.array([0.5]))
    assert (broker.shares.tolist(), broker.last.tolist()) == ([600], [50.0])
    assert working(broker) == {"A": (1000, 0)}
    assert broker.book.ledger().row(0)[1:8] == ("A", "split", 300, 50.0, 0.0, "split", 0.0)
    assert broker.equity() == 100_000 + 600 * 50


def test_a_consolidation_pays_the_fraction_and_orders_keep_their_share():
    broker = account(names=1, cash=0.0, held={0: 105})
    order(broker, A=1550)
    broker.split(DAY, np.array([10.0]))
    assert broker.shares.tolist() == [10]
    assert broker.cash == 0.5 * 1_000
    assert working(broker) == {"A": (155, 0)}  # of which 145 more are one lot
    assert broker.due().opening.tolist() == [100]
    assert broker.equity() == pytest.approx(105 * 100)


def test_a_split_pays_the_part_of_a_share_however_many_are_held():
    """1,000,004 shares, ten to one: 100,000, and four tenths of one of 1,000 in cash."""
    broker = account(names=1, cash=0.0, held={0: 1_000_004})
    broker.split(DAY, np.array([10.0]))
    assert broker.shares.tolist() == [100_000]
    assert broker.cash == 400.0


def test_a_pending_sale_over_a_consolidation_sells_what_it_meant_to():
    """Selling 300 of 1,000 with one new share for ten: 30 of 100 go, not all of them."""
    broker = account(names=1, cash=0.0, held={0: 1_000})
    order(broker, A=700)
    session(broker, DAY, opening(np.nan))
    broker.split(LATER, np.array([10.0]))
    session(broker, LATER, opening(1_000.0))
    assert broker.shares.tolist() == [70]
    assert broker.cash == 30_000.0
    rows = ledger(broker, "side", "shares", "reason")
    assert rows == [("split", -900, "split"), ("sell", 30, "carried")]


def test_a_pending_sale_over_a_consolidation_and_a_delisting_is_paid_once():
    broker = account(names=1, cash=0.0, held={0: 1_005}, haircut=0.25)
    order(broker, A=0)
    session(broker, DAY, opening(100.0, no_sell=[0]))
    broker.split(LATER, np.array([10.0]))
    broker.delist(LATER, np.array([False]))
    assert session(broker, LATER, opening(np.nan)).unfilled == 0
    assert (broker.shares.tolist(), len(broker.orders.names)) == ([0], 0)
    assert broker.cash == 0.5 * 1_000 + 100 * 1_000 * 0.75
    assert ledger(broker, "side", "shares", "price", "reason") == [
        ("split", -905, 1_000.0, "split"),
        ("sell", 100, 750.0, "delisted"),
    ]


def test_factors_of_one_and_unknown_ones_do_nothing():
    broker = account(names=3, held={0: 100})
    broker.split(DAY, np.array([1.0, np.nan, 0.5]))
    assert broker.book.ledger().is_empty(), "nobody holds the name that split"
    assert broker.last.tolist() == [100.0, 100.0, 50.0]


def test_who_leaves_is_paid_at_the_last_price_without_cost():
    broker = account(names=2, cash=0.0, held={0: 100, 1: 100}, costs=ONE_PERCENT, last=70.0)
    order(broker, A=500, B=500)
    broker.delist(DAY, np.array([False, True]))
    assert (broker.cash, broker.shares.tolist()) == (7_000.0, [0, 100])
    assert working(broker) == {"B": (500, 0)}
    assert broker.book.unfilled().rows() == [(DAY, "A", "buy", 400, "delisted")]
    assert broker.book.ledger().row(0)[2:8] == ("sell", 100, 70.0, 0.0, "delisted", 7_000.0)


def test_a_name_without_a_trade_keeps_its_last_price():
    broker = account(names=2, cash=1.0, held={0: 100})
    broker.mark(np.array([np.nan, 20.0]), DAY)
    assert broker.last.tolist() == [100.0, 20.0]
    assert broker.equity() == 10_001.0


def test_impossible_states_are_refused():
    broker = account(names=1, held={0: 100})
    broker.last[:] = np.nan
    with pytest.raises(AssertionError, match="has no price"):
        broker.mark(np.array([np.nan]), DAY)
    broker = account(names=1, cash=-5.0)
    with pytest.raises(AssertionError, match="is negative"):
        broker.mark(np.array([1.0]), DAY)
    broker = account(names=1)
    broker.units -= 1
    with pytest.raises(AssertionError, match="cash and the ledger differ"):
        broker.mark(np.array([1.0]), DAY)


def test_money_is_whole_units():
    """33 x 33.33 = 1,099.89 yen are 1,100, its one percent 11; in cents both are exact."""
    broker = account(names=1, costs=ONE_PERCENT, lot=1)
    order(broker, A=33)
    session(broker, DAY, opening(33.33))
    assert ledger(broker, "cash", "commission", "spread") == [(-1_111.0, 7.0, 4.0)]
    broker = account(names=1, costs=ONE_PERCENT, lot=1, minor_units=100)
    order(broker, A=33)
    session(broker, DAY, opening(33.33))
    assert ledger(broker, "cash", "commission", "spread") == [(-1_110.89, 6.6, 4.4)]


def test_a_cap_fills_in_part_and_carries_the_rest():
    broker = account(names=1, cash=1e6)
    order(broker, A=1_000)
    first = session(broker, DAY, opening(100.0, most=470.0))
    assert (first.capped, first.unfilled, broker.shares.tolist()) == (1, 0, [400])
    assert broker.book.unfilled().rows() == [(DAY, "A", "buy", 600, "participation")]
    session(broker, LATER, opening(101.0, most=1e9))
    assert ledger(broker, "shares", "price", "reason") == [
        (400, 100.0, "rebalance"),
        (600, 101.0, "carried"),
    ]
    assert working(broker) == {}


def test_a_cap_below_a_lot_waits_and_the_last_shares_go_whole():
    broker = account(names=1, held={0: 130})
    order(broker, A=0)
    session(broker, DAY, opening(100.0, most=99.0))
    assert broker.shares.tolist() == [130]
    session(broker, LATER, opening(100.0, most=130.0))
    assert broker.shares.tolist() == [0]


def test_what_cash_cuts_is_written_down_though_nothing_waits():
    broker = account(cash=95_000.0)
    order(broker, B=800, A=800)
    fills = session(broker, DAY, opening(100.0, 100.0, 100.0))
    assert broker.book.unfilled().rows() == [
        (DAY, "B", "buy", 300, "cash"),
        (DAY, "A", "buy", 400, "cash"),
    ]
    assert (fills.unfilled, working(broker)) == (0, {}), "the next decision asks again"


def test_what_a_cap_and_what_cash_cut_of_one_order_are_two_rows():
    broker = account(cash=25_000.0)
    order(broker, A=1_000)
    session(broker, DAY, opening(100.0, 100.0, 100.0, most=470.0))
    assert broker.book.unfilled().rows() == [
        (DAY, "A", "buy", 600, "participation"),
        (DAY, "A", "buy", 200, "cash"),
    ]
    assert working(broker) == {"A": (1_000, 1)}


# ------------------------------------------------------------------------------------------ shorts


def test_a_short_sale_keeps_its_proceeds_as_collateral():
    """100,000 of cash: 60,000 sold short bring cash, but nothing more to buy with."""
    broker = account(cash=100_000.0, costs=FREE, max_gross=2.0)
    order(broker, A=-600, B=1_500)
    session(broker, DAY, opening(100.0, 100.0, 100.0))
    assert broker.shares.tolist() == [-600, 1_000, 0]
    assert broker.cash == 60_000.0
    assert broker.equity() == 100_000.0
    rows = ledger(broker, "code", "side", "shares")
    assert rows == [("A", "short", 600), ("B", "buy", 1_000)]


def test_short_sales_end_at_the_gross_limit():
    broker = account(cash=100_000.0, max_gross=1.5)
    order(broker, A=-2_000)
    session(broker, DAY, opening(100.0, 100.0, 100.0))
    assert broker.shares.tolist() == [-1_500, 0, 0]
    order(broker, B=400)
    session(broker, LATER, opening(100.0, 100.0, 100.0))
    assert broker.shares.tolist() == [-1_500, 0, 0], "the limit holds both signs"
    assert broker.book.unfilled().rows() == [
        (DAY, "A", "sell", 500, "gross"),
        (LATER, "B", "buy", 400, "gross"),
    ]


def test_shares_that_cash_does_not_buy_back_are_written_down():
    broker = account(cash=5_000.0, held={0: -200}, last=30.0)
    order(broker, A=0)
    session(broker, DAY, opening(100.0, 100.0, 100.0))
    assert broker.shares.tolist() == [-150, 0, 0]
    assert broker.book.unfilled().rows() == [(DAY, "A", "buy", 150, "cash")]


def test_an_order_through_zero_sells_and_shorts():
    broker = account(cash=50_000.0, held={0: 130}, costs=ONE_PERCENT, max_gross=2.0)
    order(broker, A=-200)
    session(broker, DAY, opening(100.0, 100.0, 100.0))
    assert ledger(broker, "side", "shares") == [("sell", 130), ("short", 200)]
    assert broker.shares.tolist() == [-200, 0, 0]
    order(broker, A=100)
    session(broker, LATER, opening(90.0, 100.0, 100.0))
    assert ledger(broker, "side", "shares")[2:] == [("cover", 200), ("buy", 100)]
    # + 33,000 - 330, then - 27,000 - 270
    assert broker.cash == 50_000 + 33_000 - 330 - 27_000 - 270


def test_borrowed_shares_cost_a_fee_by_calendar_days():
    broker = account(cash=50_000.0, held={0: -200}, costs=ONE_PERCENT, last=100.0)
    broker.start_session()
    broker.charge_borrow(DAY, 3)
    # 365 basis points a year of 20,000 are 2 a day
    assert ledger(broker, "side", "shares", "cost", "cash") == [("borrow", 200, 6.0, -6.0)]
    assert (broker.today.borrow, broker.today.cost) == (6.0, 6.0)


def test_what_cannot_be_borrowed_is_not_sold_short():
    broker = account(held={0: 100}, max_gross=2.0)
    order(broker, A=-200)
    session(broker, DAY, opening(100.0, 100.0, 100.0), lendable_N=np.array([False] * 3))
    assert broker.shares.tolist() == [0, 0, 0]
    assert broker.book.unfilled().rows() == [(DAY, "A", "sell", 200, "not_lendable")]


def test_splits_dividends_and_ends_of_what_was_sold_short():
    broker = account(cash=50_000.0, held={0: -105, 1: 100}, dividend_tax=0.2, haircut=0.5)
    broker.start_session()
    broker.pay_dividends(DAY, np.array([2.0, 3.0, 9.0]))
    assert ledger(broker, "code", "side", "shares", "cash") == [
        ("A", "dividend", 105, -210.0),
        ("B", "dividend", 100, 240.0),
    ]
    assert broker.today.dividends == 30.0
    broker.split(DAY, np.array([10.0, 1.0, 1.0]))
    assert broker.shares.tolist() == [-10, 100, 0]
    assert ledger(broker, "side", "shares", "cash")[2] == ("split", 95, -500.0)
    broker.delist(DAY, np.array([False, True, True]))
    assert ledger(broker, "side", "shares", "price", "cash")[3] == ("cover", 10, 1_000.0, -10_000)


def test_an_account_eaten_up_by_its_shorts_is_an_error():
    broker = account(cash=100_000.0, names=1, max_gross=2.0)
    order(broker, A=-2_000)
    session(broker, DAY, opening(100.0))
    with pytest.raises(DataError, match="on 2024-01-09 equity is -10,000 after .* would have been"):
        broker.mark(np.array([155.0]), LATER)
