"""A J-Quants V2 look-alike as a pure function of request, clock and market.

``Exchange.answer`` takes a `Request` and gives an `Answer`; sockets, stalls and broken connections
are the business of the shell (`gogooku.sandbox.exchange.server`). The order of checks is: key
(403), rate (429), path (403), then the gates in the order of the settings. Paths are accepted with
and without ``/v2``.
"""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from gogooku.core.errors import UsageError
from gogooku.core.wall import PLAYED_HEADER, WallClock, tokyo_time
from gogooku.ingest.jquants.endpoints import BULK_GET_PATH, BULK_LIST_PATH, Endpoint, by_path
from gogooku.ingest.jquants.plans import Bucket, Plan
from gogooku.sandbox.exchange.body import json_rows, message, response_columns, to_json
from gogooku.sandbox.exchange.bulk import (
    BulkFile,
    BulkFiles,
    Links,
    Restatement,
    bulk_endpoints,
    parse_span,
    row_of,
)
from gogooku.sandbox.exchange.faults import (
    ANYWHERE,
    EXTRA_FIELD,
    Fault,
    FaultKind,
    FaultPlan,
    FaultSource,
)
from gogooku.sandbox.exchange.gates import (
    NO_ENDPOINT,
    TOO_MANY,
    UNEXPECTED,
    Gate,
    Refusal,
    Window,
    plan_of,
    require_plan,
    window_of,
)
from gogooku.sandbox.exchange.limits import Limiter, Limits
from gogooku.sandbox.exchange.paging import (
    Place,
    cursor_key,
    page_key,
    place_of,
    query_hash,
    since_of,
)
from gogooku.sandbox.exchange.rules import Asked, Strictness, asked_of, canonical, window_dates
from gogooku.sandbox.exchange.selection import LIVE_FROM, LiveWire, select
from gogooku.sandbox.sources.wire import Wires

PREFIX: Final = "/v2"
_DOWNLOAD: Final = "/download/"
_KEPT_QUERIES: Final = 16
_WHOLE: Final = "calendar"
"""The endpoint that never has a second page."""
_STATUS_TEXTS: Final[Mapping[FaultKind, tuple[int, str]]] = {
    FaultKind.TOO_MANY: (429, TOO_MANY),
    FaultKind.SERVER_ERROR: (500, UNEXPECTED),
    FaultKind.BAD_GATEWAY: (502, "Bad Gateway"),
    FaultKind.UNAVAILABLE: (503, "Service Unavailable"),
    FaultKind.GATEWAY_TIMEOUT: (504, "Endpoint request timed out"),
}


@dataclass(frozen=True)
class Request:
    """A request: method, path, query and headers (any case)."""

    method: str
    path: str
    query: Mapping[str, str] | Iterable[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """An answer; ``fault`` says what the shell has to do to it instead of just sending it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    fault: Fault | None = None


@dataclass(frozen=True)
class ExchangeSettings:
    """How the exchange behaves where the vendor's ways are unknown, or are to be tested.

    Attributes
    ----------
    rows_per_page : int
    gates : tuple of Gate
        Order in which they are passed.
    limits : Limits
    strictness : Strictness
    faults : FaultPlan or None
    files_folder : Path or None
        Where monthly files rendered beforehand lie.
    restatement : Restatement
    link_seconds : float
        For so long the address of a file works.
    plans_url : str
        Named in refusals.
    history_from : date
        No window reaches back before it; a market that begins later than the vendor's data sets it
        to its first session.
    """

    rows_per_page: int = 2_000
    gates: tuple[Gate, ...] = (Gate.PLAN, Gate.WINDOW, Gate.PARAMS)
    limits: Limits = field(default_factory=Limits)
    strictness: Strictness = Strictness.LENIENT
    faults: FaultPlan | None = None
    files_folder: Path | None = None
    restatement: Restatement = Restatement.NEVER
    link_seconds: float = 300.0
    plans_url: str = "https://jpx-jquants.com/"
    history_from: date = date.min


@dataclass(frozen=True)
class _Caller:
    """Who asks, and when."""

    key: str
    plan: Plan
    now: datetime
    window: Window
    headers: Mapping[str, str]

    @property
    def today(self) -> date:
        return tokyo_time(self.now).date()


@dataclass(frozen=True)
class _Page:
    """One page: its fields and rows, and the places around it."""

    endpoint: Endpoint
    columns: tuple[str, ...]
    rows: pl.DataFrame
    bound: str
    place: Place
    following: Place | None
    cursor: str | None


class Exchange:
    """Answers every endpoint from the wires of a market; safe to call from several threads.

    Parameters
    ----------
    wires : Wires
        By endpoint name; an endpoint without a wire does not exist here.
    clock : WallClock
        The time of day that everything depends on.
    settings : ExchangeSettings
    """

    def __init__(self, wires: Wires, *, clock: WallClock, settings: ExchangeSettings) -> None:
        self.clock = clock
        self.settings = settings
        self.limiter = Limiter(settings.limits)
        self.faults = FaultSource(settings.faults)
        self._wires = wires
        self._files = BulkFiles(
            wires, folder=settings.files_folder, restatement=settings.restatement
        )
        self._links = Links(settings.link_seconds)
        self._queries: OrderedDict[tuple[object, ...], pl.DataFrame] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        pairs = request.query.items() if isinstance(request.query, Mapping) else request.query
        query = canonical(dict(pairs))
        with self._lock:
            try:
                now = self._now(headers)
                if request.path.startswith(_DOWNLOAD) and request.method == "GET":
                    return self._download(request.path.removeprefix(_DOWNLOAD), now)
                return self._api(request, query, headers, now)
            except Refusal as refusal:
                return _finish(refusal.status, message(refusal.text), headers)

    def _now(self, headers: Mapping[str, str]) -> datetime:
        """The time of day: the clock's, or what the request says it is."""
        said = headers.get(PLAYED_HEADER)
        if said is None:
            return self.clock.now()
        try:
            instant = datetime.fromisoformat(said)
        except ValueError as fault:
            raise Refusal(400, f"{PLAYED_HEADER}: {said[:40]!r} is no instant") from fault
        if instant.tzinfo is None:
            raise Refusal(400, f"{PLAYED_HEADER}: {said[:40]!r} has no time zone")
        return instant.astimezone(UTC)

    def render_files(self, plan: Plan) -> tuple[int, int]:
        """Render every monthly file that a plan may have now into ``files_folder``.

        Returns their number and bytes. Files that are there already stay.
        """
        if self.settings.files_folder is None:
            raise UsageError("files can be rendered only into a folder; set files_folder.")
        now = self.clock.now()
        window = window_of(plan, tokyo_time(now).date(), history_from=self.settings.history_from)
        sizes = [
            self._files.render_month(file, plan=plan, now=now)
            for endpoint in bulk_endpoints(plan)
            if endpoint.name in self._wires
            for file in self._files.listing(endpoint, window=window, now=now)
            if "/live/" not in file.key
        ]
        return sum(size > 0 for size in sizes), sum(sizes)

    # --- one request ----------------------------------------------------------------------------

    def _api(
        self, request: Request, query: dict[str, str], headers: Mapping[str, str], now: datetime
    ) -> Answer:
        path = request.path.removeprefix(PREFIX)
        plan = plan_of(headers.get("x-api-key"))
        key = headers["x-api-key"]
        endpoint = by_path(path)
        bucket = Bucket.DEFAULT if endpoint is None else endpoint.bucket
        if not self.limiter.allows(key, plan=plan, bucket=bucket, now=now):
            raise Refusal(429, TOO_MANY)
        window = window_of(plan, tokyo_time(now).date(), history_from=self.settings.history_from)
        caller = _Caller(key, plan, now, window, headers)
        if request.method != "GET":
            raise Refusal(403, NO_ENDPOINT)
        if path == BULK_LIST_PATH:
            return self._plain(caller, path, query, self._bulk_list(caller, query))
        if path == BULK_GET_PATH:
            return self._plain(caller, path, query, self._bulk_get(caller, query))
        if endpoint is None or endpoint.name not in self._wires:
            raise Refusal(403, NO_ENDPOINT)
        asked = self._pass_gates(endpoint, query, caller)
        return self._paged(self._page(endpoint, asked, query, caller), query, caller)

    def _pass_gates(self, endpoint: Endpoint, query: dict[str, str], caller: _Caller) -> Asked:
        asked = Asked()
        for gate in self.settings.gates:
            if gate is Gate.PLAN:
                require_plan(caller.plan, endpoint.plan, plans_url=self.settings.plans_url)
                if "cursor" in query and endpoint.cursor is not None:
                    require_plan(caller.plan, endpoint.cursor, plans_url=self.settings.plans_url)
            elif gate is Gate.WINDOW:
                dates = window_dates(endpoint, query)
                if not all(caller.window.covers(day) for day in dates):
                    raise Refusal(400, caller.window.message(self.settings.plans_url))
            else:
                asked = asked_of(endpoint, query, strictness=self.settings.strictness)
        return asked

    def _page(
        self, endpoint: Endpoint, asked: Asked, query: Mapping[str, str], caller: _Caller
    ) -> _Page:
        bound = query_hash(endpoint.path, query, caller.key)
        if "pagination_key" in query:
            place = place_of(query["pagination_key"], bound)
        else:
            since = since_of(query["cursor"], bound) if "cursor" in query else None
            place = Place(0, caller.now, since)
        return self._page_at(endpoint, asked, place, bound=bound, caller=caller)

    def _page_at(
        self, endpoint: Endpoint, asked: Asked, place: Place, *, bound: str, caller: _Caller
    ) -> _Page:
        found = self._rows(endpoint, asked, place, bound=bound, caller=caller)
        size = found.height if endpoint.name == _WHOLE else self.settings.rows_per_page
        end = place.offset + size
        following = Place(end, place.known, place.since) if end < found.height else None
        cursor = None
        today = asked.days.get("date") == caller.today
        if _polled(endpoint, caller) and today and following is None:
            cursor = cursor_key(place.known, bound)
        return _Page(
            endpoint,
            response_columns(endpoint, plan=caller.plan, day=caller.today),
            found.slice(place.offset, size),
            bound,
            place,
            following,
            cursor,
        )

    def _rows(
        self, endpoint: Endpoint, asked: Asked, place: Place, *, bound: str, caller: _Caller
    ) -> pl.DataFrame:
        """All rows of a query; those of the last few queries are kept for their further pages."""
        mark = (bound, place.known, place.since)
        if mark not in self._queries:
            wire = self._wires[endpoint.name]
            if _polled(endpoint, caller) and caller.today >= LIVE_FROM:
                wire = LiveWire(wire)
            frame = select(endpoint, wire, asked, window=caller.window, place=place)
            self._queries[mark] = frame
            if len(self._queries) > _KEPT_QUERIES:
                self._queries.popitem(last=False)
        return self._queries[mark]

    # --- pages and their faults -----------------------------------------------------------------

    def _paged(self, page: _Page, query: Mapping[str, str], caller: _Caller) -> Answer:
        fitting = set(ANYWHERE)
        if not page.rows.is_empty():
            fitting |= {FaultKind.EXTRA_FIELD, FaultKind.MISSING_FIELD}
        if page.following is None:
            fitting.add(FaultKind.NULL_KEY)
        else:
            fitting.add(FaultKind.DROPPED_PAGE)
        if page.place.offset:
            fitting.add(FaultKind.REPEATED_PAGE)
        kind = self._draw(caller, f"{page.bound} {query}", fitting)
        if kind is FaultKind.REPEATED_PAGE:
            page = self._before(page)
        value = _envelope(page)
        if kind is FaultKind.DROPPED_PAGE:
            value["data"] = []
        elif kind is FaultKind.NULL_KEY:
            value["pagination_key"] = None
        elif kind is FaultKind.EXTRA_FIELD:
            value["data"] = [{**row, EXTRA_FIELD: "1"} for row in value["data"]]
        elif kind is FaultKind.MISSING_FIELD:
            optional = [n for n in page.columns if n not in page.endpoint.key]
            left_out = optional[page.place.offset % len(optional)]
            for row in value["data"]:
                del row[left_out]
        return _finish(200, to_json(value), caller.headers, kind)

    def _before(self, page: _Page) -> _Page:
        """The page before one, whose key is that of the page itself."""
        offset = page.place.offset - self.settings.rows_per_page
        place = Place(offset, page.place.known, page.place.since)
        found = self._queries[page.bound, place.known, place.since]
        rows = found.slice(offset, self.settings.rows_per_page)
        return _Page(page.endpoint, page.columns, rows, page.bound, place, page.place, None)

    def _plain(
        self, caller: _Caller, path: str, query: Mapping[str, str], value: Mapping[str, Any]
    ) -> Answer:
        kind = self._draw(caller, f"{path} {caller.key} {query}", set(ANYWHERE))
        return _finish(200, to_json(value), caller.headers, kind)

    def _draw(self, caller: _Caller, query: str, fitting: set[FaultKind]) -> FaultKind | None:
        if _takes_gzip(caller.headers):
            fitting.add(FaultKind.CUT_GZIP)
        return self.faults.draw(query, fitting)

    # --- files ----------------------------------------------------------------------------------

    def _bulk_list(self, caller: _Caller, query: Mapping[str, str]) -> dict[str, Any]:
        if ("endpoint" in query) == ("date" in query):
            raise Refusal(400, "This API requires exactly 1 parameter as follows; endpoint, date")
        if "date" in query:
            if "from" in query or "to" in query:
                raise Refusal(400, "'from' and 'to' require 'endpoint'.")
            first, last = parse_span(query["date"], name="date")
            endpoints = [row for row in bulk_endpoints(caller.plan) if row.name in self._wires]
        else:
            endpoints = [self._bulk_endpoint(caller, query["endpoint"])]
            first = parse_span(query["from"], name="from")[0] if "from" in query else date.min
            last = parse_span(query["to"], name="to")[1] if "to" in query else date.max
        if first > last:
            raise Refusal(400, "'from' must be older than 'to'")
        rows = []
        for endpoint in endpoints:
            for file in self._files.listing(endpoint, window=caller.window, now=caller.now):
                if file.first <= last and file.last >= first:
                    size = self._files.size(file, plan=caller.plan, now=caller.now)
                    rows += [row_of(file, size)] if size else []
        return {"data": rows}

    def _bulk_endpoint(self, caller: _Caller, path: str) -> Endpoint:
        endpoint = by_path(path)
        if endpoint is None or not endpoint.bulk or endpoint.name not in self._wires:
            raise Refusal(400, "'endpoint' is invalid.")
        if endpoint not in bulk_endpoints(caller.plan):
            require_plan(caller.plan, max(endpoint.plan, Plan.LIGHT), plans_url=self._plans_url)
        return endpoint

    @property
    def _plans_url(self) -> str:
        return self.settings.plans_url

    def _bulk_get(self, caller: _Caller, query: Mapping[str, str]) -> dict[str, Any]:
        file = self._wanted_file(caller, query)
        if file is None or not self._files.size(file, plan=caller.plan, now=caller.now):
            raise Refusal(400, "The requested file does not exist.")
        token = self._links.issue(file, plan=caller.plan, now=caller.now)
        host = caller.headers.get("host", "127.0.0.1")
        return {"url": f"http://{host}{_DOWNLOAD}{token}"}

    def _wanted_file(self, caller: _Caller, query: Mapping[str, str]) -> BulkFile | None:
        named = {"endpoint", "date"} & set(query)
        if ("key" in query) == bool(named) or len(named) == 1:
            raise Refusal(400, "This API requires 'key', or 'endpoint' and 'date'.")
        if "key" in query:
            endpoint = self._bulk_endpoint(caller, _path_of_key(query["key"]))
            files = self._files.listing(endpoint, window=caller.window, now=caller.now)
            return next((file for file in files if file.key == query["key"]), None)
        endpoint = self._bulk_endpoint(caller, query["endpoint"])
        first, last = parse_span(query["date"], name="date")
        files = self._files.listing(endpoint, window=caller.window, now=caller.now)
        return next((file for file in files if file.first <= first and file.last >= last), None)

    def _download(self, token: str, now: datetime) -> Answer:
        file, plan = self._links.redeem(token, now)
        body = self._files.content(file, plan=plan, now=now)
        kind = self.faults.draw(f"download {file.key}", {*ANYWHERE, FaultKind.CUT_GZIP})
        if kind is not None and kind in _STATUS_TEXTS:
            status, text = _STATUS_TEXTS[kind]
            return Answer(status, {"content-type": "application/json"}, message(text))
        if kind is FaultKind.CUT_GZIP:
            body = body[: len(body) // 2]
        return Answer(200, {"content-type": "application/gzip"}, body, _shell_fault(kind))


def _polled(endpoint: Endpoint, caller: _Caller) -> bool:
    """Whether the caller's plan may poll an endpoint by cursor."""
    return endpoint.cursor is not None and caller.plan >= endpoint.cursor


def _path_of_key(key: str) -> str:
    """Path of the endpoint that a file's key begins with."""
    for mark in ("/historical/", "/live/"):
        if mark in key:
            return "/" + key.partition(mark)[0]
    return "/" + key.rpartition("/")[0]


def _envelope(page: _Page) -> dict[str, Any]:
    value: dict[str, Any] = {"data": json_rows(page.endpoint, page.rows, page.columns)}
    if page.following is not None:
        value["pagination_key"] = page_key(page.following, page.bound)
    if page.cursor is not None:
        value["cursor"] = page.cursor
    return value


def _takes_gzip(headers: Mapping[str, str]) -> bool:
    return "gzip" in headers.get("accept-encoding", "").lower()


def _shell_fault(kind: FaultKind | None) -> Fault | None:
    if kind is FaultKind.STALL:
        return Fault.STALL
    return Fault.RESET if kind is FaultKind.RESET else None


def _finish(
    status: int, body: bytes, headers: Mapping[str, str], kind: FaultKind | None = None
) -> Answer:
    """Compress where asked for, and apply a fault that concerns the whole answer."""
    if kind is not None and kind in _STATUS_TEXTS:
        status, text = _STATUS_TEXTS[kind]
        body = message(text)
    sent = {"content-type": "application/json; charset=utf-8"}
    if _takes_gzip(headers):
        sent["content-encoding"] = "gzip"
        body = gzip.compress(body, 1, mtime=0)
        if kind is FaultKind.CUT_GZIP:
            body = body[: len(body) // 2]
    return Answer(status, sent, body, _shell_fault(kind))
