r"""A search on real prices: trials on yearly folds, the pick judged once on later years.

    python benchmarks/search.py ../shared/data/us_daily.parquet --runs lightgbm,atft-gat-fan \
        --trials 30 --jobs 2 [--home HOME] [--search 2012-2014] [--judged 2015-2016] \
        [--floor 2e6] [--set RUN:path=value]

Names above a floor of trailing traded value, in USD. Trials take one seed and few rows
(`THIN`), the best five and the run as it is three seeds; the pick and the run as it is are scored
once on the years that the search never saw. Printed: the sentence of each search, the paired
differences by horizon on both, wall and CPU seconds with those of the worker processes. With
``--home`` what is done is found again, and a search that was stopped goes on.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path

from fitting import new_york_dataset, settings_of
from gogooku.core.config import Execution, resolve
from gogooku.core.progress import ConsoleReporter
from gogooku.core.types import Dataset
from gogooku.execute.local import LocalExecutor
from gogooku.pipeline import search
from gogooku.runs.named import run_named
from gogooku.search.config import TuneConfig
from gogooku.search.result import facts_of, write_result
from gogooku.search.search import planned
from gogooku.search.settings import space_for

THIN = {
    "lightgbm": (
        "learner.max_rows=30000",
        "learner.rounds=120",
        "learner.patience=40",
        "learner.check_every=20",
        "learner.check_sessions=40",
    ),
    "atft-gat-fan": (
        "learner.training.row_share=0.05",
        "learner.training.max_epochs=2",
    ),
}
"""Settings by run that make a fit cheap; the run as it is has them too, so the pair is fair."""
SEARCH = (
    "warmup_sessions=280",
    "search.finalists=5",
    "search.final_seeds=3",
    "search.random_trials=8",
    "search.neighbourhood=false",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--runs", default="lightgbm,atft-gat-fan")
    parser.add_argument("--trials", default=30, type=int)
    parser.add_argument("--jobs", default=2, type=int)
    parser.add_argument("--search", default="2012-2014", help="Years that trials are scored on.")
    parser.add_argument("--judged", default="2015-2016", help="Years that judge the pick.")
    parser.add_argument("--floor", default=2e6, type=float, help="Of traded value, in USD.")
    parser.add_argument("--home", type=Path, help="Keep everything there.")
    parser.add_argument("--set", action="append", default=[], help="RUN:path=value")
    options = parser.parse_args()
    with ExitStack() as stack:
        home = options.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dataset = new_york_dataset(options.file, home, floor=options.floor)
        for name in options.runs.split(","):
            searched(home, name, dataset, options)
    return 0


def searched(home: Path, name: str, dataset: Dataset, options: argparse.Namespace) -> None:
    """Search one run and print what it came to."""
    first, last = (int(year) for year in options.search.split("-"))
    end = int(options.judged.split("-")[1])
    run = run_named(name)
    resolved = resolve(
        TuneConfig(**{one: getattr(run, one) for one in run.model_fields_set}),
        base_name=name,
        assignments=[
            "split.kind=calendar",
            f"split.start={date(first, 1, 1)}",
            f"split.end={date(end, 12, 31)}",
            f"search.folds={last - first + 1}",
            *SEARCH,
            *THIN.get(name, ()),
            *settings_of(name, options.set),
        ],
    )
    space = space_for(resolved.config.run, None)
    plan = planned(name, resolved, space, dataset, execution=Execution(threads=1))
    begun, spent = time.monotonic(), cpu_seconds()
    reporter = ConsoleReporter()
    executor = LocalExecutor(options.jobs, say=reporter.say)
    found = search(home, plan, trials=options.trials, reporter=reporter, executor=executor)
    write_result(found, source=None)
    facts = facts_of(found)
    print(f"\n{name}: {facts['sentence']['en']}")
    print(f"  settings: {facts['settings']}")
    for part in ("seen", "unseen"):
        for row in facts[part]:
            print(
                f"  {part} h{row['horizon']}: pick {row['pick']:+.4f}, default "
                f"{row['default']:+.4f}, difference {row['difference']:+.4f} "
                f"±{row['error']:.4f} (n {row['n']}, p {row['p_value']:.3f})"
            )
    print(f"  luck: {facts['luck']}")
    wall, cpu = time.monotonic() - begun, cpu_seconds() - spent
    print(f"  {wall:.0f} s wall, {cpu:.0f} s CPU, {found.folder}")


def cpu_seconds() -> float:
    """CPU seconds of this process and of its children that have ended."""
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in map(resource.getrusage, both))


if __name__ == "__main__":
    raise SystemExit(main())
