"""How uncertain the mean of an autocorrelated series is, so that its test keeps its level.

Equal-weighted cosine estimate of the long-run variance with Student's t (Lazarus, Lewis, Stock &
Watson, "HAR Inference: Recommendations for Practice", 2018): the squared projections of the series
on the first B cosines, averaged, each divided by what an overlap of labels takes from a wave of its
frequency. The Newey-West error, which is what reports state beside a value, is too small where
labels overlap: with it a test at 5 % rejects 8 to 10 % of true nulls
(``benchmarks/calibration.py``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

_RATE = 0.4
"""Cosines per ``n^(2/3)``."""
_PER_BLOCK = 2
"""Sessions of overlap per cosine, at least: a faster cosine does not see the whole of a label."""
_FEWEST = 2
_HALVINGS = 60


@dataclass(frozen=True)
class Spread:
    """Uncertainty of a mean: its error, and the degrees of freedom of Student's t with it."""

    error: float
    degrees: float

    def half_width(self, level: float) -> float:
        """Half the interval at a level; NaN where the error is not known."""
        return _student(self.degrees, level) * self.error


UNKNOWN = Spread(error=math.nan, degrees=math.nan)
"""Of a series that is too short."""


def num_cosines(n: int, horizon: int) -> int:
    """Cosines for ``n`` sessions whose labels overlap over ``horizon`` sessions."""
    free = min(int(_RATE * n ** (2.0 / 3.0)), n // (_PER_BLOCK * horizon))
    return min(max(free, _FEWEST), n - 1)


def cosine_spread(series: npt.NDArray[np.float64], *, horizon: int) -> Spread:
    """Uncertainty of the mean of a series (NaN-free, in time order); unknown below 3 values."""
    if len(series) < 3:
        return UNKNOWN
    error = float(_errors(series[None], horizon)[0])
    return Spread(error=error, degrees=float(num_cosines(len(series), horizon)))


def half_widths(
    series_MT: npt.NDArray[np.float64], *, horizon: int, level: float
) -> npt.NDArray[np.float64]:
    """Half the interval of the mean of each row, all of at least 3 values."""
    degrees = num_cosines(series_MT.shape[1], horizon)
    return _errors(series_MT, horizon) * _student(degrees, level)


@lru_cache(maxsize=1024)
def _student(degrees: float, level: float) -> float:
    """Half the interval of Student's t with a whole number of degrees; NaN where that is not known.

    The probability within it is a finite sum in ``angle = atan(t / sqrt(degrees))`` (Abramowitz and
    Stegun, 26.7.3 and 26.7.4); the angle is found by halving.
    """
    if math.isnan(degrees):
        return math.nan
    low, high = 0.0, math.pi / 2.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if _within(middle, int(degrees)) < level:
            low = middle
        else:
            high = middle
    return math.sqrt(degrees) * math.tan((low + high) / 2.0)


def _within(angle: float, degrees: int) -> float:
    """Probability that Student's t lies within plus or minus ``sqrt(degrees) * tan(angle)``."""
    odd, square = degrees % 2, math.cos(angle) ** 2
    term = total = math.cos(angle) if odd else 1.0
    for k in range(1 + odd, degrees - 2, 2):
        term *= square * k / (k + 1)
        total += term
    if not odd:
        return math.sin(angle) * total
    return 2.0 / math.pi * (angle + (math.sin(angle) * total if degrees > 1 else 0.0))


def _cosine_sums(values_MT: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sums of each row with ``cos(pi k (t + 1/2) / T)`` for every k, by one FFT (Makhoul)."""
    n = values_MT.shape[1]
    swapped = np.concatenate([values_MT[:, ::2], values_MT[:, 1::2][:, ::-1]], axis=1)
    turned = np.fft.fft(swapped, axis=1) * np.exp(-0.5j * np.pi / n * np.arange(n))
    return np.asarray(turned.real)


def projected(series_MT: npt.NDArray[np.float64], *, horizon: int) -> npt.NDArray[np.float64]:
    """Projections [M, B] of each row on the first cosines, as large as at frequency zero.

    By the null of the test they are B draws that are independent of each other and of the mean, and
    have the variances and covariances of ``sqrt(n) * mean``. Values that each cover ``horizon``
    sessions are a moving sum, which dampens faster cosines by a known factor: it is divided out,
    for those that are faster than ``n / (2 horizon)`` allows (few sessions) as for that one.
    """
    n = series_MT.shape[1]
    count = num_cosines(n, horizon)
    centred = series_MT - series_MT.mean(axis=1, keepdims=True)
    fastest = np.pi / (2.0 * _PER_BLOCK * horizon)
    angle = np.minimum(np.pi * np.arange(1, count + 1) / (2.0 * n), fastest)
    dampened = np.sin(horizon * angle) / (horizon * np.sin(angle))
    return np.asarray(_cosine_sums(centred)[:, 1 : count + 1] * (math.sqrt(2.0 / n) / dampened))


def _errors(series_MT: npt.NDArray[np.float64], horizon: int) -> npt.NDArray[np.float64]:
    found_MB = projected(series_MT, horizon=horizon)
    variance = (found_MB * found_MB).mean(axis=1)
    return np.asarray(np.sqrt(variance / series_MT.shape[1]))
