"""Were forecasts of risk right: sessions beyond the value at risk, and how far beyond.

Signs as in `gogooku.portfolio.risk`: returns are fractions of equity, VaR and CVaR are positive for
losses, and a session is beyond its VaR when ``return < -VaR``. Sessions without a return or a
forecast are left out; a test that cannot be made has a NaN p-value.

On 1,000 markets of 500 sessions at the level 0.95 tests at 5 % reject right forecasts in 6.3 %
(unconditional coverage), 3.5 % (independence), 3.8 % (both) and 5.5 % (shortfall, of a Student's t
with 5 degrees), and forecasts that are a quarter too low in 98, 6, 95 and 99 %
(`benchmarks/calibration.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray
from gogooku.portfolio.risk import check_level

_AT_ONCE = 1 << 21
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RiskTest:
    """A test of forecasts of risk.

    Attributes
    ----------
    statistic : float
        What each test says it is; NaN when it could not be made.
    p_value : float
        Of "the forecasts are right".
    beyond : int
        Sessions beyond their value at risk.
    expected : float
        How many there should be; NaN where the test does not know the level.
    n : int
        Sessions that counted.
    """

    statistic: float
    p_value: float
    beyond: int
    expected: float
    n: int


def unconditional_coverage(returns: FloatArray, var_T: FloatArray, *, level: float) -> RiskTest:
    """Whether as many sessions as stated are beyond the VaR (Kupiec 1995), by likelihood ratio."""
    check_level(level)
    hits = _hits(returns, var_T)
    statistic = _coverage_ratio(hits, 1.0 - level)
    return _judged(statistic, 1, hits, level)


def independence(returns: FloatArray, var_T: FloatArray) -> RiskTest:
    """Whether a session beyond the VaR makes the next one no more likely (Christoffersen 1998).

    Likelihood ratio of a first-order Markov chain against one without memory.
    """
    hits = _hits(returns, var_T)
    return _judged(_memory_ratio(hits), 1, hits, math.nan)


def conditional_coverage(returns: FloatArray, var_T: FloatArray, *, level: float) -> RiskTest:
    """`unconditional_coverage` and `independence` in one test with two degrees of freedom."""
    check_level(level)
    hits = _hits(returns, var_T)
    statistic = _coverage_ratio(hits, 1.0 - level) + _memory_ratio(hits)
    return _judged(statistic, 2, hits, level)


def shortfall_test(
    returns: FloatArray,
    var_T: FloatArray,
    cvar_T: FloatArray,
    *,
    level: float,
    seed: int,
    draws: int = 2000,
) -> RiskTest:
    """Whether losses beyond the VaR are as large as the CVaR says: Acerbi & Szekely (2014), Z2.

    ``1 - sum(loss/CVaR of sessions beyond)/((1 - level) n)``: 0 is expected, and less when losses
    are larger or more frequent than stated; one-sided. Its distribution under right forecasts is
    drawn: a session is beyond its VaR with the stated chance, and its loss then is the VaR and an
    exponential excess with the mean that the CVaR states.
    """
    check_level(level)
    if not returns.shape == var_T.shape == cvar_T.shape:
        raise DataError(
            f"shortfall: {returns.shape} returns, {var_T.shape} VaR and {cvar_T.shape} CVaR"
        )
    known = np.isfinite(returns) & np.isfinite(var_T) & np.isfinite(cvar_T)
    loss, var, cvar = -returns[known], var_T[known], cvar_T[known]
    hits, share, n = loss > var, 1.0 - level, len(loss)
    wrong = int(np.sum((cvar <= 0.0) | (cvar < var)))
    if wrong:
        raise DataError(f"shortfall: {wrong} of {n} CVaR are not losses or are below their VaR")
    if not n:
        return RiskTest(math.nan, math.nan, 0, math.nan, 0)
    statistic = 1.0 - float(np.sum(loss[hits] / cvar[hits])) / (share * n)
    rng, below, step = np.random.default_rng(seed), 0, max(1, _AT_ONCE // n)
    for first in range(0, draws, step):
        shape = (min(step, draws - first), n)
        size = var / cvar + (1.0 - var / cvar) * rng.standard_exponential(shape)
        drawn = 1.0 - np.where(rng.random(shape) < share, size, 0.0).sum(axis=1) / (share * n)
        below += int(np.sum(drawn <= statistic))
    p_value = (1.0 + below) / (1.0 + draws)
    return RiskTest(statistic, p_value, int(hits.sum()), share * n, n)


def _hits(returns: FloatArray, var_T: FloatArray) -> _Flags:
    if returns.shape != var_T.shape:
        raise DataError(f"risk test: {returns.shape} returns against {var_T.shape} forecasts")
    known = np.isfinite(returns) & np.isfinite(var_T)
    return np.asarray(returns[known] < -var_T[known])


def _coverage_ratio(hits: _Flags, share: float) -> float:
    beyond, n = int(hits.sum()), len(hits)
    if not n:
        return math.nan
    return 2.0 * (
        _likelihood(n - beyond, beyond, beyond / n) - _likelihood(n - beyond, beyond, share)
    )


def _memory_ratio(hits: _Flags) -> float:
    """Likelihood ratio of a chance that depends on the session before; 0 where none is beyond."""
    if len(hits) < 2:
        return math.nan
    before, after = hits[:-1], hits[1:]
    beyond = [int(after[before == state].sum()) for state in (False, True)]
    inside = [int((~after[before == state]).sum()) for state in (False, True)]
    one = _likelihood(sum(inside), sum(beyond), sum(beyond) / len(before))
    two = sum(_likelihood(i, b, b / max(i + b, 1)) for i, b in zip(inside, beyond, strict=True))
    return max(2.0 * (two - one), 0.0)


def _likelihood(inside: int, beyond: int, share: float) -> float:
    """Log likelihood of so many sessions inside and beyond; 0 log 0 is 0."""
    from scipy import special

    return float(special.xlogy(inside, 1.0 - share) + special.xlogy(beyond, share))


def _judged(statistic: float, degrees: int, hits: _Flags, level: float) -> RiskTest:
    from scipy import stats

    return RiskTest(
        statistic=statistic,
        p_value=float(stats.chi2.sf(statistic, degrees)),
        beyond=int(hits.sum()),
        expected=(1.0 - level) * len(hits),
        n=len(hits),
    )
