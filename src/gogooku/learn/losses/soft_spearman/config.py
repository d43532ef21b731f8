"""Settings of the soft rank correlation; imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gogooku.core.registry import VariantConfig


class SoftSpearmanConfig(VariantConfig):
    """One minus the correlation of soft places with the places of the labels.

    Attributes
    ----------
    temperature : float
        How soft a place is: width of its step in standard deviations of a session's scores.
    references : int
        Most names of a session that a name is compared with.
    """

    kind: Literal["soft_spearman"] = "soft_spearman"
    temperature: float = Field(default=0.1, gt=0.0)
    references: int = Field(default=256, ge=2)
