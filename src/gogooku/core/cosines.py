"""How uncertain the mean of an autocorrelated series is, so that its test keeps its level.

Equal-weighted cosine estimate of the long-run variance with Student's t (Lazarus, Lewis, Stock &
Watson, "HAR Inference: Recommendations for Practice", 2018): the squared projections of the series
on the first B cosines, averaged. The Newey-West error, which is what reports state beside a value,
is too small where labels overlap: with it a test at 5 % rejects 8 to 10 % of true nulls
(``benchmarks/calibration.py``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import dct
from scipy.special import stdtrit

_RATE = 0.4
"""Cosines per ``n^(2/3)``."""
_PER_BLOCK = 2
"""Sessions of overlap per cosine, at least: a faster cosine does not see the whole of a label."""
_FEWEST = 2


@dataclass(frozen=True)
class Spread:
    """Uncertainty of a mean: its error, and the degrees of freedom of Student's t with it."""

    error: float
    degrees: float

    def half_width(self, level: float) -> float:
        """Half the interval at a level; NaN where the error is not known."""
        return float(stdtrit(self.degrees, (1.0 + level) / 2.0)) * self.error


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
    return _errors(series_MT, horizon) * float(stdtrit(degrees, (1.0 + level) / 2.0))


def _errors(series_MT: npt.NDArray[np.float64], horizon: int) -> npt.NDArray[np.float64]:
    n = series_MT.shape[1]
    count = num_cosines(n, horizon)
    centred = series_MT - series_MT.mean(axis=1, keepdims=True)
    projected = dct(centred, type=2, axis=1)[:, 1 : count + 1] * math.sqrt(0.5 / n)
    variance = (projected * projected).sum(axis=1) / count
    return np.asarray(np.sqrt(variance / n))
