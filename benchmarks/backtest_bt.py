"""The backtest beside that of bt on a small case without rules of an exchange.

    python benchmarks/backtest_bt.py --bt PYTHON [--seeds 5]

Ten names, 250 sessions, every fifth session the best three of one half of the names, then of the
other, by random scores; 32 % in each, single shares, no price limits. Sessions open where they
closed before, so that what is decided at a close and filled at the next open has one price: the
close at which bt trades. Once without costs, once with ten basis points a side. All holdings change
and some cash stays, because bt takes the commission of an addition out of its size, and goes into
debt for what sales cost, where this broker does neither. Exit code 1 when equity differs by more
than a basis point on some day.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import NEW_YORK, Clock, tokyo_sessions
from gogooku.portfolio.backtest import TradeConfig, run_backtest
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.construct import PortfolioConfig
from gogooku.portfolio.costs import CostConfig

SESSIONS, NAMES, TOP, EVERY, CASH = 250, 10, 3, 5, 1e8
WEIGHT = 0.32
BASIS_POINT = 1e-4
FloatArray = npt.NDArray[np.float64]
WORKER = """
import json, sys
import bt, numpy as np, pandas as pd
close, weight = (np.load(f"{sys.argv[1]}/{n}.npy") for n in ("close", "weight"))
rate, every, cash = (float(x) for x in sys.argv[2:5])
days = pd.date_range("2020-01-01", periods=len(close), freq="D")
names = [f"n{k}" for k in range(close.shape[1])]
data = pd.DataFrame(close, index=days, columns=names)
wanted = pd.DataFrame(weight, index=days, columns=names).iloc[:: int(every)]
wanted = wanted[(wanted.sum(axis=1) > 0)]
strategy = bt.Strategy("s", [bt.algos.WeighTarget(wanted), bt.algos.Rebalance()])
test = bt.Backtest(strategy, data, initial_capital=cash, integer_positions=True,
                   commissions=lambda q, p: abs(q) * p * rate)
bt.run(test)
values = test.strategy.values.iloc[1:].tolist()
print(json.dumps(values))
"""


def case(seed: int) -> tuple[MarketBars, FloatArray]:
    """A market without an exchange's rules, and scores."""
    rng = np.random.default_rng(seed)
    close = 500.0 * np.exp(np.cumsum(rng.normal(0.0, 0.015, (SESSIONS, NAMES)), axis=0))
    open_ = np.vstack([close[:1], close[:-1]])
    ones, yes = np.ones_like(close), np.ones(close.shape, dtype=np.bool_)
    bars = MarketBars(
        exchange=NEW_YORK,
        clock=Clock.EVENING,
        sessions=tokyo_sessions(date(2020, 1, 1), date(2022, 1, 1))[:SESSIONS],
        codes=tuple(f"N{n}" for n in range(NAMES)),
        open=open_,
        high=np.maximum(open_, close),
        low=np.minimum(open_, close),
        close=close,
        volume=ones * 1e9,
        adjustment_factor=ones,
        limit_up=ones * 0.0,
        limit_down=ones * 0.0,
        listed=yes,
        universe=yes,
    )
    scores = rng.normal(size=close.shape)
    half = (np.arange(SESSIONS) // EVERY) % 2
    scores[(np.arange(NAMES) % 2)[None] != half[:, None]] = np.nan
    return bars, scores


def ours(bars: MarketBars, scores: FloatArray, bps: float) -> FloatArray:
    """Equity at each close, what the next open will cost taken off: bt pays it at that close."""
    config = TradeConfig(
        portfolio=PortfolioConfig(top_k=TOP, rebalance_every=EVERY, max_weight=WEIGHT),
        costs=CostConfig(commission_bps=bps, slippage_bps=0.0),
        lot_size=1,
        initial_cash=CASH,
    )
    daily = run_backtest(bars, scores, np.arange(len(scores)), config=config).daily
    cost = np.append(daily["cost"].to_numpy()[1:], 0.0)
    return np.asarray(daily["equity"].to_numpy() - cost)


def theirs(python: str, bars: MarketBars, scores: FloatArray, bps: float) -> FloatArray:
    """The same of bt."""
    best = np.argsort(-np.nan_to_num(scores, nan=-np.inf), axis=1, kind="stable")[:, :TOP]
    weight = np.zeros(scores.shape)
    np.put_along_axis(weight, best, WEIGHT, axis=1)
    weight[-1] = 0.0
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "close.npy", bars.close)
        np.save(Path(folder) / "weight.npy", weight)
        given = [folder, str(bps * BASIS_POINT), str(EVERY), str(CASH)]
        done = subprocess.run(
            [python, "-c", WORKER, *given], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(done.stderr)
    return np.array(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bt", required=True, help="Python interpreter that has bt.")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    worst = 0.0
    for seed in range(options.seeds):
        bars, scores = case(seed)
        for bps in (0.0, 10.0):
            mine, other = ours(bars, scores, bps), theirs(options.bt, bars, scores, bps)
            other = other[-len(mine) :]
            gap = np.abs(mine / other - 1.0)
            worst = max(worst, float(gap.max()))
            print(
                f"seed {seed}, {bps:g} bps: {mine[-1]:,.2f} here, {other[-1]:,.2f} in bt; apart "
                f"{gap[-1] / BASIS_POINT:.4f} bp at the end, {gap.max() / BASIS_POINT:.4f} at most"
            )
    return 1 if worst > BASIS_POINT else 0


if __name__ == "__main__":
    sys.exit(main())
