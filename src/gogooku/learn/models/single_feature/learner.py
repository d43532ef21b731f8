"""Momentum and reversal: nothing is fitted, one feature is the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gogooku.core.types import Checkpoint, Dataset, FitExecution, Fold, IntArray, Labels
from gogooku.learn.checkpoint import Headed, Header
from gogooku.learn.linear import Scores, linear_scores
from gogooku.learn.models.single_feature.config import SingleFeatureConfig
from gogooku.learn.names import positions

_SIGNS: Mapping[str, float] = {"momentum": 1.0, "reversal": -1.0}


@dataclass(frozen=True)
class SingleFeatureCheckpoint(Headed):
    """One feature with a sign; nothing is fitted, so it was trained through no date at all."""

    sign: float

    def scores(self, dataset: Dataset, indices: IntArray) -> Scores:
        """Scores [t, N, H], the same at every horizon; NaN outside the universe."""
        self.header.check(dataset)
        return linear_scores(dataset, indices, self._weights(dataset))

    def session_weights(self, dataset: Dataset, t: int) -> npt.NDArray[np.float64]:
        """Coefficients [F, H] of a session, the same on all of them."""
        del t
        return self._weights(dataset)

    def _weights(self, dataset: Dataset) -> npt.NDArray[np.float64]:
        weight = np.zeros((len(dataset.features), len(self.horizons)))
        place = positions(dataset.features, [self.header.config["feature"]], setting="feature")
        weight[place] = self.sign
        return weight

    def save(self, folder: Path) -> None:
        """Write the header."""
        self.header.write(folder)

    @classmethod
    def load(cls, folder: Path, header: Header, *, device: str) -> SingleFeatureCheckpoint:
        """Read what `save` wrote; it is scored on the CPU."""
        del folder, device
        return cls(header=header, sign=_SIGNS[header.kind])


@dataclass(frozen=True)
class SingleFeatureLearner:
    """Momentum or reversal: nothing to fit."""

    config: SingleFeatureConfig

    def fit(
        self,
        dataset: Dataset,
        labels: Labels,
        fold: Fold,
        *,
        rng: np.random.Generator,
        execution: FitExecution,
        chosen: Checkpoint | None = None,
    ) -> SingleFeatureCheckpoint:
        """Check that the feature is there."""
        del fold, rng, execution, chosen
        positions(dataset.features, [self.config.feature], setting="feature")
        never = dict.fromkeys(labels.horizons, date.min)
        header = Header.of(self.config, dataset, trained_through=never)
        return SingleFeatureCheckpoint(header=header, sign=_SIGNS[self.config.kind])
