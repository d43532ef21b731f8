"""Scores that are linear in the features of a session."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gogooku.core.types import Dataset, IntArray

Matrix = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float32]


def linear_scores(
    dataset: Dataset, indices: IntArray, weight_FH: Matrix, *, factor_TK: Matrix | None = None
) -> Scores:
    """Scores [t, N, H] linear in the features of each session; NaN outside the universe.

    Parameters
    ----------
    weight_FH : float64 [F, H], or [K * F, H] with factors
        With factors the coefficients of a session are the sum of its K blocks, each times the
        session's factor.
    factor_TK : float64 [T, K], optional
        Of every session of the dataset.
    """
    out = np.full((len(indices), len(dataset.codes), weight_FH.shape[1]), np.nan, dtype=np.float32)
    for row, t in enumerate(np.asarray(indices).tolist()):
        names = np.flatnonzero(dataset.valid_TN[t])
        x_nF = dataset.x_TNF[t][names].astype(np.float64)
        weight = weight_FH if factor_TK is None else moved(weight_FH, factor_TK[t])
        out[row, names] = np.einsum("nf,fh->nh", x_nF, weight)
    return out


def moved(weight_FH: Matrix, factor_K: Matrix) -> Matrix:
    """Coefficients [F, H] of a session from those of its factors, [K * F, H]."""
    blocks = weight_FH.reshape(len(factor_K), -1, weight_FH.shape[1])
    return np.asarray(np.einsum("k,kfh->fh", factor_K, blocks))
