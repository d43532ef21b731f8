"""Rows that answer a query: those of its dates and filters that are visible at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol, runtime_checkable

import polars as pl

from gogooku.core.wall import tokyo_time
from gogooku.ingest.jquants.endpoints import ENDPOINTS, Endpoint
from gogooku.sandbox.exchange.gates import NO_CONTENT, Refusal, Window
from gogooku.sandbox.exchange.paging import Place
from gogooku.sandbox.exchange.rules import Asked
from gogooku.sandbox.sources.wire import VISIBLE, Wire, wire_schema

LIVE_FROM: Final = date(2026, 6, 8)
"""Since then the plan with the cursor has disclosures in near real time."""
_TOKYO_OFFSET: Final = timedelta(hours=9)
_CHUNK_DAYS: Final = 92
"""A history of one code is collected in steps, so that never more of the market is in memory."""
_NEAR_DAYS: Final = 14
_SNAPSHOT_DAYS: Final = 40
_SCHEDULE_DAYS: Final = 400
_PUBLISHED_DAYS: Final = 14
_CALCULATED_DAYS: Final = 40
_MORNING_UNTIL_HOURS: Final = 6


@runtime_checkable
class RestatedWire(Protocol):
    """A wire whose rows depend on when they are asked for."""

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """As `Wire` has it."""

    def rows_known(self, first: date, last: date, *, known: datetime) -> pl.DataFrame:
        """Rows of a span as they are at an instant."""

    def restated_at(self, known: datetime) -> datetime | None:
        """Instant of the newest restatement up to one."""


@dataclass(frozen=True)
class LiveWire:
    """Disclosures as the near-real-time feed has them: visible at the minute of disclosure."""

    wire: Wire

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows of the wire, visible no later than there."""
        disclosed = pl.concat_str("DiscDate", "DiscTime").str.strptime(
            pl.Datetime("us"), "%Y-%m-%d%H:%M:%S"
        )
        live = pl.min_horizontal(disclosed - _TOKYO_OFFSET, VISIBLE)
        return self.wire.rows(first, last).with_columns(live.alias(VISIBLE))


def visible_rows(wire: Wire, first: date, last: date, *, known: datetime) -> pl.DataFrame:
    """Rows of a span that the vendor delivers at an instant, `VISIBLE` included."""
    if isinstance(wire, RestatedWire):
        frame = wire.rows_known(first, last, known=known)
    else:
        frame = wire.rows(first, last)
    return frame.filter(pl.col(VISIBLE) <= _naive(known))


def select(
    endpoint: Endpoint, wire: Wire, asked: Asked, *, window: Window, place: Place
) -> pl.DataFrame:
    """All rows of a query, on every page together.

    Raises
    ------
    Refusal
        210, where morning bars are asked for outside their hours or for an unknown code.
    """
    special = _SPECIAL.get(endpoint.name)
    if special is not None:
        frame = special(wire, asked, window, place.known)
    else:
        frame = _span_rows(endpoint, wire, asked, window=window, known=place.known)
    for name, column in _FILTERS.items():
        if name in asked.filters:
            value = asked.filters[name]
            frame = frame.filter(pl.col(column) == (value.zfill(4) if name == "s33" else value))
    if place.since is not None:
        frame = frame.filter(pl.col(VISIBLE) > _naive(place.since))
    return _by_code(endpoint, frame, asked.code)


_FILTERS: Final = {
    "section": "Section",
    "s33": "S33",
    "hol_div": "HolDiv",
    "category": "ProdCat",
    "contract_flag": "CCMFlag",
}


def _by_code(endpoint: Endpoint, frame: pl.DataFrame, code: str | None) -> pl.DataFrame:
    if code is None:
        return frame
    column = "UndSSO" if endpoint.name == "options" else "Code"
    return frame.filter(pl.col(column) == code)


def _span_rows(
    endpoint: Endpoint, wire: Wire, asked: Asked, *, window: Window, known: datetime
) -> pl.DataFrame:
    """Rows by the axis of the endpoint, or by one of its other dates."""
    today = tokyo_time(known).date()
    exact: pl.Expr | None = None
    first, last = asked.first, asked.last
    if endpoint.date_param is not None and endpoint.date_param in asked.days:
        first = last = asked.days[endpoint.date_param]
    if "calc_date" in asked.days:
        day = asked.days["calc_date"]
        exact = pl.col("CalcDate") == day.isoformat()
        if first is None and last is None:
            first, last = day, day + timedelta(days=_CALCULATED_DAYS)
    elif "published_date" in asked.days:
        day = asked.days["published_date"]
        exact = pl.col("PubDate") == day.isoformat()
        first, last = day - timedelta(days=_PUBLISHED_DAYS), day
    lowest = window.first if endpoint.starts is None else max(window.first, endpoint.starts)
    first = lowest if first is None else max(first, lowest)
    highest = window.last or date(today.year + 1, 12, 31)
    last = highest if last is None else min(last, highest)
    frame = _in_steps(endpoint, wire, (first, last), code=asked.code, known=known)
    return frame if exact is None else frame.filter(exact)


def _in_steps(
    endpoint: Endpoint, wire: Wire, span: tuple[date, date], *, code: str | None, known: datetime
) -> pl.DataFrame:
    first, last = span
    if first > last:
        return _nothing(endpoint)
    if code is None or (last - first).days <= _CHUNK_DAYS:
        return visible_rows(wire, first, last, known=known)
    # Nothing but a calendar reaches further ahead than this, and that one has no codes.
    last = min(last, tokyo_time(known).date() + timedelta(days=_CHUNK_DAYS))
    parts = [_nothing(endpoint)]
    while first <= last:
        end = min(first + timedelta(days=_CHUNK_DAYS - 1), last)
        parts.append(_by_code(endpoint, visible_rows(wire, first, end, known=known), code))
        first = end + timedelta(days=1)
    return pl.concat(parts).sort(endpoint.key)


def _nothing(endpoint: Endpoint) -> pl.DataFrame:
    return pl.DataFrame(schema=wire_schema(endpoint))


def _master(wire: Wire, asked: Asked, window: Window, known: datetime) -> pl.DataFrame:
    """The list of a date.

    On a holiday that of the next session; in the future the newest there is; without a date
    that of today, or of the last day of the window; before the first list of all, that one.
    """
    today = tokyo_time(known).date()
    day = asked.days.get("date") or window.last or today
    near = timedelta(days=_NEAR_DAYS)
    earliest = date(2008, 5, 7)
    if day < earliest:
        return _earliest_list(wire, earliest, known)
    frame = visible_rows(wire, day, day + near, known=known)
    if not frame.is_empty():
        return frame.filter(pl.col("Date") == frame["Date"].min())
    if day < today:
        return frame
    frame = visible_rows(wire, today - near, today + near, known=known)
    return frame.filter(pl.col("Date") == frame["Date"].max())


def _earliest_list(wire: Wire, start: date, known: datetime) -> pl.DataFrame:
    today = tokyo_time(known).date()
    step = timedelta(days=_CHUNK_DAYS)
    frame = visible_rows(wire, start, start + step, known=known)
    while frame.is_empty() and start <= today:
        start += step
        frame = visible_rows(wire, start, start + step, known=known)
    return frame.filter(pl.col("Date") == frame["Date"].min())


def _morning(wire: Wire, asked: Asked, window: Window, known: datetime) -> pl.DataFrame:
    """Morning bars of the day from 12:00 until 06:00 of the next; else a `Refusal` (210)."""
    del window
    day = tokyo_time(known - timedelta(hours=_MORNING_UNTIL_HOURS)).date()
    frame = visible_rows(wire, day, day, known=known)
    if asked.code is not None:
        frame = frame.filter(pl.col("Code") == asked.code)
    if frame.is_empty():
        raise Refusal(210, NO_CONTENT)
    return frame


def _announced(wire: Wire, asked: Asked, window: Window, known: datetime) -> pl.DataFrame:
    """The newest list of the earnings calendar; it stays while there is no newer one."""
    del asked, window
    today = tokyo_time(known).date()
    near = timedelta(days=_SNAPSHOT_DAYS)
    frame = visible_rows(wire, today - near, today + near, known=known)
    return frame.filter(pl.col(VISIBLE) == pl.col(VISIBLE).max())


def _scheduled(wire: Wire, asked: Asked, window: Window, known: datetime) -> pl.DataFrame:
    """Earnings dates by publication, or those whose newest state is a scheduled date."""
    endpoint = ENDPOINTS["earnings_dates"]
    day = asked.days.get("scheduled_date")
    if day is None:
        return _span_rows(endpoint, wire, asked, window=window, known=known)
    today = tokyo_time(known).date()
    first = max(window.first, day - timedelta(days=_SCHEDULE_DAYS))
    frame = visible_rows(wire, first, window.last or today, known=known)
    newest = pl.col("PubDate") == pl.col("PubDate").max().over("Code", "FYE", "FQName")
    return frame.filter(newest & (pl.col("SchDate") == day.isoformat()))


_SPECIAL: Final = {
    "master": _master,
    "morning": _morning,
    "earnings_calendar": _announced,
    "earnings_dates": _scheduled,
}


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
