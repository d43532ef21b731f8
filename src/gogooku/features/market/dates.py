"""Where a session lies in the exchange's calendar: settlement days, ends of periods, closures.

The calendar of Tokyo (`gogooku.core.calendar`) is known in advance, so distances to coming days
are no look-ahead. They are counted in sessions, so that a holiday in between does not show. The
typed table ``calendar`` is needed only as the sign that the source is of that exchange.

The special quotation (SQ) of options and futures is on the second Friday of a month, or on the
session before where that is a holiday; the large one, of futures and options, in March, June,
September and December (Osaka Exchange, trading rules).

Left out on purpose: day of the week and flags that are thresholds of a distance here (SQ day, SQ
week, month end).
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import DateArray, tokyo_sessions
from gogooku.core.types import Axis, Feature, FloatArray, Role
from gogooku.features.engine.combinators import at_most, col, declared, log, over
from gogooku.features.engine.inputs import InputTable, Made, Tables, published
from gogooku.features.engine.timeline import Timeline

LONG_CLOSURE: Final = 5
"""Calendar days from one session to the next from which on the time between is a long closure: a
weekend of three days has 4."""
FISCAL_END: Final = 3
"""Month with which most fiscal years end."""
FISCAL_WINDOW: Final = 10
"""Sessions at the end of March that count as the end of the fiscal year."""
MONTH_START: Final = 3
"""First sessions of a month that belong to its turn (Lakonishok & Smidt 1988)."""
_AROUND_DAYS: Final = 430
"""Calendar days before and after the sessions that are looked at: more than a year."""

_Numbers = npt.NDArray[np.int64]


def _months(days: DateArray) -> _Numbers:
    """Months since 1970-01."""
    return days.astype("datetime64[M]").astype(np.int64)


def month_ends(sessions: DateArray) -> _Numbers:
    """Places of the last session of each month but the last one, which may go on."""
    months = _months(sessions)
    return np.flatnonzero(months[1:] != months[:-1])


def settlement_days(sessions: DateArray) -> _Numbers:
    """Places of the SQ days: the second Friday of a month, or the last session before it."""
    first, last = sessions[0].astype("datetime64[M]"), sessions[-1].astype("datetime64[M]")
    starts = np.arange(first, last + 1).astype("datetime64[D]")
    weekday = (starts.astype(np.int64) + 3) % 7  # Monday 0; 1970-01-01 was a Thursday
    second_friday = starts + ((4 - weekday) % 7 + 7).astype("timedelta64[D]")
    inside = second_friday[(second_friday >= sessions[0]) & (second_friday <= sessions[-1])]
    return np.asarray(np.searchsorted(sessions, inside, side="right") - 1, dtype=np.int64)


def _until(places: _Numbers, at: _Numbers) -> FloatArray:
    """Sessions from each place to the next of some places, 0 on one of them."""
    return (places[np.searchsorted(places, at)] - at).astype(np.float64)


def _sessions_since_place(places: _Numbers, at: _Numbers) -> FloatArray:
    """Sessions since the last of some places, 0 on one of them."""
    return (at - places[np.searchsorted(places, at, side="right") - 1]).astype(np.float64)


def _make_dates(tables: Tables, timeline: Timeline) -> Made:
    del tables  # they only say that the source is of this exchange
    around = timedelta(days=_AROUND_DAYS)
    first, last = timeline.sessions[0].item(), timeline.sessions[-1].item()
    sessions = tokyo_sessions(first - around, last + around)
    at = np.searchsorted(sessions, timeline.sessions, side="right").astype(np.int64) - 1
    gaps = np.diff(sessions).astype(np.int64)
    settled = settlement_days(sessions)
    large = settled[(_months(sessions[settled]) + 1) % 3 == 0]
    ends = month_ends(sessions)
    fiscal = ends[(_months(sessions[ends]) + 1) % 12 == FISCAL_END]
    closing = np.flatnonzero(gaps >= LONG_CLOSURE).astype(np.int64)
    return {
        "days_to_sq": _until(settled, at),
        "days_since_sq": _sessions_since_place(settled, at),
        "days_to_large_sq": _until(large, at),
        "days_to_month_end": _until(ends, at),
        "cal_since_month_start": _sessions_since_place(ends + 1, at),
        "days_to_fy_end": _until(fiscal, at),
        "days_to_holiday": _until(closing, at),
        "days_since_holiday": _sessions_since_place(closing + 1, at),
        "cal_gap_days": gaps[at].astype(np.float64),
    }


def _turn(to_end: FloatArray, since_start: FloatArray) -> FloatArray:
    return np.asarray((to_end == 0.0) | (since_start < MONTH_START), dtype=np.float64)


_market = partial(
    declared, group="calendar", role=Role.MARKET, axis=Axis.ACROSS, max_null_share=0.0
)
_shown = partial(
    published, group="calendar", role=Role.MARKET, axis=Axis.ACROSS, max_null_share=0.0
)

DATES: Final[tuple[Feature, ...]] = (
    *(
        _shown(name, "sessions", meaning)
        for name, meaning in (
            ("days_to_sq", "Sessions to the next SQ, 0 on the day itself."),
            ("days_since_sq", "Sessions since the last SQ, 0 on the day itself."),
            (
                "days_to_large_sq",
                "Sessions to the next SQ of futures (March, June, September, December).",
            ),
            ("days_to_month_end", "Sessions to the last one of the month, 0 on it."),
            ("days_to_fy_end", "Sessions to the last one of March, 0 on it."),
            (
                "days_to_holiday",
                f"Sessions to the last one before a long closure ({LONG_CLOSURE} calendar days or "
                "more from session to session), 0 on it.",
            ),
            ("days_since_holiday", "Sessions since the first one after a long closure, 0 on it."),
        )
    ),
    _market(
        "next_gap_log",
        log(col("cal_gap_days")),
        "log",
        "Log of the calendar days to the next session: 0 overnight, 1.1 over a weekend.",
    ),
    _market(
        "is_turn_of_month",
        over(_turn, col("days_to_month_end"), col("cal_since_month_start")),
        "flag",
        f"Last session of a month or one of its first {MONTH_START} (Lakonishok & Smidt 1988).",
    ),
    _market(
        "is_fy_end_window",
        at_most(col("days_to_fy_end"), FISCAL_WINDOW - 1),
        "flag",
        f"One of the last {FISCAL_WINDOW} sessions of March.",
    ),
)
DATES_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("calendar",),
        stock={},
        market={
            "cal_since_month_start": "sessions since the first one of the month, 0 on it",
            "cal_gap_days": "calendar days to the next session",
        },
        make=_make_dates,
        features=DATES,
    ),
)
