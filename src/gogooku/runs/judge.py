"""What a finished run is worth: skill with its error, and the backtest, written beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.calendar import exchange_named
from gogooku.core.errors import DataError
from gogooku.core.files import new_artefact, read_json, read_parquet, write_json, write_parquet
from gogooku.core.types import HORIZONS, Dataset, Labels, Report
from gogooku.dataset.home import current_dataset, read_bars
from gogooku.evaluate.skill import Skill, Truth, evaluate_scores
from gogooku.ingest.source import sources_folder
from gogooku.portfolio.backtest import Backtest, MarketBars, run_backtest
from gogooku.portfolio.measures import backtest_report
from gogooku.runs.config import LabelOrder
from gogooku.runs.folder import Run, dense_scores
from gogooku.runs.train import run_labels

EVALUATION_FOLDER = "evaluation"
BACKTEST_FOLDER = "backtest"
METRICS_FILE = "metrics.json"
_FAMILIES = ("linear", "gated", "order", "peers", "level")


def truth_of(home: Path, dataset: Dataset) -> Truth | None:
    """The planted expectation behind a dataset; None where its source is not a sandbox.

    It is read here, for judging, and nowhere else.
    """
    folder = sources_folder(home) / dataset.manifest["source"] / dataset.manifest["source_version"]
    path = folder / "extras" / "truth.parquet"
    if not path.exists():
        return None
    frame = read_parquet(path).filter(pl.col("date").is_in(dataset.sessions.tolist()))
    t = np.searchsorted(
        dataset.sessions, frame.get_column("date").to_numpy().astype("datetime64[D]")
    )
    n = frame.get_column("code").cast(pl.Enum(list(dataset.codes))).to_physical().to_numpy()
    h = np.searchsorted(np.array(HORIZONS), frame.get_column("horizon").to_numpy())
    shape = (len(dataset.sessions), len(dataset.codes), len(HORIZONS))

    def dense(column: str) -> np.ndarray[Any, Any]:
        out = np.full(shape, np.nan)
        out[t, n.astype(np.int64), h] = frame.get_column(column).fill_null(np.nan).to_numpy()
        return out

    return Truth(
        expectation=dense("expectation"),
        families={name: dense(name) for name in _FAMILIES},
    )


def evaluate(home: Path, run: Run) -> Skill:
    """Judge the test part of a run and write ``evaluation/`` beside it."""
    dataset = current_dataset(home, run.dataset_name)
    labels = run_labels(dataset, run.config)
    shuffled = run.config.label_order is LabelOrder.SHUFFLED
    truth = None if shuffled else truth_of(home, dataset)
    skill = _skill(run, "test", dataset, labels, truth)
    valid = _skill(run, "valid", dataset, labels, truth)
    with new_artefact(run.folder / EVALUATION_FOLDER) as building:
        write_parquet(skill.daily, building / "daily.parquet")
        write_parquet(skill.deciles, building / "deciles.parquet")
        write_json(
            building / METRICS_FILE,
            {
                "run": run.run_id,
                "run_content_hash": run.manifest["content_hash"],
                "part": "test",
                **skill.report.to_json(),
                "validation": valid.report.to_json()["metrics"],
            },
        )
    return skill


def _skill(run: Run, part: str, dataset: Dataset, labels: Labels, truth: Truth | None) -> Skill:
    indices, scores = dense_scores(run.predictions(part), dataset, labels.horizons)
    return evaluate_scores(
        scores, indices, labels, variant=str(run.config.judge_label), truth=truth
    )


def evaluation_of(home: Path, run: Run) -> Mapping[str, Any]:
    """The metrics of a run, judged now if they were not yet."""
    place = run.folder / EVALUATION_FOLDER / METRICS_FILE
    if not place.exists():
        evaluate(home, run)
    metrics: Mapping[str, Any] = read_json(place)
    return metrics


def daily_skill(home: Path, run: Run) -> pl.DataFrame:
    """Daily measures of a run, judged now if they were not yet."""
    evaluation_of(home, run)
    return read_parquet(run.folder / EVALUATION_FOLDER / "daily.parquet")


@dataclass(frozen=True)
class Traded:
    """A backtest and its measures."""

    backtest: Backtest
    report: Report


def market_bars(dataset: Dataset) -> MarketBars:
    """The raw bars of a dataset as a backtest takes them."""
    bars = read_bars(dataset)
    return MarketBars(
        exchange=exchange_named(str(dataset.manifest["exchange"])),
        clock=dataset.clock,
        sessions=dataset.sessions,
        codes=dataset.codes,
        universe=dataset.valid_TN,
        **{name: column for name, column in bars.items() if name != "volume_shares"},
    )


def backtest(home: Path, run: Run) -> Traded:
    """Trade the test part of a run and write ``backtest/`` beside it.

    Raises
    ------
    DataError
        The configured horizon was not scored, or nothing could be traded.
    """
    dataset = current_dataset(home, run.dataset_name)
    horizons = tuple(int(h) for h in run.manifest["horizons"])
    config = run.config.backtest
    if config.portfolio.horizon not in horizons:
        raise DataError(
            f"backtest: run {run.run_id} has no score at horizon {config.portfolio.horizon}; "
            f"set backtest.portfolio.horizon to one of {horizons}"
        )
    indices, scores = dense_scores(run.predictions("test"), dataset, horizons)
    chosen = scores[:, :, horizons.index(config.portfolio.horizon)].astype(np.float64)
    result = run_backtest(market_bars(dataset), chosen, indices, config=config)
    report = backtest_report(result.daily)
    with new_artefact(run.folder / BACKTEST_FOLDER) as building:
        for name in ("ledger", "daily", "unfilled", "holdings"):
            write_parquet(getattr(result, name), building / f"{name}.parquet")
        write_json(
            building / METRICS_FILE,
            {
                "run": run.run_id,
                "run_content_hash": run.manifest["content_hash"],
                "config": config.model_dump(mode="json"),
                **report.to_json(),
            },
        )
    return Traded(backtest=result, report=report)
