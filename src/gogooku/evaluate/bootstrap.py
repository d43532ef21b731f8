"""Intervals by the stationary bootstrap, with blocks at least as long as labels overlap.

The stationary bootstrap (Politis & Romano 1994) puts a series together anew from blocks of random
length; how long they are on average is chosen by Politis & White (2004) with the correction of
Patton, Politis & White (2009), and is never below the horizon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gogooku.core.errors import ConfigError
from gogooku.core.metrics import (
    FloatArray,
    has_dispersion,
    information_ratio,
    newey_west_lags,
)

Statistic = Literal["mean", "ratio"]
_CHUNK = 1 << 20
FEWEST_SESSIONS = 20
"""Fewest sessions with an interval: the automatic block length needs some."""
FEWEST_DRAWS = 99


@dataclass(frozen=True)
class Interval:
    """A statistic of a daily series with its interval.

    Attributes
    ----------
    value, low, high : float
        The statistic and the ends of the interval; NaN where not known.
    p_value : float
        Two-sided, of "the true value is 0", from the same draws; NaN where not known.
    level : float
        Share of intervals that hold the true value.
    n : int
        Sessions that counted.
    block : int
        Mean length of the blocks in sessions; 0 without an interval.
    draws : int
        Series that were drawn.
    """

    value: float
    low: float
    high: float
    p_value: float
    level: float
    n: int
    block: int
    draws: int


def check_drawing(*, level: float, draws: int, horizon: int) -> None:
    """Refuse a level, a number of draws or a horizon that cannot be."""
    if not 0.0 < level < 1.0:
        raise ConfigError(f"level: a probability between 0 and 1, not {level}")
    if draws < FEWEST_DRAWS:
        raise ConfigError(f"draws: at least {FEWEST_DRAWS}, not {draws}")
    if horizon < 1:
        raise ConfigError(f"horizon: at least one session, not {horizon}")


def block_length(
    series: FloatArray, *, horizon: int, kind: Literal["stationary", "circular"] = "stationary"
) -> int:
    """Block length of a series without NaN: the automatic one rounded up, at least the horizon.

    At most a third of the sessions.
    """
    from arch.bootstrap import optimal_block_length

    found = float(optimal_block_length(series)[kind].iloc[0])
    best = found if math.isfinite(found) else 1.0
    return min(max(math.ceil(best), horizon, 1), max(len(series) // 3, 1))


def _drawn_places(n: int, *, block: int, draws: int, seed: int) -> npt.NDArray[np.int64]:
    """Places [draws, n] of the sessions in each series that the stationary bootstrap draws."""
    from arch.bootstrap import StationaryBootstrap

    places = np.empty((draws, n), dtype=np.int64)
    sampler = StationaryBootstrap(block, np.arange(n), seed=seed)
    for row, (data, _) in enumerate(sampler.bootstrap(draws)):
        places[row] = data[0]
    return places


def bootstrap_interval(
    daily: FloatArray,
    *,
    statistic: Statistic = "mean",
    horizon: int,
    seed: int,
    level: float = 0.95,
    draws: int = 1000,
) -> Interval:
    """Interval of the mean or of the ratio (Sharpe ratio, ICIR) of a daily series.

    Each drawn series has its own Newey-West error, with the lags of the observed one, and the
    interval is the observed statistic plus and minus its error times the quantile of the drawn
    distances ``|statistic* - statistic|/error*``: studentised, so that its length knows how
    uncertain that error is (Goncalves & Vogelsang 2011 for blocks), and symmetric (Hall 1988).

    On 1,000 markets of 500 sessions 95 % intervals of the mean leave the truth out in 6.5 % at an
    overlap of 5 sessions and 6.9 % at 20; normal ones with Newey-West errors in 8.8 and 10.8 %
    (`benchmarks/calibration.py`).

    Parameters
    ----------
    daily : array [T]
        By session, in time order; sessions that are not finite are left out.
    statistic : "mean" or "ratio"
        `mean`, or `gogooku.core.metrics.information_ratio` (per session, never annualised).
    horizon : int
        Sessions over which the labels overlap: the shortest block.
    seed : int
        Of the draws.
    level : float
        Of the interval.
    draws : int
        At least `FEWEST_DRAWS`.

    Returns
    -------
    Interval
        NaN ends for fewer than `FEWEST_SESSIONS` sessions and for a series that never changes.
    """
    check_drawing(level=level, draws=draws, horizon=horizon)
    kept = daily[np.isfinite(daily)]
    value = _value(kept, statistic)
    if len(kept) < FEWEST_SESSIONS or not has_dispersion(kept):
        nan = math.nan
        return Interval(value, nan, nan, nan, level, len(kept), 0, draws)
    block = block_length(kept, horizon=horizon)
    places = _drawn_places(len(kept), block=block, draws=draws, seed=seed)
    error, distances = _distances(kept, places, statistic, newey_west_lags(len(kept), horizon))
    width = float(np.quantile(distances, level, method="higher")) * error
    return Interval(
        value=value,
        low=value - width,
        high=value + width,
        p_value=(1.0 + float(np.sum(distances * error >= abs(value)))) / (1.0 + draws),
        level=level,
        n=len(kept),
        block=block,
        draws=draws,
    )


def _value(kept: FloatArray, statistic: Statistic) -> float:
    if statistic == "ratio":
        return information_ratio(kept)
    return float(kept.mean()) if len(kept) else math.nan


def _distances(
    kept: FloatArray, places: npt.NDArray[np.int64], statistic: Statistic, lags: int
) -> tuple[float, FloatArray]:
    """Error of the observed statistic, and how many errors off each drawn one is.

    A drawn series that never changes has no error: it is infinitely far off.
    """
    observed, error = _with_errors(kept[None, :], statistic, lags)
    step, found = max(1, _CHUNK // len(kept)), []
    for first in range(0, len(places), step):
        values, errors = _with_errors(kept[places[first : first + step]], statistic, lags)
        with np.errstate(divide="ignore", invalid="ignore"):
            off = np.abs(values - observed[0]) / errors
        found.append(np.where(errors > 0.0, off, np.inf))
    return float(error[0]), np.concatenate(found)


def _with_errors(
    series_DT: FloatArray, statistic: Statistic, lags: int
) -> tuple[FloatArray, FloatArray]:
    """Statistic of each row and its Newey-West error; errors of 0 where a row never changes."""
    n = series_DT.shape[1]
    mean = series_DT.mean(axis=1, keepdims=True)
    centred = series_DT - mean
    if statistic == "mean":
        return mean[:, 0], newey_west_rows(centred, lags)
    spread = np.sqrt((centred * centred).sum(axis=1, keepdims=True) / (n - 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, z = mean / spread, centred / spread
        influence = z - ratio * (z * z - 1.0) / 2.0
    fine = np.ptp(series_DT, axis=1) > 0.0
    errors = np.where(fine, newey_west_rows(np.where(fine[:, None], influence, 0.0), lags), 0.0)
    return np.where(fine, ratio[:, 0], 0.0), errors


def newey_west_rows(influence_DT: FloatArray, lags: int) -> FloatArray:
    """`gogooku.core.metrics.newey_west_error` of each row of a table.

    Bartlett's weights are those of squared sums over ``lags + 1`` neighbours, with zeros beyond
    both ends: a running total instead of a product for each lag.
    """
    count, n = influence_DT.shape
    width = lags + 1
    running = np.zeros((count, n + 2 * width - 1))
    centred = influence_DT - influence_DT.mean(axis=1, keepdims=True)
    np.cumsum(centred, axis=1, out=running[:, width : width + n])
    running[:, width + n :] = running[:, width + n - 1 : width + n]
    sums = running[:, width:] - running[:, :-width]
    return np.asarray(np.sqrt(np.einsum("dt,dt->d", sums, sums) / width) / n)
