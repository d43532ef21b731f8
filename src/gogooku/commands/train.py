"""`gogooku train`: one run, fitted over its folds."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from gogooku import pipeline
from gogooku.commands.again import already
from gogooku.commands.answer import Answer
from gogooku.commands.arguments import MOST_THREADS, whole_number
from gogooku.core.config import Execution, Resolved
from gogooku.core.errors import UsageError
from gogooku.core.progress import Reporter
from gogooku.dataset.home import current_dataset
from gogooku.execute.choice import executor_for
from gogooku.execute.task import Executor
from gogooku.execute.together import TogetherExecutor
from gogooku.runs.config import TrainConfig
from gogooku.runs.folder import finished_runs
from gogooku.runs.named import settings_named


def settings(
    name: str, config: Path | None, assignments: Sequence[str], *, few_names: bool
) -> Resolved[TrainConfig]:
    """As `gogooku.runs.named.settings_named`."""
    return settings_named(name, few_names=few_names, file=config, assignments=assignments)


def fitted_on(jobs: int, on: str | None, processes: int) -> str | None:
    """Where folds are fitted: what ``--on`` says, or so many processes of this machine; None: here.

    Raises
    ------
    UsageError
        It is no number of folds, or more than one of the three is given.
    """
    whole_number(jobs, option="--jobs", least=1, most=MOST_THREADS)
    if on is not None and jobs > 1:
        raise UsageError(f"--jobs and --on: give one of them; --on local:{jobs} is --jobs {jobs}")
    if processes > 1 and (on is not None or jobs > 1):
        raise UsageError(
            f"--processes {processes} fits one fold after the other, each by all of them; leave "
            "--jobs and --on out"
        )
    return f"local:{jobs}" if jobs > 1 else on


def train(
    home: Path,
    name: str,
    *,
    dataset: str | None,
    chosen: Resolved[TrainConfig],
    execution: Execution,
    reporter: Reporter,
    on: str | None = None,
) -> Answer:
    """Fit a named run, here or where ``on`` says (`gogooku.execute.choice`), and say where it is.

    Raises
    ------
    UsageError
        ``on`` means no place.
    DataError
        There is no such dataset.
    GogookuError
        As `gogooku.pipeline.train`.
    """
    finished = {folder.name for folder in finished_runs(home)}
    with place_of(home, on, execution, reporter) as executor:
        run = pipeline.train(
            home,
            name,
            chosen,
            current_dataset(home, dataset),
            execution=execution,
            reporter=reporter,
            executor=executor,
        )
    done = f"{already('trained')}:" if run.run_id in finished else "run"
    return Answer(
        facts={"run": run.run_id, "folder": str(run.folder), **run.manifest},
        parts=[f"{done} {run.run_id}", f"  {run.folder}"],
    )


def place_of(
    home: Path, on: str | None, execution: Execution, reporter: Reporter
) -> AbstractContextManager[Executor | None]:
    """What fits the folds; None for this process."""
    if execution.processes > 1:
        return TogetherExecutor(execution.processes, execution.threads, reporter.say)
    if on is None:
        return nullcontext()
    return executor_for(on, folder=home / "slurm", threads=execution.threads, say=reporter.say)
