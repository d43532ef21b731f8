"""Settings of the decorrelation penalty; imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gogooku.core.registry import VariantConfig


class DecorrelationConfig(VariantConfig):
    """Squared correlation of a session's scores with each of some features.

    Attributes
    ----------
    features : tuple of str
        Stock features that the scores are not to repeat, by name.
    """

    kind: Literal["decorrelation"] = "decorrelation"
    features: tuple[str, ...] = Field(default=("ret_prev_5d", "volatility_20d"), min_length=1)
