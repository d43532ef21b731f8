"""Small markets in which everything happens that a ledger must survive."""

import numpy as np

from gogooku.core.price_limits import limit_prices
from gogooku.core.ticks import on_tick, tick_size
from support.portfolios import bars


def on_grid(price):
    return on_tick(price, tick_size("tokyo", price), up=False)


def lively_market(seed, *, sessions=30, names=8):
    """On ticks and within limits: splits, halts, filler rows, locks, delistings, thin names.

    A filler row has a price that nobody could have had, and no volume.
    """
    rng = np.random.default_rng(seed)
    shape = (sessions, names)
    factor = np.where(rng.random(shape) < 0.03, rng.choice([0.5, 1 / 3, 10.0], shape), 1.0)
    end = np.where(rng.random(names) < 0.4, rng.integers(4, sessions, names), sessions)
    listed = np.arange(sessions)[:, None] < end
    halted = (rng.random(shape) < 0.08) | ~listed
    filler = (rng.random(shape) < 0.06) & listed
    prices = {name: np.full(shape, np.nan) for name in ("open", "high", "low", "close")}
    last = on_grid(np.exp(rng.normal(6.5, 0.8, names)))
    for t in range(sessions):
        base = last * factor[t]
        lower, upper = limit_prices(base)
        day = []
        for _ in range(4):
            move = np.where(rng.random(names) < 0.12, rng.choice([-1.0, 1.0], names), 0.0)
            day.append(
                np.clip(on_grid(base * np.exp(rng.normal(0, 0.03, names) + move)), lower, upper)
            )
        day = np.where(rng.random(names) < 0.1, day[0], np.array(day))
        still = halted[t] | filler[t]
        high, low = day.max(axis=0), day.min(axis=0)
        offered = (("open", day[0]), ("close", day[3]), ("high", high), ("low", low))
        for name, value in offered:
            prices[name][t] = np.where(still, np.nan, value)
            prices[name][t, filler[t]] = 7.0 * base[filler[t]]
        last = np.where(still, base, day[3])
    volume = np.round(rng.uniform(1e3, 1e6, names) * rng.uniform(0.2, 2.0, shape))
    volume[halted | filler] = np.where(rng.random(shape) < 0.5, 0.0, np.nan)[halted | filler]
    market = bars(
        prices["open"], prices["close"], high=prices["high"], low=prices["low"], volume=volume,
        adjustment_factor=np.where(listed, factor, np.nan), listed=listed,
        universe=listed & (rng.random(shape) < 0.9),
        dividend=np.where(rng.random(shape) < 0.03, np.round(rng.uniform(1, 40, shape)), 0.0),
    )  # fmt: skip
    return market, rng.normal(size=shape)


def last_closes(market):
    """The base price of each session, [T, N]: the last traded close, in that session's shares."""
    base = np.full(market.close.shape, np.nan)
    last = np.full(market.close.shape[1], np.nan)
    for t in range(len(base)):
        last = last * np.nan_to_num(market.adjustment_factor[t], nan=1.0)
        base[t] = last
        traded = (market.volume[t] > 0) & np.isfinite(market.close[t])
        last = np.where(traded, market.close[t], last)
    return base
