"""Scores that are linear in the features of a session."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gogooku.core.types import Dataset, IntArray

Matrix = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float32]


def linear_scores(dataset: Dataset, indices: IntArray, weight_FH: Matrix) -> Scores:
    """Scores [t, N, H] linear in the features of each session; NaN outside the universe."""
    out = np.full((len(indices), len(dataset.codes), weight_FH.shape[1]), np.nan, dtype=np.float32)
    for row, t in enumerate(np.asarray(indices).tolist()):
        names = np.flatnonzero(dataset.valid_TN[t])
        x_nF = dataset.x_TNF[t][names].astype(np.float64)
        out[row, names] = np.einsum("nf,fh->nh", x_nF, weight_FH)
    return out
