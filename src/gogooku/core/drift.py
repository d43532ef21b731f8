"""How far values have moved from what they were: two distances between distributions.

Values are counted into bins that earlier values made: a bin holds what is above its lower edge and
not above its upper one, so that equal values are never parted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.ranks import FloatArray

_LEAST_SHARE = 1e-4
"""Least share of a bin, so that an empty one has a finite weight."""


def edges_of(values: npt.NDArray[Any], parts: int) -> npt.NDArray[Any]:
    """Borders between so many equally full bins, ascending; fewer where values repeat.

    Each is one of the values, so that a feature with few of them has a bin for each.
    """
    wanted = np.linspace(0.0, 1.0, parts + 1)[1:-1]
    return np.unique(np.quantile(values, wanted, method="inverted_cdf"))


def shares_of(values: npt.NDArray[Any], edges: npt.NDArray[Any]) -> FloatArray:
    """Share of the values in each bin, one bin more than edges; NaN for no values."""
    counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
    return counts / len(values) if len(values) else np.full(len(edges) + 1, np.nan)


def population_stability(before: FloatArray, now: FloatArray) -> FloatArray:
    """Population stability index of shares by bin, over the last axis.

    ``sum (q - p) ln(q / p)``: 0 for the same, about 0.1 for a shift by a third of a standard
    deviation, 1.0 for one by a whole one.
    """
    p, q = np.maximum(before, _LEAST_SHARE), np.maximum(now, _LEAST_SHARE)
    return np.asarray(np.sum((q - p) * np.log(q / p), axis=-1))


def kolmogorov_smirnov(before: FloatArray, now: FloatArray) -> float:
    """Largest difference of two cumulative shares at the borders of the bins."""
    return float(np.abs(np.cumsum(before) - np.cumsum(now)).max())
