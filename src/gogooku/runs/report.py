"""The page about a run: its judgement, its backtest, its training, its origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from gogooku.core.config import Resolved, resolve
from gogooku.core.stamp import CONFIG_FILE
from gogooku.core.terms import at_exchange
from gogooku.evaluate.report import ReportPage, render_report
from gogooku.portfolio.backtest import TradeConfig
from gogooku.runs.beside import content_of, keep_beside
from gogooku.runs.folder import Run
from gogooku.runs.importance import Importance, importance
from gogooku.runs.judge import Evaluation, JudgeConfig, evaluate
from gogooku.runs.network_pictures import (
    calibration,
    channel_weights,
    has_quantiles,
    selects_channels,
)
from gogooku.runs.trade import Traded, backtest

REPORT = "report"
REPORT_FILE = "report.html"


class ReportConfig(JudgeConfig, TradeConfig):
    """Which evaluation and which backtest a page is about: the settings of both."""


DEFAULT = resolve(ReportConfig(), base_name=REPORT)
"""The page of the evaluation and the backtest as they are when nothing is chosen."""


def write_report(
    home: Path, run: Run, resolved: Resolved[ReportConfig] = DEFAULT, *, explained: bool = False
) -> Path:
    """Write the page of a run, in a folder beside it; what it is about is made first if missing.

    Parameters
    ----------
    explained : bool
        Whether the page shows what groups of features are worth, which takes a while.

    Raises
    ------
    DataError
        As `gogooku.runs.judge.evaluate` and `gogooku.runs.trade.backtest`; or the dataset of a run
        that gives quantiles, or weighs channels, is gone.
    """
    resolved = at_exchange(resolved, run.exchange(home))
    judged = evaluate(home, run, resolved.part(JudgeConfig))
    traded = backtest(home, run, resolved.part(TradeConfig))

    found, *folders = importance(home, run) if explained else ([],)

    def fill(building: Path) -> None:
        page = replace(_page(run, judged, traded, resolved, worth=found), **_pictures(home, run))
        (building / REPORT_FILE).write_text(render_report(page), encoding="utf-8")

    folder = keep_beside(
        run,
        REPORT,
        resolved,
        code=(__name__,),
        inputs={
            name: content
            for folder in (judged.folder, traded.folder, *folders)
            for name, content in content_of(folder).items()
        },
        fill=fill,
    )
    return folder / REPORT_FILE


def _pictures(home: Path, run: Run) -> dict[str, Any]:
    """What the page shows of a network that gives quantiles, or weighs channels."""
    quantiles, selects = has_quantiles(run), selects_channels(run.config.learner)
    if not quantiles and not selects:
        return {}
    dataset = run.dataset(home)
    return {
        "calibration": calibration(run, dataset) if quantiles else (),
        "channels": channel_weights(run, dataset) if selects else None,
    }


def _page(
    run: Run,
    judged: Evaluation,
    traded: Traded,
    resolved: Resolved[ReportConfig],
    *,
    worth: Sequence[Importance],
) -> ReportPage:
    return ReportPage(
        title=run.run_id,
        daily=judged.daily,
        deciles=judged.deciles,
        metrics={**judged.metrics, **traded.metrics},
        portfolio=traded.frame("daily"),
        events=events_of(run),
        config={**run.files.json(CONFIG_FILE), **resolved.to_json()},
        stamp=asdict(run.stamp),
        facts={**judged.facts, **traded.facts},
        warnings=[*judged.findings, *judged.facts.get("known_bias", ())],
        importance=[asdict(one) for one in worth],
    )


def events_of(run: Run) -> list[dict[str, object]]:
    """Lines of ``events.jsonl``; none for a learner that reports none."""
    return run.events
