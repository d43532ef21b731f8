"""What is usual at each exchange: its currency, and the settings that follow from it.

The one table of defaults that depend on where names are traded. A setting that somebody states, in
a file, with ``--set`` or in a run function, is never replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gogooku.core.config import DEFAULT_ORIGIN, ConfigT, Resolved, leaves, tree_of, validated
from gogooku.core.errors import DataError


@dataclass(frozen=True)
class Terms:
    """What is usual at an exchange; amounts are in its currency.

    Attributes
    ----------
    currency : str
        ISO 4217.
    min_traded_value : float
        Floor of the universe: mean traded value per session.
    markets : tuple of str
        Segments whose names are ranked; empty for all.
    lot_size : int
        Shares per lot.
    initial_cash : float
    top_k : int
        Names held.
    minor_units : int
        Smallest amounts of money per unit of the currency: 1 for the yen, 100 cents for the dollar.
    price_limits : bool
        Whether the exchange bounds the move of a session by a table
        (`gogooku.core.price_limits`).
    """

    currency: str
    min_traded_value: float
    markets: tuple[str, ...]
    lot_size: int
    initial_cash: float
    top_k: int
    minor_units: int
    price_limits: bool


TERMS: Mapping[str, Terms] = {
    "tokyo": Terms(
        currency="JPY",
        min_traded_value=50_000_000.0,
        markets=("Prime", "Standard", "Growth"),
        lot_size=100,
        initial_cash=1e9,
        top_k=50,
        minor_units=1,
        price_limits=True,
    ),
    "new_york": Terms(
        currency="USD",
        min_traded_value=1_000_000.0,
        markets=(),
        lot_size=1,
        initial_cash=1e7,
        top_k=50,
        minor_units=100,
        price_limits=False,
    ),
}
"""By the name of an exchange, see `gogooku.core.calendar`."""

USUAL = TERMS["tokyo"]
"""What a config holds before its exchange is known."""

_SETTINGS: Mapping[str, str] = {
    "universe.min_traded_value": "min_traded_value",
    "universe.markets": "markets",
    "lot_size": "lot_size",
    "initial_cash": "initial_cash",
    "portfolio.top_k": "top_k",
}
"""Path of a setting, in any config that has it, to what it is by default."""


def terms_of(exchange: str) -> Terms:
    """What is usual at an exchange.

    Raises
    ------
    DataError
        It is not known.
    """
    if exchange not in TERMS:
        known = ", ".join(sorted(TERMS))
        raise DataError(f"exchange {exchange!r} is not known; known: {known}")
    return TERMS[exchange]


def at_exchange(resolved: Resolved[ConfigT], exchange: str) -> Resolved[ConfigT]:
    """A config whose untouched settings are those of an exchange, and say so in their origin."""
    terms = terms_of(exchange)
    values = {
        path: getattr(terms, name)
        for path, name in _SETTINGS.items()
        if resolved.origins.get(path) == DEFAULT_ORIGIN
    }
    if not values:
        return resolved
    written: dict[str, dict[str, Any]] = {
        path: {"value": values.get(path, value)}
        for path, value in leaves(resolved.config.model_dump(mode="json"))
    }
    usual = dict.fromkeys(values, f"{DEFAULT_ORIGIN} of exchange {exchange}")
    return Resolved(
        config=validated(type(resolved.config), tree_of(written)),
        origins={**resolved.origins, **usual},
    )


def money(amount: float, exchange: str) -> str:
    """An amount in the currency of an exchange, for people: ``JPY 50,000,000``."""
    currency = terms_of(exchange).currency
    digits = 0 if amount == round(amount) or abs(amount) >= 100.0 else 2
    return f"{currency} {amount:,.{digits}f}"
