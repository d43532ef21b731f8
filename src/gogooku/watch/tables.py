"""Freshness and coverage of the tables that an evening was made from, as known at its decision.

What is usual of a table is read from its own past: the sessions that its newest row usually lags,
and the fewest rows that a session brought. So a weekly table is late after more than a week, and no
list of lags is kept by hand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import DateArray, exchange_named
from gogooku.core.files import readable
from gogooku.core.periods import may_hold
from gogooku.core.types import Dataset
from gogooku.ingest.source import Source
from gogooku.watch.limits import LEAST_ROWS

PAST_SESSIONS: Final = 90
"""Sessions before the evening that say what is usual."""


@dataclass(frozen=True)
class TableState:
    """What was known of a table at a decision.

    Attributes
    ----------
    table : str
    newest : date or None
        Date of its newest row; None where it brought none in all the sessions looked at.
    expected : date or None
        The session that its newest row should at least have: as far back as it ever lagged before.
    late_sessions : int
        Sessions that the newest row is older than that.
    rows : int
        That this session was the first to know.
    rows_least : int or None
        Fewest of any session before; None where that is too few to be judged by.
    """

    table: str
    newest: date | None
    expected: date | None
    late_sessions: int
    rows: int
    rows_least: int | None

    @property
    def coverage(self) -> float | None:
        """Rows of the session as a share of the fewest before; None where it is not judged."""
        return None if self.rows_least is None else self.rows / self.rows_least

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        days = {"newest": self.newest, "expected": self.expected}
        shown = {name: None if day is None else str(day) for name, day in days.items()}
        return {**asdict(self), **shown, "coverage": self.coverage}


def table_states(source: Source, dataset: Dataset, t: int) -> list[TableState]:
    """Every table of a delivery, as it was known at the decision after a session.

    Raises
    ------
    DataError
        A file is damaged.
    """
    first = max(0, t - PAST_SESSIONS)
    days = dataset.sessions[first : t + 1].astype("datetime64[D]")
    decisions = exchange_named(source.exchange).decision(days, dataset.clock)
    return [
        state_of(table, rows, days, decisions) for table, rows in _arrivals(source, days, decisions)
    ]


def state_of(
    table: str,
    rows: pl.DataFrame,
    days: DateArray,
    decisions: npt.NDArray[np.datetime64],
) -> TableState:
    """The state of one table after the last of some sessions.

    Parameters
    ----------
    rows : polars.DataFrame
        (event_date, available_at), those of later sessions among them or not.
    """
    instants = rows.get_column("available_at").to_numpy().astype("datetime64[us]")
    dates = rows.get_column("event_date").to_numpy().astype("datetime64[D]")
    at = np.searchsorted(decisions, instants)
    inside = at < len(days)
    at, dates = at[inside], dates[inside]
    newest = np.full(len(days), np.datetime64("0001-01-01"), dtype="datetime64[D]")
    np.maximum.at(newest, at, dates)
    newest = np.maximum.accumulate(newest)
    begun = int(at.min()) if len(at) else len(days)
    # A date ahead of its session (an announced meeting) lags nothing.
    lags = np.arange(len(days)) - (np.searchsorted(days, newest, side="right") - 1)
    lags = np.maximum(lags, 0)
    before = lags[begun:-1]
    counts = np.bincount(at, minlength=len(days))
    fewest = int(counts[begun:-1].min()) if len(before) else 0
    most = int(before.max()) if len(before) else 0
    known = begun < len(days)
    return TableState(
        table=table,
        newest=newest[-1].item() if known else None,
        expected=days[max(0, len(days) - 1 - most)].item() if known else None,
        late_sessions=max(0, int(lags[-1]) - most) if len(before) else 0,
        rows=int(counts[-1]),
        rows_least=fewest if fewest >= LEAST_ROWS else None,
    )


def _arrivals(
    source: Source, days: DateArray, decisions: npt.NDArray[np.datetime64]
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Tables with the dates of their recent rows and when those became known."""
    typed = defaultdict(list)
    for path in source.paths("tables"):
        typed[path.parent.name].append(path)
    since = decisions[0].item()
    for table, paths in sorted(typed.items()):
        recent = [path for path in paths if may_hold(path.stem, days[0].item(), date.max)]
        yield table, _recent(source.checked(recent), since)
    if typed:
        return
    # What was imported or simulated has no instants: a bar is known at the decision of its session.
    bars = source.quotes().filter(pl.col("date").is_between(days[0].item(), days[-1].item()))
    dates = bars.select("date").collect().get_column("date")
    known = decisions[np.searchsorted(days, dates.to_numpy().astype("datetime64[D]"))]
    yield "quotes", pl.DataFrame({"event_date": dates, "available_at": known})


def _recent(paths: list[Path], since: datetime) -> pl.DataFrame:
    """Dates and instants of the rows that became known from an instant on."""
    empty = {"event_date": pl.Date(), "available_at": pl.Datetime("us")}
    frames = [pl.DataFrame(schema=empty)]
    for path in paths:
        with readable(path):
            rows = pl.scan_parquet(path).select("event_date", "available_at")
            frames.append(rows.filter(pl.col("available_at") >= since).collect().cast(empty))  # type: ignore[arg-type]
    return pl.concat(frames)
