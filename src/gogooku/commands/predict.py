"""`gogooku predict`: the ranking of a session."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.display import frame_table
from gogooku.dataset.home import current_dataset
from gogooku.runs.folder import open_run
from gogooku.serve.output import write_ranking


def predict(
    home: Path,
    *,
    run: str | None,
    dataset: str | None,
    day: date | None,
    horizon: int,
    top: int,
    output: Path | None,
) -> Answer:
    """Rank a session's universe, and write all of it to a file where one is named.

    Parameters
    ----------
    run, dataset, day
        None for the newest finished run, the dataset built last, and its last session.
    top : int
        Names that people are shown; programs and files get all.

    Raises
    ------
    GogookuError
        As `gogooku.pipeline.ranking` and `gogooku.serve.output.write_ranking`.
    """
    made = pipeline.ranking(
        open_run(home, run), current_dataset(home, dataset), day, horizon=horizon
    )
    when = f"{made.date}, clock {made.clock}, by {made.horizon} sessions"
    title = f"{when}, run {made.run_id}, dataset {made.dataset}"
    parts: list[object] = [frame_table(title, made.frame.head(top))]
    if output is not None:
        write_ranking(output, made)
        parts.append(f"written: {output} ({made.frame.height:,} names)")
    return Answer(facts=made.to_json(), parts=parts)
