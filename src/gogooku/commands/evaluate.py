"""`gogooku evaluate`: how good runs are on their test part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.display import skill_table
from gogooku.core.errors import FindingError
from gogooku.runs.folder import open_run


def evaluate(home: Path, names: Sequence[str]) -> Answer:
    """Judge runs; a finding of the leak gate is a failure.

    Raises
    ------
    DataError
        One of them is not there; nothing is judged then.
    """
    facts: dict[str, Any] = {}
    tables: list[object] = []
    findings: list[str] = []
    for run in [open_run(home, name) for name in names]:
        skill = pipeline.evaluate(home, run)
        facts[run.run_id] = skill.report.to_json()
        title = f"{run.run_id}, test part, {skill.report.facts['variant']} labels"
        tables.append(skill_table(facts[run.run_id]["metrics"], title=title))
        findings += [f"{run.run_id}: {text}" for text in skill.findings]
    return Answer(
        facts=facts,
        parts=tables,
        failure=FindingError("; ".join(findings)) if findings else None,
    )
