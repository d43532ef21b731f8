"""Places of names within their session: what scores of different scales have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gogooku.core.ranks import centred_ranks

Scores = npt.NDArray[np.float32]


def places(score_TNH: Scores) -> npt.NDArray[np.float64]:
    """Places within each session and horizon, from -0.5 to 0.5; ties share one, NaN stays."""
    out = np.empty(score_TNH.shape)
    for t, score_NH in enumerate(score_TNH):
        out[t] = centred_ranks(score_NH.T.astype(np.float64)).T
    return out


def place_spread(scores: Sequence[Scores]) -> Scores:
    """How far places move over several scores [t, N, H] of the same names: standard deviation.

    Two or more are needed; a name without a score in one of them has none.
    """
    found = np.stack([places(one) for one in scores])
    return np.asarray(np.std(found, axis=0, ddof=1), dtype=np.float32)


def blended(score_TNH: Scores, *, at: int, weights: Sequence[float]) -> Scores:
    """Scores of which those of one horizon are the weighted mean of the places at all.

    Parameters
    ----------
    at : int
        Place of that horizon on the last axis.
    weights : sequence of float, length H
        Of any sum; a horizon with the weight 0 does not enter.
    """
    used = np.flatnonzero(weights)
    share = np.asarray(weights)[used] / np.sum(weights)
    out = score_TNH.copy()
    out[:, :, at] = places(score_TNH[:, :, used]) @ share
    return out
