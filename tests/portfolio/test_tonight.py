"""Tonight's targets are those of a backtest on the same day of the past, bit for bit."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from gogooku.core.calendar import NEW_YORK, TOKYO
from gogooku.portfolio.backtest import run_backtest
from gogooku.portfolio.broker import Broker
from gogooku.portfolio.tonight import Account, decision_of, last_closes, targets_of
from support.portfolios import account, bars, random_market

SETTINGS = {
    "plain": {},
    "seats": {"exit_margin": 2},
    "smoothing": {"smoothing": 3.0},
    "long-short": {"stance": "long_short", "exit_margin": 1},
    "turnover": {"limits": {"turnover": 0.1}},
    "every fourth session": {"rebalance_every": 4, "exit_margin": 2, "smoothing": 2.0},
}
NAMES = 24


@pytest.fixture
def ordered(monkeypatch):
    """Working orders as each session of a backtest finds them, in order of the sessions."""
    found = []
    start = Broker.start_session

    def noted(broker):
        found.append(broker.orders)
        start(broker)

    monkeypatch.setattr(Broker, "start_session", noted)
    return found


def after(result, market, t, previous):
    """The account after a session, from what a backtest keeps of it."""
    day = market.sessions[t].item()
    shares = np.zeros(len(market.codes), dtype=np.int64)
    for code, count in result.holdings.filter(date=day).select("code", "shares").rows():
        shares[market.codes.index(code)] = count
    cash = result.daily.filter(date=day).item(0, "cash")
    return Account(cash, shares, last_closes(market, t), previous)


@pytest.mark.parametrize("case", SETTINGS)
@pytest.mark.parametrize("seed", range(3))
def test_a_day_of_the_past_gives_the_orders_of_the_backtest(case, seed, ordered):
    config = account(cash=3e6, **{"top_k": 5, "max_weight": 0.3, **SETTINGS[case]})
    market, scores = random_market(seed, sessions=40, names=NAMES)
    result = run_backtest(market, scores, np.arange(40), config=config)
    decided = list(range(0, 39, config.portfolio.rebalance_every))
    assert len(result.portfolios) == len(decided)
    for place, t in enumerate(decided):
        previous = result.portfolios[place - 1] if place else None
        decision = decision_of(
            market,
            t,
            scores[: t + 1],
            after(result, market, t, previous),
            history=market.history(),
            lot=config.lot_size,
            fill=config.fills.price,
        )
        made, targets = targets_of(decision, config=config.portfolio, costs=config.costs)
        assert dict(made.weights) == dict(result.portfolios[place].weights)
        assert made == result.portfolios[place]
        wanted = ordered[t]
        assert list(targets.items()) == list(wanted.by_name.items())
        assert (wanted.decided == np.datetime64(decision.session)).all()


def test_what_is_held_and_not_chosen_is_sold_before_anything_is_bought():
    market = bars(open_=[[100.0, 50.0]], close=[[100.0, 50.0]])
    held = Account(0.0, np.array([300, 0]), last_closes(market, 0))
    config = account()
    decision = decision_of(
        market,
        0,
        np.array([[1.0, 2.0]]),
        held,
        history=market.history(),
        lot=100,
        fill=config.fills.price,
    )
    _, targets = targets_of(decision, config=config.portfolio, costs=config.costs)
    assert list(targets.items()) == [(0, 0), (1, 500)]


def test_equity_counts_short_sales_against_it():
    one = Account(1_000.0, np.array([10, -5, 0]), np.array([50.0, 20.0, np.nan]))
    assert one.equity == 1_000.0 + 500.0 - 100.0


def test_last_closes_are_in_the_shares_of_the_session():
    market = bars(
        open_=[[100.0, 7.0], [np.nan, 8.0], [np.nan, 9.0]],
        close=[[100.0, 7.0], [np.nan, 8.0], [np.nan, 9.0]],
        adjustment_factor=np.array([[1.0, 1.0], [0.5, 1.0], [np.nan, 1.0]]),
    )
    assert last_closes(market, 0).tolist() == [100.0, 7.0]
    assert last_closes(market, 2).tolist() == [50.0, 9.0]


@pytest.mark.parametrize(
    ("exchange", "last", "following"),
    [
        (TOKYO, "2022-12-30", datetime(2023, 1, 4, 0, tzinfo=UTC)),
        (NEW_YORK, "2022-06-02", datetime(2022, 6, 3, 13, 30, tzinfo=UTC)),
        (NEW_YORK, "2022-06-03", datetime(2022, 6, 6, 13, 30, tzinfo=UTC)),
    ],
)
def test_the_last_session_is_filled_on_the_next_of_the_calendar(exchange, last, following):
    """Tokyo is closed over the new year; elsewhere a Friday is followed by a Monday."""
    market = bars(
        open_=[[100.0]],
        close=[[100.0]],
        exchange=exchange,
        sessions=np.array([last], dtype="datetime64[D]"),
    )
    assert market.instants(0)[1] == following


def chosen(universe, previous):
    """Names that a margin of one rank chooses among three; the second is better than the first."""
    market = bars([[100.0] * 3], [[100.0] * 3], universe=np.array([universe]))
    state = Account(1e6, np.zeros(3, dtype=np.int64), last_closes(market, 0), previous)
    config = account(exit_margin=1)
    decision = decision_of(
        market,
        0,
        np.array([[2.0, 3.0, 1.0]]),
        state,
        history=market.history(),
        lot=100,
        fill=config.fills.price,
    )
    return targets_of(decision, config=config.portfolio, costs=config.costs)


def test_a_seat_of_the_decision_before_is_kept_and_a_name_outside_the_universe_has_none():
    whole = [True, True, True]
    first, _ = chosen([True, False, True], None)
    assert dict(first.seats) == {"10000": 1}
    kept, targets = chosen(whole, first)
    assert dict(kept.seats) == {"10000": 1}
    assert list(targets) == [0]
    assert dict(chosen(whole, None)[0].seats) == {"10010": 1}


def one_by_one(market, t):
    """Last prices, carried on from session to session."""
    last = np.full(len(market.codes), np.nan)
    for row in range(t + 1):
        close = np.where(market.volume[row] > 0.0, market.close[row], np.nan)
        carried = last * np.nan_to_num(market.adjustment_factor[row], nan=1.0)
        last = np.where(np.isfinite(close), close, carried)
    return last


@pytest.mark.parametrize("block", [1, 7, 64])
def test_last_prices_are_those_carried_on_from_session_to_session(block, monkeypatch):
    monkeypatch.setattr("gogooku.portfolio.tonight._BLOCK", block)
    rng = np.random.default_rng(5)
    shape = (90, 12)
    close = rng.uniform(50.0, 5_000.0, shape)
    volume = np.where(rng.random(shape) < 0.9, 100.0, 0.0)
    volume[40:, 3] = 0.0  # nobody trades it any more
    volume[:, 4] = 0.0  # nobody ever did
    volume[:80, 5] = 0.0
    factor = np.where(rng.random(shape) < 0.05, rng.choice([0.5, 1 / 3, 10.0], shape), 1.0)
    factor[50, 3], factor[60, 3] = 1 / 3, 0.7
    market = replace(
        random_market(2, sessions=shape[0], names=shape[1])[0],
        close=close,
        open=close,
        high=close,
        low=close,
        volume=volume,
        adjustment_factor=factor,
    )
    for t in (0, 1, 39, 63, 64, 89):
        found = last_closes(market, t)
        assert np.array_equal(found, one_by_one(market, t), equal_nan=True)
    assert np.isnan(found[4])
    assert np.isfinite(found[3])
