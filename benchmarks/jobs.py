"""A walk-forward with several seeds by worker processes against the same in sequence in one.

    python benchmarks/jobs.py [--home FOLDER] [--size demo] [--workers 2] [--folds 5]
                              [--seeds 1,2,3] [--run atft-gat-fan] [--set path=value] [--rounds 1]

Both begin as a process of their own with no fit on disk and the same dataset, which is built first;
with several rounds they take turns. Wall and CPU seconds are those of a process and its children.
Memory is what each holds for itself plus the files (data and libraries) of the process that maps
most, since they map the same; the highest value of a sample every 0.1 seconds. (PSS would divide a
page among all that map it, other programs on the machine too.) At the end: whether the fits of both
are equal, and how the two compare. On cores that others use as well, CPU seconds say more than wall
seconds.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gogooku.core.artefact import CURRENT_FILE
from gogooku.core.config import Execution, resolve
from gogooku.core.errors import DataError
from gogooku.core.progress import SilentReporter
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.home import current_dataset, datasets_folder
from gogooku.evaluate.split import make_folds
from gogooku.execute.local import LocalExecutor
from gogooku.execute.task import Executor, HereExecutor
from gogooku.pipeline import build, sandbox
from gogooku.runs.job import Job, jobs_folder
from gogooku.runs.job_task import job_task
from gogooku.runs.labels import run_labels
from gogooku.runs.named import run_named
from gogooku.sandbox.market.market import market_config

SAMPLE_SECONDS = 0.1


@dataclass
class Side:
    """What one of the two took."""

    wall_seconds: float
    cpu_seconds: float
    memory_gib: float
    contents: dict[str, str]

    def __str__(self) -> str:
        return (
            f"{len(self.contents)} fits, {self.wall_seconds:.1f} s wall, {self.cpu_seconds:.1f} s "
            f"CPU, {self.memory_gib:.2f} GiB"
        )


def family(process: int) -> list[int]:
    """A process and its children at any depth."""
    found = [process]
    for one in found:
        with suppress(OSError):
            text = Path(f"/proc/{one}/task/{one}/children").read_text()
            found += [int(child) for child in text.split()]
    return found


def memory_gib(processes: Sequence[int]) -> float:
    """What processes hold for themselves, and the mapped files of the one that maps most."""
    own, files = 0, [0]
    for one in processes:
        with suppress(OSError):
            text = Path(f"/proc/{one}/status").read_text()
            kib = {name: int(size) for name, size in re.findall(r"Rss(\w+):\s+(\d+) kB", text)}
            own += kib.get("Anon", 0) + kib.get("Shmem", 0)
            files.append(kib.get("File", 0))
    return (own + max(files)) / 2**20


def measured(command: Sequence[str]) -> Side:
    """Run a command that prints the content of each fit as JSON."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    most = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            most = max(most, memory_gib(family(process.pid)))
            time.sleep(SAMPLE_SECONDS)
        assert process.stdout is not None
        text = process.stdout.read()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command[:4])}: exit {process.returncode}")
    return Side(
        wall_seconds=time.perf_counter() - begun,
        cpu_seconds=(after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime),
        memory_gib=most,
        contents=json.loads(text),
    )


def jobs(home: Path, given: argparse.Namespace) -> Iterator[Job]:
    """Each fold with each seed."""
    dataset = current_dataset(home)
    for seed in given.seeds.split(","):
        split = ("split.kind=walk_forward", f"split.num_folds={given.folds}", f"seed={seed}")
        config = resolve(
            run_named(given.run, few_names=given.run == "atft-gat-fan"),
            base_name=given.run,
            assignments=[*split, *given.set],
        ).config
        labels = run_labels(dataset, config)
        folds = make_folds(config.split, dataset.sessions, first=config.warmup_sessions)
        for number, fold in enumerate(folds):
            yield Job(config, number, fold, dataset, labels, Execution(threads=1))


def fit(home: Path, given: argparse.Namespace, workers: int) -> None:
    """Fit all and print what came of each; no workers: in this process."""
    executor: Executor = (
        LocalExecutor(workers, say=lambda text: print(f"  {text}", file=sys.stderr))
        if workers
        else HereExecutor()
    )
    contents = {}
    for outcome in executor.run([job_task(home, job) for job in jobs(home, given)]):
        if outcome.value is None:
            raise DataError(f"{outcome.task.what}: {outcome.fault}")
        contents[outcome.task.key] = outcome.value["content"]
    print(json.dumps(contents))


def prepared(home: Path, size: str) -> None:
    """A sandbox market and its dataset in a home, if they are not there."""
    if (datasets_folder(home) / CURRENT_FILE).exists():
        return
    reporter = SilentReporter()
    market = market_config(size, seed=1)
    sandbox(home, "sandbox", resolve(market, base_name=size), reporter=reporter)
    config = resolve(BuildConfig(source="sandbox"), base_name="build")
    build(home, config, execution=Execution(), reporter=reporter)


def compared(home: Path, given: argparse.Namespace) -> None:
    command = [sys.executable, __file__, *sys.argv[1:], "--home", str(home)]
    best: dict[int, Side] = {}
    for _ in range(given.rounds):
        for workers in (0, given.workers):
            shutil.rmtree(jobs_folder(home), ignore_errors=True)
            side = measured([*command, "--fit", str(workers)])
            where = f"{workers} worker processes" if workers else "one process, in sequence"
            print(f"{where}: {side}", flush=True)
            if workers not in best or side.wall_seconds < best[workers].wall_seconds:
                best[workers] = side
    one, several = best[0], best[given.workers]
    print(
        f"{one.wall_seconds / several.wall_seconds:.2f} times faster, "
        f"{several.cpu_seconds / one.cpu_seconds:.2f} times the CPU, "
        f"{several.memory_gib / one.memory_gib:.2f} times the memory; "
        f"fits {'equal' if one.contents == several.contents else 'DIFFER'}"
    )
    if one.contents != several.contents:
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, help="a folder; one of its own by default")
    parser.add_argument("--size", default="demo")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--run", default="atft-gat-fan")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--fit", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.fit is not None:
        fit(given.home, given, given.fit)
        return
    with tempfile.TemporaryDirectory() as own:
        home = given.home or Path(own)
        prepared(home, given.size)
        compared(home, given)


if __name__ == "__main__":
    main()
