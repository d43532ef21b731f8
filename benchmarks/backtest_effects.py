"""What filler rows, limit locks and the price of the fill do to a result on real prices.

    python benchmarks/backtest_effects.py HOME [--runs reversal,ridge] [--price-limit 0.15]

HOME has a dataset of real prices and finished runs of it (benchmarks/us_daily_skill.py --home makes
one of us_daily.parquet); nothing is written there. Each run's test scores are traded in variants
that differ in one thing. With filler rows trusted, a session in which a listed name did not trade
has its last close and a volume: orders fill there and holdings are marked, as by a ledger that
believes a vendor's rows. With limits, the open may not be further from the last close than a share
of it: with the lock believed no order fills through it, without it every one does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from gogooku.core.config import Resolved, resolve
from gogooku.core.terms import at_exchange
from gogooku.portfolio.backtest import Backtest, TradeConfig, run_backtest
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.measures import backtest_report
from gogooku.runs.find import open_run
from gogooku.runs.trade import market_bars

LIMIT = "fills.price_limit={}"


def trusting(bars: MarketBars) -> MarketBars:
    """The same bars with rows filled in where a listed name did not trade."""
    prices = {name: np.array(getattr(bars, name)) for name in ("open", "high", "low", "close")}
    volume = np.array(bars.volume)
    last = np.full(len(bars.codes), np.nan)
    for t in range(len(bars.sessions)):
        last = last * np.nan_to_num(bars.adjustment_factor[t], nan=1.0)
        traded = (volume[t] > 0.0) & np.isfinite(prices["close"][t])
        fill = bars.listed[t] & ~traded & np.isfinite(last)
        for price in prices.values():
            price[t, fill] = last[fill]
        volume[t, fill] = 1e12
        last = np.where(traded, prices["close"][t], last)
    return replace(bars, **prices, volume=volume)


def variants(bars: MarketBars, share: float) -> Iterator[tuple[str, MarketBars, list[str]]]:
    yield "as they are", bars, []
    yield "filler rows trusted", trusting(bars), []
    yield f"limit of {share:.0%}, locks believed", bars, [LIMIT.format(share)]
    yield "filled at the close", bars, ["fills.price=close"]
    yield "filled at the session's mean price", bars, ["fills.price=vwap_proxy"]
    yield "at most 2 % of traded value", bars, ["fills.max_participation=0.02"]
    yield "square-root impact", bars, ["costs.impact=1.0"]
    yield "delisted names pay 30 % less", bars, ["delisting_haircut=0.3"]


def line(name: str, made: Backtest) -> str:
    report = backtest_report(made.daily)
    shown = []
    for measure in ("annual_return", "excess_return", "sharpe"):
        one = report.values[f"portfolio.{measure}"]
        shown.append(f"{measure} {one.value:+.4f} ±{one.error:.4f}")
    reasons = dict(made.unfilled.group_by("reason").len().sort("reason").rows())
    return f"  {name:36s} {', '.join(shown)}; orders refused or cut {reasons}"


def account(assignments: list[str]) -> TradeConfig:
    resolved: Resolved[TradeConfig] = resolve(
        TradeConfig(), base_name="backtest", assignments=assignments
    )
    return at_exchange(resolved, "new_york").config


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path, help="As --home of us_daily_skill.py.")
    parser.add_argument("--runs", default="reversal,ridge")
    parser.add_argument("--price-limit", type=float, default=0.15)
    parser.add_argument("--set", action="append", default=[], help="Settings of every account.")
    options = parser.parse_args()
    for name in options.runs.split(","):
        run = open_run(options.home, name)
        dataset = run.dataset(options.home)
        bars = market_bars(dataset)
        indices, scores = run.scores("test", dataset)
        for horizon in (5,):
            chosen = scores[:, :, run.horizons.index(horizon)].astype(np.float64)
            print(f"{run.run_id}, horizon {horizon}, {len(indices)} sessions")
            for label, market, assignments in variants(bars, options.price_limit):
                config = account([*options.set, *assignments])
                print(line(label, run_backtest(market, chosen, indices, config=config)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
