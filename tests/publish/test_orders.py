"""Targets and orders of evenings: from an account to the next, with names and reasons."""

import io
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import Clock
from gogooku.core.errors import NotFoundError
from gogooku.core.forecast import Forecast
from gogooku.portfolio.backtest import run_backtest
from gogooku.portfolio.broker import Broker
from gogooku.predict.predictor import Ranking
from gogooku.publish.holdings import Holdings
from gogooku.publish.orders import (
    BELOW_ONE_LOT,
    ORDER_SCHEMA,
    ORDERS_CSV,
    PORTFOLIO,
    TARGET_SCHEMA,
    Desk,
    last_target,
    make_orders,
    orders_csv,
    scores_until,
)
from gogooku.publish.publication import RANKING, Content, publish
from support.portfolios import account, bars, random_market

AT = datetime(2022, 3, 1, tzinfo=UTC)
LONG_AGO = date(2000, 1, 1)


class Scored:
    """A predictor of given scores [T, N] for the sessions from ``first`` on."""

    def __init__(self, market, scores, *, first=0):
        self.market, self.scores, self.first = market, np.array(scores, dtype=np.float32), first

    def ranking(self, day, *, horizon):
        t = int(np.flatnonzero(self.market.sessions == np.datetime64(day))[0])
        if t < self.first:
            raise NotFoundError(f"{day}: a score there would be in-sample")
        made = Forecast.of(
            self.scores[t : t + 1, :, None],
            self.market.sessions[t : t + 1],
            self.market.codes,
            horizons=(horizon,),
            trained_through={horizon: LONG_AGO},
        )
        return Ranking(
            date=day,
            clock=Clock.EVENING,
            frame=made.wide().drop("date"),
            horizon=horizon,
            run_id="run",
            dataset="dataset",
            forecast=made,
        )


def desk_of(market, scores, config, **options):
    names = pl.DataFrame(
        {
            "code": list(market.codes),
            "name_en": [f"Company {code}" for code in market.codes],
            "name_ja": [f"会社{code}" for code in market.codes],
        }
    )
    return Desk(Scored(market, scores, **options), market, market.history(), names, config)


def tonight(desk, t, *, before=None, holdings=None):
    day = desk.bars.sessions[t].item()
    ranking = desk.predictor.ranking(day, horizon=desk.config.portfolio.horizon)
    return make_orders(desk, ranking, before, holdings)


@pytest.fixture
def evenings(tmp_path):
    """Evenings one after the other, each published."""

    def play(desk, days, holdings=None):
        made, before = [], None
        for t in days:
            one = tonight(desk, t, before=before, holdings=(holdings or {}).get(t))
            day = desk.bars.sessions[t].item()
            content = Content(frames=one.frames, facts={PORTFOLIO: dict(one.facts)})
            before = publish(tmp_path, "tse", day, "b-1", content, inputs={}, at=AT)
            made.append(one)
        return made

    return play


def flat(*prices, sessions=4, **changes):
    rows = [list(prices)] * sessions
    return bars(open_=rows, close=rows, **changes)


def listed(orders):
    return orders.select("side", "code", "shares", "reason").rows()


A, B, C = "10000", "10010", "10020"


def test_the_first_evening_is_an_empty_account():
    desk = desk_of(flat(100.0, 50.0), [[2.0, 1.0]] * 4, account(cash=1e5, bps=0.0))
    made = tonight(desk, 0)
    assert made.orders.schema == dict(ORDER_SCHEMA)
    assert made.target.schema == dict(TARGET_SCHEMA)
    assert made.orders.rows() == [
        ("buy", A, "会社10000", "Company 10000", 1_000, 100.0, 1e5, "new"),
    ]
    assert made.target.drop("name_ja", "name_en").rows() == [
        (A, 1.0, 1_000, 100.0, 1e5, 1, 0, 1_000, ""),
    ]
    assert made.facts == {
        "basis": "new",
        "decided": "2022-01-04",
        "sized": "new",
        "currency": "JPY",
        "cash": 1e5,
        "cash_after": 0.0,
        "equity": 1e5,
        "lot": 100,
        "notes": [],
    }


def test_the_next_evening_goes_on_from_the_last_target(evenings):
    desk = desk_of(flat(100.0, 50.0), [[2.0, 1.0], [1.0, 2.0]] * 2, account(cash=1e5, bps=10.0))
    first, second = evenings(desk, [0, 1])
    assert first.facts["cash_after"] == 1e5 - 90_000.0 - 90.0
    assert second.facts["basis"] == "target"
    assert second.facts["cash"] == first.facts["cash_after"]
    assert listed(second.orders) == [
        ("sell", A, 900, "left the ranking"),
        ("buy", B, 1_900, "new"),
    ]
    # 90,000 - 90 come in from the sale, 95,000 + 95 are paid for the purchase.
    assert second.facts["cash_after"] == second.facts["cash"] + 89_910.0 - 95_095.0


def test_a_split_between_two_evenings(evenings):
    factor = np.ones((4, 2))
    factor[1, 0] = 0.5
    close = [[100.0, 9.0], [50.0, 9.0], [50.0, 9.0], [50.0, 9.0]]
    market = bars(open_=close, close=close, adjustment_factor=factor)
    config = account(cash=1e5, bps=0.0, rebalance_every=3)
    _, second, third = evenings(desk_of(market, [[2.0, 1.0]] * 4, config), [0, 1, 2])
    for one in (second, third):
        row = one.target.row(0, named=True)
        assert (row["code"], row["shares"], row["held"], row["price"]) == (A, 2_000, 2_000, 50.0)
        assert one.orders.is_empty()
        assert one.facts["equity"] == 1e5
        assert one.facts["decided"] == "2022-01-04"


def test_dividends_are_those_of_shares_held_before_the_ex_date(evenings):
    paid = np.zeros((4, 1))
    paid[1:3] = 1.0
    market = flat(100.0, dividend=paid)
    config = account(cash=1e5, bps=0.0, dividend_tax=0.2)
    _, second, third = evenings(desk_of(market, [[1.0]] * 4, config), [0, 1, 2])
    assert second.facts["cash"] == 0.0
    assert third.facts["cash"] == 800.0


def test_between_decisions_the_target_stands_and_what_is_missing_is_ordered_again(evenings):
    up = np.zeros((4, 2))
    up[0, 0] = 1.0
    market = flat(100.0, 50.0, limit_up=up)
    scores = [[2.0, 1.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
    config = account(cash=1e5, bps=0.0, rebalance_every=2)
    first, second, third = evenings(desk_of(market, scores, config), [0, 1, 2])
    assert first.orders.is_empty()
    assert first.target.row(0, named=True)["left"] == "limit_up"
    assert listed(second.orders) == [("buy", A, 1_000, "new")]
    assert [one.facts["decided"][-2:] for one in (first, second, third)] == ["04", "04", "06"]
    assert listed(third.orders) == [
        ("sell", A, 1_000, "left the ranking"),
        ("buy", B, 2_000, "new"),
    ]


def test_reasons(evenings):
    """A rises and is held with fewer shares, B falls, C leaves the universe.

    460,000 at the second decision: 138,000 a name, 690 of A at 200, 2,760 of B at 50, 1,380 at 100.
    """
    universe = np.ones((4, 4), dtype=bool)
    universe[1, 2] = False
    close = np.full((4, 4), 100.0)
    close[1:, 1] = 50.0
    close[1:, 0] = 200.0
    market = bars(open_=close, close=close, universe=universe)
    config = account(cash=4e5, bps=0.0, top_k=3, exposure=0.9)
    scores = [[4.0, 3.0, 2.0, 1.0]] * 4
    _, second = evenings(desk_of(market, scores, config), [0, 1])
    assert listed(second.orders) == [
        ("sell", C, 1_200, "leaves the list"),
        ("sell", A, 600, "smaller"),
        ("buy", B, 1_500, "bigger"),
        ("buy", "10030", 1_300, "new"),
    ]


def test_a_limit_that_takes_a_holding(evenings):
    """A name that trades too little for its limit keeps its seat and loses its shares."""
    config = account(cash=1e5, bps=0.0, limits={"traded_value": 1e-5})
    market = flat(100.0, sessions=80, volume=np.where(np.arange(80)[:, None] < 1, 1e9, 1.0))
    first, later = evenings(desk_of(market, [[1.0]] * 80, config), [0, 79])
    assert listed(first.orders) == [("buy", A, 1_000, "new")]
    assert listed(later.orders) == [("sell", A, 1_000, "limit")]


def test_what_the_broker_says_is_held_goes_before_the_last_target(evenings):
    desk = desk_of(flat(100.0, 50.0), [[2.0, 1.0]] * 4, account(cash=1e5, bps=0.0))
    stated = Holdings({B: 250}, 50_000.0, "hash")
    _, second = evenings(desk, [0, 1], {1: stated})
    assert (second.facts["basis"], second.facts["cash"]) == ("holdings", 50_000.0)
    assert listed(second.orders) == [
        ("sell", B, 200, "left the ranking"),
        ("buy", A, 600, "new"),
    ]
    left = dict(second.target.select("code", "left").rows())
    assert left == {A: "", B: "odd_lot"}


def test_stated_holdings_are_decided_for_once_and_then_stand(evenings):
    """The standing target is that of an account of 100,000; the one that is stated has 30,000."""
    config = account(cash=1e5, bps=0.0, rebalance_every=3)
    scores = [[2.0, 1.0], [2.0, 1.0], [1.0, 2.0], [1.0, 2.0]]
    desk = desk_of(flat(100.0, 50.0), scores, config)
    stated = {t: Holdings({A: 100}, 20_000.0, "hash") for t in (1, 2)}
    _, second, third = evenings(desk, [0, 1, 2], stated)
    assert listed(second.orders) == [("buy", A, 200, "bigger")]
    assert [one.facts["decided"][-2:] for one in (second, third)] == ["05", "05"]
    assert (second.facts["sized"], third.facts["sized"]) == ("holdings", "holdings")
    assert listed(third.orders) == [("buy", A, 200, "bigger")]


def test_holdings_without_cash_say_so():
    desk = desk_of(flat(100.0, 50.0), [[2.0, 1.0]] * 4, account(bps=0.0))
    made = tonight(desk, 0, holdings=Holdings({B: 1_000}, None, "hash"))
    assert listed(made.orders) == [("sell", B, 1_000, "left the ranking"), ("buy", A, 500, "new")]
    assert "no cash is stated" in made.facts["notes"][0]


def test_a_name_that_is_too_dear_for_a_lot_is_said():
    desk = desk_of(flat(100.0, 50.0), [[2.0, 1.0]] * 4, account(cash=9_999.0, bps=0.0))
    made = tonight(desk, 0)
    assert made.orders.is_empty()
    assert made.target.row(0, named=True)["left"] == BELOW_ONE_LOT


@pytest.mark.parametrize(
    "settings",
    [{}, {"smoothing": 2.0}, {"stance": "long_short"}, {"limits": {"turnover": 0.1}}],
    ids=str,
)
def test_targets_are_the_orders_of_a_backtest_on_the_same_day(settings, monkeypatch):
    ordered = []
    start = Broker.start_session
    monkeypatch.setattr(
        Broker, "start_session", lambda one: (ordered.append(one.orders.by_name), start(one))[1]
    )
    market, scores = random_market(5, sessions=30, names=16)
    scores = scores.astype(np.float32).astype(float)
    config = account(cash=3e6, top_k=4, max_weight=0.3, **settings)
    result = run_backtest(market, scores, np.arange(30), config=config)
    wanted = ordered[:29]
    desk = desk_of(market, scores, config)
    for t in range(1, 29):
        day = market.sessions[t].item()
        held = dict(result.holdings.filter(date=day).select("code", "shares").rows())
        cash = result.daily.filter(date=day).item(0, "cash")
        made = tonight(desk, t, holdings=Holdings(held, cash, "hash"))
        targets = dict(made.target.select("code", "shares").rows())
        for n, target in wanted[t].items():
            assert targets.pop(market.codes[n]) == target
        assert not any(targets.values())


def test_earlier_scores_are_made_again_and_end_where_the_run_was_trained():
    market = flat(100.0, 50.0, sessions=8)
    scores = np.arange(16.0).reshape(8, 2)
    day = market.sessions[6].item()
    for smoothing, first, rows in ((0.0, 0, 1), (0.25, 0, 3), (1.0, 4, 3)):
        desk = desk_of(market, scores, account(smoothing=smoothing), first=first)
        found = scores_until(desk, 6, desk.predictor.ranking(day, horizon=5))
        assert found.tolist() == scores[7 - rows : 7].tolist()


def test_the_file_for_a_spreadsheet():
    desk = desk_of(flat(100.0, 50.0), [[2.0, 1.0]] * 4, account(cash=1e5, bps=0.0))
    raw = orders_csv(tonight(desk, 0).orders)
    assert raw.startswith(b"\xef\xbb\xbfside,code,name_ja,name_en,shares,reference_price")
    assert raw.decode("utf-8-sig").splitlines()[1] == (
        "buy,10000,会社10000,Company 10000,1000,100.0,100000.0,new"
    )
    assert pl.read_csv(io.BytesIO(raw), schema_overrides={"code": pl.String}).height == 1


def test_the_last_target_is_looked_for_past_evenings_without_one(tmp_path):
    desk = desk_of(flat(100.0, 50.0), [[2.0, 1.0]] * 4, account())
    days = [day.item() for day in desk.bars.sessions]
    assert last_target(tmp_path, "tse", "b-1", before=days[3]) is None
    contents = [Content(frames=tonight(desk, 0).frames), Content(frames={RANKING: pl.DataFrame()})]
    for day, content in zip(days, contents, strict=False):
        publish(tmp_path, "tse", day, "b-1", content, inputs={}, at=AT)
    assert last_target(tmp_path, "tse", "b-1", before=days[3]).session == days[0]
    assert last_target(tmp_path, "tse", "b-1", before=days[0]) is None


def test_a_file_of_its_own_is_sealed_in_the_publication(tmp_path):
    content = Content(frames={}, files={ORDERS_CSV: b"side,code\r\n"})
    made = publish(tmp_path, "tse", date(2022, 1, 4), "b-1", content, inputs={}, at=AT)
    assert made.files.path(ORDERS_CSV).read_bytes() == b"side,code\r\n"
    assert ORDERS_CSV in made.manifest["parts"]
