"""What runs under an interpreter that has alphalens-reloaded: its measures of a panel, and its CPU.

    ALPHALENS_PYTHON benchmarks/alphalens_worker.py PANEL.npz [--values FILE.npz]

The panel holds ``scores`` and ``labels`` [T, N, H] and ``horizons``. Prints one JSON line. Imports
nothing of ours.
"""

import argparse
import json
import time
import warnings
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("panel", type=Path)
    parser.add_argument("--values", type=Path)
    options = parser.parse_args()

    import numpy as np
    import pandas as pd  # noqa: TID251  (what alphalens takes)
    from alphalens import performance, utils

    warnings.simplefilter("ignore")
    panel = np.load(options.panel)
    scores, labels, horizons = panel["scores"], panel["labels"], panel["horizons"]
    length, width, _ = scores.shape
    days = pd.bdate_range("2015-01-01", periods=length, name="date")
    index = pd.MultiIndex.from_product([days, range(width)], names=["date", "asset"])
    inputs = []
    for h, horizon in enumerate(horizons):
        factor = pd.Series(scores[:, :, h].ravel().astype(float), index=index).dropna()
        returns = pd.DataFrame({f"{horizon}D": labels[:, :, h].ravel().astype(float)}, index=index)
        returns = returns.dropna()
        returns.index.levels[0].freq = days.freq
        inputs.append((int(horizon), factor, returns))
    found = {}
    begun = time.process_time()
    for horizon, factor, returns in inputs:
        clean = utils.get_clean_factor(factor, returns, quantiles=10, max_loss=1.0)
        quantile = clean["factor_quantile"]
        found[f"h{horizon}.rank_ic"] = performance.factor_information_coefficient(clean)
        means, _ = performance.mean_return_by_quantile(clean, by_date=True)
        performance.mean_return_by_quantile(clean)
        found[f"h{horizon}.deciles"] = means.unstack("factor_quantile")
        found[f"h{horizon}.autocorrelation"] = performance.factor_rank_autocorrelation(clean)
        for period in {1, horizon}:
            found[f"h{horizon}.turnover_{period}"] = performance.quantile_turnover(
                quantile, 10, period
            )
    spent = time.process_time() - begun
    if options.values is not None:
        values = {name: one.to_numpy(dtype=float) for name, one in found.items()}
        np.savez(options.values, **values)
    print(json.dumps({"cpu_seconds": spent, "measures": sorted(found)}))


if __name__ == "__main__":
    main()
