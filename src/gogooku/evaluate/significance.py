"""Differences that are not luck: tests of a mean, and of two series in pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gogooku.core.cosines import UNKNOWN, Spread, cosine_spread
from gogooku.core.errors import DataError
from gogooku.core.metrics import (
    LEVEL,
    Estimate,
    FloatArray,
    newey_west_error,
    newey_west_lags,
)


@dataclass(frozen=True)
class MeanTest:
    """A test that the mean of an autocorrelated series is zero.

    Attributes
    ----------
    estimate : Estimate
        The mean; its error is corrected for the small sample.
    spread : Spread
        Of which interval and p-value are made, see `gogooku.core.cosines`.
    p_value : float
        Two-sided; NaN when the series is too short for its lags or does not vary.
    """

    estimate: Estimate
    spread: Spread
    p_value: float

    @property
    def sigmas(self) -> float:
        """Signed distance from zero as a standard normal would have it at the same p-value.

        NaN when the test could not be made.
        """
        from scipy import stats

        if math.isnan(self.p_value):
            return math.nan
        distance = float(stats.norm.isf(max(self.p_value, 1e-300) / 2.0))
        return math.copysign(distance, self.estimate.value)

    def row(self, *, level: float = LEVEL) -> dict[str, float | int]:
        """Of a paired test: n, difference, error, low, high (at the level) and p_value."""
        half = self.half_width(level)
        return {
            "n": self.estimate.n,
            "difference": self.estimate.value,
            "error": self.estimate.error,
            "low": self.estimate.value - half,
            "high": self.estimate.value + half,
            "p_value": self.p_value,
        }

    def half_width(self, level: float = LEVEL) -> float:
        """Half the interval of the mean at a level, with Student's t; NaN when not known."""
        return self.spread.half_width(level)


def mean_test(daily: FloatArray, *, horizon: int) -> MeanTest:
    """Test of a mean that keeps its level where labels overlap.

    Interval and p-value are those of `gogooku.core.cosines`. On 4,000 markets of 250, 500 and 1,200
    sessions a test at 5 % rejects 4.5 to 6.0 % of true nulls without overlap, 4.6 to 5.0 % with an
    overlap of 5 sessions and 5.5 to 5.7 % with one of 20.

    The error stated beside the value is Newey and West's. With bandwidth share ``b = (lags + 1)/n``
    it is low by about ``1 - b`` (the mean was removed), so it is divided by ``sqrt(1 - b)``; where
    labels overlap it is still too small. Non-finite sessions are left out.
    """
    from scipy import stats

    kept = daily[np.isfinite(daily)]
    n = len(kept)
    lags = newey_west_lags(n, horizon)
    value = float(kept.mean()) if n else math.nan
    raw, share = newey_west_error(kept, lags), (lags + 1) / max(n, 1)
    if math.isnan(raw) or share >= 1.0:
        blank = Estimate(value=value, n=n, error=math.nan, lags=lags)
        return MeanTest(estimate=blank, spread=UNKNOWN, p_value=math.nan)
    spread = cosine_spread(kept, horizon=horizon)
    half = spread.half_width(LEVEL)
    error = raw / math.sqrt(1.0 - share)
    estimate = Estimate(value=value, n=n, error=error, lags=lags, half=half)
    if error <= abs(value) * 1e-12:
        return MeanTest(estimate=estimate, spread=spread, p_value=math.nan)
    p_value = 2.0 * float(stats.t.sf(abs(value) / spread.error, spread.degrees))
    return MeanTest(estimate=estimate, spread=spread, p_value=p_value)


def paired_difference(a_T: FloatArray, b_T: FloatArray, *, horizon: int) -> MeanTest:
    """Test that two daily series (same sessions, same order) have one mean, pairwise.

    Diebold & Mariano (1995) on ``a - b``, with the interval and p-value of `mean_test`; sessions
    where either is not finite are left out. With the correction of Harvey, Leybourne & Newbold
    (1997) instead, a test at 5 % rejects 12.0 % of true nulls on 1,000 markets of 500 sessions
    whose values overlap over 20; `gogooku.evaluate.bootstrap.bootstrap_interval` has 6.9 %.
    """
    if a_T.shape != b_T.shape:
        raise DataError(f"paired difference: {a_T.shape} sessions against {b_T.shape}")
    return mean_test(a_T - b_T, horizon=horizon)
