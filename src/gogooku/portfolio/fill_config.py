"""How orders are filled, as a choice."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from gogooku.core.config import Config
from gogooku.core.findings import Unit


class FillPrice(StrEnum):
    """Which price of the session after the decision an order gets."""

    OPEN = "open"
    VWAP_PROXY = "vwap_proxy"
    """(open + high + low + close) / 4, rounded to the tick against the trader."""
    CLOSE = "close"


class FillConfig(Config):
    """How orders are filled, always in the session after their decision or later.

    Attributes
    ----------
    price : FillPrice
    max_participation : float
        Largest share of a name's traded value that an order takes in a session: of the trailing
        mean known at the decision, and for fills over the session or at its close of that session's
        own volume too. The rest is carried to the next session. 0 for no cap.
    lookback : int
        Trailing sessions of mean traded value and of volatility.
    price_limit : float
        Share of the base price by which a price may move in a session. 0 for the exchange's own
        limits: the table of Tokyo, none in New York.
    """

    price: FillPrice = FillPrice.OPEN
    max_participation: float = Field(default=0.0, ge=0.0, le=1.0)
    lookback: Annotated[int, Unit("sessions")] = Field(default=20, ge=2, le=1_000)
    price_limit: float = Field(default=0.0, ge=0.0, le=10.0)
