"""What runs under an interpreter that has vectorbt: a daily top K of one panel, and its CPU.

    VECTORBT_PYTHON benchmarks/vectorbt_worker.py PANEL.npz [--times 5]

The panel holds ``open``, ``close``, ``scores`` and ``universe`` [T, N], ``top``, ``cash``, ``lot``,
``fee`` and ``slippage``. From the scores to what a backtest writes down: target weights of the best
of each session, orders in whole lots at the next open, sales first, with costs; then the orders in
words, and equity, cash, gross exposure, holdings and returns by session. No limit prices and no
delistings: vectorbt has none; prices without splits. The first call compiles (numba) and does not
count. Prints one JSON line. Imports nothing of ours.
"""

import argparse
import json
import time
import warnings
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("panel", type=Path)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()

    import numpy as np
    import pandas as pd  # noqa: TID251  (what vectorbt takes)
    import vectorbt as vbt

    warnings.simplefilter("ignore")
    panel = np.load(options.panel)
    top, rate = int(panel["top"]), float(panel["fee"]) + float(panel["slippage"])
    days = pd.bdate_range("2014-01-06", periods=len(panel["close"]))
    close, open_ = (pd.DataFrame(panel[name], index=days) for name in ("close", "open"))
    scores = np.where(panel["universe"], panel["scores"], -np.inf)

    def run() -> dict[str, float]:
        best = np.argpartition(-scores, top, axis=1)[:, :top]
        weight = np.zeros_like(scores)
        np.put_along_axis(weight, best, 1.0 / top / (1.0 + rate), axis=1)
        weight = np.vstack([np.zeros((1, weight.shape[1])), weight[:-1]])
        portfolio = vbt.Portfolio.from_orders(
            close,
            size=pd.DataFrame(weight, index=days),
            size_type="targetpercent",
            price=open_,
            fees=float(panel["fee"]),
            slippage=float(panel["slippage"]),
            size_granularity=float(panel["lot"]),
            init_cash=float(panel["cash"]),
            cash_sharing=True,
            group_by=True,
            call_seq="auto",
            freq="D",
        )
        orders = portfolio.orders.records_readable
        portfolio.cash()
        portfolio.gross_exposure()
        portfolio.assets()
        portfolio.returns()
        return {"orders": len(orders), "return": float(portfolio.value().iloc[-1] / panel["cash"])}

    run()
    spent = []
    for _ in range(options.times):
        begun = time.process_time()
        found = run()
        spent.append(time.process_time() - begun)
    print(json.dumps({"cpu_seconds": spent, **found}))


if __name__ == "__main__":
    main()
