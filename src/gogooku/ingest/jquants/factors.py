"""Adjustment factors in the rows of an answer, and when each was public."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from gogooku.core.wall import tokyo_instant
from gogooku.ingest.jquants.endpoints import ADJUSTMENT_FACTOR, Endpoint
from gogooku.ingest.jquants.ledger import Factor
from gogooku.ingest.jquants.moments import Sessions, ready_at

CODE = "Code"
"""Column of the name that a row is of."""


def factors_of(
    endpoint: Endpoint, frame: pl.DataFrame, *, sessions: Sessions | None
) -> tuple[Factor, ...] | None:
    """Adjustment factors other than 1; None for an endpoint without them, or without sessions."""
    if ADJUSTMENT_FACTOR not in endpoint.columns or sessions is None:
        return None
    hit = frame.filter(pl.col(ADJUSTMENT_FACTOR).is_not_null() & (pl.col(ADJUSTMENT_FACTOR) != 1.0))
    days = hit.get_column("Date").str.to_date(strict=False).to_list()
    rows = zip(days, hit.get_column(CODE), hit.get_column(ADJUSTMENT_FACTOR), strict=True)
    return tuple(
        Factor(code, day, ratio, known_at=_known_at(endpoint, day, sessions))
        for day, code, ratio in rows
        if day is not None
    )


def _known_at(endpoint: Endpoint, day: date, sessions: Sessions) -> datetime:
    """When the rows of a session are out; of another date, that midnight."""
    if day not in sessions:
        return tokyo_instant(day, 0)
    return ready_at(endpoint, day, sessions=sessions)
