"""How much a portfolio may lose: value at risk, its tail, and what it lost already.

Returns are fractions of equity by session: a loss is a negative return. A value at risk (VaR) and
a conditional one (CVaR, expected shortfall) are positive numbers where they are losses: a VaR of
0.02 at the level 0.95 says that one session in twenty loses more than 2 % of equity; the CVaR is
the mean loss of the worst twentieth. Depths of drawdowns are positive shares of the peak.

Sessions that are not finite are left out and ``n`` counts the others. Too few of them, or a series
that never changes, has no answer and gets NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gogooku.core.cross_section import ROUNDING
from gogooku.core.errors import ConfigError, DataError
from gogooku.core.metrics import FloatArray, has_dispersion

DECAY = 0.94
"""Weight of yesterday's variance in today's, for daily returns (RiskMetrics 1996)."""
_START = 20
"""Sessions whose variance begins the recursion, and fewest with a filtered number."""
_FAR = -8.0
"""Deviations below the mean that one return in 10^15 reaches."""
MIN_EXCESSES = 20
"""Fewest losses above the threshold to which a tail is fitted."""


@dataclass(frozen=True)
class TailRisk:
    """Value at risk of the next session and the mean loss beyond it.

    Attributes
    ----------
    var, cvar : float
        Positive for losses, as fractions of equity; NaN where not known.
    level : float
        Share of sessions that lose no more than ``var``.
    n : int
        Sessions that counted.
    """

    var: float
    cvar: float
    level: float
    n: int


def check_level(level: float) -> None:
    """Refuse a level that is no tail."""
    if not 0.5 < level < 1.0:
        raise ConfigError(f"level: a share of sessions above 0.5 and below 1, not {level}")


def historical_risk(returns: FloatArray, *, level: float = 0.95) -> TailRisk:
    """VaR and CVaR of the returns as they were (Rockafellar & Uryasev 2002).

    With ``k = (1 - level) n`` the VaR is the loss that comes after the k largest ones, and the CVaR
    the mean of these, the last of them in part when k is not whole.
    """
    check_level(level)
    kept = returns[np.isfinite(returns)]
    if not len(kept):
        return TailRisk(math.nan, math.nan, level, 0)
    var, cvar = _of_sorted(np.sort(kept)[None, :], level)
    return TailRisk(float(var[0]), float(cvar[0]), level, len(kept))


def _of_sorted(sorted_WT: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """VaR and CVaR of each row, whose returns rise."""
    n = sorted_WT.shape[1]
    tail = (1.0 - level) * n
    whole = math.floor(tail + 1e-9)
    part = max(tail - whole, 0.0)
    edge = sorted_WT[:, min(whole, n - 1)]
    cvar = -(sorted_WT[:, :whole].sum(axis=1) + part * edge) / tail
    return -edge, np.asarray(cvar)


def cornish_fisher_risk(returns: FloatArray, *, level: float = 0.95) -> TailRisk:
    """VaR and CVaR from the first four moments, by the expansion of Cornish & Fisher (1938).

    ``z + (z^2 - 1) S/6 + (z^3 - 3z) K/24 - (2z^3 - 5z) S^2/36`` with skew S and excess kurtosis K
    stands for the normal quantile z; the CVaR is its mean over the tail, which is known in closed
    form. NaN where the expansion does not rise from 8 deviations below the mean to the level: it is
    no quantile then (Maillard 2012).
    """
    from scipy import stats

    check_level(level)
    kept = returns[np.isfinite(returns)]
    blank = TailRisk(math.nan, math.nan, level, len(kept))
    if len(kept) < 4 or not has_dispersion(kept):
        return blank
    skew, excess = float(stats.skew(kept)), float(stats.kurtosis(kept))
    share = 1.0 - level
    z = float(stats.norm.ppf(share))
    cubic, square = excess / 24.0 - skew**2 / 18.0, skew / 6.0
    linear, constant = 1.0 - excess / 8.0 + 5.0 * skew**2 / 36.0, -skew / 6.0
    if not _rises_up_to(z, cubic, square, linear):
        return blank
    density = float(stats.norm.pdf(z)) / share
    tail_mean = cubic * -(z * z + 2.0) * density + square * (1.0 - z * density)
    tail_mean += linear * -density + constant
    quantile = ((cubic * z + square) * z + linear) * z + constant
    mean, spread = float(kept.mean()), float(kept.std(ddof=1))
    return TailRisk(-(mean + spread * quantile), -(mean + spread * tail_mean), level, len(kept))


def _rises_up_to(end: float, cubic: float, square: float, linear: float) -> bool:
    """Whether a cubic rises from `_FAR` to a point: its slope has no zero between them."""
    slope = np.array([3.0 * cubic, 2.0 * square, linear])
    if np.polyval(slope, end) <= 0.0:
        return False
    roots = np.roots(np.trim_zeros(slope, "f"))
    return not any(_FAR < root.real < end for root in roots if abs(root.imag) < ROUNDING)


def filtered_risk(returns: FloatArray, *, level: float = 0.95, decay: float = DECAY) -> TailRisk:
    """VaR and CVaR of the next session by filtered historical simulation.

    Each return is divided by the volatility that was expected for it, and the tail of these is
    multiplied with the volatility expected for the next session (Hull & White 1998; Barone-Adesi,
    Giannopoulos & Vosper 1999). Volatility: exponentially weighted squares, whose weights fall by
    ``decay`` a session and which begin with the mean square of the first 20.
    """
    check_level(level)
    _check_decay(decay)
    kept = returns[np.isfinite(returns)]
    if len(kept) <= _START or not has_dispersion(kept):
        return TailRisk(math.nan, math.nan, level, len(kept))
    volatility = _expected_volatility(kept, decay)
    scaled = historical_risk(kept[_START:] / volatility[_START:-1], level=level)
    ahead = float(volatility[-1])
    return TailRisk(ahead * scaled.var, ahead * scaled.cvar, level, len(kept))


def _check_decay(decay: float) -> None:
    if not 0.0 < decay < 1.0:
        raise ConfigError(f"decay: a weight between 0 and 1, not {decay}")


def _expected_volatility(kept: FloatArray, decay: float) -> FloatArray:
    """Volatility [n + 1] expected for each session from those before it; NaN in the first ones."""
    variance = np.full(len(kept) + 1, np.nan)
    variance[_START] = np.mean(kept[:_START] ** 2)
    for t in range(_START, len(kept)):
        variance[t + 1] = decay * variance[t] + (1.0 - decay) * kept[t] ** 2
    return np.asarray(np.sqrt(variance))


def historical_path(
    returns: FloatArray, *, level: float = 0.95, window: int = 250
) -> tuple[FloatArray, FloatArray]:
    """VaR and CVaR [T] expected for each session from the ``window`` sessions before it.

    NaN for the first ones. What `gogooku.portfolio.risk_tests` judges.
    """
    check_level(level)
    _check_window(returns, window)
    return _rolling(returns, np.ones(len(returns) + 1), level, window, first=window)


def filtered_path(
    returns: FloatArray, *, level: float = 0.95, window: int = 250, decay: float = DECAY
) -> tuple[FloatArray, FloatArray]:
    """As `historical_path` by `filtered_risk`: the tail of the last ``window`` scaled returns."""
    check_level(level)
    _check_decay(decay)
    _check_window(returns, window)
    volatility = np.full(len(returns) + 1, np.nan)
    if len(returns) > _START:
        volatility = _expected_volatility(returns, decay)
    return _rolling(returns, volatility, level, window, first=_START + window)


def _check_window(returns: FloatArray, window: int) -> None:
    if window < _START:
        raise ConfigError(f"window: at least {_START} sessions, not {window}")
    missing = int(np.sum(~np.isfinite(returns)))
    if missing:
        raise DataError(
            f"forecasts of risk: {missing} of {len(returns)} returns are not finite; a portfolio "
            "has a return in every session"
        )


def _rolling(
    returns: FloatArray, volatility: FloatArray, level: float, window: int, *, first: int
) -> tuple[FloatArray, FloatArray]:
    var_T, cvar_T = np.full(len(returns), np.nan), np.full(len(returns), np.nan)
    if len(returns) > first:
        with np.errstate(invalid="ignore", divide="ignore"):
            scaled = returns / volatility[:-1]
        windows = np.lib.stride_tricks.sliding_window_view(scaled[first - window : -1], window)
        var, cvar = _of_sorted(np.sort(windows, axis=1), level)
        var_T[first:], cvar_T[first:] = (one * volatility[first:-1] for one in (var, cvar))
    return var_T, cvar_T


@dataclass(frozen=True)
class TailFit:
    """A generalised Pareto distribution of the losses beyond a threshold.

    Attributes
    ----------
    threshold : float
        Loss above which the tail begins, as a positive number.
    shape, scale : float
        Of the excesses; a shape of 0 is an exponential tail, above 0 a power law with index
        ``1/shape``. NaN for fewer than `MIN_EXCESSES` excesses.
    excesses, n : int
        Losses above the threshold, and sessions that counted.
    """

    threshold: float
    shape: float
    scale: float
    excesses: int
    n: int

    def risk(self, level: float) -> TailRisk:
        """VaR and CVaR beyond the threshold (McNeil & Frey 2000).

        The CVaR is infinite for a shape of 1 or more.
        """
        check_level(level)
        share = self.excesses / max(self.n, 1)
        if math.isnan(self.shape):
            return TailRisk(math.nan, math.nan, level, self.n)
        if 1.0 - level > share:
            raise ConfigError(
                f"level: {level} lies before the tail, which holds {share:.3g} of the sessions"
            )
        beyond = share / (1.0 - level)
        if abs(self.shape) < 1e-9:
            var = self.threshold + self.scale * math.log(beyond)
        else:
            var = self.threshold + self.scale / self.shape * (beyond**self.shape - 1.0)
        if self.shape >= 1.0:
            return TailRisk(var, math.inf, level, self.n)
        mean_excess = (self.scale + self.shape * (var - self.threshold)) / (1.0 - self.shape)
        return TailRisk(var, var + mean_excess, level, self.n)


def tail_fit(returns: FloatArray, *, share: float = 0.1) -> TailFit:
    """Peaks over threshold: the largest losses as a generalised Pareto distribution.

    Maximum likelihood by `scipy.stats.genpareto` of the excesses over the loss that comes after
    the ``share n`` largest ones; sessions are taken as independent, so losses that come together
    count each.
    """
    from scipy import stats

    if not 0.0 < share < 0.5:
        raise ConfigError(f"share: of sessions in the tail, above 0 and below 0.5, not {share}")
    losses = np.sort(-returns[np.isfinite(returns)])[::-1]
    count = math.floor(share * len(losses) + 1e-9)
    if count < MIN_EXCESSES or not has_dispersion(losses[: count + 1]):
        return TailFit(math.nan, math.nan, math.nan, count, len(losses))
    threshold = float(losses[count])
    excesses = losses[:count] - threshold
    excesses = excesses[excesses > 0.0]
    size = float(excesses.mean())
    shape, _, scale = stats.genpareto.fit(excesses / size, floc=0.0)
    return TailFit(threshold, float(shape), float(scale) * size, len(excesses), len(losses))


@dataclass(frozen=True)
class Drawdown:
    """A fall from a peak of equity.

    Attributes
    ----------
    start, trough : int
        Places of the peak and of the lowest point.
    recovery : int or None
        First place at which equity is back at the peak; None when it is not.
    depth : float
        Fall as a positive share of the peak.
    fall : int
        Sessions from the peak to the lowest point.
    length : int
        Sessions from the peak to the recovery, or to the last session.
    """

    start: int
    trough: int
    recovery: int | None
    depth: float
    fall: int
    length: int


def drawdowns(equity_T: FloatArray, *, count: int = 10) -> list[Drawdown]:
    """The deepest drawdowns, the deepest first; they do not overlap.

    Parameters
    ----------
    equity_T : array [T]
        Equity after each session, the first before any return; positive.
    count : int
        At most so many.
    """
    broken = np.flatnonzero(~(np.isfinite(equity_T) & (equity_T > 0.0)))
    if len(broken):
        raise DataError(
            f"drawdowns: {len(broken)} of {len(equity_T)} values of equity are not positive "
            f"numbers, the first at place {broken[0]}"
        )
    under = equity_T < np.maximum.accumulate(equity_T)
    edges = np.diff(np.concatenate([[False], under, [False]]).astype(np.int8))
    found = [
        _drawdown(equity_T, int(first) - 1, int(end))
        for first, end in zip(np.flatnonzero(edges > 0), np.flatnonzero(edges < 0), strict=True)
    ]
    return sorted(found, key=lambda one: -one.depth)[:count]


def _drawdown(equity_T: FloatArray, start: int, end: int) -> Drawdown:
    trough = start + int(np.argmin(equity_T[start:end]))
    over = end < len(equity_T)
    return Drawdown(
        start=start,
        trough=trough,
        recovery=end if over else None,
        depth=1.0 - float(equity_T[trough] / equity_T[start]),
        fall=trough - start,
        length=(end if over else end - 1) - start,
    )


def worst_sessions(returns: FloatArray, *, count: int = 10) -> list[int]:
    """Places of the lowest returns, the lowest first, the earlier of equals first."""
    order = np.argsort(np.where(np.isfinite(returns), returns, np.inf), kind="stable")
    return [int(place) for place in order[: min(count, int(np.isfinite(returns).sum()))]]
