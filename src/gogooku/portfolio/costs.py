"""What trading costs: one definition, used to construct and to backtest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from gogooku.core.config import Config
from gogooku.core.findings import Unit
from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray

BASIS_POINT = 1e-4
DAYS_PER_YEAR: Final = 365
"""Borrow is charged by calendar days."""
UNKNOWN_VOLATILITY: Final = 0.03
"""Of a session, where a name has too few returns to estimate it."""
_Bps = Annotated[float, Unit("basis points")]


class Traded(NamedTuple):
    """What is traded and what is known of it when it is, each [k], in the market's currency.

    Attributes
    ----------
    value : float
        Shares times price, without sign.
    shares : int
        Without sign.
    tick : float
        At the price.
    mean_value : float
        Trailing mean traded value per session known at the decision; 0 or NaN where unknown.
    volatility : float
        Trailing standard deviation of session returns; NaN where unknown.
    """

    value: FloatArray
    shares: FloatArray | IntArray
    tick: FloatArray
    mean_value: FloatArray
    volatility: FloatArray


@dataclass(frozen=True)
class Charges:
    """Costs by kind (commission, spread, impact) [3, k], in the market's currency."""

    by_kind: FloatArray

    @property
    def commission(self) -> FloatArray:
        """To the broker, [k]."""
        return np.asarray(self.by_kind[0])

    @property
    def spread(self) -> FloatArray:
        """Half the spread, [k]."""
        return np.asarray(self.by_kind[1])

    @property
    def impact(self) -> FloatArray:
        """What the order itself moves the price, [k]."""
        return np.asarray(self.by_kind[2])


class CostConfig(Config):
    """Costs of trading, per side, and of selling short.

    Attributes
    ----------
    commission_bps : float
        Paid to the broker, of traded value.
    tier_from : tuple of float
        Traded values of one order, ascending, above which the commission of the next tier holds for
        what is above, as tax brackets do.
    tier_bps : tuple of float
        Commission of each of those tiers.
    min_commission : float
        Least commission of a filled order, in the market's currency.
    slippage_bps : float
        Half the spread, against the price of the fill.
    spread_ticks : float
        The half-spread is at least this many ticks: 0.5 where the spread is one tick.
    impact : float
        Coefficient of the square-root law: an order costs ``impact`` x volatility of a session x
        sqrt(traded value / mean traded value) of its value. 0 for none; estimates lie about 1
        (Toth et al. 2011, Almgren et al. 2005).
    borrow_bps : float
        Per year, of the value of names sold short.
    """

    commission_bps: _Bps = Field(default=2.0, ge=0.0, le=1_000.0)
    tier_from: tuple[float, ...] = ()
    tier_bps: tuple[float, ...] = ()
    min_commission: float = Field(default=0.0, ge=0.0, le=1e9)
    slippage_bps: _Bps = Field(default=8.0, ge=0.0, le=1_000.0)
    spread_ticks: Annotated[float, Unit("ticks")] = Field(default=0.0, ge=0.0, le=100.0)
    impact: float = Field(default=0.0, ge=0.0, le=100.0)
    borrow_bps: _Bps = Field(default=100.0, ge=0.0, le=100_000.0)

    @model_validator(mode="after")
    def _tiers_fit(self) -> CostConfig:
        if len(self.tier_from) != len(self.tier_bps):
            raise ValueError(
                f"tier_from has {len(self.tier_from)} values and tier_bps {len(self.tier_bps)}; "
                "each tier has one of both"
            )
        if any(a >= b for a, b in zip((0.0, *self.tier_from), self.tier_from, strict=False)):
            raise ValueError("tier_from must be above 0 and ascend")
        if any(not 0.0 <= one <= 1_000.0 for one in self.tier_bps):
            raise ValueError("tier_bps must be from 0 to 1,000 basis points")
        return self

    @property
    def rate(self) -> float:
        """Commission (its dearest tier) and half-spread of one side, as a share of traded value.

        What construction sets aside for a purchase before it knows prices: no order of any size
        pays more of these two. It leaves out the least commission, ticks and impact, for which the
        broker buys fewer lots.
        """
        return (max(self.commission_bps, *self.tier_bps, 0.0) + self.slippage_bps) * BASIS_POINT

    def charges(self, traded: Traded) -> Charges:
        """Costs of orders by kind; each grows with the value traded."""
        value = traded.value
        by_kind = np.empty((3, len(value)))
        commission, spread, impact = by_kind
        np.multiply(value, self.commission_bps * BASIS_POINT, out=commission)
        last = self.commission_bps
        for start, bps in zip(self.tier_from, self.tier_bps, strict=True):
            commission += np.maximum(value - start, 0.0) * ((bps - last) * BASIS_POINT)
            last = bps
        if self.min_commission:
            least = np.where(value > 0.0, self.min_commission, 0.0)
            np.maximum(commission, least, out=commission)
        np.multiply(value, self.slippage_bps * BASIS_POINT, out=spread)
        if self.spread_ticks:
            np.maximum(spread, traded.shares * traded.tick * self.spread_ticks, out=spread)
        impact[:] = self._impact(traded) if self.impact else 0.0
        return Charges(by_kind)

    def _impact(self, traded: Traded) -> FloatArray:
        if not self.impact:
            return np.zeros_like(traded.value)
        known = np.nan_to_num(traded.mean_value, nan=0.0) > 0.0
        usual = np.where(known, traded.mean_value, np.maximum(traded.value, 1.0))
        volatility = np.nan_to_num(traded.volatility, nan=UNKNOWN_VOLATILITY)
        return np.asarray(self.impact * volatility * np.sqrt(traded.value / usual) * traded.value)

    def cost(self, traded: Traded) -> FloatArray:
        """All costs of orders together, [k]."""
        return np.asarray(self.charges(traded).by_kind.sum(axis=0))

    def borrow(self, value: float, days: int) -> float:
        """Fee for names sold short of a value, for calendar days."""
        return value * self.borrow_bps * BASIS_POINT * days / DAYS_PER_YEAR
