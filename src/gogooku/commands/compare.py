"""`gogooku compare`: runs side by side, on the sessions that they share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.display import frame_table, table
from gogooku.core.config import resolve
from gogooku.evaluate.side_by_side import SideBySide
from gogooku.runs.comparison import compare as put_side_by_side
from gogooku.runs.find import open_run
from gogooku.runs.holdouts import refuse_unspent
from gogooku.runs.judge import EVALUATION, JudgeConfig


def compare(
    home: Path,
    names: Sequence[str],
    *,
    metric: str,
    config: Path | None,
    assignments: Sequence[str],
    horizon: int | None = None,
) -> Answer:
    """Compare runs with the first one, all judged alike, now where they were not yet.

    Parameters
    ----------
    metric : str
        A daily measure.
    horizon : int, optional
        What the sentence is about.

    Raises
    ------
    ConfigError
        A setting of the judging is wrong.
    UsageError, DataError
        One of them is not there, or as `gogooku.runs.comparison.compare`.
    """
    resolved = resolve(JudgeConfig(), base_name=EVALUATION, file=config, assignments=assignments)
    runs = [open_run(home, name) for name in names]
    for run in runs:
        refuse_unspent(home, run)
    judged = {run.run_id: (run, pipeline.evaluate(home, run, resolved)) for run in runs}
    made = put_side_by_side(home, judged, metric=metric, horizon=horizon)
    found = made.found
    return Answer(
        facts={
            **found.to_json(),
            "sentence": made.sentence(),
            "out_of_time": made.out_of_time,
            "remarks": list(made.remarks),
            **made.facts,
        },
        parts=[
            made.sentence(),
            *(f"warning: {text}" for text in made.remarks),
            frame_table(f"{metric} on the sessions that all share", found.runs),
            frame_table(f"{metric}: run minus {found.first}, paired by session", found.differences),
            _many(found),
        ],
    )


def _many(found: SideBySide) -> object:
    """What tests over all runs and all tries say, a row a horizon."""
    rows = [
        [horizon, one.n, one.superior, ", ".join(one.better), one.overfitting, one.tries]
        for horizon, one in found.at.items()
    ]
    columns = [
        *("horizon", "sessions", "p: none is better", "better"),
        *("P(overfitting)", "tries in it"),
    ]
    return table(f"all runs against {found.first}, and all tries", columns, rows)
