"""All typed tables: one per endpoint, each with its schema, units, checks and two clocks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from gogooku.core.errors import DataError
from gogooku.tables.conversion import FETCHED_AT, Sessions, Table, TableRule, Typed
from gogooku.tables.derivatives import FUTURES, INDEX_OPTIONS, OPTIONS
from gogooku.tables.dividends import DIVIDENDS
from gogooku.tables.events import EARNINGS_CALENDAR, EARNINGS_DATES
from gogooku.tables.flows import INVESTOR_TYPES
from gogooku.tables.indices import INDICES, TOPIX
from gogooku.tables.listings import MASTER
from gogooku.tables.margin import MARGIN_ALERT, MARGIN_INTEREST
from gogooku.tables.quotes import MORNING, QUOTES
from gogooku.tables.shorts import SHORT_POSITIONS, SHORT_RATIO
from gogooku.tables.statements import STATEMENT_DETAILS, STATEMENTS
from gogooku.tables.trading import BREAKDOWN, CALENDAR
from gogooku.tables.valuation import VALUATION

__all__ = ["FETCHED_AT", "TABLES", "Sessions", "TableRule", "Typed", "typed"]

_DECLARED: tuple[Table, ...] = (
    CALENDAR,
    MASTER,
    QUOTES,
    MORNING,
    TOPIX,
    INDICES,
    INVESTOR_TYPES,
    VALUATION,
    STATEMENTS,
    STATEMENT_DETAILS,
    DIVIDENDS,
    EARNINGS_DATES,
    EARNINGS_CALENDAR,
    MARGIN_INTEREST,
    MARGIN_ALERT,
    SHORT_RATIO,
    SHORT_POSITIONS,
    BREAKDOWN,
    FUTURES,
    OPTIONS,
    INDEX_OPTIONS,
)

TABLES: Mapping[str, TableRule] = MappingProxyType({t.name: t.rule() for t in _DECLARED})
"""Every typed table by name: that of its endpoint and of its publication rule."""


def typed(name: str, decoded: pl.DataFrame, *, sessions: Sessions) -> Typed:
    """Convert the decoded rows of an endpoint to its typed table.

    Parameters
    ----------
    name : str
        An endpoint.
    decoded : polars.DataFrame
        All wire columns of the endpoint and ``_fetched_at`` (naive UTC), one row per key;
        unknown columns are kept only in the quarantine.
    sessions : array of dates
        Trading sessions of the calendar, ascending, covering the data and at least 15 beyond.

    Raises
    ------
    DataError
        No such table, columns are missing or of another type, or the sessions end too early.
    """
    if name not in TABLES:
        raise DataError(f"{name}: no typed table; there are {', '.join(TABLES)}")
    return TABLES[name].convert(decoded, sessions)
