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
from gogooku.features.bars.columns import RETURNS
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import (
    col,
    declared,
    mean,
    over,
    ratio,
    rolling,
    sd,
    total,
)
from gogooku.features.engine.kernels import chain

WINDOW = 60
"""Sessions in a slope."""


def _lagged_beta(returns: FloatArray, common_T: FloatArray) -> FloatArray:
    return m.rolling_beta(returns, k.shift(common_T, 1), WINDOW)


def _residual_vol(returns: FloatArray, common_T: FloatArray, window: int) -> FloatArray:
    covariance, variance, common = m.rolling_cov(returns, common_T, window)
    left = variance - k.ratio(covariance * covariance, common, floor=k.FLAT**2)
    unbiased = (window - 1.0) / (window - 2.0)
    return np.asarray(np.sqrt(np.maximum(left, 0.0) * unbiased * SESSIONS_PER_YEAR))


def _residual(returns: FloatArray, common_T: FloatArray, slope: FloatArray) -> FloatArray:
    """Today's return less beta times the series: the intercept stays in."""
    return returns - slope * common_T[:, None]


def against(group: str, *, series: str, suffix: str, lookback: int) -> tuple[Feature, ...]:
    """Slopes and the correlation of a name with a series of one-session returns."""
    make = partial(declared, group=group)
    pair = (RETURNS, col(series, lookback))
    return (
        make(
            f"beta{suffix}_60d",
            rolling(m.rolling_beta, *pair, window=WINDOW),
            "ratio",
            f"Slope of one-session returns on {series} over 60 sessions, same sessions.",
        ),
        make(
            f"beta{suffix}_lag_60d",
            over(_lagged_beta, *pair, window=chain(2, WINDOW)),
            "ratio",
            f"Slope of returns on {series} one session before, 60 sessions: late reaction "
            "(Hou & Moskowitz 2005).",
        ),
        make(
            f"corr{suffix}_60d",
            rolling(m.rolling_corr, *pair, window=WINDOW),
            "ratio",
            f"Correlation of one-session returns with {series}, 60 sessions.",
        ),
    )


def residuals(group: str, *, series: str, suffix: str, lookback: int) -> tuple[Feature, ...]:
    """What a series of one-session returns leaves of a name's returns.

    For one series only: what is left, ranked within a session, hardly depends on whether the index
    or the mean of the names is taken out (rank correlation .993 to .997 over a whole exchange).
    """
    make = partial(declared, group=group)
    one = chain(WINDOW, max(lookback, RETURNS.lookback))
    pair = (RETURNS, col(series, lookback))
    slope, name = f"beta{suffix}_60d", f"alpha{suffix}"
    alpha = col(f"{name}_1d", one)
    return (
        make(
            f"resid_vol{suffix}_60d",
            rolling(_residual_vol, *pair, window=WINDOW),
            "return",
            f"Annualised volatility of the residuals of {slope}'s regression.",
        ),
        make(
            f"{name}_1d",
            over(_residual, *pair, col(slope, one)),
            "return",
            f"Today's return less {slope} times {series}.",
        ),
        *(
            make(f"{name}_{w}d", total(alpha, w), "return", f"Sum of {name}_1d over {w} sessions.")
            for w in (5, 20)
        ),
        make(
            f"resid_mom{suffix}_60",
            ratio(mean(alpha, 60), sd(alpha, 60), floor=k.FLAT),
            "ratio",
            f"Mean over standard deviation of {name}_1d, 60 sessions (Blitz, Huij & Martens 2011).",
        ),
    )
