"""CPU seconds of a backtest: ten years of 4,000 names, the best 50 daily, lots, limits, costs.

    python benchmarks/backtest.py [--profile] [--times 5]
    python benchmarks/backtest.py --small [--vectorbt PYTHON]    1,000 names x 1,250 sessions

Prices are made up, in memory: a random walk on ticks with splits, halts, delistings and limits;
scores move slowly, so that about a tenth of the holdings change each day. The CPU is the median of
several runs in one process. With --vectorbt the same scores are traded by vectorbt in that
interpreter (`vectorbt_worker.py` says what it does), compiled before. Exit code 1 above 2 CPU
seconds for the whole market.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import TOKYO, Clock, tokyo_sessions
from gogooku.core.price_limits import limit_prices
from gogooku.core.ticks import on_tick, tick_size
from gogooku.portfolio.backtest import Backtest, TradeConfig, run_backtest
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.construct import PortfolioConfig
from gogooku.portfolio.costs import BASIS_POINT

MOST_CPU_SECONDS = 2.0
TOP = 50
WORKER = Path(__file__).with_name("vectorbt_worker.py")


def market(sessions: int, names: int, *, seed: int = 1) -> MarketBars:
    """A made-up market of Tokyo."""
    rng = np.random.default_rng(seed)
    shape = (sessions, names)
    factor = np.where(rng.random(shape) < 1e-4, rng.choice([0.5, 0.2, 10.0], shape), 1.0)
    step = rng.normal(0.0, 0.01, (sessions, 1)) + rng.standard_t(4, shape) * 0.015
    level = np.exp(rng.normal(7.3, 0.8, names)) * np.exp(np.cumsum(step, axis=0))
    close = level * np.cumprod(factor, axis=0)
    base = np.vstack([close[:1], close[:-1]]) * factor
    lower, upper = limit_prices(base)
    close = np.clip(close, lower, upper)
    open_ = np.clip(base * np.exp(rng.normal(0.0, 0.006, shape)), lower, upper)
    close, open_ = (
        np.clip(on_tick(one, tick_size("tokyo", one), up=False), lower, upper)
        for one in (close, open_)
    )
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    end = np.where(rng.random(names) < 0.2, rng.integers(50, sessions, names), sessions)
    listed = np.arange(sessions)[:, None] < end
    volume = np.round(np.exp(rng.normal(12.0, 1.0, names)) * np.exp(rng.normal(0, 0.4, shape)))
    quiet = (rng.random(shape) < 0.002) | ~listed
    volume[quiet] = 0.0
    for price in (open_, high, low, close):
        price[quiet] = np.nan
    first = date(2014, 1, 6)
    return MarketBars(
        exchange=TOKYO,
        clock=Clock.EVENING,
        sessions=tokyo_sessions(first, date(2025, 12, 30))[:sessions],
        codes=tuple(f"{1000 + n}0" for n in range(names)),
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        adjustment_factor=factor,
        limit_up=np.zeros(shape),
        limit_down=np.zeros(shape),
        listed=listed,
        universe=listed & ~quiet,
    )


def slow_scores(bars: MarketBars, *, seed: int = 2) -> npt.NDArray[np.float64]:
    """Scores whose order moves slowly."""
    rng = np.random.default_rng(seed)
    out = np.empty(bars.close.shape)
    out[0] = rng.normal(size=out.shape[1])
    for t in range(1, len(out)):
        out[t] = 0.99 * out[t - 1] + 0.141 * rng.normal(size=out.shape[1])
    return np.where(bars.listed, out, np.nan)


def config() -> TradeConfig:
    """The best 50 every day."""
    return TradeConfig(
        portfolio=PortfolioConfig(top_k=TOP, rebalance_every=1, max_weight=0.05),
        max_market_share=1e6,
    )


def with_vectorbt(
    python: str, bars: MarketBars, scores: npt.NDArray[np.float64], *, times: int
) -> float:
    """CPU seconds of vectorbt for the same scores, its functions compiled before: the median."""
    chosen, splits = config(), np.cumprod(bars.adjustment_factor, axis=0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "panel.npz"
        np.savez(
            file,
            open=bars.open / splits,
            close=bars.close / splits,
            scores=scores,
            universe=bars.universe,
            top=TOP,
            cash=chosen.initial_cash,
            lot=chosen.lot_size,
            fee=chosen.costs.commission_bps * BASIS_POINT,
            slippage=chosen.costs.slippage_bps * BASIS_POINT,
        )
        done = subprocess.run(
            [python, str(WORKER), str(file), "--times", str(times)],
            capture_output=True,
            text=True,
            check=True,
        )
    found = json.loads(done.stdout.splitlines()[-1])
    spent = statistics.median(found["cpu_seconds"])
    print(
        f"vectorbt, compiled: {spent:.2f} s CPU (median of {times}); {found['orders']:,} orders, "
        f"equity times {found['return']:.3f}"
    )
    return float(spent)


def traded(bars: MarketBars, scores: npt.NDArray[np.float64]) -> Backtest:
    return run_backtest(bars, scores, np.arange(len(scores)), config=config())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="1,000 names x 1,250 sessions.")
    parser.add_argument("--times", type=int, default=5, help="Times it is measured.")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--vectorbt", help="Python interpreter that has vectorbt.")
    options = parser.parse_args()
    sessions, names = (1_250, 1_000) if options.small else (2_450, 4_000)
    bars = market(sessions, names)
    scores = slow_scores(bars)
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(traded, bars, scores)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    spent = []
    for _ in range(options.times):
        begin = time.process_time()
        result = traded(bars, scores)
        spent.append(time.process_time() - begin)
    median = statistics.median(spent)
    grown = result.daily["equity"][-1] / result.daily["equity"][0]
    print(
        f"{sessions:,} sessions x {names:,} names, best {TOP} daily: {median:.2f} s CPU (median of "
        f"{options.times}, {min(spent):.2f} to {max(spent):.2f}); {result.ledger.height:,} ledger "
        f"rows, {result.unfilled.height:,} not filled, turnover "
        f"{result.daily['turnover'].mean():.3f} a session, equity times {grown:.3f}"
    )
    if options.vectorbt:
        other = with_vectorbt(options.vectorbt, bars, scores, times=options.times)
        print(f"vectorbt takes {other / median:.1f} times the CPU seconds")
    return 1 if not options.small and median > MOST_CPU_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
