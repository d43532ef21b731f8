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


def population_stability(
    before: FloatArray, now: FloatArray, *, count: npt.ArrayLike | None = None
) -> FloatArray:
    """Population stability index of shares by bin, over the last axis.

    ``sum (q - p) ln(q / p)``: 0 for the same, about 0.1 for a shift by a third of a standard
    deviation, 1.0 for one by a whole one.

    Parameters
    ----------
    count : int or int array, optional
        How many values the shares of now are of: an empty bin counts as half a value. Without, as
        one in ten thousand; of few values the index is then large by chance alone.
    """
    least = np.asarray(_LEAST_SHARE)
    if count is not None:
        least = np.maximum(least, 0.5 / np.maximum(np.asarray(count, dtype=np.float64), 1.0))
    p, q = np.maximum(before, _LEAST_SHARE), np.maximum(now, least[..., None])
    return np.asarray(np.sum((q - p) * np.log(q / p), axis=-1))


def stability_by_chance(now: int, before: int, bins: int) -> float:
    """The index that so many values of the same distribution exceed once in a thousand.

    Of many values the index is a chi-square with one degree of freedom less than bins, times
    ``1/now + 1/before``; down to 30 values it is within a seventh of that, and of fewer it stays
    below `_MOST_BY_CHANCE`, since an empty bin counts as half a value.
    """
    if bins < 2 or not now or not before:
        return 0.0
    from scipy.special import chdtri

    wide = float(chdtri(bins - 1, _BY_CHANCE)) * (1.0 / now + 1.0 / before)
    return min(wide, _MOST_BY_CHANCE)


def beyond_the_largest(looks: float) -> float:
    """How many times the largest of some indices one more exceeds about once in fifteen.

    What moves a whole session moves its index by the square: a chi-square with one degree of
    freedom, whose largest of ``looks`` independent ones is about its quantile ``looks / (looks +
    1)``.
    """
    from scipy.special import chdtri

    return max(1.0, float(chdtri(1, _BEYOND) / chdtri(1, 1.0 / (looks + 1.0))))


def independent_looks(shares_GB: FloatArray, whole_B: FloatArray) -> float:
    """How many of the groups, in their order in time, show something new.

    Their number over ``1 + 2 sum r_k``, where ``r_k`` is how alike the distances from the whole of
    groups ``k`` apart are, up to the first that is not positive.
    """
    gap_GB = (shares_GB - whole_B) / np.sqrt(np.maximum(whole_B, _LEAST_SHARE))
    gap_GB = gap_GB - gap_GB.mean(axis=0)
    count, size = len(gap_GB), float(np.sum(gap_GB**2))
    if size <= 0.0:
        return float(count)
    alike = 1.0
    for apart in range(1, count):
        shared = float(np.sum(gap_GB[apart:] * gap_GB[:-apart])) / size
        if shared <= 0.0:
            break
        alike += 2.0 * shared
    return max(1.0, count / alike)


_BY_CHANCE, _BEYOND = 1e-3, 0.05
"""Probabilities that a limit is passed where nothing has changed."""
_MOST_BY_CHANCE = 1.25
"""Of ten values or more in ten bins, once in a thousand; measured."""


def kolmogorov_smirnov(before: FloatArray, now: FloatArray) -> float:
    """Largest difference of two cumulative shares at the borders of the bins."""
    return float(np.abs(np.cumsum(before) - np.cumsum(now)).max())
