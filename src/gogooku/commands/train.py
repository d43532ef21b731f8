"""`gogooku train`: one run, fitted over its folds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.core.config import Execution, resolve
from gogooku.core.progress import Reporter
from gogooku.dataset.home import current_dataset
from gogooku.runs.folder import finished_runs
from gogooku.runs.named import run_named


def train(
    home: Path,
    name: str,
    *,
    dataset: str | None,
    config: Path | None,
    assignments: Sequence[str],
    execution: Execution,
    reporter: Reporter,
) -> Answer:
    """Fit a named run and say where it is.

    Raises
    ------
    ConfigError
        There is no run of that name, or a setting is wrong.
    DataError
        There is no such dataset.
    GogookuError
        As `gogooku.pipeline.train`.
    """
    finished = {folder.name for folder in finished_runs(home)}
    run = pipeline.train(
        home,
        name,
        resolve(run_named(name), base_name=name, file=config, assignments=assignments),
        current_dataset(home, dataset),
        execution=execution,
        reporter=reporter,
    )
    done = "already trained, nothing to do:" if run.run_id in finished else "run"
    return Answer(
        facts={"run": run.run_id, "folder": str(run.folder), **run.manifest},
        parts=[f"{done} {run.run_id}", f"  {run.folder}"],
    )
