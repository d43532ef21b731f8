"""`gogooku backtest`: what a run's test scores would have earned."""

from __future__ import annotations

from pathlib import Path

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.display import estimate_text, table
from gogooku.core.files import read_json
from gogooku.runs.folder import open_run
from gogooku.runs.judge import BACKTEST_FOLDER, METRICS_FILE


def backtest(home: Path, name: str) -> Answer:
    """Trade a run and say what came of it.

    Raises
    ------
    DataError
        There is no such run, or as `gogooku.pipeline.backtest`.
    """
    run = open_run(home, name)
    pipeline.backtest(home, run)
    facts = read_json(run.folder / BACKTEST_FOLDER / METRICS_FILE)
    rows = [
        (measure.removeprefix("portfolio."), estimate_text(one), one["n"])
        for measure, one in facts["metrics"].items()
    ]
    return Answer(facts=facts, parts=[table(f"backtest of {run.run_id}", ["", "value", "n"], rows)])
