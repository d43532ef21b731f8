"""A sync in process: a small market, its exchange on a virtual clock, and one home per world."""

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from urllib.parse import unquote

import httpx
import polars as pl

from gogooku.core.progress import SilentReporter
from gogooku.core.wall import JST
from gogooku.ingest.jquants.client import ApiKey, Client
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.ledger import BatchKind
from gogooku.ingest.jquants.pacing import Pacer
from gogooku.ingest.jquants.plan import SyncOptions
from gogooku.ingest.jquants.planning import dry_run
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.jquants.sync import sync as fetch
from gogooku.pipeline import sync
from gogooku.sandbox.exchange.bulk import Restatement
from gogooku.sandbox.exchange.selection import RestatedWire
from gogooku.sandbox.market.market import generate
from gogooku.sandbox.sources import wires
from gogooku.tables.parts import Known, derive
from support.sandbox import EXCHANGE_MARKET, mock_transport, open_exchange

SOURCE = "sandbox"
FIRST = date(2026, 6, 1)
MARKET = EXCHANGE_MARKET.model_copy(
    update={
        "first_session": FIRST,
        "num_sessions": 130,
        "num_stocks": 24,
        "quirk_rate": 5.0,
        "halts": (),
        "seed": 26,
    }
)
"""To December 2026, quirks five times as frequent; splits on 2026-09-25, 10-01 and 10-27."""
EVERYTHING = tuple(ENDPOINTS)
WITHOUT_OPTIONS = tuple(name for name in ENDPOINTS if name not in ("options", "index_options"))
NOW_KNOWN = Known()
SNAPSHOTS = ("morning", "earnings_calendar")


@dataclass(frozen=True)
class Kept:
    """A wire that renders each span once."""

    wire: object
    known: dict = field(default_factory=dict)

    def rows(self, first, last):
        if (first, last) not in self.known:
            self.known[first, last] = self.wire.rows(first, last)
        return self.known[first, last]


class KeptRestated(Kept):
    """The same of a wire whose rows depend on when they are asked for."""

    def rows_known(self, first, last, *, known):
        mark = first, last, self.wire.restated_at(known)
        if mark not in self.known:
            self.known[mark] = self.wire.rows_known(first, last, known=known)
        return self.known[mark]

    def restated_at(self, known):
        return self.wire.restated_at(known)


@cache
def market_wires():
    """Every wire of the market."""
    return {
        name: KeptRestated(wire) if isinstance(wire, RestatedWire) else Kept(wire)
        for name, wire in wires(generate(MARKET)).items()
    }


def tokyo(text):
    """An instant from Tokyo wall time: 2026-10-30 21:00."""
    return datetime.fromisoformat(text).replace(tzinfo=JST)


class Wiretap:
    """Between client and exchange: remembers every request, and may answer some itself."""

    def __init__(self, exchange):
        self.inner = mock_transport(exchange)
        self.asked = []
        self.instead = {}

    def __call__(self, request):
        path = unquote(request.url.path)
        self.asked.append((path, dict(request.url.params)))
        for mark, answer in self.instead.items():
            if mark in path:
                return answer(request)
        return self.inner.handle_request(request)

    def queries(self, since=0):
        """What was asked, each once: path and parameters without the page.

        Without the questions for the plan: a date before everything, and where its refusal names
        no plan's window, one code of an endpoint of the highest.
        """
        found = set()
        for path, params in self.asked[since:]:
            if path.startswith("/download/") or params.get("date") == "2000-01-04":
                continue
            if path.endswith("/markets/breakdown") and params.get("code") == "72030":
                continue
            params.pop("pagination_key", None)
            found.add((path.removeprefix("/v2"), tuple(sorted(params.items()))))
        return found


def announced(plan):
    """The same of what a dry run announces."""
    found = set()
    for job in plan.jobs:
        if job.kind is BatchKind.FILE:
            found.add(("/bulk/get", (("key", job.bulk_key),)))
            found.add(("/bulk/list", (("endpoint", job.endpoint.path),)))
        else:
            found.add((job.endpoint.path, tuple(sorted(job.params))))
    return found


class World:
    """An exchange, a clock and a home."""

    def __init__(self, home, now, *, key="sandbox-premium", wired=None, **settings):
        settings = {
            "restatement": Restatement.ON_SPLIT,
            "history_from": FIRST,
            **settings,
        }
        self.home = home
        self.exchange = open_exchange(wired or market_wires(), now=now, **settings)
        self.clock = self.exchange.clock
        self.tap = Wiretap(self.exchange)
        self.key = key
        self.store = open_store(home, SOURCE)

    def client(self):
        return Client(
            base_url="http://127.0.0.1:1/v2",
            key=ApiKey(self.key),
            pacer=Pacer(Plan.FREE, clock=self.clock),
            clock=self.clock,
            transport=httpx.MockTransport(self.tap),
        )

    def sync(self, endpoints=EVERYTHING, **options):
        """The whole line: fetch, type, deliver."""
        with self.client() as client:
            return sync(
                self.home,
                SOURCE,
                client,
                endpoints=endpoints,
                options=SyncOptions(**options),
                clock=self.clock,
                reporter=SilentReporter(),
            )

    def fetch(self, endpoints=EVERYTHING, **options):
        """Only the raw store."""
        with self.client() as client:
            return fetch(
                self.store,
                client=client,
                endpoints=[ENDPOINTS[name] for name in endpoints],
                clock=self.clock,
                reporter=SilentReporter(),
                options=SyncOptions(**options),
            )

    def dry_run(self, endpoints=EVERYTHING, **options):
        return dry_run(
            self.store,
            endpoints=[ENDPOINTS[name] for name in endpoints],
            now=self.clock.now(),
            options=SyncOptions(**options),
        )

    def tables(self, known=NOW_KNOWN):
        return derive(self.home, self.store, known=known, reporter=SilentReporter())


def content(tables, *, without=()):
    """Content of every part but those of some tables."""
    return {
        name: value
        for name, value in tables.content().items()
        if name.partition("/")[0] not in without
    }


def files_of(home):
    """Bytes and time of every file under a folder."""
    return {
        str(path.relative_to(home)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }


class Changed:
    """A wire in which the first row of a day (None: every row) is another one.

    ``until``: only for those who ask before that instant; then the vendor corrects it.
    """

    def __init__(self, wire, day, change, *, until=None):
        self.wire, self.day, self.change, self.until = wire, day, change, until
        if isinstance(wire, RestatedWire):
            self.restated_at = wire.restated_at
            self.rows_known = self._rows_known

    def rows(self, first, last):
        return self._changed(self.wire.rows(first, last))

    def _rows_known(self, first, last, *, known):
        frame = self.wire.rows_known(first, last, known=known)
        return frame if self.until and known >= self.until else self._changed(frame)

    def _changed(self, frame):
        hit = pl.lit(value=True)
        if self.day is not None:
            hit = (pl.col("Date") == self.day) & ((pl.col("Date") == self.day).cum_sum() == 1)
        return frame.with_columns(
            pl.when(hit).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
            for name, value in self.change.items()
        )
