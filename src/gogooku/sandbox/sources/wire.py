"""Rows of a generated market in the form in which the vendor sends them.

A `Wire` renders one endpoint, on demand and for a span of dates, so that ten years of the whole
market never lie in memory at once. The server adds plans, windows, paging and faults; what a row
says and when it becomes visible is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, Protocol

import polars as pl

from gogooku.ingest.jquants.endpoints import Endpoint, Kind

VISIBLE: Final = "_visible"
"""Column with the instant (naive UTC, microseconds) from which the vendor delivers a row."""


class Wire(Protocol):
    """Renders the rows of one endpoint."""

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows whose axis date lies in ``first`` to ``last`` (both included).

        All columns of the endpoint in its order, with the types of `wire_schema`, then `VISIBLE`.
        Sorted by the endpoint's key; deterministic; the same rows whatever the span.
        """


Wires = Mapping[str, Wire]
"""One wire per endpoint name."""


def wire_schema(endpoint: Endpoint) -> dict[str, pl.DataType]:
    """Types of the rows of an endpoint: Float64 for numbers, String for everything else.

    TEXT_NUMBER and MARKED columns are the text that goes on the wire (``"12.5"``, ``"-"``,
    ``"*"``, ``""``); OBJECT is JSON text; DATE is YYYY-MM-DD. The server turns TEXT_NUMBER of
    derivatives and MARKED into JSON numbers where the text is a number.
    """
    number = {Kind.NUMBER: pl.Float64()}
    schema: dict[str, pl.DataType] = {
        name: number.get(kind, pl.String()) for name, kind in endpoint.columns.items()
    }
    schema[VISIBLE] = pl.Datetime("us")
    return schema
