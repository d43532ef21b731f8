"""What a session offers: prices, limits and caps, each known at the moment of the fill."""

import dataclasses
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import NEW_YORK, tokyo_sessions
from gogooku.core.errors import DataError
from gogooku.portfolio.backtest import run_backtest
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.fill_config import FillConfig, FillPrice
from gogooku.portfolio.fills import make_offer
from support.portfolios import SESSIONS, account, bars

DAY = [session.item() for session in SESSIONS[:8]]
A, B = "10000", "10010"


def trade(market, scores, config):
    scores = np.array(scores, dtype=float)
    return run_backtest(market, scores, np.arange(len(scores)), config=config)


def rows(result):
    return result.ledger.select("date", "code", "side", "shares", "price", "reason").rows()


def offered(market, t, *, costs=None, **settings):
    names = np.arange(len(market.codes))
    config = FillConfig(**settings)
    base = market.close[t - 1]
    return make_offer(market, t, names, base, config=config, costs=CostConfig(**(costs or {})))


# -------------------------------------------------------------------------------------- prices


def day_of(open_, high, low, close, **changes):
    """Two sessions of one name: a close of 100, then a session as given."""
    market = bars([[100.0], [open_]], [[100.0], [close]], **changes)
    return dataclasses.replace(
        market, high=np.array([[100.0], [high]]), low=np.array([[100.0], [low]])
    )


@pytest.mark.parametrize(
    ("price", "buy", "sell"), [("open", 101, 101), ("close", 104, 104), ("vwap_proxy", 104, 103)]
)
def test_orders_get_the_price_of_their_choice(price, buy, sell):
    """(101 + 110 + 98 + 104) / 4 is 103.25: who buys pays the tick above, who sells gets below."""
    made = offered(day_of(101.0, 110.0, 98.0, 104.0), 1, price=price)
    assert (made.buy_price[0], made.sell_price[0]) == (buy, sell)


def test_the_finer_ticks_hold_where_they_are_known_to():
    market = day_of(101.0, 110.0, 98.0, 104.0)
    market = dataclasses.replace(market, fine_ticks=np.ones((2, 1), dtype=bool))
    made = offered(market, 1, price="vwap_proxy")
    assert (made.buy_price[0], made.sell_price[0], made.tick[0]) == (103.3, 103.2, 0.1)


def test_fills_over_the_session_and_at_its_close():
    market = bars([[100.0], [101], [103], [104]], [[100.0], [102], [105], [107]])
    for price in ("close", "vwap_proxy"):
        result = trade(market, [[1.0]] * 3, account(bps=0.0, fills={"price": price}))
        assert rows(result)[0] == (DAY[1], A, "buy", 9_800, 102.0, "rebalance")
    at_close = trade(market, [[1.0]] * 3, account(bps=0.0, fills={"price": "close"})).daily
    # bought at the close of session 1: nothing is earned before
    assert at_close["equity"].to_list()[:3] == [1e6, 1e6, 1e6 + 9_800 * 3.0]
    assert at_close["benchmark"].to_list()[:2] == [1e6, 1e6]


def test_instants_of_fills():
    market = bars([[100.0]] * 3, [[100.0]] * 3)
    assert market.instants(0, FillPrice.CLOSE)[1] == datetime(2022, 1, 5, 6, tzinfo=UTC)
    late = dataclasses.replace(
        market, sessions=tokyo_sessions(date(2024, 11, 1), date(2024, 11, 30))[:3]
    )
    assert late.instants(0, FillPrice.CLOSE)[1] == datetime(2024, 11, 5, 6, 30, tzinfo=UTC)
    assert late.instants(0, FillPrice.VWAP_PROXY)[1] == datetime(2024, 11, 5, 0, tzinfo=UTC)
    abroad = dataclasses.replace(market, exchange=NEW_YORK)
    assert abroad.instants(0, FillPrice.CLOSE)[1] == datetime(2022, 1, 5, 21, tzinfo=UTC)


@pytest.mark.parametrize("volume", [0.0, np.nan])
@pytest.mark.parametrize("price", list(FillPrice))
def test_a_filler_row_fills_nothing_and_marks_nothing(volume, price):
    volumes = np.full((4, 2), 1e6)
    volumes[1, 0] = volume
    open_ = close = [[100.0, 50], [140, 50], [100, 50], [100, 50]]
    market = bars(open_, close, volume=volumes)
    config = account(bps=0.0, rebalance_every=99, fills={"price": price})
    result = trade(market, [[2.0, 1.0]] * 3, config)
    assert rows(result) == [(DAY[2], A, "buy", 10_000, 100.0, "carried")]
    reason = "no_open" if price is FillPrice.OPEN else "no_trade"
    assert result.unfilled.rows() == [(DAY[1], A, "buy", 10_000, reason)]
    held = bars(open_[::-1], close[::-1], volume=volumes[::-1].copy())
    result = trade(held, [[2.0, 1.0]] * 3, config)
    assert result.holdings["price"].to_list() == [100.0] * 3


# -------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("price", "session", "no_buy", "no_sell"),
    [
        ("open", (150, 150, 120, 130), True, False),  # opened there, came back: what was known
        ("open", (149, 150, 149, 150), False, False),  # reached it later
        ("open", (160, 160, 160, 160), True, False),  # beyond the table: taken as locked
        ("open", (50, 80, 50, 70), False, True),
        ("close", (120, 150, 120, 150), True, False),
        ("close", (150, 150, 120, 130), False, False),
        ("close", (90, 90, 50, 50), False, True),
        ("vwap_proxy", (150, 150, 150, 150), True, False),
        ("vwap_proxy", (150, 150, 140, 150), False, False),
        ("vwap_proxy", (50, 50, 50, 50), False, True),
    ],
)
def test_limits_bind_by_what_is_known_at_the_fill(price, session, no_buy, no_sell):
    made = offered(day_of(*map(float, session)), 1, price=price)
    assert (made.no_buy[0], made.no_sell[0]) == (no_buy, no_sell)


@pytest.mark.parametrize("price", ["close", "vwap_proxy"])
def test_flags_of_the_session_count_where_the_session_is_known(price):
    """A limit that the exchange had moved: the flag says that 120 was it."""
    flags = {"limit_up": np.array([[0.0], [1.0]])}
    made = offered(day_of(120.0, 120.0, 120.0, 120.0, **flags), 1, price=price)
    assert (made.no_buy[0], made.no_sell[0]) == (True, False)
    flags = {"limit_down": np.array([[0.0], [1.0]])}
    made = offered(day_of(90.0, 90.0, 90.0, 90.0, **flags), 1, price=price)
    assert (made.no_buy[0], made.no_sell[0]) == (False, True)


def test_the_base_price_is_the_last_close_in_shares_of_today():
    """After a split of two for one the limit is that of 50 yen: 30 either way."""
    factor = np.array([[1.0], [0.5], [1.0]])
    market = bars([[100.0], [80], [60]], [[100.0], [70], [60]], adjustment_factor=factor)
    result = trade(market, [[1.0]] * 2, account(bps=0.0))
    assert result.unfilled.rows() == [(DAY[1], A, "buy", 20_000, "limit_up")]
    assert rows(result)[0][:2] == (DAY[2], A)


def test_an_exchange_without_limits_has_none_but_those_of_a_setting():
    market = dataclasses.replace(day_of(400.0, 400.0, 400.0, 400.0), exchange=NEW_YORK)
    assert not offered(market, 1).no_buy[0]
    assert offered(market, 1, price_limit=0.15).no_buy[0]
    low = dataclasses.replace(day_of(85.0, 90.0, 85.0, 85.0), exchange=NEW_YORK)
    assert offered(low, 1, price_limit=0.15).no_sell[0]
    assert not offered(low, 1, price_limit=0.16).no_sell[0]


# ---------------------------------------------------------------------------------------- caps


def test_the_cap_at_an_open_knows_the_sessions_before_only():
    volume = np.array([[1_000.0], [3_000], [1e9], [1e9]])
    market = bars([[100.0]] * 4, [[100.0]] * 4, volume=volume)
    cap = {"max_participation": 0.1, "lookback": 2}
    assert offered(market, 1, **cap).max_shares[0] == 100.0
    assert offered(market, 2, **cap).max_shares[0] == 200.0
    assert offered(market, 3, **cap).max_shares[0] == (3_000 + 1e9) / 2 * 0.1
    # over the session, and at its close, no more than of its own volume
    volume[2] = 700.0
    for price in ("close", "vwap_proxy"):
        assert offered(market, 2, price=price, **cap).max_shares[0] == 70.0
    assert offered(market, 2).max_shares is None


def test_a_session_without_a_trade_counts_as_zero_for_the_cap():
    volume = np.array([[1_000.0], [np.nan], [1_000.0]])
    close = np.array([[100.0], [np.nan], [100.0]])
    market = bars(close, close, volume=volume)
    names = np.array([0])
    assert market.traded_value(1, names, sessions=2)[0] == 50_000.0
    assert market.traded_value(2, names, sessions=9)[0] == pytest.approx(2e5 / 3)


def test_what_is_capped_is_carried_and_counted():
    market = bars([[100.0]] * 5, [[100.0]] * 5, volume=np.full((5, 1), 40_000.0))
    config = account(bps=0.0, rebalance_every=99, fills={"max_participation": 0.1})
    result = trade(market, [[1.0]] * 4, config)
    assert result.ledger["shares"].to_list() == [4_000, 4_000, 2_000]
    assert result.ledger["reason"].to_list() == ["rebalance", "carried", "carried"]
    assert result.daily["capped"].to_list() == [0, 1, 1, 0, 0]
    assert result.daily["unfilled"].sum() == 0
    assert result.unfilled["shares"].to_list() == [6_000, 2_000]
    assert result.unfilled["reason"].unique().to_list() == ["participation"]


def test_volatility_is_that_of_adjusted_returns():
    close = np.array([[100.0], [110], [np.nan], [52.25], [52.25]])
    factor = np.array([[1.0], [1], [1], [0.5], [1]])
    market = bars(close, close, adjustment_factor=factor)
    names = np.array([0])
    # returns 10 %, then nothing over the halt, then 0 %
    assert market.volatility(4, names, sessions=4)[0] == pytest.approx(np.std([0.1, 0.0], ddof=1))
    assert np.isnan(market.volatility(1, names, sessions=4)[0])


def test_impact_uses_what_was_known_at_the_decision():
    market = bars([[100.0]] * 3, [[100.0], [110], [100]], volume=np.full((3, 1), 1e4))
    made = offered(market, 2, costs={"impact": 1.0})
    assert made.mean_value[0] == pytest.approx((1e6 + 1.1e6) / 2)
    dear = trade(market, [[1.0]] * 2, account(bps=0.0, costs={"impact": 1.0}))
    first = dear.ledger.row(0, named=True)
    # no volatility yet: 3 % of a session, all of what trades
    assert first["impact"] == round(first["shares"] * 100 * 0.03 * (first["shares"] / 1e4) ** 0.5)
    assert first["cost"] == first["impact"] == dear.daily["impact"][1] == dear.daily["cost"][1]


# ----------------------------------------------------------------------- dividends and haircuts


def test_dividends_are_paid_on_the_ex_date_to_who_held_before():
    paid = np.array([[0.0], [5.0], [np.nan], [3.0]])
    market = bars([[100.0]] * 4, [[100.0]] * 4, dividend=paid)
    config = account(bps=0.0, rebalance_every=99, dividend_tax=0.2)
    result = trade(market, [[1.0]] * 3, config)
    # bought on the first ex-date itself: only the second is paid, 10,000 shares x 3 x 0.8
    assert rows(result)[1] == (DAY[3], A, "dividend", 10_000, 3.0, "dividend")
    assert result.daily["dividends"].to_list() == [0.0, 0.0, 0.0, 24_000.0]
    assert result.daily["cash"][3] == 24_000.0
    with pytest.raises(DataError, match="values of dividend are negative"):
        dataclasses.replace(market, dividend=-np.ones((4, 1)))


def test_a_delisted_name_pays_less_the_haircut():
    market = bars(
        [[100.0, 50]] * 3, [[100.0, 50]] * 3, listed=np.array([[True, True]] * 2 + [[False, True]])
    )
    config = account(bps=0.0, rebalance_every=99, delisting_haircut=0.3)
    result = trade(market, [[2.0, 1.0]] * 2, config)
    assert rows(result)[-1] == (DAY[2], A, "sell", 10_000, 70.0, "delisted")
    assert result.daily["equity"][2] == 700_000.0
    assert result.ledger.filter(pl.col("decided").is_null()).height == 1


def test_a_proxy_of_the_mean_price_stays_within_the_session():
    """A tick of 5 yen would take 3,001 to 3,005 and 3,000, where nobody traded."""
    market = bars([[3001.0], [3001.0]], [[3001.0], [3001.0]])
    made = offered(market, 1, price="vwap_proxy")
    assert (made.buy_price[0], made.sell_price[0]) == (3001.0, 3001.0)


def test_a_row_without_trade_is_no_return_of_zero():
    close = 100.0 * np.cumprod(np.where(np.arange(12) % 2, 1.05, 1 / 1.05))[:, None]
    market = bars(close, close)
    whole = market.volatility(11, np.array([0]), sessions=11)
    volume = market.volume.copy()
    volume[5:9] = 0.0
    still = market.close.copy()
    still[5:9] = still[4]
    with_fillers = dataclasses.replace(market, volume=volume, close=still)
    assert with_fillers.volatility(11, np.array([0]), sessions=11)[0] > 0.9 * whole[0]
