"""When each source can be known: the one table, and nothing else in the project adds a lag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray, Exchange
from gogooku.core.errors import DataError


class Match(StrEnum):
    """How a source is attached to a session."""

    SAME_SESSION = "same_session"
    """Only a row of that very session; otherwise null (a bar of yesterday is not today's bar)."""


@dataclass(frozen=True)
class Publication:
    """The rule of one source.

    Attributes
    ----------
    source : str
    known : str
        In words, exchange-local.
    match : Match
    """

    source: str
    known: str
    match: Match


PUBLICATIONS: Mapping[str, Publication] = {
    rule.source: rule
    for rule in (
        Publication(
            "quotes",
            "16:30 of the session in Tokyo; an hour after the close elsewhere",
            Match.SAME_SESSION,
        ),
        Publication("indices", "as quotes", Match.SAME_SESSION),
    )
}
"""Every source that is joined. Listing facts (code, sector, market) are known before the first
session of the name and need no clock."""


def with_clocks(rows: pl.DataFrame, source: str, *, exchange: Exchange) -> pl.DataFrame:
    """Add ``event_date`` and ``available_at`` (UTC, microseconds) to the rows of a source.

    Raises
    ------
    DataError
        The source has no publication rule.
    """
    if source not in PUBLICATIONS:
        raise DataError(f"{source}: no publication rule; add a row to tables/publication.py")
    dates = rows.get_column("date").unique().sort()
    days: DateArray = dates.to_numpy().astype("datetime64[D]")
    known = pl.DataFrame(
        {"date": dates, "available_at": exchange.known_at(days).astype("datetime64[us]")}
    )
    return rows.join(known, on="date", how="left", maintain_order="left").with_columns(
        event_date=pl.col("date")
    )


def decisions(sessions: DateArray, *, exchange: Exchange, clock: str) -> pl.DataFrame:
    """The decision instant of every session (date, decision_at)."""
    from gogooku.core.calendar import Clock

    moments = exchange.decision(sessions, Clock(clock))
    return pl.DataFrame(
        {"date": sessions.astype("datetime64[D]"), "decision_at": np.asarray(moments)},
        schema={"date": pl.Date(), "decision_at": pl.Datetime("us")},
    )
