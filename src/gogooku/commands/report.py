"""`gogooku report`: one page about a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.display import bias_lines
from gogooku.core.config import resolve
from gogooku.runs.find import open_run
from gogooku.runs.judge import JudgeConfig
from gogooku.runs.report import REPORT, ReportConfig


def report(home: Path, name: str, *, config: Path | None, assignments: Sequence[str]) -> Answer:
    """Write the page of the evaluation and the backtest that the settings name; say where it is.

    Raises
    ------
    ConfigError
        A setting is wrong.
    DataError
        There is no such run, or as `gogooku.pipeline.report`.
    """
    resolved = resolve(ReportConfig(), base_name=REPORT, file=config, assignments=assignments)
    run = open_run(home, name)
    place = pipeline.report(home, run, resolved)
    judged = pipeline.evaluate(home, run, resolved.part(JudgeConfig))
    return Answer(
        facts={"report": str(place), "known_bias": judged.facts["known_bias"]},
        parts=[*bias_lines(judged.facts), f"report: {place}"],
    )
