"""Which names of a session are taken when a share of them is enough.

The names of a session are many noisy samples of few facts: a third of them, drawn anew in every
epoch, teaches a network as much as all of them in a third of the time.
"""

from __future__ import annotations

import math

import numpy as np

from gogooku.core.metrics import MIN_NAMES
from gogooku.core.types import BoolArray
from gogooku.learn.batches import Names


def drawn(names: Names, labelled_NH: BoolArray, *, share: float, rng: np.random.Generator) -> Names:
    """A random share of the names of a session, ascending.

    At least `MIN_NAMES` of them have a label at every horizon, as many as a loss needs: where the
    share alone would give fewer, names are added, still in random order.

    Parameters
    ----------
    names : intp [n]
        Of the session's universe.
    labelled_NH : bool [N, H]
        Which names of the dataset have a label that session; `MIN_NAMES` or more of ``names`` at
        every horizon.
    share : float
        In (0, 1]; 1 gives ``names`` and draws nothing.
    """
    if share >= 1.0:
        return names
    order = rng.permutation(len(names))
    enough = labelled_NH[names[order]].cumsum(axis=0).min(axis=1) >= MIN_NAMES
    count = max(math.ceil(share * len(names)), int(enough.argmax()) + 1)
    return names[np.sort(order[:count])]
