"""`gogooku evaluate`: how good runs are on their test part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gogooku import pipeline
from gogooku.commands.again import Before, already
from gogooku.commands.answer import Answer
from gogooku.commands.display import counted, skill_table, warning_lines
from gogooku.core.config import resolve
from gogooku.core.errors import FindingError
from gogooku.runs.find import open_run
from gogooku.runs.folder import Run
from gogooku.runs.holdouts import refuse_unspent, spent_by
from gogooku.runs.judge import EVALUATION, Evaluation, JudgeConfig, tries_on


def evaluate(
    home: Path,
    names: Sequence[str],
    *,
    config: Path | None,
    assignments: Sequence[str],
    spend: Sequence[str] = (),
) -> Answer:
    """Judge runs under one setting; a finding of the leak gate is a failure.

    Parameters
    ----------
    spend : sequence of str
        Registered hold-outs that every one of the runs looks at with this.

    Raises
    ------
    ConfigError
        A setting is wrong.
    UsageError
        One of them touches a hold-out that it has not spent; nothing is judged or spent then.
    DataError
        One of them is not there; nothing is judged then.
    """
    resolved = resolve(JudgeConfig(), base_name=EVALUATION, file=config, assignments=assignments)
    facts: dict[str, Any] = {}
    parts: list[object] = []
    findings: list[str] = []
    runs = [open_run(home, name) for name in names]
    for run in runs:
        refuse_unspent(home, run, spend)
    before = Before(run.folder for run in runs)
    made = [pipeline.evaluate(home, run, resolved, spend=spend) for run in runs]
    for run, judged in zip(runs, made, strict=True):
        tries, touched = tries_on(home, run), spent_by(home, run)
        facts[run.run_id] = {
            "folder": str(judged.folder),
            **judged.written,
            "tries": tries,
            "holdouts": [one.said(run.run_id).en for one in touched],
        }
        parts += warning_lines(judged.warnings)
        parts += [f"warning: {one.said(run.run_id).en}" for one in touched]
        parts.append(skill_table(judged.metrics, title=_title(run, judged), facts=judged.facts))
        parts.append(f"  {tries} different settings were judged on these sessions so far")
        parts.append(f"  {judged.folder}")
        parts += [f"  {already('judged')}"] if before.had(judged.folder) else []
        findings += [f"{run.run_id}: {text}" for text in judged.findings]
    return Answer(
        facts=facts,
        parts=parts,
        failure=FindingError("; ".join(findings)) if findings else None,
    )


def _title(run: Run, judged: Evaluation) -> str:
    """What the table is about, and whether it is out of time."""
    crossed = judged.facts.get("cross_validation")
    part = (
        f"cross-validation ({counted(crossed['paths'], 'path')}), not out of time"
        if crossed
        else "test part"
    )
    return f"{run.run_id}, {part}, {judged.facts['variant']} labels"
