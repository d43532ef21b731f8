"""Contributions to the score of trees: TreeSHAP (Lundberg et al., 2020), as LightGBM computes it.

A contribution is the mean change of the prediction when the feature becomes known, over all orders
in which features can. They add up exactly; the rest is the mean prediction of the training.
"""

from __future__ import annotations

import numpy as np

from gogooku.core.types import Checkpoint, Dataset, IntArray
from gogooku.learn.models.lightgbm.learner import LightGBMCheckpoint, day_rows
from gogooku.learn.why.contributions import Contributions

METHOD = "TreeSHAP, by LightGBM"


def contributions(
    checkpoint: Checkpoint, dataset: Dataset, t: int, names: IntArray, h: int
) -> Contributions:
    """TreeSHAP of the trees of a horizon; market features are among the features."""
    assert isinstance(checkpoint, LightGBMCheckpoint), type(checkpoint).__name__
    inputs = day_rows(dataset, t, names)
    found = checkpoint.boosters[h].predict(inputs, pred_contrib=True, num_threads=1)
    added = np.asarray(found, dtype=np.float64)
    features = (*dataset.features, *dataset.market_features)
    return Contributions(METHOD, features, added[:, :-1], added[:, -1])
