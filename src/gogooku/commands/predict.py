"""`gogooku predict`: the ranking of a session."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.display import counted, frame_table
from gogooku.core.calendar import Clock
from gogooku.dataset.home import current_dataset
from gogooku.predict.output import write_ranking
from gogooku.predict.predictor import Ranking
from gogooku.runs.find import open_run
from gogooku.runs.newest import names_beside

_WHEN = {Clock.EVENING: "after the close of", Clock.PREMARKET: "before the open after"}
"""When a decision is taken, in words."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which ranking is asked for.

    Attributes
    ----------
    day : date or None
        The session; None for the last of the dataset.
    horizon : int
        Which score ranks.
    top : int
        Names that people are shown; programs and files get all.
    """

    day: date | None
    horizon: int
    top: int


def with_names(made: Ranking, names: pl.DataFrame) -> Ranking:
    """A ranking with company names behind its codes; null where one is not known."""
    wide = made.frame.join(names, on="code", how="left", maintain_order="left")
    rest = [name for name in made.frame.columns if name not in ("rank", "code")]
    return replace(made, frame=wide.select("rank", "code", "name_ja", "name_en", *rest))


def predict(
    home: Path,
    asked: Asked,
    *,
    run: str | None,
    dataset: str | None,
    output: Path | None,
    device: str = "cpu",
) -> Answer:
    """Rank a session's universe, and write all of it to a file where one is named.

    Parameters
    ----------
    run, dataset
        None for the newest finished run and the dataset built last.
    device : str
        Where a network scores.

    Raises
    ------
    GogookuError
        As `gogooku.pipeline.ranking` and `gogooku.predict.output.write_ranking`.
    """
    data = current_dataset(home, dataset)
    made = pipeline.ranking(
        open_run(home, run),
        data,
        asked.day,
        horizon=asked.horizon,
        device=device,
    )
    named = with_names(made, names_beside(home, data))
    others = [name for name in made.beside if not name.endswith(f"_{made.horizon}")]
    shown = named.frame.head(asked.top).drop(others)
    title = (
        f"Ranking {_WHEN[made.clock]} {made.date} for the next "
        f"{counted(made.horizon, 'session')}: top {shown.height:,} of {made.frame.height:,}"
    )
    parts: list[object] = [
        frame_table(title, shown),
        f"run {made.run_id}, dataset {made.dataset}",
    ]
    if output is not None:
        write_ranking(output, named)
        parts.append(f"written: {output} ({made.frame.height:,} names)")
    return Answer(facts=made.to_json(), parts=parts)
