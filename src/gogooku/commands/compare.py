"""`gogooku compare`: runs against each other, on the sessions that they share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.display import frame_table
from gogooku.core.config import resolve
from gogooku.evaluate.compare import compare_runs
from gogooku.runs.find import open_run
from gogooku.runs.judge import EVALUATION, JudgeConfig


def compare(
    home: Path,
    names: Sequence[str],
    *,
    metric: str,
    config: Path | None,
    assignments: Sequence[str],
) -> Answer:
    """Compare runs pairwise by one daily measure, all judged alike, now where they were not yet.

    Raises
    ------
    ConfigError
        A setting of the judging is wrong.
    DataError
        One of them is not there.
    GogookuError
        As `gogooku.evaluate.compare.compare_runs`.
    """
    resolved = resolve(JudgeConfig(), base_name=EVALUATION, file=config, assignments=assignments)
    runs = [open_run(home, name) for name in names]
    daily = {run.run_id: pipeline.evaluate(home, run, resolved).daily for run in runs}
    made = compare_runs(daily, metric=metric)
    return Answer(
        facts=made.to_dicts(),
        parts=[frame_table(f"{metric}: a minus b, paired by session", made)],
    )
