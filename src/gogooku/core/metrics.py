"""The only definitions of every measure of skill, with their sampling error.

All daily measures take dense arrays ``score_TN`` and ``label_TN`` (float, NaN where a name is not
ranked or its label is unknown) and return one value per session, NaN where the session has fewer
than `MIN_NAMES` joint values or no dispersion. Averages over sessions come with n, a
Newey-West standard error (Newey & West 1987, Bartlett kernel), and an interval that keeps its level
where labels overlap (`gogooku.core.cosines`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gogooku.core import cross_section
from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.cosines import cosine_spread
from gogooku.core.cross_section import DECILES as DECILES
from gogooku.core.cross_section import MIN_NAMES as MIN_NAMES
from gogooku.core.cross_section import ROUNDING, Kernel, by_session
from gogooku.core.cross_section import TOP_K as TOP_K
from gogooku.core.ranks import FloatArray as FloatArray

Z95 = 1.959963984540054
LEVEL = 0.95
"""Of every interval."""
DRAW_SEED = 1
"""Of what is drawn for an interval or a test: the result is the same each time."""
VOLATILITY_SESSIONS = 60
"""Over which the volatility of the market or of a name, and its traded value, are measured."""
UNKNOWN = "unknown"
"""Group of the names or sessions whose group is not known: they are never left out."""


def number_or_none(value: float) -> float | None:
    """A number that JSON has; None for one that is not known or without bound."""
    return value if math.isfinite(value) else None


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
    half : float or None
        Half the 95 % interval, see `gogooku.core.cosines`; None for that of a normal value with
        that error.
    """

    value: float
    n: int
    error: float
    lags: int
    half: float | None = None

    @property
    def half_width(self) -> float:
        """Half the 95 % interval."""
        return Z95 * self.error if self.half is None else self.half

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + self.half_width

    def times(self, factor: float) -> Estimate:
        """The same in another unit; the factor is positive."""
        half = None if self.half is None else self.half * factor
        return replace(self, value=self.value * factor, error=self.error * factor, half=half)

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
    return uncertain(value, kept, lags=lags, horizon=horizon)


def uncertain(value: float, influence: FloatArray, *, lags: int, horizon: int) -> Estimate:
    """A statistic whose error is that of the mean of a series: one value a session, NaN-free."""
    error = newey_west_error(influence, lags)
    half = cosine_spread(influence, horizon=horizon).half_width(LEVEL) if error else 0.0
    return Estimate(value=value, n=len(influence), error=error, lags=lags, half=half)


def daily_ic(score_TN: FloatArray, label_TN: FloatArray) -> FloatArray:
    """Pearson correlation of score and label in each session."""
    return _daily(cross_section.ic, score_TN, label_TN)


def daily_rank_ic(score_TN: FloatArray, label_TN: FloatArray) -> FloatArray:
    """Spearman correlation (average ranks for ties) of score and label in each session."""
    return _daily(cross_section.rank_ic, score_TN, label_TN)


def _daily(kernel: Kernel, score_TN: FloatArray, label_TN: FloatArray) -> FloatArray:
    return by_session({"daily": kernel}, score_TN, label_TN)["daily"]


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
    return uncertain(ratio, z - ratio * (z * z - 1.0) / 2.0, lags=lags, horizon=horizon)


def max_drawdown(equity_T: FloatArray) -> float:
    """Largest fall from a running peak, as a positive share of that peak."""
    peak = np.maximum.accumulate(equity_T)
    return float(np.max(1.0 - equity_T / peak))
