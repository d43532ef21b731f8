"""Fit learners on real prices over fixed folds and print what they reach.

    python benchmarks/us_daily_skill.py ../shared/data/us_daily.parquet [--runs ridge,lightgbm]

Names above 2 million USD of trailing traded value; folds of benchmarks/configs/us_daily.toml.
Exit code 1 when LightGBM's RankIC at 5 sessions is below 0.005.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from fitting import fitted, new_york_dataset
from gogooku.runs.judge import evaluate
from measure import measured

FOLDS = Path(__file__).with_name("configs") / "us_daily.toml"
FLOOR = 0.005


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--runs", default="ridge,lightgbm,atft-gat-fan")
    parser.add_argument("--home", type=Path, help="Keep everything there.")
    options = parser.parse_args()
    reached: dict[str, float] = {}
    with ExitStack() as stack:
        home = options.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dataset = new_york_dataset(options.file, home, floor=2_000_000.0)
        for name in options.runs.split(","):
            with measured() as spent:
                run = fitted(home, name, dataset, threads=1, file=FOLDS)
            metrics = evaluate(home, run).metrics
            for horizon in (1, 5, 10, 20):
                one = metrics[f"h{horizon}.rank_ic"]
                shown = f"{one['value']:+.4f} ±{one['error']:.4f}, n {one['n']}"
                print(f"{name} {horizon}: {shown}, {spent}")
            reached[name] = metrics["h5.rank_ic"]["value"]
    return 1 if reached.get("lightgbm", 1.0) < FLOOR else 0


if __name__ == "__main__":
    sys.exit(main())
