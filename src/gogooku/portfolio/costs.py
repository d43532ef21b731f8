"""What trading costs: one definition, used to construct and to backtest."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gogooku.core.config import Config
from gogooku.core.findings import Unit

BASIS_POINT = 1e-4


class CostConfig(Config):
    """Costs in basis points of traded value, per side.

    Attributes
    ----------
    commission_bps : float
        Paid to the broker.
    slippage_bps : float
        Half the spread and the impact of a small order, against the opening price.
    """

    commission_bps: Annotated[float, Unit("basis points")] = Field(default=2.0, ge=0.0, le=1_000.0)
    slippage_bps: Annotated[float, Unit("basis points")] = Field(default=8.0, ge=0.0, le=1_000.0)

    @property
    def rate(self) -> float:
        """Cost of one side as a share of traded value."""
        return (self.commission_bps + self.slippage_bps) * BASIS_POINT

    def cost(self, traded_value: float) -> float:
        """Cost of trading a value (in the market's currency), either side."""
        return abs(traded_value) * self.rate
