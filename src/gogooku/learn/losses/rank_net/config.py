"""Settings of RankNet; imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gogooku.core.registry import VariantConfig


class RankNetConfig(VariantConfig):
    """How unlikely it is that the better of two names has the higher score.

    Attributes
    ----------
    pairs : int
        Partners that a name is compared with in a step, drawn anew each time.
    temperature : float
        Difference of scores that counts as one.
    """

    kind: Literal["rank_net"] = "rank_net"
    pairs: int = Field(default=16, ge=1)
    temperature: float = Field(default=1.0, gt=0.0)
