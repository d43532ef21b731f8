"""Weights of the names of one side, by rule."""

from __future__ import annotations

import numpy as np

from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray
from gogooku.portfolio.choice import Choice
from gogooku.portfolio.config import ScoreConfig, ScoreScale
from gogooku.portfolio.signal import standardised


def equal(choice: Choice, places: IntArray, side: int) -> FloatArray:
    """The same weight for each name."""
    del choice, side
    return np.full(len(places), 1.0 / len(places))


def by_score(choice: Choice, places: IntArray, side: int) -> FloatArray:
    """More weight for a better score; equal weights where no chosen score is above the mean."""
    config = choice.config.weighting
    assert isinstance(config, ScoreConfig)
    if config.scale is ScoreScale.RANK:
        parts = np.arange(len(places), 0, -1, dtype=np.float64)
    else:
        parts = np.maximum(side * standardised(choice.signal_N)[places], 0.0)
    total = float(parts.sum())
    return parts / total if total > 0.0 else equal(choice, places, side)
