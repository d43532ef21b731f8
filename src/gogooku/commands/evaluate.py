"""`gogooku evaluate`: how good runs are on their test part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.commands.display import skill_table, warning_lines
from gogooku.core.config import resolve
from gogooku.core.errors import FindingError
from gogooku.runs.find import open_run
from gogooku.runs.judge import EVALUATION, JudgeConfig


def evaluate(
    home: Path, names: Sequence[str], *, config: Path | None, assignments: Sequence[str]
) -> Answer:
    """Judge runs under one setting; a finding of the leak gate is a failure.

    Raises
    ------
    ConfigError
        A setting is wrong.
    DataError
        One of them is not there; nothing is judged then.
    """
    resolved = resolve(JudgeConfig(), base_name=EVALUATION, file=config, assignments=assignments)
    facts: dict[str, Any] = {}
    parts: list[object] = []
    findings: list[str] = []
    for run in [open_run(home, name) for name in names]:
        judged = pipeline.evaluate(home, run, resolved)
        facts[run.run_id] = {"folder": str(judged.folder), **judged.written}
        title = f"{run.run_id}, test part, {judged.facts['variant']} labels"
        parts += warning_lines(judged.warnings)
        parts.append(skill_table(judged.metrics, title=title, facts=judged.facts))
        parts.append(f"  {judged.folder}")
        findings += [f"{run.run_id}: {text}" for text in judged.findings]
    return Answer(
        facts=facts,
        parts=parts,
        failure=FindingError("; ".join(findings)) if findings else None,
    )
