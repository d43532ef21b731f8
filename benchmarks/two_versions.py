"""Compare another checkout of this project with this one, step by step in one run.

    python benchmarks/two_versions.py OTHER_CHECKOUT [--size demo] [--rounds 3]

Each round makes the same files of prices, and then runs the commands of both checkouts in turn, in
homes of their own: import, build of the history, import of one session more, the evening's build,
training, ranking, ``--help``. Printed are CPU and wall seconds, the median of the rounds, and the
ratio of this checkout to the other, pair by pair. Contents are compared as well: datasets and
predictions of both must be the same.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gogooku.core.files import read_json
from gogooku.sandbox.market.market import generate, market_config, source_frames

HERE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Seconds:
    """What one command took."""

    wall: float
    cpu: float


def steps(before: Path, after: Path) -> dict[str, list[str]]:
    """The commands of an evening, in order."""
    return {
        "--help": ["--help"],
        "import": ["import", str(before)],
        "build": ["build", "--threads", "1"],
        "import, one session more": ["import", str(after)],
        "build, one session more": ["build", "--threads", "1"],
        "train ridge": ["train", "ridge"],
        "train lightgbm": ["train", "lightgbm"],
        "train atft-gat-fan": ["train", "atft-gat-fan"],
        "predict": ["predict"],
    }


def run(checkout: Path, home: Path, arguments: list[str]) -> Seconds:
    """Run a command of a checkout; its seconds, or an exit with what it printed."""
    environment = {
        **os.environ,  # noqa: TID251
        "PYTHONPATH": str(checkout / "src"),
        "GOGOOKU_HOME": str(home),
    }
    code = "import sys; from gogooku.cli import main; main(sys.argv[1:])"
    begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    wall, now = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{checkout}: {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return Seconds(wall=wall, cpu=cpu)


def write_prices(folder: Path, size: str, seed: int) -> tuple[Path, Path]:
    """Prices of a sandbox market without its last session, and with it."""
    frames = source_frames(generate(market_config(size, seed=seed)))
    quotes = frames.quotes.join(frames.listings.select("code", "sector"), on="code")
    quotes = quotes.sort("date", "code")
    last = quotes.get_column("date").max()
    before, after = folder / "before" / "prices.parquet", folder / "after" / "prices.parquet"
    for path, rows in ((before, quotes.filter(pl.col("date") < last)), (after, quotes)):
        path.parent.mkdir(exist_ok=True)
        rows.write_parquet(path)
    return before, after


def contents(home: Path) -> dict[str, str]:
    """Content hashes of datasets, and of the predictions of runs by name."""
    found = {}
    for path in home.glob("datasets/*/manifest.json"):
        manifest = read_json(path)
        found[f"dataset through {manifest['last']}"] = str(manifest["content_hash"])
    for path in home.glob("runs/*/manifest.json"):
        manifest = read_json(path)
        found[f"predictions of {manifest['name']}"] = str(manifest["parts"]["predictions"])
    return dict(sorted(found.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--size", default="demo")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    sides = {"other": given.other.resolve(), "this": HERE}
    taken: dict[str, dict[str, list[Seconds]]] = defaultdict(lambda: defaultdict(list))
    differ = []
    for number in range(given.rounds):
        folder = Path(tempfile.mkdtemp())
        before, after = write_prices(folder, given.size, seed=1)
        for step, arguments in steps(before, after).items():
            order = list(sides) if number % 2 == 0 else list(sides)[::-1]
            for side in order:
                taken[step][side].append(run(sides[side], folder / side, arguments))
        other, this = contents(folder / "other"), contents(folder / "this")
        differ += [name for name in other | this if other.get(name) != this.get(name)]
        shutil.rmtree(folder)
    print(f"{given.size}, {given.rounds} rounds, medians; ratio: this checkout to the other")
    for step, by_side in taken.items():
        other_cpu, this_cpu = ([s.cpu for s in by_side[side]] for side in sides)
        other_wall, this_wall = ([s.wall for s in by_side[side]] for side in sides)
        cpu = statistics.median(b / a for a, b in zip(other_cpu, this_cpu, strict=True))
        wall = statistics.median(b / a for a, b in zip(other_wall, this_wall, strict=True))
        print(
            f"{step:26} CPU {statistics.median(other_cpu):6.2f} -> "
            f"{statistics.median(this_cpu):6.2f} s, {cpu:.2f}; wall "
            f"{statistics.median(other_wall):6.2f} -> {statistics.median(this_wall):6.2f} s, "
            f"{wall:.2f}"
        )
    print(f"contents that differ: {', '.join(dict.fromkeys(differ)) or 'none'}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
