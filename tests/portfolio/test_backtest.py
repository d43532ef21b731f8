"""The ledger, worked by hand, and what no market may break."""

import dataclasses
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gogooku.core.calendar import NEW_YORK, Clock
from gogooku.core.errors import ContractError, DataError
from gogooku.portfolio.backtest import run_backtest
from support.portfolios import SESSIONS, account, bars, random_market

DAY = [session.item() for session in SESSIONS[:8]]
A, B, C = "10000", "10010", "10020"
FIRST_A = [[3.0, 2.0, 1.0]]
FIRST_B = [[2.0, 3.0, 1.0]]


def trade(market, scores, config, decisions=None):
    scores = np.array(scores, dtype=float)
    decisions = np.arange(len(scores)) if decisions is None else np.array(decisions)
    return run_backtest(market, scores, decisions, config=config)


def rows(result):
    return result.ledger.select("date", "code", "side", "shares", "price", "reason").rows()


def test_six_sessions_by_hand():
    market = bars(
        open_=np.transpose([[100, 102, 105, 104, 103, 101], [50, 51, 50, 52, 55, 54], [10] * 6]),
        close=np.transpose([[101, 104, 106, 103, 102, 100], [50, 52, 51, 54, 56, 53], [10] * 6]),
    )
    result = trade(market, FIRST_A * 2 + FIRST_B * 4, account())
    # Evening 0: equity 1,000,000, weight 1/1.001, close 101 -> 9,891 shares -> 9,800 in lots.
    # Open 1: 9,800 x 102 = 999,600 + 999.60 cost is more than the cash -> one lot less: 9,700.
    bought = 9_700 * 102.0
    cash = 1e6 - bought - bought * 0.001
    # Evening 1: equity = cash + 9,700 x 104 -> 9,700 (9,781.5 -> 9,700): nothing to do.
    equity_1 = cash + 9_700 * 104.0
    assert int(equity_1 / 1.001 / 104 / 100) == 97
    # Evening 2: B is best. Equity = cash + 9,700 x 106, close of B 51.
    equity_2 = cash + 9_700 * 106.0
    wanted = int(equity_2 / 1.001 / 51 / 100) * 100
    # Open 3: A sold at 104; B opens at 52, so what the cash buys is less than wanted.
    sold = 9_700 * 104.0
    cash_3 = cash + sold - sold * 0.001
    lots = int(cash_3 / (52 * 1.001) / 100)
    assert lots * 100 < wanted
    cash_3 -= lots * 100 * 52 * 1.001
    # Evening 3 and 4: equity buys no further lot; nothing to do on 4 and 5.
    assert rows(result)[:3] == [
        (DAY[1], A, "buy", 9_700, 102.0, "rebalance"),
        (DAY[3], A, "sell", 9_700, 104.0, "rebalance"),
        (DAY[3], B, "buy", lots * 100, 52.0, "rebalance"),
    ]
    daily = result.daily
    assert daily["date"].to_list() == DAY[:6]
    # Costs and cash are whole yen.
    np.testing.assert_allclose(
        daily["equity"][:4],
        [1e6, equity_1, equity_2, cash_3 + lots * 100 * 54.0],
        atol=1.5,
    )
    assert daily["cash"][3] == pytest.approx(cash_3, abs=1.5)
    assert (daily["cash"] == daily["cash"].round()).all()
    assert daily["turnover"][1] == pytest.approx(bought / 2 / 1e6)
    assert daily["cost_bps"][1] == round(bought * 0.001) / 1e6 * 1e4
    at_open_3 = cash + sold
    assert daily["turnover"][3] == pytest.approx((sold + lots * 5_200.0) / 2 / at_open_3)
    assert daily["num_positions"].to_list()[:4] == [0, 1, 1, 1]
    assert result.ledger["decided"].to_list()[:3] == [DAY[0], DAY[2], DAY[2]]
    # Benchmark: open 1 to close 1, then close to close, equal weights of all three.
    growth = np.mean([104 / 102, 52 / 51, 1.0]), np.mean([106 / 104, 51 / 52, 1.0])
    assert daily["benchmark"][2] == pytest.approx(1e6 * growth[0] * growth[1])


def test_a_split_changes_the_count_on_its_ex_date():
    market = bars(
        open_=[[100.0], [100], [50], [50], [52]],
        close=[[100.0], [100], [50], [51], [53]],
        adjustment_factor=np.array([[1.0], [1], [0.5], [1], [np.nan]]),
    )
    result = trade(market, [[1.0]] * 4, account(bps=0.0))
    assert rows(result) == [
        (DAY[1], A, "buy", 10_000, 100.0, "rebalance"),
        (DAY[2], A, "split", 10_000, 50.0, "split"),
    ]
    assert result.daily["equity"].to_list() == [1e6, 1e6, 1e6, 1.02e6, 1.06e6]
    assert result.daily["turnover"].to_list()[2:] == [0.0, 0.0, 0.0]
    np.testing.assert_allclose(result.daily["benchmark"], [1e6, 1e6, 1e6, 1.02e6, 1.06e6])


def test_a_consolidation_pays_the_fraction_in_cash():
    market = bars(
        open_=[[100.0], [100], [1000]],
        close=[[100.0], [100], [1100]],
        adjustment_factor=np.array([[1.0], [1], [10.0]]),
    )
    result = trade(market, [[1.0]], account(bps=0.0, cash=10_500.0, lot=15, rebalance_every=99),
                   decisions=[0])  # fmt: skip
    assert rows(result) == [(DAY[1], A, "buy", 105, 100.0, "rebalance")]
    result = trade(market, [[1.0]] * 2, account(bps=0.0, cash=10_500.0, lot=15, rebalance_every=99))
    assert rows(result)[1] == (DAY[2], A, "split", -95, 1000.0, "split")
    assert result.ledger["cash"][1] == pytest.approx(500.0)
    assert result.daily["equity"][2] == pytest.approx(500.0 + 10 * 1100)


def test_rounded_factors_give_whole_shares():
    market = bars(
        open_=[[300.0], [300], [100]],
        close=[[300.0], [300], [100]],
        adjustment_factor=np.array([[1.0], [1], [0.333333]]),
    )
    result = trade(market, [[1.0]] * 2, account(bps=0.0, cash=300_000.0, rebalance_every=99))
    assert result.ledger["shares"].to_list() == [1000, 2000]
    assert result.ledger["cash"][1] == 0.0


def test_a_split_between_decision_and_fill_rescales_the_order():
    market = bars(
        open_=[[100.0], [50]],
        close=[[100.0], [50]],
        adjustment_factor=np.array([[1.0], [0.5]]),
    )
    result = trade(market, [[1.0]], account(bps=0.0))
    assert rows(result) == [(DAY[1], A, "buy", 20_000, 50.0, "rebalance")]


def test_a_halted_name_is_carried_and_filled_later():
    nan = np.nan
    market = bars(
        open_=[[100, 50], [nan, 50], [nan, 50], [110, 50], [110, 50], [nan, 50], [120, 50]],
        close=[[100, 50], [nan, 50], [nan, 50], [108, 50], [112, 50], [nan, 50], [121, 50]],
    )  # fmt: skip
    config = account(bps=0.0, rebalance_every=4)
    result = trade(market, [[2.0, 1.0]] * 4 + [[1.0, 2.0]] * 2, config)
    assert rows(result) == [
        (DAY[3], A, "buy", 9_000, 110.0, "carried"),
        (DAY[5], B, "buy", 200, 50.0, "rebalance"),
        (DAY[6], A, "sell", 9_000, 120.0, "carried"),
        (DAY[6], B, "buy", 20_100, 50.0, "carried"),
    ]
    assert result.unfilled.rows() == [
        (DAY[1], A, "buy", 10_000, "no_open"),
        (DAY[2], A, "buy", 10_000, "no_open"),
        (DAY[3], A, "buy", 1_000, "cash"),
        (DAY[5], A, "sell", 9_000, "no_open"),
        (DAY[5], B, "buy", 20_100, "cash"),
    ]
    assert result.daily["unfilled"].to_list() == [0, 1, 1, 0, 0, 2, 0]
    assert result.daily["equity"][5] == pytest.approx(10_000 + 9_000 * 112.0)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_open_at_the_limit_stops_only_the_side_it_is_against(side):
    """The limits of session t follow from the close of t - 1: 50 yen either way at 100 to 199."""
    first, second = (150.0, 160.0) if side == "buy" else (100.0, 50.0)
    open_ = close = [[100.0, 50], [first, 50], [second, 50], [110, 50]]
    market = bars(open_, close)
    result = trade(market, [[2.0, 1.0], [1.0, 2.0], [1.0, 2.0]], account(bps=0.0))
    refused = result.unfilled.rows()
    if side == "buy":
        assert refused == [(DAY[1], A, "buy", 10_000, "limit_up")]
        assert rows(result) == [(DAY[2], B, "buy", 20_000, 50.0, "rebalance")]
    else:
        assert refused == [
            (DAY[2], A, "sell", 10_000, "limit_down"),
            (DAY[2], B, "buy", 20_000, "cash"),
        ]
        assert rows(result)[1][:5] == (DAY[3], A, "sell", 10_000, 110.0)
        assert rows(result)[2][:4] == (DAY[3], B, "buy", 10_000)


def test_flags_of_the_close_do_not_stop_a_fill_at_the_open():
    """They are known only at the close: a name that ends at its limit may have opened below it."""
    limit = np.array([[0.0], [1.0], [np.nan]])
    market = bars([[100.0], [149], [120]], [[100.0], [149], [120]], limit_up=limit)
    result = trade(market, [[1.0]], account())
    assert rows(result)[0][:4] == (DAY[1], A, "buy", 6_700)
    assert result.unfilled.rows() == [(DAY[1], A, "buy", 3_200, "cash")]


def test_a_delisted_name_is_cashed_out_at_its_last_close():
    nan = np.nan
    market = bars(
        open_=[[100, 50], [100, 50], [90, 50], [nan, 50], [nan, 50]],
        close=[[100, 50], [100, 50], [80, 50], [nan, 50], [nan, 50]],
        listed=np.array([[True, True]] * 3 + [[False, True]] * 2),
    )
    result = trade(market, [[2.0, 1.0]] * 4, account(rebalance_every=99))
    assert rows(result)[-1] == (DAY[3], A, "sell", 9_900, 80.0, "delisted")
    assert result.ledger["cost"].to_list()[-1] == 0.0
    assert result.daily["num_positions"].to_list() == [0, 1, 1, 0, 0]
    assert result.daily["equity"][3] == pytest.approx(result.daily["cash"][3])
    assert result.daily["equity"][3] == result.daily["equity"][2]


def test_orders_of_a_name_that_leaves_are_cancelled():
    nan = np.nan
    market = bars(
        open_=[[100, 50], [nan, 50], [nan, 50], [nan, 50]],
        close=[[100, 50], [nan, 50], [nan, 50], [nan, 50]],
        listed=np.array([[True, True]] * 2 + [[False, True]] * 2),
    )
    config = account(top_k=2, max_weight=0.5, rebalance_every=99)
    result = trade(market, [[2.0, 1.0]] * 3, config)
    assert result.unfilled.rows() == [
        (DAY[1], A, "buy", 4_900, "no_open"),
        (DAY[2], A, "buy", 4_900, "delisted"),
    ]
    assert result.daily["unfilled"].to_list() == [0, 1, 1, 0]


def test_a_shortage_is_shared_by_lots_in_rank():
    market = bars([[100.0, 100, 100]] * 2, [[100.0, 100, 100]] * 2)
    market = dataclasses.replace(market, open=market.open * 1.2, high=market.high * 1.2)
    config = account(cash=30_000.0, bps=0.0, top_k=3, max_weight=1.0)
    result = trade(market, [[1.0, 3.0, 2.0]], config)
    assert rows(result) == [
        (DAY[1], B, "buy", 100, 120.0, "rebalance"),
        (DAY[1], C, "buy", 100, 120.0, "rebalance"),
    ]


def test_names_outside_the_universe_and_without_score_are_not_bought():
    market = bars([[100.0, 50, 10]] * 3, [[100.0, 50, 10]] * 3)
    market.universe[0, 0] = False
    result = trade(market, [[9.0, np.nan, 1.0]], account())
    assert result.ledger["code"].to_list() == [C]


def test_an_evening_without_scores_keeps_the_holdings_and_decides_later():
    market = bars([[100.0, 50]] * 5, [[100.0, 50]] * 5)
    nan = np.nan
    config = account(rebalance_every=2, bps=0.0)
    result = trade(market, [[2.0, 1.0], [0, 0], [nan, nan], [1.0, 2.0]], config)
    assert result.ledger["decided"].to_list() == [DAY[0], DAY[3], DAY[3]]
    assert len(result.portfolios) == 2


def test_decisions_and_fills_carry_their_instants():
    market = bars([[100.0]] * 3, [[100.0]] * 3)
    portfolio = trade(market, [[1.0]], account()).portfolios[0]
    assert portfolio.decided_at == datetime(2022, 1, 4, 11, tzinfo=UTC)
    assert portfolio.filled_at == datetime(2022, 1, 5, 0, tzinfo=UTC)
    morning = dataclasses.replace(market, clock=Clock.PREMARKET)
    portfolio = trade(morning, [[1.0]], account()).portfolios[0]
    assert portfolio.decided_at == datetime(2022, 1, 4, 23, 30, tzinfo=UTC)
    assert portfolio.filled_at == datetime(2022, 1, 5, 0, tzinfo=UTC)
    abroad = dataclasses.replace(market, exchange=NEW_YORK)
    portfolio = trade(abroad, [[1.0]], account()).portfolios[0]
    assert portfolio.filled_at == datetime(2022, 1, 5, 14, 30, tzinfo=UTC)


def test_no_trade_is_a_failed_run():
    market = bars([[100.0]] * 3, [[100.0]] * 3)
    with pytest.raises(DataError, match="no trade"):
        trade(market, [[1.0]], account(cash=5_000.0))


def test_scores_that_are_no_numbers_are_refused():
    market = bars([[100.0]] * 3, [[100.0]] * 3)
    with pytest.raises(DataError, match="none of the 2 scores of 2 decisions is a number"):
        trade(market, [[np.nan]] * 2, account())
    market.universe[:] = False
    with pytest.raises(DataError, match="none of the 2 scores is of a name in the universe"):
        trade(market, [[1.0]] * 2, account())


def test_a_benchmark_with_missing_days_is_refused():
    market = bars([[100.0, 50]] * 5, [[100.0, 50]] * 5)
    market.universe[2] = False
    with pytest.raises(DataError, match=f"no return on 1 sessions, first {DAY[3]}"):
        trade(market, [[2.0, 1.0]] * 4, account())


def test_an_account_larger_than_its_market_is_refused():
    market = bars([[100.0, 50]] * 5, [[100.0, 50]] * 5, volume=np.full((5, 2), 60.0))
    message = r"orders JPY 990,000, and the 2 names of the universe trade JPY 9,000 a session"
    with pytest.raises(DataError, match=message):
        trade(market, [[2.0, 1.0]] * 4, account())
    assert trade(market, [[2.0, 1.0]] * 4, account(max_market_share=112.0)).ledger.height == 1


def test_bad_bars_and_scores_are_refused():
    market = bars([[100.0]] * 3, [[100.0]] * 3)
    with pytest.raises(ContractError, match="scores"):
        trade(market, [[1.0, 2.0]], account())
    with pytest.raises(ContractError, match="out of order"):
        trade(market, [[1.0]] * 2, account(), decisions=[1, 0])
    with pytest.raises(DataError, match="not positive"):
        bars([[100.0], [0.0]], [[100.0], [1.0]])
    with pytest.raises(ContractError, match="limit_up"):
        dataclasses.replace(market, limit_up=np.zeros((2, 1)))
    with pytest.raises(DataError, match="out of order"):
        dataclasses.replace(market, sessions=SESSIONS[[0, 2, 1]])


# ---------------------------------------------------------------------------------- any market


configs = st.builds(
    account,
    cash=st.sampled_from([3e4, 1e6, 1e9]),
    bps=st.sampled_from([0.0, 10.0, 300.0]),
    lot=st.sampled_from([1, 100]),
    top_k=st.integers(1, 6),
    rebalance_every=st.integers(1, 7),
    max_weight=st.sampled_from([0.2, 1.0]),
)


@given(st.integers(0, 10_000), configs)
@settings(max_examples=50, deadline=None)
def test_books_balance_in_any_market(seed, config):
    market, scores = random_market(seed)
    try:
        result = trade(market, scores, config)
    except DataError:
        assume(False)
    daily, ledger = result.daily, result.ledger
    assert daily["cash"].min() >= 0.0
    by_day = ledger.group_by("date").agg(moved=pl.col("cash").sum())
    moved = daily.join(by_day, on="date", how="left")["moved"].fill_null(0.0)
    assert (daily["cash"].diff().fill_null(0.0) == moved).all(), "to the yen, each day"
    signed = pl.when(pl.col("side") == "sell").then(-pl.col("shares")).otherwise("shares")
    held = ledger.group_by("code").agg(signed.sum().alias("held")).filter(pl.col("held") != 0)
    final = result.holdings.filter(pl.col("date") == daily["date"][-1])
    assert dict(held.rows()) == dict(final.select("code", "shares").rows())
    value = result.holdings.group_by("date").agg(v=(pl.col("shares") * pl.col("price")).sum())
    joined = daily.join(value, on="date", how="left").with_columns(pl.col("v").fill_null(0.0))
    np.testing.assert_allclose(joined["cash"] + joined["v"], joined["equity"], rtol=1e-9)
    trades = ledger.filter(pl.col("decided").is_not_null())
    assert (trades["date"] > trades["decided"]).all()
    bought = trades.filter(side="buy")
    assert (bought["shares"] % config.lot_size == 0).all()
    np.testing.assert_allclose(
        trades["cost"], trades["shares"] * trades["price"] * config.costs.rate, atol=1.0
    )
    place = {code: n for n, code in enumerate(market.codes)}
    session = {day: t for t, day in enumerate(market.sessions.tolist())}
    for day, code, price in trades.select("date", "code", "price").iter_rows():
        assert market.open[session[day], place[code]] == price


@given(st.integers(0, 10_000), st.integers(2, 38))
@settings(max_examples=30, deadline=None)
def test_the_future_changes_no_earlier_row(seed, cut):
    """Neither later sessions, nor the close and the scores of the session of a fill."""
    market, scores = random_market(seed)
    config = account(top_k=3, cash=1e8, rebalance_every=2)
    other, other_scores = random_market(seed + 20_000)
    changes = {"close": np.concatenate([market.close[:cut], other.close[cut:]])}
    for name in (
        "open", "high", "low", "volume", "adjustment_factor", "limit_up", "limit_down", "listed",
        "universe",
    ):  # fmt: skip
        ours, theirs = getattr(market, name), getattr(other, name)
        first = cut if name == "universe" else cut + 1
        changes[name] = np.concatenate([ours[:first], theirs[first:]])
    changed = dataclasses.replace(market, **changes)
    changed_scores = np.concatenate([scores[:cut], other_scores[cut:]])
    before, after = trade(market, scores, config), trade(changed, changed_scores, config)
    day = market.sessions[cut].item()
    for name in ("ledger", "unfilled"):
        earlier = [getattr(r, name).filter(pl.col("date") <= day) for r in (before, after)]
        assert earlier[0].equals(earlier[1]), name
    for name in ("daily", "holdings"):
        earlier = [getattr(r, name).filter(pl.col("date") < day) for r in (before, after)]
        assert earlier[0].equals(earlier[1]), name


def test_scores_of_an_evening_never_fill_before_the_next_open():
    market, scores = random_market(5)
    config = account(top_k=3, cash=1e8)
    result = trade(market, scores, config)
    for t in range(0, 38, 7):
        other = scores.copy()
        other[t:] = -other[t:]
        day = market.sessions[t + 1].item()
        early = [
            r.ledger.filter(pl.col("date") < day) for r in (result, trade(market, other, config))
        ]
        assert early[0].equals(early[1])


def test_costs_only_ever_hurt():
    market, scores = random_market(6)
    ends = [
        trade(market, scores, account(top_k=4, cash=1e9, bps=bps)).daily["equity"][-1]
        for bps in (0.0, 5.0, 20.0, 80.0)
    ]
    assert ends == sorted(ends, reverse=True)
    assert len(set(ends)) == 4


def test_the_same_inputs_give_the_same_result():
    market, scores = random_market(7)
    one, two = (trade(market, scores, account(cash=1e8)) for _ in range(2))
    assert one.ledger.equals(two.ledger)
    assert one.daily.equals(two.daily)


def test_perfect_foresight_beats_the_universe_and_its_opposite_loses():
    rng = np.random.default_rng(8)
    close = 1000 * np.exp(np.cumsum(rng.normal(0, 0.02, (80, 40)), axis=0))
    open_ = np.concatenate([close[:1], close[:-1]])
    market = bars(open_, close)
    ahead = np.concatenate([close[1:] / open_[1:] - 1.0, np.zeros((1, 40))])
    config = account(top_k=5, cash=1e9, max_weight=0.2)
    good, bad = (trade(market, sign * ahead, config).daily for sign in (1, -1))
    assert good["equity"][-1] > good["benchmark"][-1] > bad["equity"][-1]
    scores = ahead.copy()
    late = trade(market, np.concatenate([scores[:1] * 0, scores[:-1]]), config).daily
    assert late["equity"][-1] < good["equity"][-1] / 2


def test_a_purchase_does_not_wait_with_another_purchase():
    """A is halted, so it brings no cash: what B lacks is asked for again by the next decision."""
    nan = np.nan
    market = bars(
        open_=[[100, 50], [nan, 60], [nan, 60], [110, 60]],
        close=[[100, 50], [nan, 60], [nan, 60], [110, 60]],
    )
    result = trade(market, [[2.0, 1.0]] * 3, account(bps=0.0, top_k=2, rebalance_every=99))
    assert result.unfilled["reason"].to_list() == ["no_open", "no_open", "cash"]
    bought = result.ledger.filter(side="buy")
    assert bought.filter(code=B)["date"].to_list() == [DAY[1]]


# ------------------------------------------------------------------ a benchmark like the account


def paying_market(sessions=60, names=5):
    """Prices stand still or halve with a split; all that is earned are dividends of 1 to 3 %."""
    rng = np.random.default_rng(8)
    factor = np.ones((sessions, names))
    factor[30, 0] = 0.5
    close = 1_000.0 * np.cumprod(factor, axis=0)
    before = np.vstack([close[:1], close[:-1]])
    dividend = np.where(rng.random(close.shape) < 0.1, rng.uniform(0.01, 0.03, close.shape), 0.0)
    dividend[30, 0] = 0.02  # per share before the split of that day
    return bars(close, close, adjustment_factor=factor, dividend=dividend * before)


def equal_book(market, **settings):
    config = account(
        **{"cash": 1e9, "bps": 0.0, "lot": 1, "top_k": len(market.codes), **settings},
        max_weight=1.0,
    )
    ones = np.ones((len(market.sessions) - 1, len(market.codes)))
    return trade(market, ones, config)


def test_where_all_return_is_dividends_an_equal_weighted_book_has_no_excess():
    market = paying_market()
    daily = equal_book(market, dividend_tax=0.2).daily
    equity, bench = (daily[name].to_numpy() for name in ("equity", "benchmark"))
    assert equity[-1] / equity[0] > 1.05
    assert np.abs(np.diff(np.log(equity)) - np.diff(np.log(bench))).max() < 1e-4
    assert daily["benchmark_dividends"].sum() == pytest.approx(bench[-1] - bench[0])
    gross = (np.nan_to_num(market.dividend[2:]) / market.close[1:-1]).mean(axis=1)
    np.testing.assert_allclose(np.diff(bench)[1:] / bench[1:-1], 0.8 * gross, atol=1e-12)


def test_the_benchmark_is_entered_without_the_dividend_of_that_day():
    market = bars([[100.0]] * 3, [[100.0]] * 3, dividend=np.array([[0.0], [5.0], [2.0]]))
    result = trade(market, [[1.0]] * 2, account(cash=10_000.0, bps=0.0, dividend_tax=0.0))
    assert result.daily["equity"].to_list() == [10_000.0, 10_000.0, 10_200.0]
    assert result.daily["benchmark"].to_list() == pytest.approx([10_000.0, 10_000.0, 10_200.0])


def test_a_name_that_leaves_costs_the_benchmark_the_haircut_too():
    nan = np.nan
    prices = [[100.0, 50], [100, 50], [100, 50], [nan, 50], [nan, 50]]
    gone = np.array([[True, True]] * 3 + [[False, True]] * 2)
    market = bars(prices, prices, listed=gone, universe=gone)
    result = equal_book(market, delisting_haircut=0.3)
    equity, bench = (result.daily[name].to_list() for name in ("equity", "benchmark"))
    assert bench == pytest.approx([1e9, 1e9, 1e9, 0.85e9, 0.85e9])
    assert equity == pytest.approx(bench, rel=1e-6)
