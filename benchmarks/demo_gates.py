"""Run the demo for several seeds and check what it must reach.

    python benchmarks/demo_gates.py [--seeds 1,2,3] [--size demo] [--output FILE.json]

For each seed, in a temporary home: the demo with true labels and with shuffled ones. Prints
alignment and RankIC of every learner; ``--output`` keeps those of the true labels, from which
`write_measured.py` writes the tables of the pages. Exit code 1 when a gate is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gogooku.commands.demo import LEARNERS, run_demo
from gogooku.core.config import Execution
from gogooku.core.progress import SilentReporter

FLOOR, MARGIN, RIDGE_CEILING, LIMIT_SECONDS = 0.60, 0.10, 0.62, 180.0


def alignment(metrics: Mapping[str, Any], learner: str, horizon: int) -> float:
    return float(metrics[learner][f"h{horizon}.alignment"]["value"])


def gates(metrics: Mapping[str, Any]) -> list[str]:
    network = [alignment(metrics, "atft-gat-fan", h) for h in (1, 5)]
    floor = max(alignment(metrics, name, 1) for name in ("ridge", "lightgbm"))
    ridge = max(alignment(metrics, "ridge", h) for h in (1, 5))
    missed = []
    if min(network) < FLOOR:
        missed.append(f"atft-gat-fan alignment {network} below {FLOOR}")
    if network[0] < floor + MARGIN:
        missed.append(f"atft-gat-fan {network[0]:.3f} is not {MARGIN} above {floor:.3f}")
    if ridge >= RIDGE_CEILING:
        missed.append(f"ridge alignment {ridge:.3f} at or above {RIDGE_CEILING}")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--size", default="demo")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    missed: list[str] = []
    kept: dict[str, Any] = {}
    for seed in (int(text) for text in options.seeds.split(",")):
        with tempfile.TemporaryDirectory() as home:
            for shuffled in (False, True):
                wall, cpu = time.perf_counter(), time.process_time()
                result = run_demo(
                    Path(home),
                    size=options.size,
                    seed=seed,
                    shuffled=shuffled,
                    execution=Execution(),
                    reporter=SilentReporter(),
                )
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                kind = "shuffled" if shuffled else "true"
                print(f"seed {seed}, {kind} labels: {wall:.0f} s wall, {cpu:.0f} s CPU")
                show(result.metrics)
                if not shuffled:
                    kept[str(seed)] = figures(result.metrics)
                found = result.findings + ([] if shuffled else gates(result.metrics))
                if not shuffled and wall > LIMIT_SECONDS:
                    found.append(f"{wall:.0f} s is above {LIMIT_SECONDS:.0f} s")
                missed += [f"seed {seed}, {kind} labels: {text}" for text in found]
    if options.output:
        command = f"demo_gates.py --size {options.size} --seeds {options.seeds}"
        text = json.dumps({"command": command, "seeds": kept}, indent=2)
        options.output.write_text(text + "\n", encoding="utf-8")
    for text in missed:
        print(f"MISSED {text}")
    return 1 if missed else 0


def figures(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Value and error of what the pages show, by learner and measure, rounded as they show it."""
    wanted = {"rank_ic": 4, "alignment": 3, "share_of_attainable": 2, "attainable": 4}
    return {
        learner: {
            f"h{horizon}.{name}": [round(one["value"], digits), round(one["error"], digits)]
            for horizon in (1, 5)
            for name, digits in wanted.items()
            if (one := metrics[learner].get(f"h{horizon}.{name}")) is not None
        }
        for learner in LEARNERS
    }


def show(metrics: Mapping[str, Any]) -> None:
    for learner in (name for name in LEARNERS if name in metrics):
        cells = []
        for horizon in (1, 5, 10, 20):
            one = metrics[learner][f"h{horizon}.rank_ic"]
            text = f"{horizon}s {one['value']:+.4f}±{one['error']:.4f}"
            if f"h{horizon}.alignment" in metrics[learner]:
                text += f" align {alignment(metrics, learner, horizon):.3f}"
            cells.append(text)
        print(f"  {learner:13} " + " | ".join(cells))
    first = next(iter(metrics.values()))
    if "h1.attainable" in first:
        best = [f"{h}s {first[f'h{h}.attainable']['value']:.4f}" for h in (1, 5, 10, 20)]
        print(f"  {'attainable':13} " + " | ".join(best))


if __name__ == "__main__":
    sys.exit(main())
