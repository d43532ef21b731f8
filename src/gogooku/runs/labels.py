"""The labels of a run: those of its dataset, or permuted ones where its training asked for that."""

from __future__ import annotations

import numpy as np

from gogooku.core.types import Dataset, Labels
from gogooku.dataset.home import labels_of
from gogooku.dataset.labels import shuffled_within_session
from gogooku.learn.config import FittedConfig
from gogooku.runs.config import LabelOrder, TrainConfig

_LABEL_STREAM = 9_001


def run_labels(dataset: Dataset, config: TrainConfig) -> Labels:
    """The labels a run is trained and judged on, shuffled if its config says so."""
    labels = labels_of(dataset)
    if config.label_order is LabelOrder.TRUE:
        return labels
    rng = np.random.default_rng([config.seed, _LABEL_STREAM])
    return shuffled_within_session(labels, dataset.valid_TN, rng=rng)


def labelled(config: TrainConfig) -> FittedConfig:
    """Which labels a run trains and selects on: those of its learner, of a blend's first member."""
    members = getattr(config.learner, "members", ())
    learner = members[0] if members else config.learner
    return learner if isinstance(learner, FittedConfig) else FittedConfig(kind=learner.kind)
