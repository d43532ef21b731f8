"""One delivery of a market's daily prices: the frames that every source of prices comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from gogooku.core.errors import DataError

BAR_PRICES = ("open", "high", "low", "close")
"""The prices of a bar."""

QUOTES_SCHEMA: Mapping[str, pl.DataType] = {
    "date": pl.Date(),
    "code": pl.String(),
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume_shares": pl.Float64(),
    "turnover_value": pl.Float64(),
    "adjustment_factor": pl.Float64(),
    "limit_up": pl.Boolean(),
    "limit_down": pl.Boolean(),
}
"""One row per listed (date, code), sorted; raw prices, null where there was no trade.

``adjustment_factor`` is 1.0 except on an ex-date (0.5 for two new shares for one); ``limit_up`` /
``limit_down`` say that the session closed locked at that limit, null where unknown.
"""

LISTINGS_SCHEMA: Mapping[str, pl.DataType] = {
    "code": pl.String(),
    "name": pl.String(),
    "sector": pl.String(),
    "market": pl.String(),
    "listed_from": pl.Date(),
    "listed_to": pl.Date(),
}
"""One row per code; ``listed_to`` is the last listed session, null while listed; ``sector`` and
``market`` are null where the source does not say."""

INDICES_SCHEMA: Mapping[str, pl.DataType] = {
    "date": pl.Date(),
    "index": pl.String(),
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
}
"""One row per (date, index); the market index is ``TOPIX`` in Tokyo, ``MARKET`` elsewhere."""


MARKETS_SCHEMA: Mapping[str, pl.DataType] = {
    "date": pl.Date(),
    "code": pl.String(),
    "market": pl.String(),
}
"""The market of a name from a date on, of names that change it; sorted by (date, code)."""


@dataclass(frozen=True)
class SourceFrames:
    """One delivery of a market.

    Attributes
    ----------
    quotes, listings, indices : polars.DataFrame
        With the schemas above; ``indices`` may have no rows.
    exchange : str
        Name of the exchange, see `gogooku.core.calendar`.
    extras : mapping of str to polars.DataFrame
        Kept beside, never read by tables: quarantined rows, nulled cells, a sandbox's truth.
    facts : mapping
        JSON facts about the delivery, kept in the manifest.
    markets : polars.DataFrame or None
        With `MARKETS_SCHEMA`; None where no name changes its market, or nobody says.
    """

    quotes: pl.DataFrame
    listings: pl.DataFrame
    indices: pl.DataFrame
    exchange: str
    extras: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    markets: pl.DataFrame | None = None

    def __post_init__(self) -> None:
        """Refuse frames whose columns or types differ from the schemas."""
        for name, frame, schema in (
            ("quotes", self.quotes, QUOTES_SCHEMA),
            ("listings", self.listings, LISTINGS_SCHEMA),
            ("indices", self.indices, INDICES_SCHEMA),
            ("markets", self.markets, MARKETS_SCHEMA),
        ):
            if frame is not None and dict(frame.schema) != dict(schema):
                raise DataError(f"{name}: schema is {frame.schema}, expected {dict(schema)}")
        if self.quotes.is_empty():
            raise DataError("quotes: no rows; an empty market is never stored")
