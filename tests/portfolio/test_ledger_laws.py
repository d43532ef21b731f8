"""What no market, account or fill may break, each worked out again from the ledger alone."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gogooku.core.errors import DataError
from gogooku.core.price_limits import limit_prices
from gogooku.core.ticks import tick_size
from gogooku.portfolio import backtest as backtest_module
from gogooku.portfolio.backtest import run_backtest
from gogooku.portfolio.book import SIGN, TRADES, Side
from gogooku.portfolio.broker import Broker
from gogooku.portfolio.costs import Traded
from gogooku.portfolio.orders import slip_of
from support.lively import last_closes, lively_market
from support.portfolios import account, bars

RISES = (Side.BUY, Side.COVER)


def trade(market, scores, config):
    return run_backtest(market, np.asarray(scores, float), np.arange(len(scores)), config=config)


def traded_or_skipped(market, scores, config):
    try:
        return trade(market, scores, config)
    except DataError as refused:
        assume("no trade" not in str(refused))
        assume("benchmark" not in str(refused))
        assume("would have been closed" not in str(refused))
        raise


costs = st.fixed_dictionaries(
    {
        "commission_bps": st.sampled_from([0.0, 5.0]),
        "min_commission": st.sampled_from([0.0, 300.0]),
        "slippage_bps": st.sampled_from([0.0, 8.0, 200.0]),
        "spread_ticks": st.sampled_from([0.0, 0.5]),
        "impact": st.sampled_from([0.0, 1.0]),
    }
)
fills = st.fixed_dictionaries(
    {
        "price": st.sampled_from(["open", "vwap_proxy", "close"]),
        "max_participation": st.sampled_from([0.0, 0.02, 0.3]),
        "lookback": st.sampled_from([2, 20]),
    }
)
configs = st.builds(
    account,
    cash=st.sampled_from([3e4, 1e6, 1e8]),
    lot=st.sampled_from([1, 100]),
    costs=costs,
    fills=fills,
    top_k=st.integers(1, 3),
    rebalance_every=st.integers(1, 5),
    max_weight=st.sampled_from([0.3, 1.0]),
    stance=st.sampled_from(["long", "dollar_neutral"]),
    max_gross=st.sampled_from([1.0, 2.0]),
    delisting_haircut=st.sampled_from([0.0, 0.4]),
    max_market_share=st.just(1e6),
)


class Replay:
    """The account of a ledger, worked out from its rows and the market."""

    def __init__(self, market, result, config):
        self.place = {code: n for n, code in enumerate(market.codes)}
        self.rows = {}
        for row in result.ledger.iter_rows(named=True):
            self.rows.setdefault(row["date"], []).append(row)
        self.market, self.cash = market, config.initial_cash
        self.shares = np.zeros(len(market.codes), dtype=np.int64)
        self.base = last_closes(market)

    def session(self, t):
        for row in self.rows.get(self.market.sessions[t].item(), []):
            self.shares[self.place[row["code"]]] += SIGN[Side(row["side"])] * row["shares"]
            self.cash += row["cash"]
        close = np.where(self.market.volume[t] > 0, self.market.close[t], np.nan)
        last = np.where(np.isfinite(close), close, self.base[t])
        held = self.shares != 0
        return self.cash + float(self.shares[held] @ last[held])


@given(st.integers(0, 10**6), configs)
@settings(max_examples=25, deadline=None)
def test_value_is_conserved_to_the_unit(seed, config):
    """Cash moves by the ledger and by nothing else, and holdings are what its rows add up to."""
    market, scores = lively_market(seed)
    result = traded_or_skipped(market, scores, config)
    replay = Replay(market, result, config)
    long_only = not config.portfolio.stance.shorts
    for t, day in enumerate(result.daily.iter_rows(named=True)):
        equity = replay.session(t)
        assert day["cash"] == replay.cash == round(replay.cash), "to the yen"
        assert day["equity"] == pytest.approx(equity, rel=1e-12, abs=1e-6)
        if long_only:
            assert day["cash"] >= 0.0
            assert (replay.shares >= 0).all()
        kinds = sum(day[kind] for kind in ("commission", "spread", "impact", "borrow"))
        assert day["cost"] == pytest.approx(kinds)
        gone = ~market.listed[t] & (replay.shares != 0)
        assert not gone.any(), "a delisted name is held"


@given(st.integers(0, 10**6), configs)
@settings(max_examples=25, deadline=None)
def test_a_session_earns_prices_less_costs_and_nothing_else(seed, config):
    """Equity after a session less before it: moves of what was held, dividends, ends, costs."""
    market, scores = lively_market(seed)
    result = traded_or_skipped(market, scores, config)
    replay = Replay(market, result, config)
    before = replay.session(0)
    for t in range(1, result.daily.height):
        held, base = replay.shares.copy(), replay.base
        after = replay.session(t)
        factor = np.nan_to_num(market.adjustment_factor[t], nan=1.0)
        price = np.where(market.volume[t] > 0, market.close[t], np.nan)
        price = np.where(np.isfinite(price), price, base[t])
        mine = held != 0
        earned = float((held[mine] / factor[mine]) @ (price - base[t])[mine])
        rounding = 1.0
        for row in replay.rows.get(market.sessions[t].item(), []):
            n, side = replay.place[row["code"]], Side(row["side"])
            rounding += 1.0
            earned -= row["cost"]
            if side is Side.DIVIDEND:
                earned += row["cash"]
            elif side is Side.SPLIT:  # a fraction was paid at the base price
                fraction = row["cash"] / row["price"]
                earned -= fraction * (price[n] - row["price"])
            else:
                earned += SIGN[side] * row["shares"] * (price[n] - row["price"]) * (side in TRADES)
        assert after - before == pytest.approx(earned, abs=60.0 + rounding, rel=1e-9)
        before = after


@given(st.integers(0, 10**6), configs)
@settings(max_examples=30, deadline=None)
def test_every_share_of_an_order_is_filled_or_written_down_with_its_reason(seed, config):
    """What a session was asked to trade is what the ledger and `unfilled` have of it together."""
    market, scores = lively_market(seed)
    asked = {}

    class Watched(Broker):
        def delist(self, day, listed_N):
            gone = self.orders.at(~listed_N[self.orders.names])
            self.note(day, slip_of(gone, self.shares, lot=self.terms.lot))
            super().delist(day, listed_N)

        def fill(self, day, slip, offer, **given):
            self.note(day, slip)
            super().fill(day, slip, offer, **given)

        def note(self, day, slip):
            sides = np.where(slip.change > 0, 1, -1)
            for n, side, count in zip(slip.names, sides, slip.wanted, strict=True):
                asked[day, self.codes[n], int(side)] = int(count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backtest_module, "Broker", Watched)
        result = traded_or_skipped(market, scores, config)
    found = dict.fromkeys(asked, 0)
    for row in result.ledger.filter(pl.col("decided").is_not_null()).iter_rows(named=True):
        found[row["date"], row["code"], SIGN[Side(row["side"])]] += row["shares"]
    for row in result.unfilled.iter_rows(named=True):
        assert row["shares"] > 0
        found[row["date"], row["code"], SIGN[Side(row["side"])]] += row["shares"]
    assert found == asked
    own = result.unfilled.group_by("date", "code", "side", "reason").len()
    assert own["len"].max() in (1, None), "one row an order, session and reason"


@given(st.integers(0, 10**6), configs)
@settings(max_examples=15, deadline=None)
def test_no_fill_through_a_limit_a_halt_or_a_filler_row(seed, config):
    market, scores = lively_market(seed)
    result = traded_or_skipped(market, scores, config)
    base, kind, lot = last_closes(market), config.fills.price, config.lot_size
    session = {day: t for t, day in enumerate(market.sessions.tolist())}
    place = {code: n for n, code in enumerate(market.codes)}
    bought = {"open": market.open, "close": market.close, "vwap_proxy": market.low}[kind]
    sold = {"open": market.open, "close": market.close, "vwap_proxy": market.high}[kind]
    taken = {}
    for row in result.ledger.filter(pl.col("decided").is_not_null()).iter_rows(named=True):
        t, n, side = session[row["date"]], place[row["code"]], Side(row["side"])
        assert row["date"] > row["decided"], "a fill in the session of its decision, or before"
        assert market.volume[t, n] > 0
        lower, upper = (one[0] for one in limit_prices(base[t, [n]]))
        bottom = lower == base[t, n]  # at 1 yen there is nowhere to fall to
        assert bought[t, n] < upper if side in RISES else sold[t, n] > lower or bottom
        steps = row["price"] / tick_size("tokyo", np.array([row["price"]]))[0]
        assert steps == pytest.approx(round(steps), abs=1e-9), "off the tick"
        assert market.low[t, n] <= row["price"] <= market.high[t, n]
        if side in (Side.BUY, Side.SHORT):
            assert row["shares"] % lot == 0
        taken[t, n] = taken.get((t, n), 0) + row["shares"]
    share, window = config.fills.max_participation, config.fills.lookback
    for (t, n), count in taken.items():
        if not share:
            break
        value = np.nan_to_num(market.volume * market.close)[max(t - window, 0) : t, n]
        assert count * base[t, n] <= share * value.mean() * (1 + 1e-9)
        if kind != "open":
            assert count <= share * market.volume[t, n]


@given(st.integers(0, 10**6), configs)
@settings(max_examples=15, deadline=None)
def test_the_same_trades_at_dearer_costs_end_with_less(seed, config):
    """The same scores may end with more: a lot that a dearer account could not pay, and that fell.

    So it is each trade that is compared, and by them the cash at the end.
    """
    market, scores = lively_market(seed)
    rows = traded_or_skipped(market, scores, config).ledger.filter(pl.col("decided").is_not_null())
    value = (rows["shares"] * rows["price"]).to_numpy()
    made = Traded(
        value=value,
        shares=rows["shares"].to_numpy().astype(float),
        tick=tick_size("tokyo", rows["price"].to_numpy()),
        mean_value=np.full(len(value), 1e7),
        volatility=np.full(len(value), 0.02),
    )
    before = config.costs.cost(made).sum()
    for name in ("commission_bps", "min_commission", "slippage_bps", "spread_ticks", "impact"):
        now = getattr(config.costs, name)
        dearer = config.costs.model_copy(update={name: 2.0 * now + 1.0})
        assert dearer.cost(made).sum() >= before


@given(st.integers(0, 10**6), st.booleans())
@settings(max_examples=15, deadline=None)
def test_scores_of_nothing_earn_minus_their_costs(seed, flat):
    """In a market that stands still, to the yen."""
    rng = np.random.default_rng(seed)
    prices = np.tile(np.round(rng.uniform(100, 3_000, 6)), (20, 1))
    scores = np.zeros((19, 6)) if flat else rng.normal(size=(19, 6))
    config = account(cash=1e7, top_k=2, costs={"min_commission": 100.0, "impact": 0.5})
    daily = trade(bars(prices, prices), scores, config).daily
    assert daily["equity"][-1] == 1e7 - daily["cost"].sum()
    assert daily["cost"].sum() > 0.0


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_a_perfect_forecast_beats_every_other(seed):
    """Of the next fill to the one after it, where nothing is in its way; lots are single shares."""
    rng = np.random.default_rng(seed)
    close = 1_000.0 * np.exp(np.cumsum(rng.normal(0, 0.02, (12, 6)), axis=0))
    open_ = np.vstack([close[:1], close[:-1]])
    market = bars(open_, close)
    ahead = close[1:] / open_[1:]
    config = account(cash=1e12, bps=0.0, lot=1, max_market_share=1e6)
    best = trade(market, ahead, config).daily["equity"][-1]
    for _ in range(3):
        other = trade(market, rng.normal(size=ahead.shape), config).daily["equity"][-1]
        assert best >= other * (1.0 - 1e-6)


@given(st.integers(0, 10**6), st.sampled_from([0.1, 1.0]))
@settings(max_examples=8, deadline=None)
def test_twice_the_capital_pays_no_less_per_value(seed, impact):
    market, scores = lively_market(seed)
    market = dataclasses.replace(market, volume=np.where(market.volume > 0, 1e7, market.volume))
    of = []
    for cash in (1e9, 2e9):
        config = account(cash=cash, lot=1, costs={"impact": impact}, max_market_share=1e6)
        rows = traded_or_skipped(market, scores, config).ledger
        rows = rows.filter(pl.col("decided").is_not_null())
        rows = rows.filter(pl.col("date") == rows["date"][0])
        of.append(rows["cost"].sum() / (rows["shares"] * rows["price"]).sum())
    assert of[1] >= of[0] * (1.0 - 1e-6)


@given(st.integers(0, 10**6), configs)
@settings(max_examples=8, deadline=None)
def test_the_same_inputs_give_the_same_books(seed, config):
    market, scores = lively_market(seed)
    one, two = (traded_or_skipped(market, scores, config) for _ in range(2))
    assert one.ledger.equals(two.ledger)
    assert one.daily.equals(two.daily)
    assert one.unfilled.equals(two.unfilled)


def test_everything_happens_in_the_markets_of_these_tests():
    """No law is kept for want of a case."""
    sides, reasons = set(), set()
    for seed in range(30):
        market, scores = lively_market(seed)
        for price in ("open", "close"):
            config = account(
                cash=1e6, top_k=2, rebalance_every=3,
                stance="dollar_neutral" if seed % 2 else "long",
                fills={"price": price, "max_participation": 0.05}, max_market_share=1e6,
            )  # fmt: skip
            try:
                made = trade(market, scores, config)
            except DataError:
                continue
            sides |= set(made.ledger["side"])
            reasons |= {*made.ledger["reason"], *made.unfilled["reason"]}
    assert sides == {side.value for side in Side}
    assert reasons >= {
        "rebalance", "carried", "split", "delisted", "dividend", "borrow",
        "no_open", "no_trade", "limit_up", "limit_down", "participation", "cash", "gross",
    }  # fmt: skip
