"""Figures of the last sessions by name, from windows [L, k]; NaN is a session without a trade."""

from __future__ import annotations

import numpy as np

from gogooku.core.metrics import FloatArray


def mean_traded_value(volume_LK: FloatArray, close_LK: FloatArray) -> FloatArray:
    """Volume times close, mean of a session, [k]; one without a trade counts as zero."""
    return np.asarray(np.nan_to_num(volume_LK * close_LK, nan=0.0).mean(axis=0))


def return_spread(returns_LK: FloatArray, *, fewest: float) -> FloatArray:
    """Standard deviation of the returns that are known, [k]; NaN with fewer than ``fewest``."""
    known = np.isfinite(returns_LK)
    count = known.sum(axis=0)
    mean = np.where(known, returns_LK, 0.0).sum(axis=0) / np.maximum(count, 1)
    squares = np.where(known, returns_LK - mean, 0.0) ** 2
    spread = np.sqrt(squares.sum(axis=0) / np.maximum(count - 1, 1))
    return np.where(count >= max(2.0, fewest), spread, np.nan)
