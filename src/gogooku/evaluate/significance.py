"""Differences that are not luck: tests of a mean, and of two series in pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from gogooku.core.errors import DataError
from gogooku.core.metrics import Estimate, FloatArray, newey_west_error, newey_west_lags


@dataclass(frozen=True)
class MeanTest:
    """A test that the mean of an autocorrelated series is zero.

    Attributes
    ----------
    estimate : Estimate
        The mean; its error is corrected for the small sample.
    degrees : float
        Equivalent degrees of freedom of that error.
    p_value : float
        Two-sided; NaN when the series is too short for its lags or does not vary.
    """

    estimate: Estimate
    degrees: float
    p_value: float

    @property
    def sigmas(self) -> float:
        """Signed distance from zero as a standard normal would have it at the same p-value.

        NaN when the test could not be made.
        """
        if math.isnan(self.p_value):
            return math.nan
        distance = float(stats.norm.isf(max(self.p_value, 1e-300) / 2.0))
        return math.copysign(distance, self.estimate.value)

    def row(self, *, level: float = 0.95) -> dict[str, float | int]:
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

    def half_width(self, level: float = 0.95) -> float:
        """Half the interval of the mean at a level, with Student's t; NaN when not known."""
        quantile = float(stats.t.ppf((1.0 + level) / 2.0, self.degrees))
        return quantile * self.estimate.error


def mean_test(daily: FloatArray, *, horizon: int) -> MeanTest:
    """Newey-West test of a mean with a small-sample correction.

    With bandwidth share ``b = (lags + 1)/n`` the Bartlett estimate is low by about ``1 - b`` (the
    mean was removed) and as variable as a chi-square with ``3/b`` degrees of freedom (Priestley,
    "Spectral Analysis and Time Series", 1981, table 6.2), so the error is divided by
    ``sqrt(1 - b)`` and Student's t with ``3/b`` degrees is used; close to the fixed-b limits of
    Kiefer & Vogelsang (2005). At 20 sessions' overlap and 120 sessions a nominal 5 % test still
    rejects a true null about 11 % of the time; from 10 independent blocks on below 10 %. Non-finite
    sessions are left out.
    """
    kept = daily[np.isfinite(daily)]
    n = len(kept)
    lags = newey_west_lags(n, horizon)
    value = float(kept.mean()) if n else math.nan
    raw, share = newey_west_error(kept, lags), (lags + 1) / max(n, 1)
    if math.isnan(raw) or share >= 1.0:
        blank = Estimate(value=value, n=n, error=math.nan, lags=lags)
        return MeanTest(estimate=blank, degrees=math.nan, p_value=math.nan)
    degrees = min(3.0 / share, n - 1.0)
    error = raw / math.sqrt(1.0 - share)
    estimate = Estimate(value=value, n=n, error=error, lags=lags)
    if error <= abs(value) * 1e-12:
        return MeanTest(estimate=estimate, degrees=degrees, p_value=math.nan)
    p_value = 2.0 * float(stats.t.sf(abs(value) / error, degrees))
    return MeanTest(estimate=estimate, degrees=degrees, p_value=p_value)


def paired_difference(a_T: FloatArray, b_T: FloatArray, *, horizon: int) -> MeanTest:
    """Test that two daily series (same sessions, same order) have one mean, pairwise.

    Diebold & Mariano (1995) on ``a - b``; sessions where either is not finite are left out. On
    1,000 markets of 500 sessions whose values overlap over 20, a test at 5 % rejects 9.6 % of true
    nulls; with the correction of Harvey, Leybourne & Newbold (1997) instead of that of `mean_test`
    it is 12.0 %, and `gogooku.evaluate.bootstrap.bootstrap_interval` of ``a - b`` has 6.9 %.
    """
    if a_T.shape != b_T.shape:
        raise DataError(f"paired difference: {a_T.shape} sessions against {b_T.shape}")
    return mean_test(a_T - b_T, horizon=horizon)
