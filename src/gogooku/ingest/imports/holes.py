"""Holes: sessions that a code, or the whole file, has no row for, and files that are not daily."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray, tokyo_sessions
from gogooku.core.errors import DataError
from gogooku.ingest.imports.by_code import BoolArray, ByCode, IntArray
from gogooku.ingest.imports.policy import PARTIAL_SHARE

LONG_GAP = 20
"""Sessions without a row after which a code is asked about: suspended, or another company?"""

FEWEST_NAMES = 20
"""Names a date from which a share of them means something."""

FEWEST_DATES = 6
"""Dates from which the steps between them say how often there are bars."""

DAILY_SHARE = 0.4
"""Share of steps of one weekday from which the bars are daily, with holes."""

SPARSE_SHARE, SPARSE_SESSIONS = 0.5, 20
"""A code with rows on fewer than this share of its sessions, at least so many, is sparse."""


def refuse_sparse_bars(dates: pl.Series) -> None:
    """Refuse bars that are not daily.

    Parameters
    ----------
    dates : polars.Series
        The dates of the file, ascending, each once.

    Raises
    ------
    DataError
        Half of the steps from date to date are two weekdays or more, and few are one.
    """
    if len(dates) < FEWEST_DATES:
        return
    days = dates.to_numpy().astype("datetime64[D]")
    steps = np.busday_count(days[:-1], days[1:])
    usual = float(np.median(steps))
    if usual < 2 or np.mean(steps == 1) >= DAILY_SHARE:
        return
    kind = "monthly" if usual >= 15 else "weekly" if usual >= 4 else "no daily"
    weekdays = int(np.busday_count(days[0], days[-1] + np.timedelta64(1, "D")))
    raise DataError(
        f"prices: the dates cover {len(days):,} of {weekdays:,} weekdays between {days[0]} and "
        f"{days[-1]}, usually {usual:.0f} weekdays apart: these look like {kind} bars. Bars must "
        "be daily, or a label over 5 sessions would span 5 of these steps. Get daily bars "
        "(interval 1d)."
    )


@dataclass(frozen=True)
class Calendar:
    """The sessions that the rows should cover.

    Attributes
    ----------
    expected : dates [S]
        Sessions from the first date of the rows to the last: of the exchange where its calendar is
        known, else the dates of the rows.
    dates : dates [D]
        Those that have rows.
    """

    expected: DateArray
    dates: DateArray

    @classmethod
    def of(cls, dates: pl.Series, *, exchange: str) -> Calendar:
        """Calendar of the ascending dates of kept rows."""
        have = dates.to_numpy().astype("datetime64[D]")
        if exchange != "tokyo":
            return cls(have, have)
        return cls(np.union1d(tokyo_sessions(dates[0], dates[-1]), have), have)

    def number(self, day: IntArray) -> IntArray:
        """Number of each day (since 1970) among the dates that have rows; it must be one."""
        known = self.dates.astype(np.int64)
        table = np.zeros(known[-1] - known[0] + 1, dtype=np.int64)
        table[known - known[0]] = np.arange(len(known))
        return np.asarray(table[day - known[0]])

    @property
    def missing(self) -> DateArray:
        """Sessions without any row."""
        return np.setdiff1d(self.expected, self.dates)


def long_gaps(day: IntArray, by_code: ByCode, calendar: Calendar) -> tuple[BoolArray, IntArray]:
    """Rows (by code) that come `LONG_GAP` sessions or more after the code's last row; how many.

    Sessions that the whole file lacks do not count against a code.
    """
    session = calendar.number(day)
    skipped = np.zeros(len(day), dtype=np.int64)
    skipped[1:] = session[1:] - session[:-1] - 1
    skipped[by_code.begins] = 0
    return skipped >= LONG_GAP, skipped


def sparse_codes(day: IntArray, by_code: ByCode, calendar: Calendar) -> BoolArray:
    """Mark the last row of codes that have rows on few of the sessions between first and last.

    Raises
    ------
    DataError
        Most of the codes are sparse, so their bars are not daily.
    """
    session = calendar.number(day)
    places = by_code.last_rows
    starts = by_code.start[places]
    spans = session[places] - session[starts] + 1
    rows = places - starts + 1
    sparse = (spans >= SPARSE_SESSIONS) & (rows < SPARSE_SHARE * spans)
    long = int((spans >= SPARSE_SESSIONS).sum())
    if long and int(sparse.sum()) > long / 2:
        raise DataError(
            f"prices: {int(sparse.sum()):,} of {len(places):,} codes have rows on fewer than "
            f"{SPARSE_SHARE:.0%} of the sessions between their first and last (in the median "
            f"{np.median(rows[sparse] / spans[sparse]):.0%}): are these weekly bars beside daily "
            "ones? Import codes with daily bars."
        )
    marked = np.zeros(len(day), dtype=bool)
    marked[places[sparse]] = True
    return marked


def missing_weekdays(dates: DateArray) -> DateArray:
    """First missing weekday of each gap of three weekdays or more between two dates.

    For exchanges whose calendar is not known: no holiday is that long.
    """
    skipped = np.busday_count(dates[:-1] + np.timedelta64(1, "D"), dates[1:])
    following = dates[:-1][skipped >= 3] + np.timedelta64(1, "D")
    return np.asarray(np.busday_offset(following, 0, roll="forward"))


def partial_dates(rows: pl.DataFrame) -> pl.DataFrame:
    """Dates that lack many of the closes of the dates around them: date, closes, usual."""
    dates = (
        rows.group_by("date")
        .agg(closes=pl.col("close").is_not_null().sum())
        .sort("date")
        .with_columns(usual=pl.col("closes").rolling_median(21, center=True, min_samples=1))
    )
    return dates.filter(
        (pl.col("usual") >= FEWEST_NAMES) & (pl.col("closes") < pl.col("usual") * PARTIAL_SHARE)
    )
