"""Out-of-sample scores of a whole walk-forward: every fold is fitted, none is scored twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from gogooku.core.calendar import DateArray
from gogooku.core.errors import ConfigError, ContractError
from gogooku.core.forecast import Forecast, Scores
from gogooku.core.types import Checkpoint, Fold, IntArray


@dataclass(frozen=True)
class OutOfSample:
    """Test scores of all folds, in time order.

    Attributes
    ----------
    indices : int64 [t]
        Session indices, ascending, each once.
    scores : float32 [t, N, H]
        NaN for names outside the universe.
    fold_t : int64 [t]
        Which fold scored the session.
    horizons : tuple of int
    trained_through : per fold, the last resolved label date used, by horizon
    """

    indices: IntArray
    scores: Scores
    fold_t: IntArray
    horizons: tuple[int, ...]
    trained_through: tuple[Mapping[int, date], ...]

    def forecasts(self, sessions: DateArray, codes: Sequence[str]) -> tuple[Forecast, ...]:
        """One `Forecast` per fold: each refuses dates that touch what its fold trained on."""
        made = []
        for fold, through in enumerate(self.trained_through):
            rows = self.fold_t == fold
            made.append(
                Forecast.of(
                    self.scores[rows],
                    sessions[self.indices[rows]],
                    codes,
                    horizons=self.horizons,
                    trained_through=through,
                )
            )
        return tuple(made)


def walk_forward(
    folds: Sequence[Fold],
    *,
    fit: Callable[[Fold], Checkpoint],
    score: Callable[[Checkpoint, IntArray], Scores],
) -> OutOfSample:
    """Fit every fold and score its test part with what was fitted on it.

    Parameters
    ----------
    folds : sequence of Fold
        In time order; their test parts must not overlap.
    fit : callable
        Fits one fold. It is called once per fold: there is no static mode.
    score : callable
        Scores session indices with a checkpoint, [t, N, H].

    Raises
    ------
    ConfigError
        No folds, or a session that lies in the test part of two folds.
    ContractError
        A checkpoint that used labels resolved on or after its first test session, or folds whose
        checkpoints differ in horizons.
    """
    tests = [fold.indices("test") for fold in folds]
    _refuse_repeats(folds, tests)
    blocks, throughs, horizons = [], [], None
    for fold, indices in zip(folds, tests, strict=True):
        checkpoint = fit(fold)
        _refuse_touching(checkpoint, fold)
        if horizons not in (None, tuple(checkpoint.horizons)):
            raise ContractError(
                f"walk-forward: folds were fitted for horizons {horizons} and "
                f"{tuple(checkpoint.horizons)}; fit all folds with one config"
            )
        horizons = tuple(checkpoint.horizons)
        blocks.append(score(checkpoint, indices))
        throughs.append(dict(checkpoint.trained_through))
    return OutOfSample(
        indices=np.concatenate(tests),
        scores=np.concatenate(blocks),
        fold_t=np.repeat(np.arange(len(folds)), [len(test) for test in tests]),
        horizons=horizons or (),
        trained_through=tuple(throughs),
    )


def _refuse_repeats(folds: Sequence[Fold], tests: Sequence[IntArray]) -> None:
    if not folds:
        raise ConfigError("walk-forward: no folds; check the split settings")
    joined = np.concatenate(tests)
    late = np.flatnonzero(np.diff(joined) <= 0)
    if len(late):
        day = folds[0].sessions[joined[late[0] + 1]]
        raise ConfigError(
            f"walk-forward: {len(joined) - len(np.unique(joined))} sessions lie in the test part "
            f"of two folds or folds are out of order, first {day}; make the test parts disjoint"
        )


def _refuse_touching(checkpoint: Checkpoint, fold: Fold) -> None:
    start = fold.test[0]
    for horizon, through in checkpoint.trained_through.items():
        if through >= start:
            raise ContractError(
                f"walk-forward: horizon {horizon} used labels resolved through {through}, but its "
                f"test part starts on {start}; the learner used data after its fold"
            )
