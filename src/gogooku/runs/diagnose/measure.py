"""A fold measured anew: its stored scores, scores made again, and what features alone know."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gogooku.core.metrics import MIN_NAMES, daily_rank_ic
from gogooku.core.types import Dataset, Fold, Labels
from gogooku.evaluate.split import make_folds
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.targets import DayLabels, FoldLabels, fold_labels, spread_over
from gogooku.runs.diagnose.facts import FoldFacts, Measure, Related
from gogooku.runs.folder import Run
from gogooku.runs.labels import labelled, run_labels

SESSIONS_AGAIN: Final = 6
"""Test sessions of a fold that are scored again: a changed program changes all of them."""
SESSIONS_RELATED: Final = 250
"""Train sessions on which features are held against labels: an RankIC of 0.03 shows in a year."""
CHANCE: Final = 0.01
"""Chance that any of all features and horizons seems related where none is."""
SAME: Final = 1e-3
"""Difference of two scores, as a share of their spread, that other hardware may bring."""

Scores = npt.NDArray[np.float32]


def measured_folds(run: Run, dataset: Dataset) -> tuple[FoldFacts, ...]:
    """Every fold of a run, measured on the dataset that it was fitted on.

    Raises
    ------
    DataError
        Its predictions are gone or damaged.
    """
    config = run.training()
    labels = run_labels(dataset, config)
    folds = make_folds(config.split, dataset.sessions, first=config.warmup_sessions)
    return tuple(_measured(run, dataset, labels, number, fold) for number, fold in enumerate(folds))


def _measured(
    run: Run,
    dataset: Dataset,
    labels: Labels,
    number: int,
    fold: Fold,
) -> FoldFacts:
    valid_scores, test_scores = (
        run.fold_scores(part, number, dataset) for part in ("valid", "test")
    )
    targets = fold_labels(dataset, labels, fold, config=labelled(run.training()))
    valid = _rows_of(valid_scores, targets.valid.indices)
    counts = np.isfinite(targets.train.values_TNH[:, :, 0]).sum(axis=1)
    rescored, differing, largest = _again(run, dataset, number, fold, test_scores)
    measures = {}
    for h, horizon in enumerate(labels.horizons):
        truth = targets.valid.values_TNH[:, :, h].astype(np.float64)
        daily = daily_rank_ic(valid[:, :, h].astype(np.float64), truth)
        measures[horizon] = Measure.of(daily, horizon=horizon)
    own, spread = _dispersion(valid)
    return FoldFacts(
        number=number,
        train_sessions=len(targets.train.indices),
        valid_sessions=len(targets.valid.indices),
        train_rows=int(counts.sum()),
        names=float(np.median(counts)),
        valid=measures,
        own_scores=dict(zip(labels.horizons, own, strict=True)),
        spread=dict(zip(labels.horizons, spread, strict=True)),
        rescored=rescored,
        differing=differing,
        largest=largest,
        related=related(dataset, targets),
    )


def _rows_of(stored: tuple[Any, Scores], indices: npt.NDArray[np.int64]) -> Scores:
    """Stored scores of some sessions; all NaN for one that has none."""
    places, scores = stored
    out = np.full((len(indices), *scores.shape[1:]), np.nan, dtype=np.float32)
    _, mine, theirs = np.intersect1d(indices, places, return_indices=True)
    out[mine] = scores[theirs]
    return out


def _dispersion(scores_TNH: Scores) -> tuple[list[float], list[float]]:
    """Per horizon: the share of names with a score of their own, and the standard deviation."""
    own, spread = [], []
    for h in range(scores_TNH.shape[2]):
        shares, deviations = [], []
        for row in scores_TNH[:, :, h]:
            known = row[np.isfinite(row)].astype(np.float64)
            if len(known) >= MIN_NAMES:
                shares.append((len(np.unique(known)) - 1) / (len(known) - 1))
                deviations.append(float(known.std()))
        own.append(float(np.mean(shares)) if shares else 0.0)
        spread.append(float(np.mean(deviations)) if deviations else 0.0)
    return own, spread


def _again(
    run: Run, dataset: Dataset, number: int, fold: Fold, stored: tuple[Any, Scores]
) -> tuple[int, int, float]:
    """Scores made again on a few test sessions: how many, how many differ, by how much at most."""
    folder = run.checkpoints()[number]
    indices = np.array(spread_over(SESSIONS_AGAIN, fold.indices("test").tolist()))
    now = load_checkpoint(folder).scores(dataset, indices)
    then = _rows_of(stored, indices)
    known = np.isfinite(now) & np.isfinite(then)
    if not known.any():
        return int(np.isfinite(now).sum()), int((np.isfinite(now) != np.isfinite(then)).sum()), 0.0
    with np.errstate(invalid="ignore"):
        spread = np.nanstd(np.where(known, then, np.nan), axis=(0, 1))
        gap = np.abs(now - then) / np.maximum(spread, np.finfo(np.float32).tiny)
    different = np.where(known, gap > SAME, np.isfinite(now) != np.isfinite(then))
    return int((known | different).sum()), int(different.sum()), float(gap[known].max())


def related(dataset: Dataset, targets: FoldLabels) -> Related:
    """The feature whose ranks go most with the labels on train dates."""
    daily = _daily_relation(dataset, targets.train)
    best, horizon = Measure(0.0, 1.0, 0), targets.horizons[0]
    feature = dataset.features[0]
    for h, ahead in enumerate(targets.horizons):
        for f, name in enumerate(dataset.features):
            found = Measure.of(daily[:, f, h], horizon=ahead)
            if abs(found.t) > abs(best.t):
                best, horizon, feature = found, ahead, name
    tried = len(dataset.features) * len(targets.horizons)
    limit = NormalDist().inv_cdf(1.0 - CHANCE / (2.0 * tried))
    return Related(feature=feature, horizon=horizon, measure=best, limit=limit, tried=tried)


def _daily_relation(dataset: Dataset, train: DayLabels) -> npt.NDArray[np.float64]:
    """Correlation [t, F, H] of each feature with the labels, session by session.

    Features are ranks and labels normal scores of ranks, so this is a rank correlation; a feature
    that is the same for all names of a session is NaN there.
    """
    picked = spread_over(SESSIONS_RELATED, range(len(train.indices)))
    num_features, num_horizons = len(dataset.features), train.values_TNH.shape[2]
    out = np.full((len(picked), num_features, num_horizons), np.nan)
    for place, row in enumerate(picked):
        x_NF = np.asarray(dataset.x_TNF[int(train.indices[row])]).astype(np.float64)
        for h in range(num_horizons):
            label = train.values_TNH[row][:, h].astype(np.float64)
            known = np.isfinite(label)
            x, y = x_NF[known], label[known]
            x, y = x - x.mean(axis=0), y - y.mean()
            size = np.sqrt((x * x).sum(axis=0) * (y @ y))
            with np.errstate(invalid="ignore", divide="ignore"):
                out[place, :, h] = np.where(size > 0.0, (y @ x) / size, np.nan)
    return out
