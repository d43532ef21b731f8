"""`gogooku compare`: runs against each other, on the sessions that they share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gogooku.commands.answer import Answer
from gogooku.commands.display import frame_table
from gogooku.evaluate.compare import compare_runs
from gogooku.runs.folder import open_run
from gogooku.runs.judge import daily_skill


def compare(home: Path, names: Sequence[str], *, metric: str) -> Answer:
    """Compare runs pairwise by one daily measure; those not judged yet are judged first.

    Raises
    ------
    DataError
        One of them is not there.
    GogookuError
        As `gogooku.evaluate.compare.compare_runs`.
    """
    runs = [open_run(home, name) for name in names]
    made = compare_runs({run.run_id: daily_skill(home, run) for run in runs}, metric=metric)
    return Answer(
        facts=made.to_dicts(),
        parts=[frame_table(f"{metric}: a minus b, paired by session", made)],
    )
