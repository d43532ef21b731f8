"""Features that say nearly the same, as groups."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gogooku.core.ranks import centred_ranks
from gogooku.core.types import Dataset, IntArray
from gogooku.learn.targets import spread_over

GROUPED_SESSIONS: Final = 40
"""Most sessions whose correlations are averaged."""
NAMES: Final = 1_000
"""Most names of a session."""


def rank_correlation(
    dataset: Dataset, indices: IntArray, *, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Mean Spearman correlation of features within a session, [F, F].

    Parameters
    ----------
    indices : int64
        Sessions to choose from: at most `GROUPED_SESSIONS`, evenly spaced.

    Returns
    -------
    float64 [F, F]
        Of the encoded values, so null counts as the middle. 0 where a feature does not vary.
    """
    chosen = spread_over(GROUPED_SESSIONS, indices.tolist())
    total = np.zeros((len(dataset.features), len(dataset.features)))
    used = 0
    for t in chosen:
        names = np.flatnonzero(dataset.valid_TN[t])
        names = rng.permutation(names)[:NAMES]
        if len(names) < 2:
            continue
        rank_Fn = centred_ranks(dataset.x_TNF[t][names].T.astype(np.float32))
        rank_Fn -= rank_Fn.mean(axis=1, keepdims=True)
        size = np.sqrt((rank_Fn**2).sum(axis=1, keepdims=True))
        rank_Fn /= np.where(size > 0.0, size, np.inf)
        total += rank_Fn @ rank_Fn.T
        used += 1
    return total / max(used, 1)


def correlated_groups(
    correlation_FF: npt.NDArray[np.float64], *, above: float
) -> list[npt.NDArray[np.intp]]:
    """Columns joined wherever two correlate above ``above``, either sign.

    Two features of different groups therefore never do: what a group says cannot be read off a
    near copy that is left. Groups are in the order of their first columns, and columns ascend.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    joined = csr_array(np.abs(correlation_FF) > above)
    _, label = connected_components(joined, directed=False)
    firsts = np.sort(np.unique(label, return_index=True)[1])
    return [np.flatnonzero(label == label[first]) for first in firsts]
