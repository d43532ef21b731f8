"""Files of whole months and days, and the links that download them once.

A closed month has one file from the morning of the third session of the next month on: by then
every row of the month has been published. Until then, and for the current month, there is one file
a day. What a file says is a function of its key, its columns and its ``LastModified`` alone; that
instant moves when a field is added to the specification, and for daily bars with every split where
`Restatement.ON_SPLIT` is asked for.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

import polars as pl

from gogooku.core.calendar import next_tokyo_sessions
from gogooku.core.files import storage_errors
from gogooku.core.wall import JST, tokyo_instant, tokyo_time
from gogooku.ingest.jquants.endpoints import BULK_PLAN, ENDPOINTS, Endpoint
from gogooku.ingest.jquants.plans import Plan
from gogooku.sandbox.exchange.body import csv_file, response_columns
from gogooku.sandbox.exchange.gates import Refusal, Window
from gogooku.sandbox.exchange.selection import RestatedWire, visible_rows
from gogooku.sandbox.sources.wire import VISIBLE, Wires

_READY_MINUTES: Final = 6 * 60
_READY_SESSION: Final = 3
_KEPT_FILES: Final = 64
_CALENDAR_KEY: Final = "markets/calendar/markets_calendar.csv.gz"
"""The calendar has one file, always the newest."""


class Restatement(StrEnum):
    """Whether the monthly files of daily bars are made anew when a split rewrites history."""

    NEVER = "never"
    ON_SPLIT = "on_split"


@dataclass(frozen=True)
class BulkFile:
    """A file that can be had: its key, what it covers, and when it was made."""

    key: str
    endpoint: Endpoint
    first: date
    last: date
    modified: datetime


class BulkFiles:
    """Renders files on demand, or finds them in a folder.

    Parameters
    ----------
    wires : Wires
    folder : Path or None
        Where rendered monthly files lie; without it the last ones are kept in memory.
    restatement : Restatement
    """

    def __init__(self, wires: Wires, *, folder: Path | None, restatement: Restatement) -> None:
        self._wires = wires
        self._folder = folder
        self._restatement = restatement
        self._sizes: dict[str, int] = {}
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def listing(self, endpoint: Endpoint, *, window: Window, now: datetime) -> list[BulkFile]:
        """Files of an endpoint that exist at an instant and touch a window, oldest first.

        Some may turn out to have no row: `size` says 0 and they are not offered.
        """
        if endpoint.name == "calendar":
            day = tokyo_time(now).date()
            span = (date(2008, 1, 1), date(day.year + 1, 12, 31))
            return [BulkFile(_CALENDAR_KEY, endpoint, *span, self._calendar_made(now))]
        return [*self._months(endpoint, window, now), *self._days(endpoint, window, now)]

    def size(self, file: BulkFile, *, plan: Plan, now: datetime) -> int:
        """Bytes of a file; 0 where it has no row."""
        name = self._name(file, plan, now)
        if name not in self._sizes:
            path = self._path(name)
            if path is not None and path.exists():
                self._sizes[name] = path.stat().st_size
            else:
                self._sizes[name] = len(self.content(file, plan=plan, now=now))
        return self._sizes[name]

    def content(self, file: BulkFile, *, plan: Plan, now: datetime) -> bytes:
        """Bytes of a file; none where it has no row."""
        name = self._name(file, plan, now)
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        path = self._path(name)
        if path is not None and path.exists():
            return path.read_bytes()
        body = self._render(file, plan, now)
        self._kept[name] = body
        if len(self._kept) > _KEPT_FILES:
            self._kept.popitem(last=False)
        return body

    def render_month(self, file: BulkFile, *, plan: Plan, now: datetime) -> int:
        """Render a file into the folder unless it is there; returns its bytes."""
        name = self._name(file, plan, now)
        path = self._path(name)
        assert path is not None, "files are rendered beforehand only into a folder"
        if not path.exists():
            body = self._render(file, plan, now)
            self._sizes[name] = len(body)
            if not body:
                return 0
            with storage_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                hidden = path.with_name(f".{path.name}")
                hidden.write_bytes(body)
                os.replace(hidden, path)
        return path.stat().st_size

    # --- which files there are ------------------------------------------------------------------

    def _months(self, endpoint: Endpoint, window: Window, now: datetime) -> Iterator[BulkFile]:
        assert endpoint.starts is not None
        month = max(window.first, endpoint.starts).replace(day=1)
        while month_ready(month) <= now:
            following = _next_month(month)
            if window.last is not None and month > window.last:
                return
            key = endpoint.bulk_key(month.year, month.month)
            last = following - timedelta(days=1)
            yield BulkFile(key, endpoint, month, last, self._modified(endpoint, month, now))
            month = following

    def _days(self, endpoint: Endpoint, window: Window, now: datetime) -> Iterator[BulkFile]:
        today = tokyo_time(now).date()
        first = today.replace(day=1)
        while month_ready((first - timedelta(days=1)).replace(day=1)) > now:
            first = (first - timedelta(days=1)).replace(day=1)
        last = today + timedelta(days=10)
        rows = visible_rows(self._wires[endpoint.name], first, last, known=now)
        made = rows.group_by(endpoint.axis or "Date").agg(pl.col(VISIBLE).max()).sort(pl.first())
        stem = endpoint.path.strip("/")
        for text, instant in made.iter_rows():
            day = date.fromisoformat(text)
            key = f"{stem}/live/{stem.replace('/', '_')}_{day:%Y%m%d}.csv.gz"
            if window.covers(day):
                yield BulkFile(key, endpoint, day, day, instant.replace(tzinfo=now.tzinfo))

    def _modified(self, endpoint: Endpoint, month: date, now: datetime) -> datetime:
        """When the file of a month was last made."""
        moments = [month_ready(month)]
        today = tokyo_time(now).date()
        moments += [tokyo_instant(day, 0) for day in endpoint.since.values() if day <= today]
        wire = self._wires[endpoint.name]
        if self._restatement is Restatement.ON_SPLIT and isinstance(wire, RestatedWire):
            restated = wire.restated_at(now)
            moments += [] if restated is None else [restated]
        return max(moments)

    def _calendar_made(self, now: datetime) -> datetime:
        year = tokyo_time(now).year
        announced = tokyo_instant(date(year, 3, 31), 0)
        return announced if announced <= now else tokyo_instant(date(year - 1, 3, 31), 0)

    # --- what they hold -------------------------------------------------------------------------

    def _render(self, file: BulkFile, plan: Plan, now: datetime) -> bytes:
        endpoint, wire = file.endpoint, self._wires[file.endpoint.name]
        frame = visible_rows(wire, file.first, file.last, known=file.modified)
        if frame.is_empty():
            return b""
        day = tokyo_time(now).date()
        return csv_file(frame, response_columns(endpoint, plan=plan, day=day))

    def _name(self, file: BulkFile, plan: Plan, now: datetime) -> str:
        """Name of exactly this content."""
        columns = response_columns(file.endpoint, plan=plan, day=tokyo_time(now).date())
        mark = hashlib.sha256(" ".join(columns).encode()).hexdigest()[:8]
        return f"{mark}/{file.modified:%Y%m%dT%H%M%S}/{file.key}"

    def _path(self, name: str) -> Path | None:
        return None if self._folder is None else self._folder / name


def bulk_endpoints(plan: Plan) -> list[Endpoint]:
    """Endpoints whose files a plan may have."""
    rows = [row for row in ENDPOINTS.values() if row.bulk and row.plan <= plan]
    return rows if plan >= BULK_PLAN else [row for row in rows if row.name == "calendar"]


@lru_cache(maxsize=1024)
def month_ready(month: date) -> datetime:
    """When the file of a month (its first day) appears."""
    sessions = next_tokyo_sessions(_next_month(month), _READY_SESSION)
    return tokyo_instant(sessions[-1].item(), _READY_MINUTES)


def _next_month(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def parse_span(text: str, *, name: str) -> tuple[date, date]:
    """Days of a month (YYYY-MM, YYYYMM) or of one day (YYYY-MM-DD, YYYYMMDD); else 400."""
    digits = text.replace("-", "")
    try:
        if len(digits) == 6:
            first = date(int(digits[:4]), int(digits[4:]), 1)
            return first, _next_month(first) - timedelta(days=1)
        if len(digits) == 8:
            day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
            return day, day
    except ValueError:
        pass
    raise Refusal(400, f"'{name}' must be YYYY-MM, YYYYMM, YYYY-MM-DD or YYYYMMDD.")


def row_of(file: BulkFile, size: int) -> Mapping[str, str | int]:
    """A line of the list."""
    modified = file.modified.astimezone(JST).isoformat(timespec="seconds")
    return {"Key": file.key, "LastModified": modified, "Size": size}


@dataclass(frozen=True)
class _Link:
    file: BulkFile
    plan: Plan
    made: datetime


class Links:
    """Addresses that work once and for a short time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._links: dict[str, _Link] = {}
        self._count = 0

    def issue(self, file: BulkFile, *, plan: Plan, now: datetime) -> str:
        """Token of a new link."""
        self._count += 1
        text = f"{self._count} {file.key} {now.isoformat()}"
        token = hashlib.sha256(text.encode()).hexdigest()[:40]
        self._links[token] = _Link(file, plan, now)
        return token

    def redeem(self, token: str, now: datetime) -> tuple[BulkFile, Plan]:
        """What a link is for; a `Refusal` (403) for one that is unknown, used or too old."""
        link = self._links.pop(token, None)
        if link is None or (now - link.made).total_seconds() > self._seconds:
            raise Refusal(403, "Access denied: the link has expired.")
        return link.file, link.plan
