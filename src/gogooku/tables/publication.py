"""When each source can be known: the one table, and nothing else in the project adds a lag.

A rule is the same for every subscription, so that a dataset does not depend on the plan. Each
source has the rule's own history: an `Era` holds for event dates from its first day on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum

import numpy as np
import polars as pl

from gogooku.core.calendar import (
    Clock,
    DateArray,
    Exchange,
    session_after,
    session_before,
    session_of_next_week,
)
from gogooku.core.errors import DataError

INSTANT = pl.Datetime("us")
"""Type of every instant: naive UTC, microseconds."""

_JST = pl.duration(hours=9)  # Japan has had no daylight saving since 1951

FLASH_CUTOFF = time(17, 30)
"""A document disclosed up to this Tokyo time is in the flash delivery of the same day."""

_FLASH_LATE = 24 * 60 + 30
"""Minutes after midnight of its date at which a later document is delivered: 24:30."""

DIVIDEND_CUTOFF = time(18, 59, 59)
"""Dividends come on the hour until 19:00; what is announced from then on waits for the next day."""


class Match(StrEnum):
    """How a source is attached to a session."""

    SAME_SESSION = "same_session"
    """Only a row of that very session; otherwise null (a bar of yesterday is not today's bar)."""
    LATEST = "latest"
    """The newest rows known at the decision, whatever they describe."""


class Later(StrEnum):
    """What becomes of a later version of a row: another content under the same key."""

    COUNTS = "counts"
    """It is a row of its own, known from when it was first fetched; states go over to it then."""
    REPLACES = "replaces"
    """It takes the place of the first one, and its time of publication; of daily bars the first one
    is kept beside, for the sessions that did not know better."""
    IGNORED = "ignored"
    """A session's own facts are those that it knew on its own evening."""


class Anchor(StrEnum):
    """The Tokyo date from which the minutes of a rule count."""

    SAME_DAY = "same_day"
    """The date in the rule's column, session or not."""
    NEXT_SESSION = "next_session"
    """The first session after it."""
    PREVIOUS_SESSION = "previous_session"
    """The last session before it."""
    SECOND_SESSION_OF_NEXT_WEEK = "second_session_of_next_week"
    """The second session after the Sunday that ends its week."""
    FLASH = "flash"
    """The date itself: at ``minutes`` if ``disclosed_at`` is up to `FLASH_CUTOFF`, else at 24:30;
    null where ``disclosed_at`` is null or later than ``latest``."""
    FETCH = "fetch"
    """The Tokyo day of ``fetched_at``, and never before ``fetched_at`` itself."""
    YEAR_BEFORE = "year_before"
    """20 December of the year before."""


@dataclass(frozen=True)
class Era:
    """One rule of one source.

    Attributes
    ----------
    anchor : Anchor
    minutes : int
        After midnight in Tokyo on the anchor's date; 27 * 60 is 03:00 of the next calendar day.
    column : str
        Date column of the typed table that the anchor starts from.
    first : date
        Event dates from this day on follow this rule, until the next era begins.
    otherwise : Era or None
        The rule of rows whose instant the anchor leaves null.
    latest : datetime.time
        For `Anchor.FLASH`: the last Tokyo time of disclosure that it serves.
    """

    anchor: Anchor
    minutes: int
    column: str = "event_date"
    first: date = date.min
    otherwise: Era | None = None
    latest: time = time.max


@dataclass(frozen=True)
class Publication:
    """The rule of one source.

    Attributes
    ----------
    source : str
    known : str
        In words, exchange-local.
    match : Match
    eras : tuple of Era
        Ascending by ``first``; the first one begins at the beginning of time.
    """

    source: str
    known: str
    match: Match
    eras: tuple[Era, ...] = ()

    @property
    def later(self) -> Later:
        """What becomes of a later version of a row."""
        return _LATER.get(self.source, Later.COUNTS)


def _at(hour: int, minute: int = 0) -> int:
    return hour * 60 + minute


_LATER: Mapping[str, Later] = {
    **dict.fromkeys(("quotes", "master", "calendar", "earnings_calendar"), Later.REPLACES),
    **dict.fromkeys(
        ("indices", "topix", "short_ratio", "breakdown", "options", "index_options", "futures"),
        Later.IGNORED,
    ),
}

_SAME, _NEXT = Anchor.SAME_DAY, Anchor.NEXT_SESSION
_CLOSE = Era(_SAME, _at(16, 30))
_UNKNOWN_TIME = Era(_NEXT, _at(16, 30))
_FLASH = Era(Anchor.FLASH, _at(18), otherwise=_UNKNOWN_TIME)
_DIVIDEND = Era(Anchor.FLASH, _at(18), otherwise=_UNKNOWN_TIME, latest=DIVIDEND_CUTOFF)
_NIGHT = Era(_SAME, _at(27))
_FLASH_WORDS = "18:00 if disclosed by 17:30, else 24:30; with no time given: the next session"

PUBLICATIONS: Mapping[str, Publication] = {
    rule.source: rule
    for rule in (
        Publication(
            "quotes",
            "16:30 of the session in Tokyo; an hour after the close elsewhere",
            Match.SAME_SESSION,
            (_CLOSE,),
        ),
        Publication("indices", "as quotes", Match.SAME_SESSION, (_CLOSE,)),
        Publication("topix", "as quotes", Match.SAME_SESSION, (_CLOSE,)),
        Publication("morning", "12:00 of the session", Match.SAME_SESSION, (Era(_SAME, _at(12)),)),
        Publication("short_ratio", "16:30 of the session", Match.SAME_SESSION, (_CLOSE,)),
        Publication(
            "margin_alert",
            "16:30 of the publication date",
            Match.LATEST,
            (Era(_SAME, _at(16, 30), "published_date"),),
        ),
        Publication(
            "short_positions",
            "17:30 of the disclosure date",
            Match.LATEST,
            (Era(_SAME, _at(17, 30), "disclosed_date"),),
        ),
        Publication(
            "master",
            "17:30 of the session before",
            Match.LATEST,
            (Era(Anchor.PREVIOUS_SESSION, _at(17, 30)),),
        ),
        Publication(
            "calendar",
            "20 December of the year before, when every change of a holiday law had been made",
            Match.LATEST,
            (Era(Anchor.YEAR_BEFORE, 0),),
        ),
        Publication(
            "investor_types",
            "18:00 of the publication date",
            Match.LATEST,
            (Era(_SAME, _at(18), "published_date"),),
        ),
        Publication(
            "breakdown", "18:00 of the session", Match.SAME_SESSION, (Era(_SAME, _at(18)),)
        ),
        Publication("statements", _FLASH_WORDS, Match.LATEST, (_FLASH,)),
        Publication("statement_details", "as statements", Match.LATEST, (_FLASH,)),
        Publication(
            "dividends",
            "18:00 if announced by 17:30, 24:30 if before 19:00; later or with no time given: the "
            "next session, since deliveries run from 12:00 to 19:00",
            Match.LATEST,
            (_DIVIDEND,),
        ),
        Publication(
            "earnings_dates",
            "10:05 of the publication date",
            Match.LATEST,
            (Era(_SAME, _at(10, 5)),),
        ),
        Publication(
            "earnings_calendar",
            "own archive: 19:30 of the day on which it was fetched, or the fetch if that is later",
            Match.LATEST,
            (Era(Anchor.FETCH, _at(19, 30)),),
        ),
        Publication(
            "margin_interest",
            "16:30 of the second session of the following week; for application dates from "
            "2026-09-25 16:30 of the publication date, without one of the next session",
            Match.LATEST,
            (
                Era(Anchor.SECOND_SESSION_OF_NEXT_WEEK, _at(16, 30)),
                Era(
                    _SAME,
                    _at(16, 30),
                    "published_date",
                    first=date(2026, 9, 25),
                    otherwise=_UNKNOWN_TIME,
                ),
            ),
        ),
        Publication(
            "valuation",
            "time unknown: 16:30 of the next session",
            Match.LATEST,
            (_UNKNOWN_TIME,),
        ),
        Publication("options", "03:00 of the next calendar day", Match.LATEST, (_NIGHT,)),
        Publication("index_options", "as options", Match.LATEST, (_NIGHT,)),
        Publication("futures", "as options", Match.LATEST, (_NIGHT,)),
    )
}
"""Every source. The name is that of its endpoint and of its typed table."""


# ------------------------------------------------------------------------------- from the table


def available_at(name: str, frame: pl.DataFrame, *, sessions: DateArray) -> pl.Series:
    """Return the instant from which each row can be known, in Tokyo's rules.

    Parameters
    ----------
    name : str
        A source of `PUBLICATIONS`.
    frame : polars.DataFrame
        Typed rows: ``event_date`` and the columns that the source's eras name
        (``published_date``, ``disclosed_date``, ``disclosed_at``, ``fetched_at``).
    sessions : array of dates
        Trading sessions, ascending, to at least 15 sessions after the data.

    Returns
    -------
    polars.Series
        ``available_at``, naive UTC microseconds, never null, in the order of the rows.

    Raises
    ------
    DataError
        No such rule, a column is missing, the sessions end too early, or a row's dates are null.
    """
    eras = _rule(name).eras
    needed = {"event_date"} | {column for era in eras for column in _needs(era)}
    missing = sorted(needed - set(frame.columns))
    if not eras or missing:
        raise DataError(f"{name}: a clock needs the columns {missing or 'of an era'}; add them")
    found = _instants(eras[0], frame, sessions=sessions, within=_within(eras, 0))
    for index, era in enumerate(eras[1:], start=1):
        mine = _instants(era, frame, sessions=sessions, within=_within(eras, index))
        found = pl.coalesce(mine, found)
    result = frame.with_columns(found.alias("available_at")).get_column("available_at")
    if result.null_count():
        raise DataError(
            f"{name}: {result.null_count()} rows have no publication time, first at row "
            f"{result.is_null().arg_max()}; quarantine rows without their dates first"
        )
    return result


def clock_of(name: str) -> Clock:
    """The clock by which a source's rows about a session are known.

    `Clock.PREMARKET` where some of them become known in the night, between the evening clock and
    08:30 of the next session; `Clock.EVENING` where the night adds none.
    """
    return Clock.PREMARKET if any(map(_in_the_night, _rule(name).eras)) else Clock.EVENING


def _in_the_night(era: Era) -> bool:
    """Whether rows of an era may become known between 20:00 and 08:30, counted from their date."""
    if era.anchor is Anchor.FETCH:
        return True  # a fetch may come at any time
    minutes = _FLASH_LATE if era.anchor is Anchor.FLASH else era.minutes
    same_day = era.anchor in (Anchor.SAME_DAY, Anchor.FLASH)
    return same_day and _at(20) < minutes <= _at(24 + 8, 30)


def _rule(name: str) -> Publication:
    if name not in PUBLICATIONS:
        raise DataError(f"{name}: no publication rule; add a row to tables/publication.py")
    return PUBLICATIONS[name]


def _needs(era: Era) -> set[str]:
    extra = {Anchor.FLASH: {"disclosed_at"}, Anchor.FETCH: {"fetched_at"}}.get(era.anchor, set())
    return {era.column} | extra | (_needs(era.otherwise) if era.otherwise else set())


def _within(eras: tuple[Era, ...], index: int) -> pl.Expr | None:
    """Which rows follow an era; None for all."""
    if len(eras) == 1:
        return None
    event = pl.col("event_date")
    after = pl.lit(value=True) if index == 0 else event >= eras[index].first
    return after & (event < eras[index + 1].first) if index + 1 < len(eras) else after


def _instants(
    era: Era, frame: pl.DataFrame, *, sessions: DateArray, within: pl.Expr | None
) -> pl.Expr:
    """UTC instants of the rows of one era, null for the other rows."""
    moment = pl.duration(minutes=era.minutes) - _JST
    if era.anchor is Anchor.FETCH:
        day = (pl.col("fetched_at") + _JST).dt.date()
        found = pl.max_horizontal(day.cast(INSTANT) + moment, pl.col("fetched_at"))
    elif era.anchor is Anchor.FLASH:
        found = _flash(era)
    elif era.anchor is Anchor.YEAR_BEFORE:
        found = pl.date(pl.col(era.column).dt.year() - 1, 12, 20).cast(INSTANT) + moment
    elif era.anchor is Anchor.SAME_DAY:
        found = pl.col(era.column).cast(INSTANT) + moment
    else:
        rows = frame if within is None else frame.filter(within)
        found = _mapped(rows, era, sessions).cast(INSTANT) + moment
    if era.otherwise is not None:
        missing = found.is_null() if within is None else found.is_null() & within
        found = pl.coalesce(
            found,
            _instants(era.otherwise, frame.filter(missing), sessions=sessions, within=None),
        )
    return found if within is None else pl.when(within).then(found)


def _flash(era: Era) -> pl.Expr:
    day = pl.col(era.column).cast(INSTANT)
    local = (pl.col("disclosed_at") + _JST).dt.time()
    minutes = (
        pl.when(local <= FLASH_CUTOFF)
        .then(era.minutes)
        .when((local > FLASH_CUTOFF) & (local <= era.latest))
        .then(_FLASH_LATE)
    )
    return day + pl.duration(minutes=minutes) - _JST


_STEPS: Mapping[Anchor, Callable[[DateArray, DateArray], DateArray]] = {
    Anchor.NEXT_SESSION: lambda days, sessions: session_after(days, sessions=sessions),
    Anchor.PREVIOUS_SESSION: lambda days, sessions: session_before(days, sessions=sessions),
    Anchor.SECOND_SESSION_OF_NEXT_WEEK: lambda days, sessions: session_of_next_week(
        days, sessions=sessions, count=2
    ),
}


def _mapped(rows: pl.DataFrame, era: Era, sessions: DateArray) -> pl.Expr:
    """The anchor's session for each date of the rows; null for dates that are not among them."""
    dates = rows.get_column(era.column).drop_nulls().unique()
    if dates.is_empty():
        return pl.lit(None, dtype=pl.Date())
    days: DateArray = dates.to_numpy().astype("datetime64[D]")
    steps = _STEPS[era.anchor](days, sessions)
    return pl.col(era.column).replace_strict(
        dates, pl.Series(steps.astype("datetime64[D]")), default=None, return_dtype=pl.Date()
    )


# --------------------------------------------------------------------------- bars and decisions

_BARS = ("quotes", "indices")


def with_clocks(rows: pl.DataFrame, source: str, *, exchange: Exchange) -> pl.DataFrame:
    """Add ``event_date`` and ``available_at`` (UTC, microseconds) to bars of any exchange.

    Raises
    ------
    DataError
        The source has no publication rule, or it is one of Tokyo alone: see `available_at`.
    """
    _rule(source)
    if source not in _BARS:
        raise DataError(f"{source}: only bars follow an exchange's own close; use available_at")
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
    moments = exchange.decision(sessions, Clock(clock))
    return pl.DataFrame(
        {"date": sessions.astype("datetime64[D]"), "decision_at": np.asarray(moments)},
        schema={"date": pl.Date(), "decision_at": INSTANT},
    )
