"""Sessions by the vendor's own calendar, where the source has one."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray, tokyo_sessions
from gogooku.ingest.jquants.endpoints import CALENDAR
from gogooku.ingest.source import Source


def vendor_sessions(source: Source, first: date, last: date) -> DateArray:
    """Tokyo sessions of a span: by the vendor's calendar as far as it reaches, then by the rule.

    A day that the vendor says is closed is no session, though the rule of the exchange has it open.
    """
    ruled = tokyo_sessions(first, last)
    paths = source.checked(source.table_paths(CALENDAR))
    if not paths:
        return ruled
    said = pl.concat(
        [pl.read_parquet(path, columns=["event_date", "is_session"]) for path in paths]
    )
    known = said.get_column("event_date")
    opened = said.filter("is_session").get_column("event_date").unique().sort().to_numpy()
    opened = opened.astype("datetime64[D]")
    opened = opened[(opened >= np.datetime64(first)) & (opened <= np.datetime64(last))]
    reach = known.to_numpy().astype("datetime64[D]")
    beyond = ruled[(ruled < reach.min()) | (ruled > reach.max())]
    return np.sort(np.concatenate([opened, beyond]))
