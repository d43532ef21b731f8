"""`gogooku demo`: every step on the simulated market, from the dataset to the ranking."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from gogooku import pipeline
from gogooku.commands.again import Before, already
from gogooku.commands.answer import Answer
from gogooku.commands.display import estimate_text, frame_table, skill_table, table
from gogooku.core.config import Execution, resolve
from gogooku.core.errors import FindingError
from gogooku.core.metrics import mean_estimate
from gogooku.core.progress import Reporter
from gogooku.core.types import HORIZONS, Dataset
from gogooku.dataset.assemble import BuildConfig
from gogooku.evaluate.compare import compare_runs
from gogooku.runs.config import LabelOrder
from gogooku.runs.folder import Run
from gogooku.runs.named import run_named
from gogooku.sandbox.market.market import market_config

LEARNERS = ("reversal", "momentum", "ridge", "lightgbm", "atft-gat-fan")
SHUFFLED_LEARNERS = ("ridge", "lightgbm", "atft-gat-fan")
FEATURES = "basic"
NULL_SIGMAS = 3.0


@dataclass
class DemoResult:
    """What the demo found.

    ``metrics`` is learner -> ``Report.to_json()["metrics"]``, ``judged`` how they were judged.
    """

    size: str
    seed: int
    shuffled: bool
    metrics: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    judged: Mapping[str, Any] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    portfolio: Mapping[str, Any] = field(default_factory=dict)
    comparison: pl.DataFrame | None = None
    ranking: pl.DataFrame | None = None
    report: str = ""

    def to_json(self) -> dict[str, Any]:
        """Everything but the ranking."""
        return {
            "size": self.size,
            "seed": self.seed,
            "shuffled": self.shuffled,
            "runs": self.runs,
            "metrics": {name: dict(values) for name, values in self.metrics.items()},
            "portfolio": dict(self.portfolio),
            "seconds": self.seconds,
            "findings": self.findings,
            "report": self.report,
        }

    def parts(self) -> list[object]:
        """What people want to see, in that order."""
        kind = "labels shuffled within the day" if self.shuffled else "planted returns known"
        heading = f"\nsandbox market, size {self.size}, seed {self.seed}, {kind}\n"
        if self.shuffled:
            return [heading, self._null_summary(), *self._closing()]
        parts = [
            heading,
            self._summary(),
            skill_table(
                self.metrics["atft-gat-fan"], title="atft-gat-fan, test part", facts=self.judged
            ),
        ]
        if self.comparison is not None:
            parts.append(frame_table("RankIC, paired by session", self.comparison))
        rows = [
            (name.removeprefix("portfolio."), estimate_text(self.portfolio[name]))
            for name in sorted(self.portfolio)
        ]
        parts.append(table("portfolio of atft-gat-fan, after costs", ["", "value"], rows))
        if self.ranking is not None:
            parts.append(frame_table("the newest session's ranking, first names", self.ranking))
        return [*parts, *self._closing(), f"report: {self.report}"]

    def _closing(self) -> list[str]:
        spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())
        findings = [f"finding: {text}" for text in self.findings]
        return [*findings, f"time: {spent}; in all {sum(self.seconds.values()):.1f} s"]

    def _null_summary(self) -> object:
        rows = [
            [name, *(estimate_text(values[f"h{horizon}.rank_ic"]) for horizon in HORIZONS)]
            for name, values in self.metrics.items()
        ]
        columns = ["test part", *(f"RankIC {horizon}" for horizon in HORIZONS)]
        return table("no skill must be left, at any horizon", columns, rows)

    def _summary(self) -> object:
        rows = []
        for name, values in self.metrics.items():
            row: list[object] = [name]
            for horizon in (1, 5):
                row.append(estimate_text(values.get(f"h{horizon}.rank_ic")))
                row.append(estimate_text(values.get(f"h{horizon}.alignment"), digits=3))
                row.append(estimate_text(values.get(f"h{horizon}.share_of_attainable"), digits=2))
            rows.append(row)
        first = next(iter(self.metrics.values()))
        best: list[object] = ["attainable"]
        for horizon in (1, 5):
            best += [estimate_text(first.get(f"h{horizon}.attainable")), "1", "1"]
        rows.append(best)
        columns = ["test part"]
        for horizon in (1, 5):
            columns += [f"RankIC {horizon}", f"alignment {horizon}", f"share {horizon}"]
        return table("skill at 1 and 5 sessions", columns, rows)


def demo(
    home: Path,
    *,
    size: str,
    seed: int,
    shuffled: bool,
    execution: Execution,
    reporter: Reporter,
    program: str = "gogooku",
) -> Answer:
    """Run the line in a home of its own, ``demo`` in the home; what it finds is a failure.

    Parameters
    ----------
    program : str
        How the program is called, for the commands that are printed at the end.
    """
    runs = home / "demo" / "runs"
    before = Before([runs])
    result = run_demo(
        home / "demo",
        size=size,
        seed=seed,
        shuffled=shuffled,
        execution=execution,
        reporter=reporter,
    )
    return Answer(
        facts=result.to_json(),
        parts=[
            *result.parts(),
            *([already("played")] if before.had(*map(runs.joinpath, result.runs.values())) else []),
            *_made(home / "demo", result, program),
        ],
        failure=FindingError("; ".join(result.findings)) if result.findings else None,
    )


def _made(home: Path, result: DemoResult, program: str) -> list[str]:
    """What was made, where, and what one may do with it: commands that work as they are printed."""
    where = shlex.quote(str(home.absolute()))
    made = f"made in {home}: a market, a dataset and {len(result.runs)} runs"
    names = [*result.runs]
    if not names:
        return [made]
    best = names[-1]
    calls = [f"explain {best}", f"compare {' '.join(names[-2:])}"]
    if not result.shuffled:
        calls = [f"predict --run {best} --output ranking.csv", *calls]
    lines = [f"  {program} {call} --home {where}" for call in calls]
    return [f"{made}: {', '.join(names)}", "next:", *lines]


def run_demo(
    home: Path,
    *,
    size: str,
    seed: int,
    shuffled: bool,
    execution: Execution,
    reporter: Reporter,
) -> DemoResult:
    """Run the line; what an earlier demo has finished is not done again.

    Parameters
    ----------
    shuffled : bool
        Permute labels within each session: every learner must then show no skill.
    """
    result = DemoResult(size=size, seed=seed, shuffled=shuffled)
    clock = _Clock(result.seconds)
    name = f"sandbox-{size}-{seed}"
    market = resolve(market_config(size, seed=seed), base_name=size)
    pipeline.sandbox(home, name, market, reporter=reporter)
    clock.lap("market")
    dataset = pipeline.build(
        home,
        resolve(BuildConfig(source=name, features=FEATURES), base_name="demo"),
        execution=execution,
        reporter=reporter,
    )
    clock.lap("dataset")
    order = LabelOrder.SHUFFLED if shuffled else LabelOrder.TRUE
    runs: dict[str, Run] = {}
    single = execution.model_copy(update={"threads": 1})
    for learner in SHUFFLED_LEARNERS if shuffled else LEARNERS:
        config = run_named(learner, few_names=True).model_copy(
            update={"seed": seed, "label_order": order}
        )
        runs[learner] = pipeline.train(
            home,
            learner,
            resolve(config, base_name=learner),
            dataset,
            execution=single,
            reporter=reporter,
        )
        clock.lap(learner)
        skill = pipeline.evaluate(home, runs[learner])
        result.judged = skill.facts
        result.metrics[learner] = _null_metrics(skill.daily) if shuffled else skill.metrics
        result.runs[learner] = runs[learner].run_id
        found = skill.findings + (_null_findings(result.metrics[learner]) if shuffled else [])
        result.findings += [f"{learner}: {text}" for text in found]
        clock.lap("judging")
    if not shuffled:
        _finish(home, runs, dataset, result)
        clock.lap("portfolio and report")
    return result


def _finish(home: Path, runs: Mapping[str, Run], dataset: Dataset, result: DemoResult) -> None:
    best = runs["atft-gat-fan"]
    compared = ("atft-gat-fan", "lightgbm", "ridge")
    table_of_pairs = compare_runs(
        {name: pipeline.evaluate(home, runs[name]).daily for name in compared}
    )
    result.comparison = table_of_pairs.filter(pl.col("a") == "atft-gat-fan")
    result.portfolio = pipeline.backtest(home, best).metrics
    result.report = str(pipeline.report(home, best))
    result.ranking = pipeline.ranking(best, dataset).frame.head(10)


def _null_metrics(daily: pl.DataFrame) -> dict[str, Any]:
    """RankIC on shuffled labels, horizon by horizon.

    Labels permuted within each session are independent from session to session however much their
    horizons overlap, so the error takes the lags of one session. With those of the overlap it would
    be too small: 38 lags on 140 sessions.
    """
    return {
        f"h{horizon}.rank_ic": mean_estimate(
            daily.filter(horizon=horizon).get_column("rank_ic").cast(pl.Float64).to_numpy(),
            horizon=1,
        ).to_json()
        for horizon in HORIZONS
    }


def _null_findings(metrics: Mapping[str, Any]) -> list[str]:
    """Skill on shuffled labels, beyond three standard errors of zero."""
    found = []
    for horizon in HORIZONS:
        one = metrics[f"h{horizon}.rank_ic"]
        if abs(one["value"]) > NULL_SIGMAS * one["error"]:
            found.append(
                f"horizon {horizon}: RankIC {one['value']:+.4f} ±{one['error']:.4f} on shuffled "
                "labels; something knows the labels"
            )
    return found


class _Clock:
    """Wall seconds by stage, added up."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self.last
        self.last = now
