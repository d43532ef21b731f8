"""What the market was like, as one knew it at the decision.

The market is the mean of the universe's shortest labels, each used only from the session on at
whose open it was known.
"""

from __future__ import annotations

import numpy as np

from gogooku.core.metrics import VOLATILITY_SESSIONS, FloatArray
from gogooku.core.types import BoolArray, IntArray, Labels

TREND_SESSIONS = 20
LEAST_HISTORY = 60
"""Earlier values that a value is compared with, at least: before that a regime is not known."""

VOLATILITY = ("calm", "usual", "volatile")
TREND = ("falling", "rising")


def market_returns(labels: Labels, universe_TN: BoolArray) -> FloatArray:
    """Mean return of the universe, [T], at the session that knows it: its label is resolved.

    Labels that resolve late (a name that was suspended) are left out. NaN before the first.
    """
    place = int(np.argmin(labels.horizons))
    label = labels.raw_TNH[:, :, place].astype(np.float64)
    used = universe_TN & np.isfinite(label) & (labels.late_TNH[:, :, place] == 0)
    count = np.count_nonzero(used, axis=1)
    mean = np.full(len(label), np.nan)
    np.divide(np.where(used, label, 0.0).sum(axis=1), count, out=mean, where=count > 0)
    out = np.full(len(label), np.nan)
    made = np.flatnonzero(~np.isnat(labels.resolved_TH[:, place]) & np.isfinite(mean))
    known = np.searchsorted(labels.sessions, labels.resolved_TH[made, place])
    inside = known < len(out)
    out[known[inside]] = mean[made[inside]]
    return out


def volatility_regime(market_T: FloatArray) -> IntArray:
    """Place in `VOLATILITY` of each session, [T]; -1 where not known.

    The standard deviation of the last `VOLATILITY_SESSIONS` returns, in the lowest, middle or
    highest third of those of all sessions before.
    """
    trailing = _windows(market_T, VOLATILITY_SESSIONS).std(axis=1)
    out = np.full(len(market_T), -1, dtype=np.int64)
    for t in np.flatnonzero(np.isfinite(trailing)):
        before = trailing[:t][np.isfinite(trailing[:t])]
        if len(before) >= LEAST_HISTORY:
            share = float(np.mean(before < trailing[t]))
            out[t] = min(int(share * len(VOLATILITY)), len(VOLATILITY) - 1)
    return out


def trend_regime(market_T: FloatArray) -> IntArray:
    """Place in `TREND` of each session, [T]: the mean of the last `TREND_SESSIONS` returns."""
    trailing = _windows(market_T, TREND_SESSIONS).mean(axis=1)
    return np.where(np.isfinite(trailing), (trailing > 0.0).astype(np.int64), -1)


def _windows(market_T: FloatArray, sessions: int) -> FloatArray:
    """The last returns of each session, its own included, [T, sessions]; NaN before the first."""
    padded = np.concatenate([np.full(sessions - 1, np.nan), market_T])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, sessions))
