"""The account that follows what was published is that of a backtest whose fills are the closes."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import DataError
from gogooku.portfolio.backtest import run_backtest
from gogooku.portfolio.plan import plan_orders
from gogooku.portfolio.tonight import Account, decision_of, last_closes, targets_of
from gogooku.publish.paper import Published, follow
from support.portfolios import SESSIONS, account, bars


def opens_at_the_close(seed, *, leave, sessions=30, names=10):
    """A market in which each open is the close before; splits, dividends and delistings happen."""
    rng = np.random.default_rng(seed)
    shape = (sessions, names)
    factor = np.where(rng.random(shape) < 0.04, 0.5, 1.0)
    steps = rng.choice([-2.0, 0.0, 2.0], shape).cumsum(axis=0)
    close = (2.0**12 + 64.0 * steps) * np.cumprod(factor, axis=0)
    open_ = np.vstack([close[:1], close[:-1] * factor[1:]])
    listed = np.arange(sessions)[:, None] < rng.choice([12 if leave else sessions, sessions], names)
    for prices in (open_, close):
        prices[~listed] = np.nan
    paid = np.where(rng.random(shape) < 0.05, 8.0, 0.0)
    return bars(open_, close, adjustment_factor=factor, listed=listed, universe=listed,
                dividend=paid), rng.normal(size=shape)  # fmt: skip


def decided(market, scores, t, state, config):
    decision = decision_of(market, t, scores[: t + 1], state, history=market.history(),
                           lot=config.lot_size, fill=config.fills.price)  # fmt: skip
    return targets_of(decision, config=config.portfolio, costs=config.costs)


def written(market, t, state, chosen, targets, plan):
    """What a publication keeps of an evening."""
    rows = [
        {
            "code": market.codes[n],
            "weight": chosen.weights.get(market.codes[n], 0.0),
            "shares": targets.get(n, 0),
            "seat": chosen.seats.get(market.codes[n], 0),
            "held": int(state.shares_N[n]),
            "ordered": plan.change_of(n),
        }
        for n in range(len(market.codes))
    ]
    day = market.sessions[t].item()
    return Published(pl.DataFrame(rows), day, day, "target", state.cash, plan.cash)


@pytest.mark.parametrize("stance", ["long", "long_short"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("leave", [False, True])
def test_it_is_the_account_of_a_backtest(leave, seed, stance):
    """With costs; without them where names leave, whose last order a backtest cancels for free."""
    market, scores = opens_at_the_close(seed, leave=leave)
    bps = 0.0 if leave else 10.0
    config = account(cash=1e8, bps=bps, top_k=3, max_weight=0.3, exposure=0.6, stance=stance,
                     rebalance_every=1, exit_margin=1)  # fmt: skip
    result = run_backtest(market, scores, np.arange(30), config=config)
    assert {"split", "dividend"} <= set(result.ledger.get_column("side"))
    names = len(market.codes)
    state = Account(1e8, np.zeros(names, dtype=np.int64), last_closes(market, 0))
    for t in range(29):
        chosen, targets = decided(market, scores, t, state, config)
        plan = plan_orders(market, t, state, targets, config)
        assert not plan.left
        published = written(market, t, state, chosen, targets, plan)
        state = follow(market, t + 1, published, config=config).account
        day = market.sessions[t + 1].item()
        assert state.cash == result.daily.filter(date=day).item(0, "cash")
        held = dict(result.holdings.filter(date=day).select("code", "shares").rows())
        assert {
            market.codes[n]: int(state.shares_N[n]) for n in state.shares_N.nonzero()[0]
        } == held
        assert state.equity == result.daily.filter(date=day).item(0, "equity")


def target(**columns):
    return pl.DataFrame({"code": ["10000"], "weight": [0.5], "seat": [1], **columns})


def test_targets_keep_their_share_of_the_company_and_go_with_it():
    factor = np.ones((4, 1))
    factor[2] = 0.5
    listed = np.array([[True], [True], [True], [False]])
    prices = [[100.0], [100.0], [50.0], [np.nan]]
    market = bars(prices, prices, adjustment_factor=factor, listed=listed)
    frame = target(shares=[400], held=[0], ordered=[100])
    published = Published(frame, SESSIONS[0].item(), SESSIONS[0].item(), "new", 20_000.0, 10_000.0)
    config = account()
    one, split, gone = (follow(market, t, published, config=config) for t in (1, 2, 3))
    assert (one.targets, one.account.shares_N.tolist(), one.account.cash) == ({0: 400}, [100], 1e4)
    assert (split.targets, split.account.shares_N.tolist()) == ({0: 800}, [200])
    assert (gone.targets, gone.account.shares_N.tolist(), gone.account.cash) == ({}, [0], 2e4)
    assert one.account.previous.seats == {"10000": 1}
    assert (one.decided, one.sized, one.weights) == (0, "new", {"10000": 0.5})


@pytest.mark.parametrize(
    ("frame", "day", "said"),
    [
        (target(shares=[1], held=[0], ordered=[0]), date(2021, 1, 4), "is not in the dataset any"),
        (
            target(shares=[1], held=[0], ordered=[0]).with_columns(code=pl.lit("99990")),
            SESSIONS[0].item(),
            "1 of 1 names are not in the dataset any more, first 99990",
        ),
    ],
)
def test_what_has_left_the_dataset_cannot_be_followed(frame, day, said):
    market = bars([[100.0]] * 2, [[100.0]] * 2)
    with pytest.raises(DataError, match=f"{said}.*--holdings FILE"):
        follow(market, 1, Published(frame, day, day, "new", 1.0, 1.0), config=account())
