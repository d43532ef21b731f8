"""What a fitted learner loses when a group of features is taken from the names they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gogooku.core.metrics import FloatArray, daily_rank_ic
from gogooku.core.types import Checkpoint, Dataset
from gogooku.learn.targets import DayLabels, spread_over
from gogooku.learn.views import last_sessions


def evenly_spaced(labels: DayLabels, *, sessions: int) -> DayLabels:
    """The labels of at most so many of their sessions."""
    rows = spread_over(sessions, range(len(labels.indices)))
    return replace(labels, indices=labels.indices[rows], values_TNH=labels.values_TNH[rows])


def rank_ic_lost(
    checkpoint: Checkpoint,
    dataset: Dataset,
    labels: DayLabels,
    groups: Sequence[npt.NDArray[np.intp]],
    *,
    lookback: int,
    rng: np.random.Generator,
    names: int | None = None,
) -> tuple[FloatArray, FloatArray]:
    """RankIC of scores as they are, [sessions, H], and what of it goes with a group permuted.

    The windows of a group's columns are exchanged whole among the names of a session: its history
    and its last value move together, so that what is scored is the past of some name, and of
    another one than the rest.

    Parameters
    ----------
    labels : DayLabels
        Of the sessions that are judged.
    lookback : int
        Sessions that the learner reads.
    names : int, optional
        Most names of a session, drawn anew for each; all by default.

    Returns
    -------
    (intact, lost) : float64 [sessions, H], float64 [sessions, groups, H]
        NaN where a session has too few labels.
    """
    horizons = labels.values_TNH.shape[2]
    intact = np.full((len(labels.indices), horizons), np.nan)
    lost = np.full((len(labels.indices), len(groups), horizons), np.nan)
    for row, t in enumerate(labels.indices.tolist()):
        chosen = np.sort(rng.permutation(np.flatnonzero(dataset.valid_TN[t]))[:names])
        label_NH = labels.values_TNH[row][chosen]
        world = last_sessions(dataset, t, chosen, sessions=lookback)
        last = np.array([len(world.sessions) - 1])
        intact[row] = _rank_ic(checkpoint.scores(world, last)[0], label_NH)
        values_TNF = np.asarray(world.x_TNF)
        for column, group in enumerate(groups):
            kept = values_TNF[:, :, group].copy()
            values_TNF[:, :, group] = kept[:, rng.permutation(len(chosen))]
            without = _rank_ic(checkpoint.scores(world, last)[0], label_NH)
            values_TNF[:, :, group] = kept
            lost[row, column] = intact[row] - without
    return intact, lost


def _rank_ic(score_NH: npt.NDArray[np.float32], label_NH: npt.NDArray[np.float32]) -> FloatArray:
    return daily_rank_ic(score_NH.T.astype(np.float64), label_NH.T.astype(np.float64))
