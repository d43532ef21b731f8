"""What the checks of the typed tables put aside."""

import polars as pl

from gogooku.core.files import read_parquet
from gogooku.tables.parts import QUARANTINE_FILE


def quarantined_rows(tables, table):
    """Rows of a table that failed a check, with their reason, all years."""
    frames = [
        read_parquet(part.folder / QUARANTINE_FILE)
        for part in tables.parts
        if part.table == table and part.quarantined
    ]
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()
