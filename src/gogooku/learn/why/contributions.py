"""Contributions of features to the scores of a session, by the way that suits the learner.

Whatever the way, contributions of a name and what is left over (`Contributions.rest`: a constant,
or what history gives) add up to its score. What has no way is a learner whose score is no sum: a
mean of ranks, or a network in which names see one another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from gogooku.core.registry import load
from gogooku.core.types import Checkpoint, Dataset, IntArray
from gogooku.learn.checkpoint import Headed

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Contributions:
    """What features add to the scores of some names at one horizon.

    Attributes
    ----------
    method : str
        How they were computed.
    features : sequence of str, length F
    added_nF : float64 [n, F]
    rest_n : float64 [n]
        Score less all of them.
    """

    method: str
    features: Sequence[str]
    added_nF: Matrix
    rest_n: Matrix


Way = Callable[[Checkpoint, Dataset, int, IntArray, int], Contributions | None]
"""Called with a checkpoint, a dataset, the index of a session, indices of names and the place of a
horizon; None where a score of these settings is no sum."""

_TREES: Final = "gogooku.learn.why.trees:contributions"
_LINEAR: Final = "gogooku.learn.why.linear:contributions"
_NETWORK: Final = "gogooku.learn.why.network:contributions"
WAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ridge": _LINEAR,
        "momentum": _LINEAR,
        "reversal": _LINEAR,
        "lightgbm": _TREES,
        "atft_gat_fan": _NETWORK,
        "apex_ranker": _NETWORK,
    }
)
"""Kind of learner to the way."""


def contributions(
    checkpoint: Checkpoint, dataset: Dataset, t: int, names: IntArray, *, horizon: int
) -> Contributions | None:
    """What each feature adds to the scores of some names; None where a score is no sum.

    Parameters
    ----------
    t : int
        Index of the session.
    names : int64 [n]
        Indices of names in the universe of that session.
    horizon : int
        One of those of the checkpoint.
    """
    assert isinstance(checkpoint, Headed), type(checkpoint).__name__
    reference = WAYS.get(checkpoint.header.kind)
    if reference is None or not len(names):
        return None
    way: Way = load(reference)
    return way(checkpoint, dataset, t, names, checkpoint.horizons.index(horizon))
