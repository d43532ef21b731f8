"""Settings of the correlation loss; imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gogooku.core.registry import VariantConfig


class CorrelationConfig(VariantConfig):
    """``1 - correlation + mse_weight * squared error``, per session and horizon.

    Attributes
    ----------
    mse_weight : float
        Weight of the squared error: the anchor that keeps the scale of the scores near that of the
        labels.
    """

    kind: Literal["correlation"] = "correlation"
    mse_weight: float = Field(default=0.1, ge=0.0)
