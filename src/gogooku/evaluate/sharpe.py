"""Is a Sharpe ratio real: against a threshold, after many trials, and against another one.

Everything is per session: neither the series nor a threshold is annualised here (an annual Sharpe
ratio is the one per session times the root of the sessions in a year). A Sharpe ratio is
`gogooku.core.metrics.information_ratio`: mean over standard deviation with ``n - 1``. Sessions that
are not finite are left out and ``n`` counts the others. A series that is too short or does not vary
has no answer and gets NaN, as in `gogooku.evaluate.significance.mean_test`; an argument that cannot
be is a `ConfigError`.

How often tests at 5 % reject true nulls was measured on markets of 500 sessions
(`benchmarks/calibration.py`). `sharpe_difference` by the bootstrap: 4 to 5 % without overlap, 5.6 %
at an overlap of 5 and 6.0 % at 20; by normal quantiles ("hac"): 4 to 6, 8.1 and 11.8 %.
`probabilistic_sharpe` takes sessions as independent: of values that overlap it must not be asked
(24 % at an overlap of 5, 34 % at 20). `deflated_sharpe` calls the best of 20 worthless trials
skill in 0.1 %, and finds a true Sharpe ratio of 2.4 a year among 19 worthless ones in 20 %;
without deflation the best is called skill in 66 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gogooku.core.errors import ConfigError, DataError
from gogooku.core.metrics import (
    FloatArray,
    has_dispersion,
    information_ratio,
    newey_west_error,
    newey_west_lags,
)
from gogooku.evaluate.bootstrap import (
    FEWEST_SESSIONS,
    block_length,
    check_drawing,
    newey_west_rows,
)
from gogooku.evaluate.long_run import long_run_covariance

Method = Literal["bootstrap", "hac"]
_FOR_SKEW = 3
"""Sessions with a probability: the third moment needs as many."""
_CHUNK = 1 << 21


@dataclass(frozen=True)
class SharpeProbability:
    """How likely the true Sharpe ratio of a series is above a threshold.

    Attributes
    ----------
    sharpe : float
        Observed, per session; NaN for fewer than two sessions or a series that never changes.
    threshold : float
        What it is compared with, per session.
    probability : float
        Between 0 and 1; NaN when it is not known.
    error : float
        Standard error of the Sharpe ratio.
    n : int
        Sessions that counted.
    skew, kurtosis : float
        Of the sessions, by population moments; the kurtosis of a normal distribution is 3.
    """

    sharpe: float
    threshold: float
    probability: float
    error: float
    n: int
    skew: float
    kurtosis: float


def probabilistic_sharpe(returns: FloatArray, *, threshold: float = 0.0) -> SharpeProbability:
    """Probability that the true Sharpe ratio is above a threshold (Bailey & Lopez de Prado 2012).

    ``Phi((S - threshold) sqrt(n - 1) / sqrt(1 - skew S + (kurtosis - 1)/4 S^2))``, which takes the
    sessions as independent of each other.

    Parameters
    ----------
    returns : array [T]
        Returns, or any daily measure, by session. NaN: the session is left out.
    threshold : float
        Sharpe ratio per session.
    """
    from scipy import stats

    if not math.isfinite(threshold):
        raise ConfigError(f"threshold: a Sharpe ratio per session, not {threshold}")
    kept = returns[np.isfinite(returns)]
    sharpe, spread = information_ratio(kept), _spread_of_sharpe(kept)
    blank = math.nan
    if math.isnan(spread):
        return SharpeProbability(sharpe, threshold, blank, blank, len(kept), blank, blank)
    error = spread / math.sqrt(len(kept) - 1.0)
    return SharpeProbability(
        sharpe=sharpe,
        threshold=threshold,
        probability=float(stats.norm.cdf((sharpe - threshold) / error)),
        error=error,
        n=len(kept),
        skew=float(stats.skew(kept)),
        kurtosis=float(stats.kurtosis(kept, fisher=False)),
    )


def _spread_of_sharpe(kept: FloatArray) -> float:
    """Root of ``1 - skew S + (kurtosis - 1)/4 S^2``: error of a Sharpe ratio times root n."""
    from scipy import stats

    sharpe = information_ratio(kept)
    if len(kept) < _FOR_SKEW or math.isnan(sharpe):
        return math.nan
    skew, kurtosis = float(stats.skew(kept)), float(stats.kurtosis(kept, fisher=False))
    variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
    return math.sqrt(variance) if variance > 0.0 else math.nan


def expected_best_sharpe(*, trials: int, variance: float) -> float:
    """Largest Sharpe ratio to expect of trials that are all worth nothing.

    ``sqrt(variance) ((1 - g) z(1 - 1/N) + g z(1 - 1/(N e)))`` with Euler's constant g and the
    normal quantile z (Bailey & Lopez de Prado 2014); 0 for one trial. Trials that resemble each
    other count for fewer, so their number overstates it.

    Parameters
    ----------
    trials : int
        How many were tried, at least 1.
    variance : float
        Of their Sharpe ratios per session.
    """
    from scipy import stats

    if trials < 1:
        raise ConfigError(f"trials: at least the one that is judged, not {trials}")
    if not (math.isfinite(variance) and variance >= 0.0):
        raise ConfigError(f"variance of the trials' Sharpe ratios: 0 or more, not {variance}")
    if trials == 1:
        return 0.0
    euler = float(np.euler_gamma)
    best = (1.0 - euler) * stats.norm.isf(1.0 / trials)
    best += euler * stats.norm.isf(1.0 / (trials * math.e))
    return math.sqrt(variance) * float(best)


def deflated_sharpe(returns: FloatArray, *, trials: int, variance: float) -> SharpeProbability:
    """Probability that the best of many trials is worth something (Bailey & Lopez de Prado 2014).

    `probabilistic_sharpe` with `expected_best_sharpe` as its threshold.

    Parameters
    ----------
    returns : array [T]
        Of the trial that was chosen, by session.
    trials : int
        How many were tried, with the chosen one; all of them, not the ones that were kept.
    variance : float
        Of the Sharpe ratios per session of the trials; unused for one trial.
    """
    best = expected_best_sharpe(trials=trials, variance=variance)
    return probabilistic_sharpe(returns, threshold=best)


def minimum_track_record(
    returns: FloatArray, *, threshold: float = 0.0, level: float = 0.95
) -> float:
    """Sessions after which this Sharpe ratio would be above the threshold with that probability.

    ``1 + (1 - skew S + (kurtosis - 1)/4 S^2) (z(level)/(S - threshold))^2``, rounded up (Bailey &
    Lopez de Prado 2012, equation 11). Infinite when the Sharpe ratio is not above the threshold;
    NaN when it is not known.
    """
    from scipy import stats

    if not 0.5 < level < 1.0:
        raise ConfigError(f"level: a probability above 0.5 and below 1, not {level}")
    if not math.isfinite(threshold):
        raise ConfigError(f"threshold: a Sharpe ratio per session, not {threshold}")
    kept = returns[np.isfinite(returns)]
    spread = _spread_of_sharpe(kept)
    if math.isnan(spread):
        return math.nan
    above = information_ratio(kept) - threshold
    if above <= 0.0:
        return math.inf
    return 1.0 + math.ceil((float(stats.norm.ppf(level)) * spread / above) ** 2)


@dataclass(frozen=True)
class SharpeDifference:
    """Difference of two Sharpe ratios per session.

    Attributes
    ----------
    a, b : float
        The two Sharpe ratios, with ``n - 1`` in the standard deviation.
    difference : float
        ``a - b``.
    error : float
        Its standard error from the prewhitened Parzen kernel; NaN when it could not be had.
    p_value : float
        Two-sided, of "both are equal"; NaN when there are too few sessions or a series never
        changes.
    low, high : float
        Ends of the interval at the level.
    n : int
        Sessions that counted.
    block : int
        Sessions in a block; 0 without a bootstrap.
    method : str
        What the p-value and the interval come from.
    """

    a: float
    b: float
    difference: float
    error: float
    p_value: float
    low: float
    high: float
    n: int
    block: int
    method: Method


def sharpe_difference(
    a_T: FloatArray,
    b_T: FloatArray,
    *,
    horizon: int,
    seed: int,
    method: Method = "bootstrap",
    level: float = 0.95,
    draws: int = 1000,
) -> SharpeDifference:
    """Test that two series (same sessions, same order) have one Sharpe ratio, or one ICIR.

    At a horizon of 1 as in the paper: the error by the prewhitened Parzen kernel, that of a drawn
    series from its blocks. Overlapping values have Newey-West errors on both sides, since
    prewhitening them overstates the error: it rejected 0.5 % of true nulls at an overlap of 5.
    Each series is divided by its deviation first, so that no bandwidth depends on a scale.

    Parameters
    ----------
    a_T, b_T : array [T]
        Returns or a daily measure by session; those in which either is not finite are left out.
    horizon : int
        Sessions over which returns overlap: the shortest block.
    seed, draws : int
        Of the bootstrap.
    method : "bootstrap" or "hac"
        The studentised circular block bootstrap of section 3.2.2, whose block length is the
        automatic one of Politis & White for the influence of a session on the difference; or the
        normal quantiles of section 3.1 with the prewhitened Parzen kernel.
    level : float
        Of the interval.
    """
    check_drawing(level=level, draws=draws, horizon=horizon)
    if a_T.shape != b_T.shape:
        raise DataError(f"Sharpe difference: {a_T.shape} sessions against {b_T.shape}")
    both = np.stack([a_T, b_T], axis=1)
    kept = both[np.isfinite(both).all(axis=1)]
    n, ratios = len(kept), [information_ratio(kept[:, side]) for side in (0, 1)]
    difference = ratios[0] - ratios[1]
    known = n >= FEWEST_SESSIONS and not math.isnan(difference)
    kept = kept / kept.std(axis=0, ddof=1) if known else kept
    influence = _influence(kept) if known else np.empty(0)
    if not known or not _varies(influence):
        nan = math.nan
        return SharpeDifference(ratios[0], ratios[1], difference, nan, nan, nan, nan, n, 0, method)
    lags = newey_west_lags(n, horizon)
    error = _hac_error(kept) if horizon == 1 else newey_west_error(influence, lags)
    block = 0
    if method == "hac":
        p_value, width = _by_the_normal(abs(difference) / error, level)
        width *= error
    else:
        block = block_length(influence, horizon=horizon, kind="circular")
        distances = _drawn_distances(kept, block, draws, seed, lags if horizon > 1 else None)
        p_value = (1.0 + float(np.sum(distances >= abs(difference) / error))) / (1.0 + draws)
        width = float(np.quantile(distances, level, method="higher")) * error
    low, high = difference - width, difference + width
    return SharpeDifference(
        ratios[0], ratios[1], difference, error, p_value, low, high, n, block, method
    )


def _by_the_normal(distance: float, level: float) -> tuple[float, float]:
    """The two-sided p-value of a distance in errors, and half the interval in errors."""
    from scipy import stats

    return 2.0 * float(stats.norm.sf(distance)), float(stats.norm.ppf((1.0 + level) / 2.0))


def _moments(kept_T2: FloatArray) -> FloatArray:
    """Both returns and both squares by session: [T, 4]."""
    return np.concatenate([kept_T2, kept_T2 * kept_T2], axis=1)


def _ratio_difference(means: FloatArray) -> FloatArray:
    """Difference of the Sharpe ratios (population deviation) from the last axis of four means."""
    spread = np.sqrt(means[..., 2:] - means[..., :2] ** 2)
    ratios = means[..., :2] / spread
    return np.asarray(ratios[..., 0] - ratios[..., 1])


def _gradient(means: FloatArray) -> FloatArray:
    """Derivatives of `_ratio_difference`, along the last axis."""
    mean, square = means[..., :2], means[..., 2:]
    cubed = (square - mean**2) ** 1.5
    sign = np.array([1.0, -1.0])
    return np.concatenate([sign * square / cubed, -sign * mean / (2.0 * cubed)], axis=-1)


def _influence(kept_T2: FloatArray) -> FloatArray:
    """Influence of each session on the difference."""
    moments = _moments(kept_T2)
    means = moments.mean(axis=0)
    return np.asarray((moments - means) @ _gradient(means))


def _varies(influence: FloatArray) -> bool:
    """False where both series are one and the same: every session's influence is rounding."""
    return has_dispersion(influence) and float(np.ptp(influence)) > 1e-12


def _hac_error(kept_T2: FloatArray) -> float:
    """Standard error of the difference from the prewhitened Parzen kernel of section 3.1."""
    moments = _moments(kept_T2)
    means = moments.mean(axis=0)
    gradient = _gradient(means)
    return math.sqrt(
        float(gradient @ long_run_covariance(moments - means) @ gradient) / len(moments)
    )


def _drawn_distances(
    kept_T2: FloatArray, block: int, draws: int, seed: int, lags: int | None
) -> FloatArray:
    """``|difference* - difference| / error*`` of each drawn series, by section 3.2.2.

    A drawn series is as many whole blocks of the sessions, joined end to end in a circle, as fit;
    its error is that of independent blocks, or by Newey & West with so many lags. One that never
    changes has no error: it is infinitely far off.
    """
    moments = _moments(kept_T2)
    n, pieces = len(moments), len(moments) // block
    observed = float(_ratio_difference(moments.mean(axis=0)))
    rng = np.random.default_rng(seed)
    found, step = [], max(1, _CHUNK // (4 * n))
    for first in range(0, draws, step):
        starts = rng.integers(0, n, size=(min(step, draws - first), pieces))
        places = (starts[:, :, None] + np.arange(block)) % n
        drawn_DT4 = moments[places.reshape(len(starts), -1)]
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = _distances(drawn_DT4, observed, block, lags)
        found.append(np.where(np.isfinite(distance), distance, np.inf))
    return np.concatenate(found)


def _distances(drawn_DT4: FloatArray, observed: float, block: int, lags: int | None) -> FloatArray:
    means = drawn_DT4.mean(axis=1)
    influence_DT = ((drawn_DT4 - means[:, None, :]) @ _gradient(means)[:, :, None])[:, :, 0]
    if lags is None:
        pieces = drawn_DT4.shape[1] // block
        of_blocks = influence_DT.reshape(len(means), pieces, block).sum(axis=2)
        error = np.sqrt((of_blocks**2).mean(axis=1) / block / (pieces * block))
    else:
        error = newey_west_rows(influence_DT, lags)
    return np.asarray(np.abs(_ratio_difference(means) - observed) / error)
