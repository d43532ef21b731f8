"""The sandbox exchange on loopback for tests of `gogooku sync`, at an instant that stands still.

Server and client stand at the same instant, so that no test depends on the time of day at which it
is run, and pacing costs nothing.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.wall import JST, VirtualClock
from gogooku.sandbox.exchange.exchange import Answer, Exchange, ExchangeSettings
from gogooku.sandbox.exchange.limits import UNLIMITED
from gogooku.sandbox.exchange.server import serve_in_thread
from gogooku.sandbox.market.market import FamilyScales, MarketConfig

NOW = datetime(2026, 10, 6, 21, 0, tzinfo=JST)
"""A Tuesday evening: September is closed, October has four sessions."""
LATER = datetime(2026, 10, 7, 21, 0, tzinfo=JST)
LATEST = datetime(2026, 10, 8, 21, 0, tzinfo=JST)

SESSIONS = tokyo_sessions(date(2025, 11, 1), date(2026, 12, 31)).tolist()
_TODAY = SESSIONS.index(NOW.date())
_PAST, _AHEAD = 170, 6

LOOPBACK_MARKET = MarketConfig(
    num_stocks=24,
    num_sessions=_PAST + _AHEAD,
    seed=31,
    num_sectors=2,
    num_branches=0,
    first_session=SESSIONS[_TODAY - _PAST],
    scales=FamilyScales(revision=1.0, crowding=1.0, covering=1.0, segment_flow=1.0),
    quirk_rate=5.0,
)
"""24 names whose last sessions are still to come. One left on 5 October; one splits on the 7th, so
that its history is asked for again on the 8th."""

BASE = ("master", "quotes", "topix", "margin_interest")
"""What a dataset is built from."""

FEW = (*BASE, "statement_details")
"""Every kind of fetch that has a history, cursor included."""

RECENT = "2026-09-24"
"""A first date that leaves the end of a month for files and four sessions for queries."""


def only(*names):
    return [part for name in names for part in ("--endpoint", name)]


@dataclass(frozen=True)
class Kept:
    """A wire that renders each span once: the same market is asked over and over."""

    wire: object
    known: dict = field(default_factory=dict)

    def rows(self, first, last):
        if (first, last) not in self.known:
            self.known[first, last] = self.wire.rows(first, last)
        return self.known[first, last]


@dataclass
class Recorder:
    """An exchange that remembers who asked what; while it is down, every answer is 503."""

    exchange: Exchange
    keys: list = field(default_factory=list)
    paths: list = field(default_factory=list)
    down: bool = False

    def answer(self, request):
        self.paths.append(request.path)
        if self.down:
            return Answer(503, {}, b'{"message": "Service Unavailable"}')
        self.keys += [text for name, text in request.headers.items() if name == "x-api-key"]
        return self.exchange.answer(request)

    def forget(self):
        self.keys.clear()
        self.paths.clear()


@dataclass(frozen=True)
class Line:
    """An exchange on loopback and the processes that ask it."""

    url: str
    heard: Recorder
    forks: object

    def options(self, *, now=NOW, environment=(), **options):
        """What a command's process gets, and the exchange set to the same instant."""
        settings = {"JQUANTS_BASE_URL": self.url, **dict(environment)}
        self.heard.exchange.clock.move_to(now)
        return {"environment": settings, "now": now.isoformat(), **options}

    def run(self, home, *argv, **options):
        """A command in a process of its own, at an instant."""
        return self.forks.run(home, *argv, **self.options(**options))

    def argv(self, *argv):
        return ["sync", "--source", "sandbox", "--json", *argv]

    def sync(self, home, *argv, **options):
        return self.run(home, *self.argv(*argv), **options)

    def done(self, home, *argv, **options):
        result = self.run(home, *argv, **options)
        assert result.code == 0, result.err
        return result


@contextmanager
def loopback(wires, forks, **settings):
    """A line to an exchange without limits."""
    chosen = {"history_from": LOOPBACK_MARKET.first_session, **settings}
    exchange = Exchange(
        wires,
        clock=VirtualClock(NOW),
        settings=ExchangeSettings(limits=UNLIMITED, **chosen),
    )
    heard = Recorder(exchange)
    with serve_in_thread(heard) as url:
        yield Line(url, heard, forks)
