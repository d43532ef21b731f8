"""Time the features along time at the size of Tokyo: 2014 sessions, 5874 names, blocks of names.

Run: python benchmarks/feature_kernels.py [--names 5874] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray, Role
from gogooku.features.catalogue import CATALOGUE, select
from gogooku.features.engine.compute import MARKET_COLUMNS, SECTOR_COLUMNS, STOCK_COLUMNS

SESSIONS = 2014


def random_block(num_names: int, seed: int) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)
    shape = (SESSIONS, num_names)
    close = np.exp(np.cumsum(0.02 * rng.standard_normal(shape), axis=0))
    open_ = close * np.exp(0.01 * rng.standard_normal(shape))
    spread = np.exp(np.abs(0.01 * rng.standard_normal(shape)))
    out = {
        "open": open_,
        "high": np.maximum(open_, close) * spread,
        "low": np.minimum(open_, close) / spread,
        "close": close,
        "turnover": np.exp(18.0 + rng.standard_normal(shape)),
    }
    out["volume"] = out["turnover"] / close
    missing = rng.random(shape) < 0.02
    for values in out.values():
        values[missing] = np.nan
    out["traded"] = (~missing).astype(float)
    out["limit_up_flag"] = out["limit_down_flag"] = np.zeros(shape)
    for feature in CATALOGUE:
        if feature.axis is Axis.ACROSS:
            size = SESSIONS if feature.role is Role.MARKET else shape
            out[feature.name] = 0.01 * rng.standard_normal(size)
    return out


def compute_block(features: list[Feature], block: dict[str, FloatArray]) -> dict[str, float]:
    known, seconds = dict(block), {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for feature in features:
            start = time.perf_counter()
            known[feature.name] = feature.compute({name: known[name] for name in feature.inputs})
            seconds[feature.name] = time.perf_counter() - start
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", type=int, default=5874)
    parser.add_argument("--block", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    chosen = select("all", available=(*STOCK_COLUMNS, *SECTOR_COLUMNS, *MARKET_COLUMNS))
    features = [f for f in chosen.ordered if f.axis is Axis.ALONG]
    blocks = [random_block(args.block, seed) for seed in range(2)]
    num_blocks = -(-args.names // args.block)
    start = time.perf_counter()
    with ThreadPoolExecutor(args.threads) as pool:
        work = [blocks[i % len(blocks)] for i in range(num_blocks)]
        timings = list(pool.map(lambda block: compute_block(features, block), work))
    wall = time.perf_counter() - start
    total: dict[str, float] = defaultdict(float)
    for timing in timings:
        for name, seconds in timing.items():
            total[name] += seconds
    slowest = sorted(total.items(), key=lambda item: -item[1])[:15]
    print(
        json.dumps(
            {
                "features": len(features),
                "sessions": SESSIONS,
                "names": args.names,
                "threads": args.threads,
                "wall_seconds": round(wall, 2),
                "slowest": {name: round(seconds, 2) for name, seconds in slowest},
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
