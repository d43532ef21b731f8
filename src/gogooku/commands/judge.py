"""`gogooku judge`: scores that were made elsewhere, judged like those of a run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.evaluate import evaluate
from gogooku.core.config import resolve
from gogooku.dataset.home import current_dataset
from gogooku.ingest.imports.table import open_table
from gogooku.portfolio.config import PortfolioConfig
from gogooku.runs.folder import GIVEN
from gogooku.runs.judge import EVALUATION, JudgeConfig


@dataclass(frozen=True)
class Brought:
    """What is judged.

    Attributes
    ----------
    file : Path
        CSV or Parquet; see `gogooku.runs.given_scores.given_frame`.
    name : str
        What the run is called.
    horizon : int, optional
        Of all scores, where the file does not say it.
    drop_unknown : bool
        Leave out codes and dates that the dataset does not have.
    dataset : str, optional
        Its id; the one built last by default.
    """

    file: Path
    name: str
    horizon: int | None = None
    drop_unknown: bool = False
    dataset: str | None = None


def judge(
    home: Path, brought: Brought, *, config: Path | None, assignments: Sequence[str]
) -> Answer:
    """Keep the scores of a file as a run and judge it; a finding of the leak gate is a failure.

    Raises
    ------
    ConfigError
        A setting is wrong; nothing is kept then.
    UsageError
        The name or the horizon cannot be one; or the scores touch a hold-out that is not spent.
    DataError
        The file cannot be read, or what is wrong with its scores.
    """
    resolve(JudgeConfig(), base_name=EVALUATION, file=config, assignments=assignments)
    run = pipeline.bring(
        home,
        brought.name,
        read_scores(brought.file),
        current_dataset(home, brought.dataset),
        horizon=brought.horizon,
        drop_unknown=brought.drop_unknown,
    )
    traded = PortfolioConfig().horizon
    judged = evaluate(home, [run.run_id], config=config, assignments=assignments)
    return replace(
        judged,
        facts={
            "run": run.run_id,
            "folder": str(run.folder),
            "horizons": list(run.horizons),
            "tested": [str(day) for day in run.tested],
            "left_out": run.manifest[GIVEN]["left_out"],
            "judged": judged.facts[run.run_id],
        },
        parts=[f"run {run.run_id}", f"  {run.folder}", *judged.parts],
        found={} if traded in run.horizons else {"horizon": run.horizons[0]},
    )


def read_scores(path: Path) -> pl.DataFrame:
    """The columns of a file as they stand: typed ones of Parquet, texts of CSV.

    Raises
    ------
    DataError
        It cannot be read as a table; the message says what it is.
    """
    with ExitStack() as stack:
        table = open_table(path, stack)
        return table.read(table.columns)
