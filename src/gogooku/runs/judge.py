"""What a finished run is worth: the skill of its scores with its error, written beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.config import Config, Resolved, resolve
from gogooku.core.errors import DataError
from gogooku.core.files import MANIFEST_FILE, write_json, write_parquet
from gogooku.core.forecast import Places
from gogooku.core.metrics import MIN_NAMES
from gogooku.core.seal import open_sealed
from gogooku.core.types import HORIZONS, Dataset, IntArray, Labels
from gogooku.core.wall import SystemClock, WallClock
from gogooku.evaluate.breakdown import rolling
from gogooku.evaluate.paths import over_paths
from gogooku.evaluate.skill import Skill, Truth, evaluate_scores
from gogooku.ingest.source import delivery, sources_folder
from gogooku.learn.config import LabelVariant
from gogooku.runs.beside import METRICS_FILE, keep_beside
from gogooku.runs.cautions import cautions_of
from gogooku.runs.config import LabelOrder
from gogooku.runs.folder import Run, bias_of
from gogooku.runs.groups import breakdown
from gogooku.runs.holdouts import spend_and_enter
from gogooku.runs.labels import judging_labels
from gogooku.runs.trials import Figure, Trial, TrialLedger, num_trials
from gogooku.tables.parts import base_source

EVALUATION = "evaluation"
_DAILY_FILE, _DECILES_FILE, _DECAY_FILE = "daily.parquet", "deciles.parquet", "decay.parquet"
_BREAKDOWN_FILE, _ROLLING_FILE = "breakdown.parquet", "rolling.parquet"
_TRUTH = "truth"
TRUTH_FILE = f"extras/{_TRUTH}.parquet"
"""Of a sandbox's source: what it planted."""
_TRUTH_KEYS = ("date", "code", "horizon", "expectation")


class JudgeConfig(Config):
    """What scores are judged by."""

    judge_label: LabelVariant = LabelVariant.RAW
    """Forward return that RankIC and the other measures are taken against."""


DEFAULT = resolve(JudgeConfig(), base_name=EVALUATION)
"""Judging as it is when nothing is chosen."""


@dataclass(frozen=True)
class Evaluation:
    """A judged run: what is in the folder of its evaluation.

    Attributes
    ----------
    folder : Path
    written : mapping
        ``metrics.json``: warnings, metrics and facts of the test part; validation metrics apart.
    """

    folder: Path
    written: Mapping[str, Any]

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Any]]:
        """``h5.rank_ic`` and the like to value, error, low, high, n and lags."""
        found: Mapping[str, Mapping[str, Any]] = self.written["metrics"]
        return found

    @property
    def facts(self) -> Mapping[str, Any]:
        """Label variant, K of P@K per horizon, findings."""
        found: Mapping[str, Any] = self.written["facts"]
        return found

    @property
    def findings(self) -> list[str]:
        """What the leak gate found; empty is good."""
        return list(self.facts["findings"])

    @property
    def warnings(self) -> list[dict[str, Any]]:
        """`gogooku.evaluate.cautions.Caution`, the gravest first."""
        return list(self.written["warnings"])

    @property
    def daily(self) -> pl.DataFrame:
        """`gogooku.evaluate.skill.Skill.daily`."""
        return open_sealed(self.folder).parquet(_DAILY_FILE)

    @property
    def deciles(self) -> pl.DataFrame:
        """`gogooku.evaluate.skill.Skill.deciles`."""
        return open_sealed(self.folder).parquet(_DECILES_FILE)

    @property
    def decay(self) -> pl.DataFrame:
        """`gogooku.evaluate.skill.Skill.decay`."""
        return open_sealed(self.folder).parquet(_DECAY_FILE)

    @property
    def breakdown(self) -> pl.DataFrame:
        """Where skill lies: `gogooku.evaluate.breakdown.BREAKDOWN_SCHEMA`."""
        return open_sealed(self.folder).parquet(_BREAKDOWN_FILE)

    @property
    def rolling(self) -> pl.DataFrame:
        """Rolling RankIC: `gogooku.evaluate.breakdown.ROLLING_SCHEMA`."""
        return open_sealed(self.folder).parquet(_ROLLING_FILE)


def evaluate(
    home: Path,
    run: Run,
    resolved: Resolved[JudgeConfig] = DEFAULT,
    *,
    spend: Sequence[str] = (),
    clock: WallClock | None = None,
) -> Evaluation:
    """Judge the test part of a run, beside it; one that is there already is not judged again.

    Either way it is in the ledger of trials before this returns.

    Parameters
    ----------
    spend : sequence of str
        Registered hold-outs that the run may look at now; entered in the ledger first.

    Raises
    ------
    UsageError
        The run touches a hold-out that it has not spent, see `gogooku.runs.holdouts`.
    DataError
        Its dataset or its predictions are gone, and no evaluation of these settings is there; or
        the ledger is damaged.
    """
    spend_and_enter(home, run, spend, clock=clock)

    def fill(building: Path) -> None:
        _judge(home, run, resolved.config, building)

    folder = keep_beside(
        run,
        EVALUATION,
        resolved,
        code=(__name__,),
        inputs={"labels": run.stamp.inputs["labels"], **_truth_input(home, run)},
        fill=fill,
    )
    written = open_sealed(folder, kind=EVALUATION).json(METRICS_FILE)
    made = Evaluation(folder=folder, written=written)
    at = (clock or SystemClock()).now()
    TrialLedger(home).record(_trial(home, run, made, resolved.config, at))
    return made


def _trial(home: Path, run: Run, made: Evaluation, config: JudgeConfig, at: datetime) -> Trial:
    """What the ledger says of an evaluation."""
    windows = run.windows("test")
    skill = {
        horizon: Figure(
            rank_ic=_value(made.metrics, f"h{horizon}.rank_ic"),
            ratio=_value(made.metrics, f"h{horizon}.icir"),
            n=int(made.metrics[f"h{horizon}.rank_ic"]["n"]),
        )
        for horizon in run.horizons
    }
    return Trial(
        key=f"{run.run_id}/{made.folder.name}",
        run=run.run_id,
        name=str(run.manifest["name"]),
        learner=run.config.learner.kind,
        config=run.config.content_hash,
        features=str(run.manifest["feature_hash"]),
        seed=run.config.seed,
        labels=str(run.config.label_order),
        dataset=run.dataset_name,
        content=run.dataset_hash,
        source=base_source(str(run.manifest["source"])),
        exchange=run.exchange(home),
        split=run.config.split.kind,
        out_of_time=run.out_of_time,
        first=min(low for low, _ in windows),
        last=max(high for _, high in windows),
        judged_by=str(config.judge_label),
        at=at,
        skill=skill,
    )


def tries_on(home: Path, run: Run) -> int:
    """How many different settings were judged on sessions of the test part of a run so far."""
    windows = run.windows("test")
    return num_trials(
        TrialLedger(home).trials(),
        source=base_source(str(run.manifest["source"])),
        exchange=run.exchange(home),
        first=min(low for low, _ in windows),
        last=max(high for _, high in windows),
    )


def _value(metrics: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    found = metrics[name]["value"]
    return None if found is None else float(found)


def _judge(home: Path, run: Run, config: JudgeConfig, building: Path) -> None:
    dataset = run.dataset(home)
    labels = judging_labels(dataset, run)
    truth = None
    if run.config.label_order is LabelOrder.TRUE:
        truth = truth_of(home, dataset, horizons=run.horizons)
    if run.given:
        test = _skill(run, "test", dataset, labels, config, truth)
        indices, *scored = run.scores("test", dataset)
        more: dict[str, Any] = {"validation": {}}
    elif run.out_of_time:
        test = _skill(run, "test", dataset, labels, config, truth)
        valid = _skill(run, "valid", dataset, labels, config, truth).report.to_json()["metrics"]
        indices, *scored = run.scores("test", dataset)
        more = {"validation": valid}
    else:
        paths = [
            _skill(run, "test", dataset, labels, config, truth, path=path)
            for path in range(run.num_paths)
        ]
        test = over_paths(paths, kind=run.config.split.kind)
        scored = [run.scores("test", dataset, path=path)[1] for path in range(run.num_paths)]
        indices = run.scores("test", dataset, path=0)[0]
        more = {"validation": {}, "paths": [one.report.to_json()["metrics"] for one in paths]}
    where, judged = breakdown(dataset, labels, (indices, scored), test), (indices, scored[0])
    for name, frame in {
        _DAILY_FILE: test.daily,
        _DECILES_FILE: test.deciles,
        _DECAY_FILE: test.decay,
        _BREAKDOWN_FILE: where,
        _ROLLING_FILE: rolling(test.daily),
    }.items():
        write_parquet(frame, building / name)
    report = test.report.to_json()
    write_json(
        building / METRICS_FILE,
        {
            "part": "test",
            "warnings": [one.to_json() for one in cautions_of(run, dataset, judged, test, where)],
            **report,
            "facts": {**report["facts"], **bias_of(dataset)},
            **more,
        },
    )


def _skill(
    run: Run,
    part: str,
    dataset: Dataset,
    labels: Labels,
    config: JudgeConfig,
    truth: Truth | None,
    *,
    path: int | None = None,
) -> Skill:
    indices, scores = run.scores(part, dataset, path=path)
    found = evaluate_scores(
        scores,
        indices,
        labels,
        variant=str(config.judge_label),
        truth=truth,
        universe_tN=dataset.valid_TN[indices],
    )
    if part == "test" and not found.daily.get_column("rank_ic").count():
        raise DataError(
            f"run {run.run_id}: none of {len(indices)} tested sessions ({_days(indices, dataset)}) "
            f"has {MIN_NAMES} names with a score and a {config.judge_label} label at any horizon, "
            "so there is nothing to judge. Wait until labels are known and build again, or train "
            "with an earlier test part"
        )
    return found


def _days(indices: IntArray, dataset: Dataset) -> str:
    """First and last of some sessions."""
    if not len(indices):
        return "none"
    return f"{dataset.sessions[indices[0]]} to {dataset.sessions[indices[-1]]}"


def truth_of(home: Path, dataset: Dataset, *, horizons: Sequence[int] = HORIZONS) -> Truth | None:
    """The planted expectation behind a dataset; None where its source is not a sandbox.

    It is read here, for judging, and nowhere else. Its columns after the expectation are the
    planted families.
    """
    folder = _source_folder(home, dataset.manifest)
    if not (folder / MANIFEST_FILE).exists():
        return None
    found = delivery(folder).extra(_TRUTH)  # noqa: S610
    if found is None:
        return None
    frame = found.filter(
        pl.col("date").is_in(dataset.sessions.tolist()), pl.col("horizon").is_in(list(horizons))
    )
    places = Places.of(frame, dataset.sessions, dataset.codes, horizons=horizons)

    def dense(column: str) -> np.ndarray[Any, Any]:
        out = np.full((len(dataset.sessions), *places.shape[1:]), np.nan)
        out[places.indices] = places.dense(frame.get_column(column), np.float64)
        return out

    families = [name for name in frame.columns if name not in _TRUTH_KEYS]
    return Truth(
        expectation=dense("expectation"),
        families={name: dense(name) for name in families},
    )


def _source_folder(home: Path, named: Mapping[str, Any]) -> Path:
    """The delivery that the manifest of a dataset, or of a run, names."""
    return sources_folder(home) / str(named["source"]) / str(named["source_version"])


def _truth_input(home: Path, run: Run) -> dict[str, str]:
    """The version of the source whose planted expectation judges too; none where there is none."""
    folder = _source_folder(home, run.manifest)
    if run.config.label_order is LabelOrder.SHUFFLED or not (folder / MANIFEST_FILE).exists():
        return {}
    if not delivery(folder).files.has(TRUTH_FILE):
        return {}
    return {f"truth of source {run.manifest['source']}": folder.name}
