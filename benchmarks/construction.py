"""The same scores by several constructions on real prices: gross, net, traded, and what it carries.

    python benchmarks/construction.py HOME [--run reversal] [--set costs.impact=0.5]

HOME has a dataset of real prices and a finished run of it (benchmarks/us_daily_skill.py --home
makes one of us_daily.parquet); nothing is written there. Each construction trades the test scores
of the run at the same costs. ``gross`` is the excess return over the equal-weighted universe with
costs given back, ``net`` without; both a year, with the Newey-West error. ``break-even`` is how
many times its costs it could pay, ``carries`` the capital at which impact by the square-root law
takes all of the net excess.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from gogooku.core.config import Resolved, resolve
from gogooku.core.terms import at_exchange
from gogooku.portfolio.backtest import TradeConfig, run_backtest
from gogooku.portfolio.capacity import (
    break_even_capital,
    break_even_multiple,
    capacity_curve,
    cost_sensitivity,
    orders_of,
)
from gogooku.portfolio.positions import positions_of
from gogooku.runs.attribution import history_of
from gogooku.runs.find import open_run
from gogooku.runs.trade import market_bars

CONSTRUCTIONS = {
    "equal": [],
    "equal, seats to twice K": ["portfolio.exit_margin=50"],
    "equal, scores smoothed": ["portfolio.smoothing=5"],
    "score-weighted": ["portfolio.weighting.kind=score"],
    "risk parity": ["portfolio.weighting.kind=hrp"],
    "mean-variance": ["portfolio.weighting.kind=mean_risk"],
    "mean-variance, turnover 10 %": [
        "portfolio.weighting.kind=mean_risk",
        "portfolio.limits.turnover=0.1",
        "portfolio.exit_margin=50",
    ],
    "mean-CVaR": ["portfolio.weighting.kind=mean_risk", "portfolio.weighting.measure=cvar"],
    "dollar-neutral": ["portfolio.stance=dollar_neutral"],
    "beta-neutral": ["portfolio.stance=beta_neutral"],
}
COLUMNS = ("gross", "net", "error", "turnover", "break-even", "carries", "CPU s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--run", default="reversal")
    parser.add_argument("--only", default=",".join(CONSTRUCTIONS), help="Names, by commas.")
    parser.add_argument("--set", action="append", default=[], help="Settings of every account.")
    options = parser.parse_args()
    run = open_run(options.home, options.run)
    dataset = run.dataset(options.home)
    bars = market_bars(dataset)
    history = history_of(dataset, bars)
    indices, scores = run.scores("test", dataset)
    print(f"{run.run_id}: {len(indices)} sessions, {len(dataset.codes)} names")
    print(f"{'':30s}" + "".join(f"{name:>13s}" for name in COLUMNS))
    for name, assignments in CONSTRUCTIONS.items():
        if not any(name == one or name.startswith(f"{one},") for one in options.only.split(",")):
            continue
        resolved: Resolved[TradeConfig] = resolve(
            TradeConfig(), base_name="backtest", assignments=[*options.set, *assignments]
        )
        config = at_exchange(resolved, str(dataset.manifest["exchange"])).config
        horizon = run.horizons.index(config.portfolio.horizon)
        began = time.process_time()
        made = run_backtest(
            bars,
            scores[:, :, horizon].astype(np.float64),
            indices,
            config=config,
            history=history,
        )
        spent = time.process_time() - began
        positions = positions_of(
            made.daily,
            made.holdings,
            history=history,
            sessions=bars.sessions,
            codes=bars.codes,
        )
        free, paid = cost_sensitivity(positions, multiples=(0.0, 1.0)).to_dicts()
        equity, impact = (made.daily.get_column(c).to_numpy() for c in ("equity", "impact"))
        orders = orders_of(made.ledger, positions)
        law = config.costs.impact or 1.0
        curve = capacity_curve(positions, orders, equity, impact=law, paid=impact)
        print(
            f"{name:30s}{free['annual_excess']:+13.4f}{paid['annual_excess']:+13.4f}"
            f"{paid['excess_error']:13.4f}{positions.turnover[1:].mean() * 250:13.1f}"
            f"{break_even_multiple(positions):13.2f}{break_even_capital(curve):13.3g}{spent:13.1f}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
