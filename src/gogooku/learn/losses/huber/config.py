"""Settings of the Huber loss; imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gogooku.core.registry import VariantConfig


class HuberConfig(VariantConfig):
    """Squared error up to ``delta``, linear beyond.

    Attributes
    ----------
    delta : float
        Error from which on it grows linearly, in normal scores.
    """

    kind: Literal["huber"] = "huber"
    delta: float = Field(default=1.0, gt=0.0)
