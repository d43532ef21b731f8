"""Index bars: TOPIX, and every index that the vendor has."""

from __future__ import annotations

import polars as pl

from gogooku.core.frames import INDICES_SCHEMA
from gogooku.tables.checks import bar_checks
from gogooku.tables.conversion import As, Column, Table, event_day, number

TOPIX_CODE = "0000"
"""TOPIX among the indices; a plan without them has it from its own endpoint."""

_BAR = tuple(
    number(name, wire, "index points; open, high and low may be null for close-only indices")
    for name, wire in (("open", "O"), ("high", "H"), ("low", "L"), ("close", "C"))
)
_CODE = Column(
    "code",
    "Code",
    As.TEXT,
    "4 characters: 0000 TOPIX, 0040-0060 the 33 sectors",
    required=True,
    pattern=r"^[0-9A-Z]{4}$",
)

INDICES = Table(
    name="indices",
    event_date="event_date",
    columns=(event_day(), _CODE, *_BAR),
    key=("event_date", "code"),
    checks=bar_checks(),
    session=True,
)

TOPIX = Table(
    name="topix",
    event_date="event_date",
    columns=(event_day(), *_BAR),
    key=("event_date",),
    checks=bar_checks(),
    session=True,
)


def store_indices(topix: pl.DataFrame) -> pl.DataFrame:
    """Typed TOPIX bars as a source stores them (`INDICES_SCHEMA`)."""
    named = topix.with_columns(pl.col("event_date").alias("date"), pl.lit("TOPIX").alias("index"))
    return named.select(pl.col(n).cast(t) for n, t in INDICES_SCHEMA.items()).sort("date", "index")
