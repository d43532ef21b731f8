"""Exact contributions of a score that is linear in the features of a session."""

from __future__ import annotations

import numpy as np

from gogooku.core.types import Checkpoint, Dataset, IntArray
from gogooku.learn.why.contributions import Contributions

METHOD = "exact: coefficient times the feature's place"


def contributions(
    checkpoint: Checkpoint, dataset: Dataset, t: int, names: IntArray, h: int
) -> Contributions:
    """Each feature times its coefficient of that session."""
    x_nF = np.asarray(dataset.x_TNF[t][names], dtype=np.float64)
    weight_F = checkpoint.session_weights(dataset, t)[:, h]  # type: ignore[attr-defined]
    added = x_nF * weight_F
    score = checkpoint.scores(dataset, np.array([t]))[0, names, h].astype(np.float64)
    return Contributions(METHOD, dataset.features, added, score - added.sum(axis=1))
