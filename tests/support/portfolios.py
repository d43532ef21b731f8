"""Small markets for the tests of this folder."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from gogooku.core.calendar import TOKYO, Clock, tokyo_sessions
from gogooku.portfolio.backtest import TradeConfig, run_backtest
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.construct import PortfolioConfig
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.decide import Decision, History
from gogooku.portfolio.fill_config import FillConfig
from gogooku.portfolio.positions import positions_of

SESSIONS = tokyo_sessions(date(2022, 1, 1), date(2023, 12, 31))
EVENING = datetime(2024, 5, 7, 11, tzinfo=UTC)
OPEN = EVENING + timedelta(hours=13)


def decision(score, **changes):
    """A decision on scores alone: nothing held, prices of 1, one session of past."""
    score = np.array(score, dtype=float)
    flat = np.ones((1, len(score)))
    content = {
        "session": EVENING.date(),
        "decided_at": EVENING,
        "filled_at": OPEN,
        "codes": tuple(f"{1000 + n}0" for n in range(len(score))),
        "score_N": score,
        "scores_LN": score[None],
        "equity": 1e6,
        "shares_N": np.zeros(len(score), dtype=np.int64),
        "price_N": flat[0],
        "lot_size": 1,
        "past": History(close=flat, adjustment_factor=flat, universe=flat > 0).until(0),
    }
    return Decision(**{**content, **changes})


def known_market(seed, *, names=24, sessions=130, groups=4):
    """A past with everything that construction may ask for; a market factor drives all names."""
    rng = np.random.default_rng(seed)
    shape = (sessions, names)
    shared = rng.normal(0.0, 0.01, (sessions, 1)) * rng.uniform(0.6, 1.4, names)
    own = rng.normal(0.0, 1.0, shape) * rng.uniform(0.01, 0.03, names)
    close = 100.0 * np.exp(np.cumsum(shared + own, axis=0))
    close[rng.random(shape) < 0.02] = np.nan
    return History(
        close=close,
        adjustment_factor=np.ones(shape),
        universe=np.ones(shape, dtype=bool),
        volume=rng.uniform(1e3, 1e5, names) * rng.uniform(0.5, 1.5, shape),
        market_cap=np.tile(rng.uniform(1e8, 1e10, names), (sessions, 1)),
        sector=np.tile(rng.integers(-1, groups, names), (sessions, 1)),
        sector_names=tuple(f"sector {n}" for n in range(groups)),
        lendable=np.tile(rng.random(names) < 0.8, (sessions, 1)),
    )


def known_decision(seed, *, held=0.3, short=False, **changes):
    """A decision with a past, some names outside the universe and some held."""
    rng = np.random.default_rng(seed + 1)
    history = known_market(seed, **changes)
    sessions, names = history.close.shape
    score = np.where(rng.random(names) < 0.1, np.nan, rng.normal(size=names))
    price = rng.uniform(50, 500, names)
    weight = np.where(rng.random(names) < held, rng.uniform(0.0, 0.15, names), 0.0)
    weight *= 0.95 / max(weight.sum(), 0.95)
    if short:
        weight *= rng.choice([1.0, -1.0], names)
    return decision(
        score,
        past=history.until(sessions - 1),
        price_N=price,
        shares_N=(weight * 1e6 / price).astype(np.int64),
    )


def bars(open_, close, **changes):
    """Bars from opens and closes; highs and lows are the larger and smaller of the two."""
    open_, close = np.array(open_, dtype=float), np.array(close, dtype=float)
    shape = open_.shape
    content = {
        "exchange": TOKYO,
        "clock": Clock.EVENING,
        "sessions": SESSIONS[: shape[0]],
        "codes": tuple(f"{1000 + n}0" for n in range(shape[1])),
        "open": open_,
        "high": np.fmax(open_, close),
        "low": np.fmin(open_, close),
        "close": close,
        "volume": np.full(shape, 1e9),
        "adjustment_factor": np.ones(shape),
        "limit_up": np.zeros(shape),
        "limit_down": np.zeros(shape),
        "listed": np.ones(shape, dtype=bool),
        "universe": np.ones(shape, dtype=bool),
    }
    return MarketBars(**{**content, **changes})


def account(*, cash=1e6, bps=10.0, lot=100, costs=None, fills=None, **portfolio):
    """An account; what is not a setting of it or given by name is one of its portfolio."""
    own = {name: portfolio.pop(name) for name in (*TradeConfig.model_fields,) if name in portfolio}
    return TradeConfig(
        portfolio=PortfolioConfig(
            **{"top_k": 1, "rebalance_every": 1, "max_weight": 1.0, **portfolio}
        ),
        costs=CostConfig(**{"commission_bps": bps, "slippage_bps": 0.0, **(costs or {})}),
        fills=FillConfig(**(fills or {})),
        lot_size=lot,
        initial_cash=cash,
        **own,
    )


def random_market(seed, *, sessions=40, names=12):
    """A market with halts, locks, splits, delistings and a shrinking universe."""
    rng = np.random.default_rng(seed)
    shape = (sessions, names)
    factor = np.where(rng.random(shape) < 0.02, rng.choice([0.5, 1 / 3, 2.0, 0.8], shape), 1.0)
    fair = np.exp(rng.normal(6.5, 1.0, names) + np.cumsum(rng.normal(0, 0.05, shape), axis=0))
    close = fair * np.cumprod(factor, axis=0)
    open_ = close * np.exp(rng.normal(0, 0.04, shape))
    end = np.where(rng.random(names) < 0.3, rng.integers(5, sessions, names), sessions)
    listed = np.arange(sessions)[:, None] < end
    halted = (rng.random(shape) < 0.05) | ~listed
    open_[halted], close[halted] = np.nan, np.nan
    factor[~listed] = np.nan
    flags = [np.where(rng.random(shape) < 0.1, 1.0, 0.0) for _ in range(2)]
    flags[0][rng.random(shape) < 0.05] = np.nan
    market = bars(
        open_, close, adjustment_factor=factor, limit_up=flags[0], limit_down=flags[1],
        listed=listed, universe=listed & (rng.random(shape) < 0.9),
    )  # fmt: skip
    return market, rng.normal(size=shape)


def traded(seed, *, sessions=160, names=20, groups=4, dividends=True, **settings):
    """A backtest of random scores on a random market with sectors, and what it is attributed with.

    Gives the backtest, its market and the history with sectors and capitalisations.
    """
    market, scores = random_market(seed, sessions=sessions, names=names)
    rng = np.random.default_rng(seed + 7)
    shape = (sessions, names)
    if dividends:
        paid = np.where(rng.random(shape) < 0.02, 0.01, 0.0) * np.nan_to_num(market.close)
        market = replace(market, dividend=paid)
    config = account(**{"top_k": 4, "rebalance_every": 5, "cash": 1e8, "lot": 1, **settings})
    result = run_backtest(market, scores, np.arange(sessions), config=config)
    history = replace(
        market.history(),
        sector=np.tile(rng.integers(-1, groups, names), (sessions, 1)),
        sector_names=tuple(f"sector {n}" for n in range(groups)),
        market_cap=np.nan_to_num(market.close, nan=1.0) * rng.uniform(1e6, 1e8, names),
    )
    return result, market, history


def placed(result, market, history):
    """The positions of a backtest."""
    return positions_of(
        result.daily,
        result.holdings,
        history=history,
        sessions=market.sessions,
        codes=market.codes,
    )
