"""When a company reports, by the schedule that was known at the time.

Companies announce the day of their results weeks ahead and sometimes move it; every announcement
is a row, and a row stands until another one for the same report replaces it. A day to come counts
only if it had been announced. The announced day itself counts as past at its evening, when the
results are out.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.types import Feature, FloatArray, Role
from gogooku.features.company.quarters import gathered
from gogooku.features.engine.combinators import above, at_most, col, declared
from gogooku.features.engine.inputs import InputTable, Made, Tables, published
from gogooku.features.engine.lazy import Lazy
from gogooku.features.engine.spans import (
    SessionCount,
    number_of,
    replaced_at,
    sessions_since,
    spread,
)
from gogooku.features.engine.timeline import IndexArray, Placed, Timeline

WINDOWS: Final = (1, 3, 5)
_KEY: Final = ("code", "fiscal_year_end", "period")
_CYCLE_DAYS: Final = 180
"""Announcements of the same report further apart than this belong to different years."""
_YEAR_DAYS: Final = 364
"""Fifty-two weeks: the same day of the week."""


def _make_events(tables: Tables, timeline: Timeline) -> Made:
    rows = tables.read("earnings_dates", (*_KEY, "scheduled_date"))
    placed = timeline.place(_with_history(rows))
    frame, never = placed.frame, timeline.shape[0]
    count = SessionCount.of(timeline, frame.get_column("scheduled_date"))
    number = count.number(frame.get_column("scheduled_date"))
    due = np.where(number >= 0, count.row(number), 0)
    end = replaced_at(placed.t, _keys(frame), never=never)

    # the nearest day stands where several reports are announced
    order = np.argsort(-number, kind="stable")
    last = np.where(number >= 0, np.minimum(end, due), 0)
    cell = spread(timeline.shape, placed.n[order], placed.t[order], last[order])

    def coming(values: FloatArray) -> FloatArray:
        return gathered(values[order], cell)

    held = (number >= 0) & (due < end) & (np.maximum(due, placed.t) < never)
    come = np.maximum(due, placed.t)[held], number[held]
    notice = (number - count.of_session(placed.t)).astype(np.float64)
    now = count.now[:, np.newaxis].astype(np.float64)
    return Lazy(
        {
            "e_days_to": lambda: coming(number.astype(np.float64)) - now,
            "e_days_since": lambda: sessions_since(timeline, count, placed.n[held], come),
            "e_notice": lambda: coming(notice),
            "e_moved": lambda: coming(_sessions_moved(placed, count)),
            "ed_changes": lambda: coming(placed.values("changes")),
            "e_later_than_last_year": lambda: coming(placed.values("against_last_year")),
            "ed_undecided": lambda: timeline.latest(placed, (number < 0).astype(np.float64)),
        }
    )


def _sessions_moved(placed: Placed, count: SessionCount) -> FloatArray:
    """Sessions by which the newest announcement moved the day, 0 for the first."""
    now = count.number(placed.frame.get_column("scheduled_date"))
    before = count.number(placed.frame.get_column("before"))
    return np.where((now >= 0) & (before >= 0), now - before, 0).astype(np.float64)


def _with_history(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with what earlier rows said of the same report, and of the one of last year.

    ``before`` is the last day announced before for this report, ``changes`` how often the day has
    been moved, ``against_last_year`` the days by which it is later in the year than last year. All
    are null for rows that leave the day open.
    """
    ordered = rows.sort("available_at", "event_date", maintain_order=True)
    key = _keys(ordered)
    by = np.argsort(key, kind="stable")
    published, day = (
        np.asarray(ordered.get_column(name).to_physical().cast(pl.Float64).to_numpy())[by]
        for name in ("event_date", "scheduled_date")
    )
    other_key = np.diff(key[by], prepend=-1) != 0
    # reports are numbered in this order, so that of last year has the number before
    report = np.cumsum(other_key | (np.diff(published, prepend=np.nan) > _CYCLE_DAYS))
    has_last_year = np.ones(len(by) + 1, dtype=np.bool_)
    has_last_year[report[other_key]] = False
    dated = np.flatnonzero(~np.isnan(day))
    day, report, at = day[dated], report[dated], by[dated]

    final = np.full(len(by) + 1, np.nan)
    final[report] = day  # of several the last one stays
    against = day - np.where(has_last_year[report], final[report - 1], np.nan) - _YEAR_DAYS
    against[~(np.abs(against) <= _CYCLE_DAYS)] = np.nan
    first = np.diff(report, prepend=0) != 0
    before = np.where(first, np.nan, np.append(np.nan, day[:-1]))
    moves = np.cumsum(~first & (day != before))
    changes = moves - np.maximum.accumulate(np.where(first, moves, 0))
    columns = {"before": before, "changes": changes, "against_last_year": against}
    return ordered.with_columns(
        _scattered(name, values, at, ordered.height) for name, values in columns.items()
    ).with_columns(pl.col("before").cast(pl.Int32).cast(pl.Date))


def _keys(rows: pl.DataFrame) -> IndexArray:
    """A number for each company, fiscal year end and period."""
    number = rows.select(number_of(*(pl.col(name) for name in _KEY))).to_series()
    return np.asarray(number.to_numpy(), dtype=np.int64)


def _scattered(name: str, values: FloatArray, at: IndexArray, height: int) -> pl.Series:
    """Values at their rows, null elsewhere."""
    out = np.full(height, np.nan)
    out[at] = values
    return pl.Series(name, out, nan_to_null=True)


# ------------------------------------------------------------------------------------ features

_UNTOLD = "null while no day is announced."

_flag = partial(declared, unit="flag", group="events", role=Role.MASK)
"""Announcements of days are delivered from 2014-09 on; flags are 0 before."""


_COUNTS = tuple(
    published(name, "sessions", meaning, group="events", max_null_share=nulls)
    for name, nulls, meaning in (
        ("e_days_to", 0.8, f"Sessions to the next announced report; {_UNTOLD}"),
        ("e_days_since", 0.5, "Sessions since the last announced report; null before the first."),
        (
            "e_notice",
            0.8,
            f"Sessions between the announcement of the next report's day and that day; {_UNTOLD}",
        ),
        (
            "e_moved",
            0.8,
            f"Sessions by which the day of the next report was last put off (negative: brought "
            f"forward), 0 if never; {_UNTOLD}",
        ),
        (
            "e_later_than_last_year",
            0.9,
            "Calendar days by which the next report comes later than the same one of last year, "
            f"by weeks; null in the first year and {_UNTOLD}",
        ),
    )
)

_FLAGS = (
    *(
        _flag(
            f"e_win_pre{w}",
            at_most(col("e_days_to"), w),
            meaning=f"A report is announced for the next {w} session(s).",
        )
        for w in WINDOWS
    ),
    *(
        _flag(
            f"e_win_post{w}",
            at_most(col("e_days_since"), w - 1),
            meaning=f"An announced report lies in the last {w} session(s), this one included.",
        )
        for w in WINDOWS
    ),
    *(
        _flag(name, above(col(of), 0.0), meaning=meaning)
        for name, of, meaning in (
            ("is_earnings_sched_valid", "e_days_to", "The day of the next report is announced."),
            (
                "e_schedule_changed",
                "ed_changes",
                "The announced day of the next report was moved at least once.",
            ),
            (
                "e_undecided",
                "ed_undecided",
                "The newest announcement says that the day is not decided.",
            ),
        )
    ),
)

EVENTS: Final[tuple[Feature, ...]] = (*_COUNTS, *_FLAGS)
"""All features of the group."""
EVENTS_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("earnings_dates",),
        stock={
            "ed_changes": "times the day of the next report was moved",
            "ed_undecided": "1 where the newest announcement leaves the day open",
        },
        market={},
        make=_make_events,
        features=EVENTS,
    ),
)
