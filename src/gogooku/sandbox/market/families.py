"""The planted expected returns: five families, each a known function of observable things.

Everything is a function of the standardised surprise ``u`` (sector-demeaned close-to-close return
over its trailing standard deviation, clipped at 4), of log traded value, of the market index and
of a slow characteristic. Source of forms and constants: the calibration of a planted-return
market, recipe v2.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gogooku.sandbox.market.config import FAMILIES

FloatArray = npt.NDArray[np.float64]

LOOKBACK: Final = 64
"""Rows of history that the families need before a session (longest window: 60)."""

SHOCK_PHI: Final = 0.8
"""Persistence of the volume shock."""
LEVEL_PHI: Final = 0.995
"""Persistence of the slow characteristic."""
RMS_SESSIONS: Final = 20
RMS_CENTRE: Final = 0.0095
NUM_FAMILIES: Final = len(FAMILIES)


def _order_kernel() -> FloatArray:
    lag = np.arange(1, 21, dtype=np.float64)
    kernel = np.zeros(20)
    kernel[5:10] = 0.6 * np.sin(2 * np.pi * (lag[5:10] - 5.5) / 5)
    kernel[10:20] = np.sin(2 * np.pi * (lag[10:20] - 10.5) / 10)
    for block in (slice(5, 10), slice(10, 20)):
        kernel[block] -= kernel[block].mean()
    unit: FloatArray = kernel / np.sqrt((kernel**2).sum())
    return unit


LINEAR_KERNEL: Final[FloatArray] = (
    np.concatenate([np.full(5, -0.6 / np.sqrt(5)), np.full(20, 0.5 / np.sqrt(20))]) / 0.985
)
"""Short reversal and one-month momentum, on ``u`` at lags 0 (today) to 24."""
TREND_KERNEL: Final[FloatArray] = np.concatenate([np.zeros(5), np.full(40, 1 / np.sqrt(40))]) / 0.62
"""What the regime gates: the sum of ``u`` at lags 5 to 44."""
ORDER_KERNEL: Final[FloatArray] = _order_kernel()
"""Unit norm, on ``u`` at lags 0 to 19; orthogonal to the sums over lags 0-4, 5-9 and 10-19."""
PEER_KERNEL: Final[FloatArray] = np.array([5.0, 4.0, 3.0, 2.0, 1.0]) / 15 / 0.494
"""On the mean ``u`` of the other group members over 0.55, at lags 0 to 4."""
PEER_SPREAD: Final = 0.55
VOLUME_WEIGHT: Final = 0.6 / 0.985


def ahead(kernel: FloatArray, horizon: int) -> FloatArray:
    """Sum over the next ``horizon`` sessions of a kernel's no-news forecast, again a kernel.

    The forecast k sessions ahead sets the k unseen values to zero, so the lag j of today serves
    as lag j + k: ``out[j] = sum_k kernel[j + k]``.
    """
    tail = np.concatenate([np.cumsum(kernel[::-1])[::-1], np.zeros(horizon)])
    summed: FloatArray = tail[: len(kernel)] - tail[horizon : horizon + len(kernel)]
    return summed


def lagged(history: FloatArray, kernel: FloatArray, row: int) -> FloatArray:
    """Apply a kernel to the rows up to and including ``row``; [N], no BLAS, so bit-stable."""
    window = history[row - len(kernel) + 1 : row + 1]
    summed: FloatArray = np.einsum("j,jn->n", kernel[::-1], window)
    return summed


def gate(index_returns: FloatArray) -> float:
    """Regime gate of the last 20 index returns: +1 in calm, -1 in turbulent markets."""
    rms = float(np.sqrt((index_returns**2).mean()))
    return float(np.tanh(-2.0 * np.log(max(rms, 1e-6) / RMS_CENTRE)))


def volume_term(log_value: FloatArray, row: int) -> FloatArray:
    """Clipped difference of the 5- and 60-session means of log traded value; [N]."""
    short = log_value[row - 4 : row + 1].mean(axis=0)
    long = log_value[row - 59 : row + 1].mean(axis=0)
    term: FloatArray = np.clip((short - long) / 0.40, -4.0, 4.0)
    return term
