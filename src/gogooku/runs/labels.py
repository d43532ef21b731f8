"""The labels of a run: those of its dataset, or permuted ones where its training asked for that.

A run of scores that were made elsewhere is judged by the labels of the horizons that it scores.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gogooku.core.types import Dataset, Labels
from gogooku.dataset.home import labels_of
from gogooku.dataset.labels import shuffled_within_session
from gogooku.learn.config import FittedConfig
from gogooku.runs.config import LabelOrder, TrainConfig
from gogooku.runs.folder import Run

_LABEL_STREAM = 9_001


def run_labels(dataset: Dataset, config: TrainConfig) -> Labels:
    """The labels a run is trained and judged on, shuffled if its config says so."""
    labels = labels_of(dataset)
    if config.label_order is LabelOrder.TRUE:
        return labels
    rng = np.random.default_rng([config.seed, _LABEL_STREAM])
    return shuffled_within_session(labels, dataset.valid_TN, rng=rng)


def judging_labels(dataset: Dataset, run: Run) -> Labels:
    """The labels that a finished run is judged by: those of its horizons."""
    labels = labels_of(dataset) if run.given else run_labels(dataset, run.training())
    if labels.horizons == run.horizons:
        return labels
    places = [labels.horizons.index(horizon) for horizon in run.horizons]
    return replace(
        labels,
        horizons=run.horizons,
        raw_TNH=labels.raw_TNH[:, :, places],
        excess_TNH=labels.excess_TNH[:, :, places],
        residual_TNH=labels.residual_TNH[:, :, places],
        outcome_TNH=labels.outcome_TNH[:, :, places],
        late_TNH=labels.late_TNH[:, :, places],
        resolved_TH=labels.resolved_TH[:, places],
    )


def labelled(config: TrainConfig) -> FittedConfig:
    """Which labels a run trains and selects on: those of its learner, of a blend's first member."""
    members = getattr(config.learner, "members", ())
    learner = members[0] if members else config.learner
    return learner if isinstance(learner, FittedConfig) else FittedConfig(kind=learner.kind)
