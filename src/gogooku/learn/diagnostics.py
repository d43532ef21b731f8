"""Why a network does not learn: weights out of reach of the gradient, scores that went flat."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import nn


def gradient_norms(model: nn.Module) -> dict[str, float]:
    """Norm of the gradient of every parameter; 0 for one that the loss does not reach."""
    return {
        name: 0.0 if weight.grad is None else float(weight.grad.norm())
        for name, weight in model.named_parameters()
    }


def unreached(norms: dict[str, float], *, floor: float = 1e-12) -> list[str]:
    """Names of parameters whose gradient is at most ``floor``."""
    return sorted(name for name, norm in norms.items() if not norm > floor)


def score_spread(score_TNH: npt.NDArray[np.float32]) -> list[float]:
    """Mean over sessions of the standard deviation of scores across names, per horizon.

    A spread that falls towards 0 is a collapse: every name gets the same score.
    """
    known = np.isfinite(score_TNH)
    count = np.maximum(known.sum(axis=1), 1)
    filled = np.where(known, score_TNH, 0.0).astype(np.float64)
    mean = filled.sum(axis=1) / count
    squares = np.where(known, (filled - mean[:, None]) ** 2, 0.0).sum(axis=1)
    spread: list[float] = np.sqrt(squares / count).mean(axis=0).tolist()
    return spread
