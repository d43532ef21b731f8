"""Contributions of features to the scores of a session, by the way that suits the learner.

Whatever the way, contributions of a name and what is left over (`Contributions.rest`: a constant,
or what history gives) add up to its score. Where that cannot hold there are none, and it is said
why not: a network in which each name sees all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from gogooku.core.registry import load
from gogooku.core.types import Checkpoint, Dataset, IntArray
from gogooku.learn.checkpoint import Headed

Matrix = npt.NDArray[np.float64]
PEERS: Final = "features of peers"
"""In place of a feature: what all features of a name's peers add together."""


@dataclass(frozen=True)
class Contributions:
    """What features add to the scores of some names at one horizon.

    Attributes
    ----------
    method : str
        How they were computed.
    features : sequence of str, length F
        `PEERS` in place of one stands for all features of a name's peers.
    added_nF : float64 [n, F]
    rest_n : float64 [n]
        Score less all of them.
    """

    method: str
    features: Sequence[str]
    added_nF: Matrix
    rest_n: Matrix


class WhyNot(StrEnum):
    """Why the score of a name is no sum of what its features add."""

    PEERS = "peers"
    """All names see one another: a score is made of the features of everyone."""
    LEARNER = "learner"
    """No way is known for this kind of learner."""
    GAP = "gap"
    """What was computed does not add up to the score."""
    NO_NAMES = "no names"
    """Nobody was asked about."""


Way = Callable[[Checkpoint, Dataset, int, IntArray, int], Contributions | WhyNot]
"""Called with a checkpoint, a dataset, the index of a session, indices of names and the place of a
horizon."""

_TREES: Final = "gogooku.learn.why.trees:contributions"
_LINEAR: Final = "gogooku.learn.why.linear:contributions"
_BLEND: Final = "gogooku.learn.why.blend:contributions"
_NETWORK: Final = "gogooku.learn.why.network:contributions"
WAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ridge": _LINEAR,
        "momentum": _LINEAR,
        "reversal": _LINEAR,
        "lightgbm": _TREES,
        "atft_gat_fan": _NETWORK,
        "apex_ranker": _NETWORK,
        "blend": _BLEND,
    }
)
"""Kind of learner to the way."""


def contributions(
    checkpoint: Checkpoint, dataset: Dataset, t: int, names: IntArray, *, horizon: int
) -> Contributions | WhyNot:
    """What each feature adds to the scores of some names; why not where a score is no sum.

    Parameters
    ----------
    t : int
        Index of the session.
    names : int64 [n]
        Indices of names in the universe of that session.
    horizon : int
        One of those of the checkpoint.
    """
    if not len(names):
        return WhyNot.NO_NAMES
    return contributions_at(checkpoint, dataset, t, names, checkpoint.horizons.index(horizon))


def contributions_at(
    checkpoint: Checkpoint, dataset: Dataset, t: int, names: IntArray, h: int
) -> Contributions | WhyNot:
    """As `contributions`, of a horizon by its place."""
    assert isinstance(checkpoint, Headed), type(checkpoint).__name__
    reference = WAYS.get(checkpoint.header.kind)
    if reference is None:
        return WhyNot.LEARNER
    way: Way = load(reference)
    return way(checkpoint, dataset, t, names, h)
