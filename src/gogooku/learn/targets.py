"""What is learned from, and what is selected on: labels that were known in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.errors import ContractError, DataError
from gogooku.core.metrics import MIN_NAMES, daily_rank_ic
from gogooku.core.ranks import gaussian_ranks
from gogooku.core.types import Dataset, Fold, IntArray, Labels
from gogooku.learn.config import FittedConfig


@dataclass(frozen=True)
class DayLabels:
    """Labels of some sessions.

    Attributes
    ----------
    indices : int64 [t]
        Sessions with at least `MIN_NAMES` labels at every horizon.
    values_TNH : float32 [t, N, H]
        NaN outside the universe, where untradable, and where not known in time.
    through : tuple of date, length H
        The last session at whose open a label in use was known.
    """

    indices: IntArray
    values_TNH: npt.NDArray[np.float32]
    through: tuple[date, ...]

    def ranked(self) -> DayLabels:
        """The same labels as normal scores of their ranks within each session."""
        out = np.empty_like(self.values_TNH)
        for row, values_NH in enumerate(self.values_TNH):
            out[row] = gaussian_ranks(values_NH.T).T
        return DayLabels(indices=self.indices, values_TNH=out, through=self.through)

    def rank_ic(self, score_TNH: npt.NDArray[np.float32]) -> list[float]:
        """Mean daily RankIC of scores per horizon."""
        means = []
        for h in range(self.values_TNH.shape[2]):
            daily = daily_rank_ic(
                score_TNH[:, :, h].astype(np.float64), self.values_TNH[:, :, h].astype(np.float64)
            )
            known = daily[np.isfinite(daily)]
            means.append(float(known.mean()) if len(known) else 0.0)
        return means


@dataclass(frozen=True)
class FoldLabels:
    """Labels to train on (normal scores) and to select on (returns).

    Attributes
    ----------
    train, valid : DayLabels
    horizons : tuple of int
    returns_TNH : float32 [t, N, H], optional
        The train labels before they were ranked; kept only where they are wanted.
    """

    train: DayLabels
    valid: DayLabels
    horizons: tuple[int, ...]
    returns_TNH: npt.NDArray[np.float32] | None = None

    @property
    def trained_through(self) -> dict[int, date]:
        """Per horizon, the last date at which a label in use resolved; validation included."""
        pairs = zip(self.train.through, self.valid.through, strict=True)
        return {h: max(pair) for h, pair in zip(self.horizons, pairs, strict=True)}


def spread_over(count: int, indices: Sequence[int]) -> list[int]:
    """At most so many of some sessions, evenly spread."""
    picked = np.unique(np.linspace(0, len(indices) - 1, min(count, len(indices))).round())
    return [int(indices[int(row)]) for row in picked]


def fold_labels(
    dataset: Dataset,
    labels: Labels,
    fold: Fold,
    *,
    config: FittedConfig,
    first_history: int = 0,
    keep_returns: bool = False,
) -> FoldLabels:
    """Labels of a fold; each part's are known before the next part opens.

    Parameters
    ----------
    first_history : int
        Sessions at the start of the dataset that are too early to train on.
    keep_returns : bool
        Whether the train labels are wanted as returns too.
    """
    _require_one_panel(dataset, labels)
    train = fold.indices("train")
    train = train[train >= first_history]
    known = _day_labels(
        dataset,
        labels,
        train,
        variant=config.train_label,
        cutoffs=fold.closes(train, ("valid", "test")),
    )
    return FoldLabels(
        train=known.ranked(),
        valid=_valid_labels(dataset, labels, fold, config),
        horizons=labels.horizons,
        returns_TNH=known.values_TNH if keep_returns else None,
    )


def _require_one_panel(dataset: Dataset, labels: Labels) -> None:
    if not np.array_equal(dataset.sessions, labels.sessions) or dataset.codes != labels.codes:
        raise ContractError("labels: made for other sessions or codes than the dataset")


def _valid_labels(dataset: Dataset, labels: Labels, fold: Fold, config: FittedConfig) -> DayLabels:
    """What is selected on: known before the test part opens."""
    indices = fold.indices("valid")
    return _day_labels(
        dataset,
        labels,
        indices,
        variant=config.select_label,
        cutoffs=fold.closes(indices, ("test",)),
    )


def joint_labels(
    dataset: Dataset,
    labels: Labels,
    fold: Fold,
    *,
    config: FittedConfig,
    first_history: int = 0,
    keep_returns: bool = False,
) -> FoldLabels:
    """Labels of a fold to fit once more with what was selected: train and validation together.

    The sessions of the purge between them come in too: nothing is selected any more, so only the
    test part must not be touched. The validation part stays what it was.
    """
    _require_one_panel(dataset, labels)
    indices = fold.refit_indices()
    indices = indices[indices >= first_history]
    together = _day_labels(
        dataset,
        labels,
        indices,
        variant=config.train_label,
        cutoffs=fold.closes(indices, ("test",)),
    )
    valid = _valid_labels(dataset, labels, fold, config)
    return FoldLabels(
        train=together.ranked(),
        valid=valid,
        horizons=labels.horizons,
        returns_TNH=together.values_TNH if keep_returns else None,
    )


def _why_none(dataset: Dataset, labels: Labels, indices: IntArray) -> str:
    """What there is too little of in the sessions of a part, and what to do."""
    most = int(dataset.valid_TN[indices].sum(axis=1).max(initial=0))
    if most < MIN_NAMES:
        return (
            f"at most {most} names are in the universe there: widen the fold, or build with a "
            "lower universe.min_traded_value"
        )
    if not labels.tradable_TN.any():
        return (
            "no session of the dataset has an open, so labels from open to open have no entry: "
            "import prices with an open"
        )
    return (
        f"up to {most} names are in the universe there, but fewer have an open to enter at and an "
        "exit before the next part begins: widen the fold"
    )


def _day_labels(
    dataset: Dataset, labels: Labels, indices: IntArray, *, variant: str, cutoffs: IntArray
) -> DayLabels:
    num_names, num_horizons = len(labels.codes), len(labels.horizons)
    values = np.full((len(indices), num_names, num_horizons), np.nan, dtype=np.float32)
    last = np.zeros(num_horizons, dtype=np.int64)
    kept = np.zeros(len(indices), dtype=np.bool_)
    ahead = 1 + np.array(labels.horizons)
    for row, t in enumerate(indices.tolist()):
        known = labels.known_before(t, variant=variant, cutoff=int(cutoffs[row]))
        known[~(dataset.valid_TN[t] & labels.tradable_TN[t])] = np.nan
        there = np.isfinite(known)
        kept[row] = bool((there.sum(axis=0) >= MIN_NAMES).all())
        if kept[row]:
            values[row] = known
            exits = np.where(there, t + ahead + labels.late_TNH[t], 0)
            last = np.maximum(last, exits.max(axis=0))
    if not kept.any():
        raise DataError(
            f"labels: none of {len(indices)} sessions has {MIN_NAMES} labels at every horizon; "
            f"{_why_none(dataset, labels, indices)}"
        )
    through: list[Any] = labels.sessions[last].astype("datetime64[D]").tolist()
    return DayLabels(indices=indices[kept], values_TNH=values[kept], through=tuple(through))
