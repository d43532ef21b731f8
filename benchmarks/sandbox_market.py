"""The attainable RankIC of the sandbox market: planted expectation against realised returns.

``python benchmarks/sandbox_market.py --size demo --seeds 1 2 3`` prints one row per seed and
family: mean daily Spearman +- Newey-West error at horizons 1, 5, 10 and 20, and the time taken.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gogooku.core.metrics import daily_rank_ic, mean_estimate
from gogooku.core.types import HORIZONS
from gogooku.sandbox.market.expectation import FROZEN_HORIZONS
from gogooku.sandbox.market.market import FAMILIES, SIZES, Market, generate, market_config

FloatArray = npt.NDArray[np.float64]


def labels(market: Market, horizon: int) -> FloatArray:
    """Return the simple return from the next adjusted open over ``horizon`` sessions; [T, N]."""
    factors = np.nan_to_num(market.adjustment_factor, nan=1.0).cumprod(axis=0)
    adjusted = market.open_ / factors
    out = np.full_like(adjusted, np.nan)
    out[: -1 - horizon] = adjusted[1 + horizon :] / adjusted[1:-horizon] - 1.0
    return out


def attainable(market: Market, score: FloatArray, horizon: int) -> str:
    """Mean daily Spearman of a score with the realised label, as text."""
    estimate = mean_estimate(daily_rank_ic(score, labels(market, horizon)), horizon=horizon)
    return f"{estimate.value:+.4f}+-{estimate.error:.4f}"


def table(market: Market) -> list[str]:
    """Rows of the attainable RankIC, total first, then per family with its relative size."""
    total = [attainable(market, market.expectation[:, :, i], h) for i, h in enumerate(HORIZONS)]
    rows = ["total    " + "  ".join(total)]
    for number, name in enumerate(FAMILIES):
        cells = [
            attainable(market, market.family_expectation[:, :, number, place], horizon)
            for place, horizon in enumerate(FROZEN_HORIZONS)
        ]
        spread = np.nanstd(market.family_expectation[:, :, number, 0]) / market.config.strength
        rows.append(f"{name:<8} " + "  ".join(cells) + f"  size {spread:.2f}")
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of every seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="demo")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args(arguments)
    for seed in options.seeds:
        started = time.perf_counter()
        market = generate(market_config(options.size, seed=seed))
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{options.size} seed {seed}: generated in {seconds:.1f} s, peak {peak:.2f} GiB")
        print("\n".join(table(market)))


if __name__ == "__main__":
    main()
