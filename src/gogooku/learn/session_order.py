"""In which order an epoch takes the sessions that it trains on."""

from __future__ import annotations

import numpy as np

from gogooku.core.types import IntArray


def session_order(
    count: int, per_step: int, *, in_strips: bool, rng: np.random.Generator
) -> IntArray:
    """Sessions in the order in which an epoch takes them, ``per_step`` a step.

    Parameters
    ----------
    count : int
        Sessions there are.
    in_strips : bool
        Whether those of a step lie in a row. Strips are then of one length and begin at another
        session every epoch: fewer than ``per_step`` sessions are left out of each.
    """
    if not in_strips:
        return rng.permutation(count)
    length = min(per_step, count)
    strips = count // length
    first = rng.integers(count - strips * length + 1)
    begins = first + length * rng.permutation(strips)
    return np.asarray((begins[:, None] + np.arange(length)).reshape(-1))
