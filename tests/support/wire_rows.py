"""Decoded frames made by hand: the columns that matter, the rest absent."""

from datetime import datetime

import polars as pl

from gogooku.ingest.jquants.endpoints import ENDPOINTS, Kind

FETCHED = datetime(2027, 6, 1)


def decoded(name, rows, *, fetched=FETCHED):
    """Rows as decoding gives them; a row may carry its own ``_fetched_at``."""
    columns = ENDPOINTS[name].columns
    strangers = {key for row in rows for key in row} - set(columns) - {"_fetched_at"}
    assert not strangers, strangers
    schema = {
        column: pl.Float64() if kind is Kind.NUMBER else pl.String()
        for column, kind in columns.items()
    }
    schema["_fetched_at"] = pl.Datetime("us")
    full = [{"_fetched_at": fetched} | row for row in rows]
    return pl.DataFrame(full, schema=schema)
