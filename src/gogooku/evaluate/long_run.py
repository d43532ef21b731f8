"""Long-run covariance of several series by the prewhitened Parzen kernel."""

from __future__ import annotations

import math

import numpy as np

from gogooku.core.metrics import FloatArray

_LONGEST_MEMORY = 0.97
"""Largest singular value of the prewhitening matrix (Andrews & Monahan 1992)."""
_PARZEN = 2.6614
"""Of the automatic bandwidth for the Parzen kernel (Andrews 1991)."""


def long_run_covariance(centred_TK: FloatArray) -> FloatArray:
    """Long-run covariance by the prewhitened Parzen kernel with an automatic bandwidth.

    Andrews & Monahan (1992): residuals of a first-order vector autoregression, whose singular
    values are held below `_LONGEST_MEMORY`, are weighted with bandwidth ``2.6614 (a n)^(1/5)``
    (Andrews 1991), and coloured again. Divided by ``n/(n - K)`` for the K means.
    """
    before, after = centred_TK[:-1], centred_TK[1:]
    fitted = np.linalg.lstsq(before, after, rcond=None)[0].T
    left, values, right = np.linalg.svd(fitted)
    memory = left @ np.diag(np.minimum(values, _LONGEST_MEMORY)) @ right
    white = after - before @ memory.T
    n, count = white.shape
    bandwidth = _PARZEN * (_curvature(white) * n) ** 0.2
    total = white.T @ white / n
    for lag in range(1, min(n, math.ceil(bandwidth))):
        shifted = white[lag:].T @ white[:-lag] / n
        total = total + _parzen(lag / bandwidth) * (shifted + shifted.T)
    colour = np.linalg.inv(np.eye(count) - memory)
    return np.asarray(colour @ total @ colour.T * (n / (n - count)))


def _parzen(x: float) -> float:
    return 1.0 - 6.0 * x * x * (1.0 - x) if x <= 0.5 else 2.0 * (1.0 - x) ** 3


def _curvature(white: FloatArray) -> float:
    """Andrews' ``alpha(2)`` from first-order autoregressions of each column."""
    centred = white - white.mean(axis=0)
    before, after = centred[:-1], centred[1:]
    memory = (before * after).sum(axis=0) / (before * before).sum(axis=0)
    memory = np.clip(memory, -_LONGEST_MEMORY, _LONGEST_MEMORY)
    noise = ((after - memory * before) ** 2).mean(axis=0)
    top = 4.0 * memory**2 * noise**2 / (1.0 - memory) ** 8
    return float(top.sum() / (noise**2 / (1.0 - memory) ** 4).sum())
