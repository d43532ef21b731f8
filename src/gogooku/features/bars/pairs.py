"""One name against one common series of returns: slopes, residuals and what changes in them.

All statistics pair returns of the same sessions (a beta to yesterday's market is a lead-lag
coefficient, and is called so here). Used against the market index and against the universe's own
equal-weight return.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.types import Feature, FloatArray
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.kernels import RETURN, Values, chain

WINDOW = 60
"""Sessions in a slope."""


def beta(x: Values, *, to: str, window: int = WINDOW) -> FloatArray:
    """Slope of one-session returns on the series ``to``, same sessions."""
    return m.rolling_beta(x["ret_prev_1d"], x[to], window)


def lagged_beta(x: Values, *, to: str) -> FloatArray:
    """Slope of one-session returns on the series one session before: late reaction."""
    return m.rolling_beta(x["ret_prev_1d"], k.shift(x[to], 1), WINDOW)


def downside_beta_gap(x: Values, *, to: str, beta_name: str) -> FloatArray:
    """Slope over the falling sessions of 120 less the slope ``beta_name``."""
    falling = np.where(x[to] < 0.0, x[to], np.nan)
    joint = ~(np.isnan(x["ret_prev_1d"]) | np.isnan(falling)[:, None])
    count = k.rolling_count(joint, 120).astype(np.float64)
    count[count < 20] = np.nan
    r = np.where(joint, x["ret_prev_1d"], 0.0)
    f = np.where(joint, falling[:, None], 0.0)
    sum_r, sum_f = k.window_sum(r, 120), k.window_sum(f, 120)
    cross = k.window_sum(r * f, 120) - sum_r * sum_f / count
    square = k.window_sum(f * f, 120) - sum_f * sum_f / count
    return k.ratio(cross, square, floor=k.FLAT**2) - x[beta_name]


def correlation(x: Values, *, to: str) -> FloatArray:
    """Correlation of one-session returns with the series."""
    return m.rolling_corr(x["ret_prev_1d"], x[to], WINDOW)


def residual_vol(x: Values, *, to: str) -> FloatArray:
    """Annualised standard deviation of the residuals of the regression over the window."""
    covariance, variance, common = m.rolling_cov(x["ret_prev_1d"], x[to], WINDOW)
    left = variance - k.ratio(covariance * covariance, common, floor=k.FLAT**2)
    unbiased = (WINDOW - 1.0) / (WINDOW - 2.0)
    return np.asarray(np.sqrt(np.maximum(left, 0.0) * unbiased * SESSIONS_PER_YEAR))


def residual(x: Values, *, to: str, beta_name: str) -> FloatArray:
    """Today's return less beta times the series: the intercept stays in."""
    return x["ret_prev_1d"] - x[beta_name] * x[to][:, None]


def residual_sum(x: Values, *, of: str, window: int) -> FloatArray:
    """Sum of residual returns, each with the beta known on its own session."""
    return k.rolling_sum(x[of], window)


def residual_z(x: Values, *, of: str, window: int) -> FloatArray:
    """Mean over standard deviation of residual returns (Blitz, Huij & Martens 2011)."""
    spread = m.rolling_sd(x[of], window)
    return k.ratio(k.rolling_mean(x[of], window), spread, floor=k.FLAT)


def difference(x: Values, *, of: str, less: str) -> FloatArray:
    """One feature less another."""
    return x[of] - x[less]


def against(group: str, *, series: str, suffix: str, lookback: int) -> tuple[Feature, ...]:
    """Slopes and the correlation of a name with a series of one-session returns."""
    make = partial(Feature, group=group, inputs=("ret_prev_1d", series))
    one = chain(60, max(lookback, RETURN))
    return (
        make(
            name=f"beta{suffix}_60d",
            compute=partial(beta, to=series),
            lookback=one,
            unit="ratio",
            meaning=f"Slope of one-session returns on {series} over 60 sessions, same sessions.",
        ),
        make(
            name=f"beta{suffix}_lag_60d",
            compute=partial(lagged_beta, to=series),
            lookback=chain(2, one),
            unit="ratio",
            meaning=f"Slope of returns on {series} one session before, 60 sessions: late reaction "
            "(Hou & Moskowitz 2005).",
        ),
        make(
            name=f"corr{suffix}_60d",
            compute=partial(correlation, to=series),
            lookback=one,
            unit="ratio",
            meaning=f"Correlation of one-session returns with {series}, 60 sessions.",
        ),
    )


def residuals(group: str, *, series: str, suffix: str, lookback: int) -> tuple[Feature, ...]:
    """What a series of one-session returns leaves of a name's returns.

    For one series only: what is left, ranked within a session, hardly depends on whether the index
    or the mean of the names is taken out (rank correlation .993 to .997 over a whole exchange).
    """
    make = partial(Feature, group=group)
    slope, alpha = f"beta{suffix}_60d", f"alpha{suffix}"
    one = chain(60, max(lookback, RETURN))
    pair = ("ret_prev_1d", series)
    return (
        make(
            name=f"resid_vol{suffix}_60d",
            inputs=pair,
            compute=partial(residual_vol, to=series),
            lookback=one,
            unit="return",
            meaning=f"Annualised volatility of the residuals of {slope}'s regression.",
        ),
        make(
            name=f"{alpha}_1d",
            inputs=(*pair, slope),
            compute=partial(residual, to=series, beta_name=slope),
            lookback=one,
            unit="return",
            meaning=f"Today's return less {slope} times {series}.",
        ),
        *(
            make(
                name=f"{alpha}_{w}d",
                inputs=(f"{alpha}_1d",),
                compute=partial(residual_sum, of=f"{alpha}_1d", window=w),
                lookback=chain(w, one),
                unit="return",
                meaning=f"Sum of {alpha}_1d over {w} sessions.",
            )
            for w in (5, 20)
        ),
        make(
            name=f"resid_mom{suffix}_60",
            inputs=(f"{alpha}_1d",),
            compute=partial(residual_z, of=f"{alpha}_1d", window=60),
            lookback=chain(60, one),
            unit="ratio",
            meaning=f"Mean over standard deviation of {alpha}_1d, 60 sessions "
            "(Blitz, Huij & Martens 2011).",
        ),
    )
