"""The only definitions of every measure of skill, with their sampling error.

All daily measures take dense arrays ``score_TN`` and ``label_TN`` (float, NaN where a name is not
ranked or its label is unknown) and return one value per session, NaN where the session has fewer
than `MIN_NAMES` joint values or no dispersion. Averages over sessions come with n and a
Newey-West standard error (Newey & West 1987, Bartlett kernel).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.ranks import centred_ranks, rank_rows

FloatArray = npt.NDArray[np.float64]
_Flags = npt.NDArray[np.bool_]

MIN_NAMES = 10
"""Fewest names with both a score and a label for a session to count."""

TOP_K = 50
"""Names in P@K unless stated otherwise."""

DECILES = 10

ROUNDING = 1e-12
"""Values whose range is within this share of their size differ by rounding alone."""

_EDGE = 1e-9
"""Positions this near a border lie on it: they are fractions with the number of names below."""
_BLOCK_VALUES = 1 << 17
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A mean over sessions with its sampling error.

    Attributes
    ----------
    value : float
        The mean; NaN when no session counted.
    n : int
        Sessions that counted.
    error : float
        Newey-West standard error of the mean; NaN for fewer than 3 sessions.
    lags : int
        Autocorrelation lags in that error.
    """

    value: float
    n: int
    error: float
    lags: int

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - Z95 * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + Z95 * self.error

    @property
    def t_stat(self) -> float:
        """Value over its error; NaN when the error is zero or unknown."""
        return self.value / self.error if self.error > 0 else math.nan

    def to_json(self) -> dict[str, float | int | None]:
        """Value, n and interval; NaN becomes null."""
        raw = {"value": self.value, "error": self.error, "low": self.low, "high": self.high}
        shown: dict[str, float | int | None] = {
            key: (None if math.isnan(number) else number) for key, number in raw.items()
        }
        return {**shown, "n": self.n, "lags": self.lags}


def has_dispersion(values: FloatArray) -> bool:
    """Whether values differ by more than the rounding of their size; NaN and none do not."""
    if not len(values):
        return False
    low, high = float(np.min(values)), float(np.max(values))
    return high - low > ROUNDING * max(abs(low), abs(high))


def newey_west_error(series: FloatArray, lags: int) -> float:
    """Newey-West standard error of the mean of a series (NaN-free, in time order).

    Bartlett weights ``1 - l/(lags+1)``; the long-run variance is divided by n once.
    NaN for fewer than 3 values; exactly 0 for a series that never changes.
    """
    n = len(series)
    if n < 3:
        return math.nan
    if not has_dispersion(series):
        return 0.0
    centred = series - series.mean()
    variance = float(centred @ centred) / n
    for lag in range(1, min(lags, n - 1) + 1):
        weight = 1.0 - lag / (lags + 1.0)
        variance += 2.0 * weight * float(centred[lag:] @ centred[:-lag]) / n
    return math.sqrt(max(variance, 0.0) / n)


def newey_west_lags(n: int, horizon: int) -> int:
    """Lags for a daily series whose labels overlap over ``horizon`` sessions.

    The larger of twice the overlap and Newey & West's ``4 (n/100)^(2/9)``, below n.
    """
    automatic = int(4.0 * (max(n, 1) / 100.0) ** (2.0 / 9.0))
    return max(0, min(max(2 * (horizon - 1), automatic), n - 1))


def mean_estimate(daily: FloatArray, *, horizon: int) -> Estimate:
    """Mean of a daily series over the sessions where it is finite, with its error."""
    kept = daily[np.isfinite(daily)]
    lags = newey_west_lags(len(kept), horizon)
    value = float(kept.mean()) if len(kept) else math.nan
    return Estimate(value=value, n=len(kept), error=newey_west_error(kept, lags), lags=lags)


def _joint(score_TN: FloatArray, label_TN: FloatArray) -> tuple[FloatArray, FloatArray]:
    both = np.isfinite(score_TN) & np.isfinite(label_TN)
    both &= (both.sum(axis=1) >= MIN_NAMES)[:, None]
    return np.where(both, score_TN, np.nan), np.where(both, label_TN, np.nan)


def _by_session(
    kernel: Callable[[FloatArray, FloatArray], FloatArray],
    score_TN: FloatArray,
    label_TN: FloatArray,
) -> FloatArray:
    """Apply a daily measure to blocks of sessions, so that its temporaries stay small.

    A session whose scores or labels are all one number is NaN, whatever the measure makes of it.
    """
    out = np.full(len(score_TN), np.nan)
    step = max(1, _BLOCK_VALUES // max(1, score_TN.shape[1]))
    for first in range(0, len(score_TN), step):
        block = slice(first, first + step)
        score = np.asarray(score_TN[block], dtype=np.float64)
        joint = _joint(score, np.asarray(label_TN[block], dtype=np.float64))
        known = ~np.isnan(joint[0])
        varies = _varies(joint[0], known) & _varies(joint[1], known)
        out[block] = np.where(varies, kernel(*joint), np.nan)
    return out


def _row_correlation(a_TN: FloatArray, b_TN: FloatArray) -> FloatArray:
    """Pearson correlation of each row; both arrays are NaN at the same places."""
    known = ~np.isnan(a_TN)
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = (_centre(values, known) for values in (a_TN, b_TN))
        scale = np.sqrt(np.einsum("tn,tn->t", a, a) * np.einsum("tn,tn->t", b, b))
        raw = np.einsum("tn,tn->t", a, b) / np.where(scale > 0.0, scale, np.nan)
    return np.asarray(np.where(_varies(a_TN, known) & _varies(b_TN, known), raw, np.nan))


def _centre(values_TN: FloatArray, known_TN: _Flags) -> FloatArray:
    filled = np.where(known_TN, values_TN, 0.0)
    centred = filled - filled.sum(axis=1, keepdims=True) / known_TN.sum(axis=1, keepdims=True)
    return np.asarray(np.where(known_TN, centred, 0.0))


def _varies(values_TN: FloatArray, known_TN: _Flags) -> _Flags:
    """Rows with at least two values that differ by more than rounding, whatever their scale."""
    high = np.max(values_TN, axis=1, where=known_TN, initial=-np.inf)
    low = np.min(values_TN, axis=1, where=known_TN, initial=np.inf)
    size = np.maximum(np.abs(high), np.abs(low))
    with np.errstate(invalid="ignore"):
        return np.asarray((high > low) & (high - low > ROUNDING * size))


def daily_ic(score_TN: FloatArray, label_TN: FloatArray) -> FloatArray:
    """Pearson correlation of score and label in each session."""
    return _by_session(_row_correlation, score_TN, label_TN)


def daily_rank_ic(score_TN: FloatArray, label_TN: FloatArray) -> FloatArray:
    """Spearman correlation (average ranks for ties) of score and label in each session."""
    return _by_session(
        lambda score, label: _row_correlation(rank_rows(score), rank_rows(label)),
        score_TN,
        label_TN,
    )


def daily_spread(score_TN: FloatArray, label_TN: FloatArray) -> FloatArray:
    """Mean label of the top score decile minus that of the bottom decile, in each session."""
    return _by_session(_spread, score_TN, label_TN)


def _spread(score: FloatArray, label: FloatArray) -> FloatArray:
    position = score_positions(score)
    top = np.where(in_decile(position, DECILES), label, np.nan)
    bottom = np.where(in_decile(position, 1), label, np.nan)
    return _nanmean(top) - _nanmean(bottom)


def score_positions(score_TN: FloatArray) -> FloatArray:
    """Position of each score in its session, (rank - 1/2)/n with average ranks, in (0, 1)."""
    return np.asarray(centred_ranks(score_TN) + 0.5)


def in_decile(position_TN: FloatArray, decile: int) -> _Flags:
    """Which positions lie in a decile, 1 the lowest; the mirror image of those in ``11 - decile``.

    A name on the border of two deciles belongs to the one nearer the middle, so that turning the
    scores round turns the deciles round; the middle name of an odd count is in both 5 and 6.
    """
    low, high, half = (decile - 1) / DECILES, decile / DECILES, DECILES // 2
    if decile <= half:
        above = position_TN >= low - _EDGE
        return above & (position_TN < high + (_EDGE if decile == half else -_EDGE))
    below = position_TN <= high + _EDGE
    return below & (position_TN > low + (-_EDGE if decile == half + 1 else _EDGE))


def daily_hit_rate(score_TN: FloatArray, label_TN: FloatArray) -> FloatArray:
    """Share of names whose score and label lie on the same side of that session's medians."""
    return _by_session(_hit_rate, score_TN, label_TN)


def _hit_rate(score: FloatArray, label: FloatArray) -> FloatArray:
    same = (score > _nanmedian(score)) == (label > _nanmedian(label))
    return _nanmean(np.where(np.isnan(score), np.nan, same.astype(np.float64)))


def daily_precision(
    score_TN: FloatArray, label_TN: FloatArray, *, top_k: int = TOP_K
) -> FloatArray:
    """P@K: share of the ``top_k`` highest scores whose label is above the session's median.

    Ties at the edge are broken by position; sessions with fewer than ``2 * top_k`` names are NaN.
    """

    def precision(score: FloatArray, label: FloatArray) -> FloatArray:
        above = np.where(np.isnan(label), np.nan, (label > _nanmedian(label)).astype(np.float64))
        order = np.argsort(-np.where(np.isnan(score), -np.inf, score), axis=1, kind="stable")
        picked = np.take_along_axis(above, order[:, :top_k], axis=1)
        enough = np.sum(~np.isnan(score), axis=1) >= 2 * top_k
        return np.where(enough, _nanmean(picked), np.nan)

    return _by_session(precision, score_TN, label_TN)


def information_ratio(daily: FloatArray) -> float:
    """Mean over standard deviation (n-1) of a daily series, not annualised: ICIR of an IC.

    NaN for fewer than two values, and for a series that never changes.
    """
    kept = daily[np.isfinite(daily)]
    if len(kept) < 2 or not has_dispersion(kept):
        return math.nan
    return float(kept.mean()) / float(kept.std(ddof=1))


def sharpe_ratio(returns: FloatArray) -> float:
    """`information_ratio` of session returns, annualised with `SESSIONS_PER_YEAR`."""
    return information_ratio(returns) * math.sqrt(SESSIONS_PER_YEAR)


def ratio_estimate(daily: FloatArray, *, horizon: int) -> Estimate:
    """`information_ratio` with its error by the delta method on mean and variance.

    The influence of session t is ``z - ratio * (z^2 - 1)/2`` with ``z = (x - mean)/sd``; its
    Newey-West error is that of the ratio (Lo 2002, "The Statistics of Sharpe Ratios").
    """
    kept = daily[np.isfinite(daily)]
    lags = newey_west_lags(len(kept), horizon)
    ratio = information_ratio(kept)
    if math.isnan(ratio):
        return Estimate(value=math.nan, n=len(kept), error=math.nan, lags=lags)
    z = (kept - kept.mean()) / kept.std(ddof=1)
    error = newey_west_error(z - ratio * (z * z - 1.0) / 2.0, lags)
    return Estimate(value=ratio, n=len(kept), error=error, lags=lags)


def max_drawdown(equity_T: FloatArray) -> float:
    """Largest fall from a running peak, as a positive share of that peak."""
    peak = np.maximum.accumulate(equity_T)
    return float(np.max(1.0 - equity_T / peak))


def _nanmean(values_TN: FloatArray) -> FloatArray:
    counts = np.sum(~np.isnan(values_TN), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nansum(values_TN, axis=1) / np.where(counts, counts, np.nan))


def _nanmedian(values_TN: FloatArray) -> FloatArray:
    out = np.full((len(values_TN), 1), np.nan)
    rows = np.flatnonzero((~np.isnan(values_TN)).any(axis=1))
    out[rows, 0] = np.nanmedian(values_TN[rows], axis=1)
    return out
