"""What a trial is worth: its daily RankIC over the folds of the search, each session once.

Fits select their rounds and epochs on validation parts; trials are compared on the test parts of
the same folds, which no fit has seen. So the search itself is what can be too good to be true, and
it is judged on later folds (`gogooku.search.unseen`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.metrics import Estimate, mean_estimate, number_or_none
from gogooku.core.types import Dataset, Labels
from gogooku.evaluate.skill import evaluate_scores
from gogooku.runs.job import DoneJob, Job
from gogooku.search.config import NO_PERSISTENCE, NO_TOP_BPS, SearchConfig

BLOCK_SESSIONS = 21
"""Sessions of a block: about a month, longer than any label, so that blocks hardly overlap."""
DAILY_SCHEMA: Mapping[str, Any] = {
    "fold": pl.Int32,
    "seed": pl.Int64,
    "date": pl.Date,
    "horizon": pl.Int32,
    "rank_ic": pl.Float64,
    "autocorrelation": pl.Float64,
    "top_bps": pl.Float64,
}
"""Daily measures of a trial; null where a session does not count."""


def measured(job: Job, done: DoneJob, labels: Labels) -> pl.DataFrame:
    """Daily measures of the test part of a fit: `DAILY_SCHEMA`.

    Parameters
    ----------
    labels : Labels
        What judges: those of the run, permuted where it was trained on permuted ones.
    """
    dataset: Dataset = job.dataset
    indices = job.fold.indices("test")
    found = evaluate_scores(
        done.scores("test", indices, dataset),
        indices,
        labels,
        universe_tN=dataset.valid_TN[indices],
    )
    top = f"top_{found.report.facts['top_k']}_bps"
    return found.daily.select(
        pl.lit(job.number, dtype=pl.Int32).alias("fold"),
        pl.lit(job.config.seed, dtype=pl.Int64).alias("seed"),
        "date",
        pl.col("horizon").cast(pl.Int32),
        "rank_ic",
        "autocorrelation",
        pl.col(top).alias("top_bps"),
    )


def series_of(daily: pl.DataFrame, horizons: Sequence[int]) -> pl.DataFrame:
    """RankIC of each session: the mean over seeds and horizons. Columns fold, date, rank_ic."""
    return (
        daily.filter(pl.col("horizon").is_in(list(horizons)))
        .group_by("fold", "date")
        .agg(pl.col("rank_ic").mean())
        .sort("fold", "date")
    )


@dataclass(frozen=True)
class Worth:
    """What a trial came to.

    Attributes
    ----------
    value : float
        Mean over folds less so many standard deviations over folds; NaN where a fold has no
        session that counts.
    folds : tuple of float
        Mean daily RankIC of each fold.
    mean : Estimate
        Of the daily RankIC over all sessions of the folds, with its error.
    persistence, top_bps : float
        Mean rank autocorrelation, and mean excess of the highest scores in basis points.
    broken : tuple of str
        Limits that are not kept.
    """

    value: float
    folds: tuple[float, ...]
    mean: Estimate
    persistence: float
    top_bps: float
    broken: tuple[str, ...] = ()

    @property
    def feasible(self) -> bool:
        """Whether it has a value and keeps every limit."""
        return math.isfinite(self.value) and not self.broken

    def to_json(self) -> dict[str, Any]:
        """Plain values; NaN becomes null."""
        return {
            "value": number_or_none(self.value),
            "folds": [number_or_none(one) for one in self.folds],
            "mean": number_or_none(self.mean.value),
            "error": number_or_none(self.mean.error),
            "n": self.mean.n,
            "persistence": number_or_none(self.persistence),
            "top_bps": number_or_none(self.top_bps),
            "broken": list(self.broken),
        }


def worth_of(daily: pl.DataFrame, config: SearchConfig) -> Worth:
    """What daily measures of the folds so far come to.

    Parameters
    ----------
    daily : polars.DataFrame
        `DAILY_SCHEMA`.
    """
    series = series_of(daily, config.horizons)
    folds = [
        float(part.get_column("rank_ic").to_numpy().mean())
        for part in series.drop_nulls().partition_by("fold", maintain_order=True)
    ]
    complete = len(folds) == series.get_column("fold").n_unique()
    value = math.nan
    if folds and complete:
        spread = float(np.std(folds, ddof=1)) if len(folds) > 1 else 0.0
        value = float(np.mean(folds)) - config.spread_weight * spread
    chosen = daily.filter(pl.col("horizon").is_in(list(config.horizons)))
    persistence, top = (_mean(chosen, name) for name in ("autocorrelation", "top_bps"))
    ics = series.get_column("rank_ic").fill_null(math.nan).to_numpy()
    return Worth(
        value=value,
        folds=tuple(folds),
        mean=mean_estimate(ics, horizon=max(config.horizons)),
        persistence=persistence,
        top_bps=top,
        broken=tuple(_broken(config, persistence, top)),
    )


def _mean(frame: pl.DataFrame, name: str) -> float:
    found = frame.get_column(name).drop_nulls()
    return float(found.to_numpy().mean()) if len(found) else math.nan


def _broken(config: SearchConfig, persistence: float, top: float) -> list[str]:
    out = []
    if config.least_persistence > NO_PERSISTENCE and not persistence >= config.least_persistence:
        out.append(f"rank autocorrelation {persistence:.3f} below {config.least_persistence}")
    if config.least_top_bps > NO_TOP_BPS and not top >= config.least_top_bps:
        out.append(f"highest scores {top:.1f} bp below {config.least_top_bps}")
    return out


def excesses(worth: Worth, config: SearchConfig) -> dict[str, float]:
    """By how much each limit is broken, by its setting; zero or less where it is kept."""
    out = {}
    if config.least_persistence > NO_PERSISTENCE:
        out["least_persistence"] = config.least_persistence - worth.persistence
    if config.least_top_bps > NO_TOP_BPS:
        out["least_top_bps"] = config.least_top_bps - worth.top_bps
    return {name: one if math.isfinite(one) else math.inf for name, one in out.items()}


def blocks_of(daily: pl.DataFrame, fold: int, horizons: Sequence[int]) -> list[float]:
    """Mean RankIC of each block of `BLOCK_SESSIONS` sessions of a fold, in order; NaN for none.

    A last block of less than half as many sessions belongs to the one before it.
    """
    rows = series_of(daily.filter(pl.col("fold") == fold), horizons).get_column("rank_ic")
    values = rows.fill_null(math.nan).to_numpy()
    count = max(round(len(values) / BLOCK_SESSIONS), 1)
    cuts = [min(place * BLOCK_SESSIONS, len(values)) for place in range(1, count)]
    parts = np.split(values, cuts)
    return [
        float(part[np.isfinite(part)].mean()) if np.isfinite(part).any() else math.nan
        for part in parts
    ]
