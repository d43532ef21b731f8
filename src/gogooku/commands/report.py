"""`gogooku report`: one page about a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from gogooku import pipeline
from gogooku.commands.again import Before, already
from gogooku.commands.answer import Answer
from gogooku.commands.display import bias_lines, counted, estimate_text, table
from gogooku.commands.following import fitted_name
from gogooku.core.config import resolve
from gogooku.runs.find import open_run
from gogooku.runs.folder import REPORT
from gogooku.runs.judge import JudgeConfig
from gogooku.runs.report import ReportConfig

if TYPE_CHECKING:  # it imports torch
    from gogooku.runs.importance import Importance


def settings(language: str | None) -> list[str]:
    """What ``--language`` sets."""
    return [] if language is None else [f"language={language}"]


def report(
    home: Path,
    name: str,
    *,
    config: Path | None,
    assignments: Sequence[str],
    importance: bool = False,
) -> Answer:
    """Write the page of the evaluation and the backtest that the settings name; say where it is.

    Parameters
    ----------
    importance : bool
        Measure what groups of features are worth, and show it.

    Raises
    ------
    ConfigError
        A setting is wrong.
    DataError
        There is no such run, or as `gogooku.pipeline.report`.
    """
    resolved = resolve(ReportConfig(), base_name=REPORT, file=config, assignments=assignments)
    run = open_run(home, name)
    before = Before([run.folder])
    place = pipeline.report(home, run, resolved, explained=importance)
    judged = pipeline.evaluate(home, run, resolved.part(JudgeConfig))
    facts = {"report": str(place), "known_bias": judged.facts["known_bias"]}
    parts: list[object] = list(bias_lines(judged.facts))
    if importance:
        worth = pipeline.importance(home, run)
        facts["importance"] = [asdict(one) for one in worth]
        parts.append(_worth(worth))
    there = [already("written")] if before.had(place.parent) else []
    said = [*parts, *there, f"report: {place}"]
    return Answer(facts=facts, parts=said, found=fitted_name(run, name))


def _worth(found: Sequence[Importance]) -> Table:
    """RankIC lost without each group of features, the most missed first."""
    horizons = sorted({one.horizon for one in found})
    groups: dict[str, dict[int, Importance]] = {}
    for one in found:
        groups.setdefault(one.group, {})[one.horizon] = one
    order = sorted(groups.values(), key=lambda row: -sum(one.lost or 0.0 for one in row.values()))
    rows = [
        [
            next(iter(row.values())).group,
            next(iter(row.values())).features,
            *(estimate_text({"value": row[h].lost, "error": row[h].error}) for h in horizons),
        ]
        for row in order
    ]
    heads = ["group", "features", *(counted(h, "session") for h in horizons)]
    return table("RankIC lost on validation dates without a group of features", heads, rows)
