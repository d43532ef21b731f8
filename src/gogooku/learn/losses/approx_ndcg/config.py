"""Settings of the soft NDCG; imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gogooku.core.registry import VariantConfig


class ApproxNdcgConfig(VariantConfig):
    """One minus the soft NDCG of the first places.

    Attributes
    ----------
    top : int
        First places K that count.
    temperature : float
        How soft a place is: width of its step in standard deviations of a session's scores.
    references : int
        Most names of a session that a name is compared with, beside the 2 K highest.
    """

    kind: Literal["approx_ndcg"] = "approx_ndcg"
    top: int = Field(default=50, ge=1)
    temperature: float = Field(default=0.1, gt=0.0)
    references: int = Field(default=256, ge=2)
