"""The page about a run: its judgement, its backtest, its training, its origin."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from gogooku.core.files import read_json, read_parquet, storage_errors
from gogooku.core.stamp import CONFIG_FILE
from gogooku.evaluate.report import ReportPage, render_report
from gogooku.runs.folder import EVENTS_FILE, Run
from gogooku.runs.judge import (
    BACKTEST_FOLDER,
    EVALUATION_FOLDER,
    METRICS_FILE,
    backtest,
    evaluation_of,
)

REPORT_FILE = "report.html"


def write_report(home: Path, run: Run) -> Path:
    """Write ``report.html`` beside a run; what it needs is judged or traded first if missing."""
    skill = evaluation_of(home, run)
    if not (run.folder / BACKTEST_FOLDER / METRICS_FILE).exists():
        backtest(home, run)
    traded = read_json(run.folder / BACKTEST_FOLDER / METRICS_FILE)
    page = ReportPage(
        title=run.run_id,
        daily=read_parquet(run.folder / EVALUATION_FOLDER / "daily.parquet"),
        deciles=read_parquet(run.folder / EVALUATION_FOLDER / "deciles.parquet"),
        metrics={**skill["metrics"], **traded["metrics"]},
        portfolio=read_parquet(run.folder / BACKTEST_FOLDER / "daily.parquet"),
        events=events_of(run),
        config=read_json(run.folder / CONFIG_FILE),
        stamp=asdict(run.stamp),
        facts={**skill["facts"], **traded["facts"]},
        warnings=list(skill["facts"]["findings"]),
    )
    final = run.folder / REPORT_FILE
    temporary = final.with_name(f".{REPORT_FILE}.tmp")
    with storage_errors(final):
        temporary.write_text(render_report(page), encoding="utf-8")
        os.replace(temporary, final)
    return final


def events_of(run: Run) -> list[dict[str, object]]:
    """Lines of ``events.jsonl``; none for a learner that reports none."""
    path = run.folder / EVENTS_FILE
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
