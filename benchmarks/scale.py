r"""What more nodes buy for a search or a walk-forward, from measured costs of its fits.

    python benchmarks/scale.py --home HOME --learner lightgbm [--trials 64 --folds 5 --seeds 1]
        [--batch 64 --finalists 5 --final-seeds 3 --unseen 1 --knobs 7] [--nodes 1,8,64]
        [--workers 8] [--memory-gib 64] [--disk-gib-s 0.5]
    python benchmarks/scale.py --seconds 1000 --peak-gib 5 --dataset-gib 60 [the same]

Seconds and memory of a fit are those of finished fits in a home (mean and most), or given. A node
has no more workers than its memory holds. Stages wait for their slowest fit: a batch of trials is
fitted fold by fold, so at most batch x seeds fits run at a time. Each node reads the dataset once,
from one server for all. Printed: fits, slots, hours of fits, minutes of copying, and how busy the
slots are. Nothing is measured here but what the home has.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

from gogooku.core.files import read_json
from gogooku.core.stamp import CONFIG_FILE
from gogooku.retention.disk import disk_use
from gogooku.runs.job import DoneJob, finished_jobs

HOUR, GIB = 3600.0, 2**30


@dataclass(frozen=True)
class Stage:
    """Fits that run together, and how many such stages follow each other."""

    fits: int
    times: int


@dataclass(frozen=True)
class Bought:
    """What some nodes buy."""

    nodes: int
    slots: int
    hours: float
    copy_minutes: float
    busy: float


def stages_of(options: argparse.Namespace) -> list[Stage]:
    """A search as stages: batches of trials by fold, finalists, unseen folds, neighbours."""
    batches, rest = divmod(options.trials, options.batch)
    found = [Stage(options.batch * options.seeds, batches * options.folds)]
    if rest:
        found.append(Stage(rest * options.seeds, options.folds))
    more = max(options.final_seeds - options.seeds, 0)
    found.append(Stage((options.finalists + 1) * options.folds * more, 1))
    found.append(Stage(2 * options.unseen * options.final_seeds, 1))
    found.append(Stage(2 * options.knobs * options.folds * options.seeds, 1))
    return [one for one in found if one.fits and one.times]


def bought(
    stages: list[Stage], nodes: int, *, workers: int, seconds: float, gib: float, rate: float
) -> Bought:
    """Wall time of stages on nodes, and the share of the slots' time that fits take."""
    slots = nodes * workers
    rounds = sum(math.ceil(one.fits / slots) * one.times for one in stages)
    fits = sum(one.fits * one.times for one in stages)
    return Bought(
        nodes=nodes,
        slots=slots,
        hours=rounds * seconds / HOUR,
        copy_minutes=nodes * gib / rate / 60.0,
        busy=fits / (rounds * slots),
    )


def costs(options: argparse.Namespace) -> tuple[float, float, float, str]:
    """Seconds and GiB of a fit, GiB of the datasets, and where they are from."""
    if options.home is None:
        return options.seconds, options.peak_gib, options.dataset_gib, "given"
    found = [
        DoneJob.read(folder).spent
        for folder in finished_jobs(options.home)
        if read_json(folder / CONFIG_FILE).get("learner.kind") == options.learner
    ]
    if not found:
        raise SystemExit(f"no finished fit of {options.learner} is in {options.home}/jobs")
    seconds = sum(one["seconds"] for one in found) / len(found)
    peak = max(one["peak_bytes"] for one in found) / GIB
    sizes = {one.part: one.num_bytes / GIB for one in disk_use(options.home)}
    return seconds, peak, sizes.get("datasets", 0.0), f"{len(found)} finished fits"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--learner", default="lightgbm")
    parser.add_argument("--seconds", default=1_000.0, type=float)
    parser.add_argument("--peak-gib", default=5.0, type=float)
    parser.add_argument("--dataset-gib", default=60.0, type=float)
    for name, default in (
        ("trials", 64), ("folds", 5), ("seeds", 1), ("batch", 64), ("finalists", 5),
        ("final-seeds", 3), ("unseen", 1), ("knobs", 7), ("workers", 8),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", default=default, type=int)
    parser.add_argument("--memory-gib", default=64.0, type=float)
    parser.add_argument("--disk-gib-s", default=0.5, type=float)
    parser.add_argument("--nodes", default="1,8,64")
    options = parser.parse_args()
    seconds, peak, gib, source = costs(options)
    workers = max(min(options.workers, int(options.memory_gib / peak)), 1)
    stages = stages_of(options)
    fits = sum(one.fits * one.times for one in stages)
    print(f"{fits:,} fits of {seconds:.0f} s and {peak:.1f} GiB ({source}), dataset {gib:.0f} GiB")
    print(f"{workers} workers a node; at most {max(one.fits for one in stages)} fits at a time")
    for nodes in (int(one) for one in options.nodes.split(",")):
        one = bought(
            stages, nodes, workers=workers, seconds=seconds, gib=gib, rate=options.disk_gib_s
        )
        print(
            f"  {nodes:>3} nodes, {one.slots:>4} slots: {one.hours:7.2f} h of fits, "
            f"{one.copy_minutes:6.1f} min of copying, slots busy {one.busy:.0%}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
