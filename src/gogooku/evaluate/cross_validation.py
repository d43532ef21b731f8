"""Scores of a whole cross-validation: every split is fitted, every session is tested equally often.

They are not out of time. What they are put together to is a path: the scores of one fit a session,
over the whole sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from gogooku.core.errors import ConfigError, ContractError
from gogooku.core.forecast import Scores
from gogooku.core.types import Checkpoint, CrossFold, Fold, IntArray


@dataclass(frozen=True)
class CrossScores:
    """Test scores of all splits.

    Attributes
    ----------
    indices : tuple of int64 [t]
        Per split, the session indices of its test part, ascending.
    scores : tuple of float32 [t, N, H]
        Per split; NaN for names outside the universe.
    horizons : tuple of int
    trained_through : per split, the last resolved label date used, by horizon
        Often after the test part: this is no walk-forward.
    num_paths : int
    """

    indices: tuple[IntArray, ...]
    scores: tuple[Scores, ...]
    horizons: tuple[int, ...]
    trained_through: tuple[Mapping[int, date], ...]
    num_paths: int


def cross_validate(
    folds: Sequence[Fold],
    *,
    fit: Callable[[Fold], Checkpoint],
    score: Callable[[Checkpoint, IntArray], Scores],
) -> CrossScores:
    """Fit every split and score its test part with what was fitted on it.

    Parameters
    ----------
    folds : sequence of CrossFold
        Their test parts must make whole paths: each path holds every tested session once.
    fit : callable
        Fits one split. It is called once per split.
    score : callable
        Scores session indices with a checkpoint, [t, N, H].

    Raises
    ------
    ConfigError
        No splits, one that is a step of a walk-forward, or test parts that make no whole paths.
    ContractError
        Splits whose checkpoints differ in horizons.
    """
    splits = [fold for fold in folds if isinstance(fold, CrossFold)]
    if not splits or len(splits) != len(folds):
        raise ConfigError(
            f"cross-validation: {len(splits)} of {len(folds)} folds are splits of one; check the "
            "split settings"
        )
    count = _require_whole_paths(splits)
    tests, scores, throughs, horizons = [], [], [], None
    for fold in splits:
        checkpoint = fit(fold)
        if horizons not in (None, tuple(checkpoint.horizons)):
            raise ContractError(
                f"cross-validation: splits were fitted for horizons {horizons} and "
                f"{tuple(checkpoint.horizons)}; fit all splits with one config"
            )
        horizons = tuple(checkpoint.horizons)
        tests.append(fold.indices("test"))
        scores.append(score(checkpoint, tests[-1]))
        throughs.append(dict(checkpoint.trained_through))
    return CrossScores(
        indices=tuple(tests),
        scores=tuple(scores),
        horizons=horizons or (),
        trained_through=tuple(throughs),
        num_paths=count,
    )


def _require_whole_paths(folds: Sequence[CrossFold]) -> int:
    """Number of paths, each of which holds every tested session exactly once."""
    tested = np.unique(np.concatenate([fold.indices("test") for fold in folds]))
    count = 1 + max(path for fold in folds for path in fold.paths)
    for path in range(count):
        mine = np.sort(np.concatenate([fold.path_indices(path) for fold in folds]))
        if not np.array_equal(mine, tested):
            days, times = np.unique(mine, return_counts=True)
            missing = len(np.setdiff1d(tested, days))
            raise ConfigError(
                f"cross-validation: on path {path} {int((times > 1).sum())} of {len(tested)} "
                f"sessions are tested twice and {missing} never; make the test parts disjoint"
            )
    return count
