"""From scores to the signal that ranks: smoothed, without what is not to be bet on, standardised.

Nothing here makes a score better. Smoothing trades freshness for turnover; neutralisation takes a
bet on a sector, on beta or on size out of the portfolio that follows from the scores.
"""

from __future__ import annotations

import math

import numpy as np

from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray, has_dispersion
from gogooku.portfolio.config import NeutralConfig, PortfolioConfig
from gogooku.portfolio.decide import Decision

_HALF_LIVES = 8.0
"""Rows older than this many half-lives weigh less than 0.4 % together and are left out."""
Z_LIMIT = 3.0
"""Standard deviations at which a standardised score ends."""


def signal_of(decision: Decision, config: PortfolioConfig) -> FloatArray:
    """The signal [N] of a decision, NaN where the decision has no score.

    Scores that are not finite are no scores.
    """
    signal = decision.score_N
    if np.isinf(signal).any():
        signal = np.where(np.isinf(signal), np.nan, signal)
    if config.smoothing > 0.0:
        signal = np.where(
            np.isfinite(signal), smoothed(decision.scores_LN, config.smoothing), np.nan
        )
    if config.neutral.anything:
        signal = neutralised(signal, traits_of(decision, config.neutral))
    return signal


def rows_of(half_life: float) -> int:
    """Sessions of scores that a mean of a half-life takes; 1 where nothing is smoothed."""
    return math.ceil(_HALF_LIVES * half_life) + 1


def smoothed(scores_LN: FloatArray, half_life: float) -> FloatArray:
    """Mean over past sessions of standardised scores, each half-life weighing half as much.

    Parameters
    ----------
    scores_LN : float64 [L, N]
        Oldest first; sessions in which a name has no score do not count for it.
    half_life : float
        In rows.

    Returns
    -------
    float64 [N]
        NaN where a name never had a score.
    """
    rows = scores_LN[-rows_of(half_life) :]
    weight = 0.5 ** (np.arange(len(rows) - 1, -1, -1, dtype=np.float64) / half_life)
    standard = standardised(rows)
    known = np.isfinite(standard)
    total = weight @ known
    mean = weight @ np.where(known, standard, 0.0) / np.where(total > 0.0, total, 1.0)
    return np.where(total > 0.0, mean, np.nan)


def standardised(scores: FloatArray) -> FloatArray:
    """Standard deviations from the mean over the last axis, at most `Z_LIMIT` either way.

    NaN where there is no finite score; 0 where all scores are one number.
    """
    known = np.isfinite(scores)
    count = np.maximum(known.sum(axis=-1, keepdims=True), 1)
    mean = np.where(known, scores, 0.0).sum(axis=-1, keepdims=True) / count
    centred = np.where(known, scores - mean, 0.0)
    spread = np.sqrt((centred**2).sum(axis=-1, keepdims=True) / count)
    flat = spread <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    z = np.where(flat, 0.0, centred / np.where(flat, 1.0, spread))
    return np.where(known, np.clip(z, -Z_LIMIT, Z_LIMIT), np.nan)


def traits_of(decision: Decision, neutral: NeutralConfig) -> FloatArray:
    """Columns [N, P] of what is to be taken out; a sector is one column of zeros and ones.

    Names of no known sector are a sector of their own; a beta or a size that is not known is the
    mean of those that are. Size is
    that of the mean traded value where the market has no capitalisations.

    Raises
    ------
    DataError
        The bars do not have what a trait needs.
    """
    inside = np.isfinite(decision.score_N)
    columns: list[FloatArray] = []
    if neutral.sector:
        sector = decision.past.sector
        groups = np.unique(sector[inside])
        columns += [(sector == group).astype(np.float64) for group in groups.tolist()]
    if neutral.beta:
        columns.append(_filled(decision.past.beta, inside))
    if neutral.size:
        past = decision.past
        cap = past.market_cap() if past.has_market_cap else past.traded_value()
        if not (cap[inside] > 0.0).any():
            raise DataError(
                f"construction at {decision.session}: no name of the universe has a size; set "
                "portfolio.neutral.size=false"
            )
        columns.append(_filled(np.log(np.where(cap > 0.0, cap, np.nan)), inside))
    return np.stack(columns, axis=1)


def _filled(values_N: FloatArray, inside_N: np.ndarray) -> FloatArray:
    known = inside_N & np.isfinite(values_N)
    mean = float(values_N[known].mean()) if known.any() else 0.0
    return np.where(np.isfinite(values_N), values_N, mean)


def neutralised(signal_N: FloatArray, columns_NP: FloatArray) -> FloatArray:
    """What least squares on a constant and the columns leaves of a signal; NaN stays NaN."""
    inside = np.isfinite(signal_N)
    out = np.full(len(signal_N), np.nan)
    if not inside.any():
        return out
    design = np.column_stack([np.ones(int(inside.sum())), columns_NP[inside]])
    scale = np.sqrt((design**2).mean(axis=0))
    design = design / np.where(scale > 0.0, scale, 1.0)
    slopes = np.linalg.lstsq(design, signal_N[inside], rcond=None)[0]
    left = signal_N[inside] - design @ slopes
    size = float(np.abs(signal_N[inside]).max())
    out[inside] = left if has_dispersion(left) and np.abs(left).max() > 1e-10 * size else 0.0
    return out


def expected_returns(
    signal_N: FloatArray, volatility_N: FloatArray, *, ic: float, horizon: int
) -> FloatArray:
    """Expected return over ``horizon`` sessions: ``ic x volatility x z`` (Grinold 1994).

    ``z`` is the signal standardised over the universe, and the volatility that of a session times
    the root of the horizon. NaN where either is not known.

    References
    ----------
    R. Grinold, "Alpha is volatility times IC times score", Journal of Portfolio Management, 1994.
    """
    return ic * math.sqrt(horizon) * volatility_N * standardised(signal_N)
