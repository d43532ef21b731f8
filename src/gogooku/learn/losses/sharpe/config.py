"""Settings of the Sharpe and Sortino ratios of a strip; imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import Field

from gogooku.learn.losses.strip_config import StripConfig

FEWEST: Final = 5
"""Sessions from which on a spread over sessions says anything."""


class _RatioConfig(StripConfig):
    """What earns for its risk over the sessions of a step.

    Attributes
    ----------
    cost_bps : float
        Cost of a unit bought or sold, in basis points. What is held for h sessions is changed every
        h sessions, so the sessions of a step must reach beyond the longest horizon with a weight.
    """

    cost_bps: float = Field(default=10.0, ge=0.0)

    def least_sessions(self, horizons: Sequence[int]) -> int:
        """Enough for a spread, and with costs for two holdings of the longest horizon."""
        return max(FEWEST, 1 + max(horizons, default=0)) if self.cost_bps else FEWEST


class SharpeConfig(_RatioConfig):
    """Mean return of the holdings after costs over its standard deviation."""

    kind: Literal["sharpe"] = "sharpe"


class SortinoConfig(_RatioConfig):
    """Mean return of the holdings after costs over the root mean square of its losses."""

    kind: Literal["sortino"] = "sortino"
