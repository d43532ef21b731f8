"""What the losses over sessions in a row have in common among their settings; imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from gogooku.core.registry import VariantConfig


class Holding(StrEnum):
    """How scores become what is held of each name."""

    NEUTRAL = "neutral"
    """The score less the session's mean, all absolute values together 1: as much short as long."""
    OUTRIGHT = "outright"
    """The hyperbolic tangent of the score, from -1 to 1, an equal share of the money each."""


class StripConfig(VariantConfig):
    """Settings of a loss over sessions in a row.

    Attributes
    ----------
    holding : Holding
    """

    holding: Holding = Holding.NEUTRAL

    def least_sessions(self, horizons: Sequence[int]) -> int:
        """Sessions that a step must have at least, for horizons that have a weight."""
        del horizons
        return 2
