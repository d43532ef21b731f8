"""A month of evenings on an exchange on loopback, and the same evenings made from scratch."""

import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

import numpy as np
import polars as pl

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.config import Execution
from gogooku.core.progress import SilentReporter
from gogooku.core.wall import JST, VirtualClock
from gogooku.evening.evening import Asked, evening
from gogooku.ingest.source import sources_folder
from gogooku.pipeline import tables_source
from gogooku.publish.publication import open_publication
from gogooku.sandbox.market.market import FamilyScales, MarketConfig
from gogooku.sandbox.sources import wires as all_wires
from gogooku.sandbox.sources.wire import VISIBLE
from gogooku.tables.parts import Known
from support.cli import FEATURES, sets
from support.loopback import Kept, loopback

SESSIONS = tokyo_sessions(date(2025, 6, 1), date(2026, 10, 30)).tolist()
PLAYED_MARKET = MarketConfig(
    num_stocks=30,
    num_sessions=220,
    seed=3,
    num_sectors=2,
    num_branches=0,
    first_session=SESSIONS[-220],
    scales=FamilyScales(revision=1.0, crowding=1.0, covering=1.0, segment_flow=1.0),
    quirk_rate=5.0,
)
"""30 names whose last 35 sessions are still to come: a listing on 18 September, the margin
switch on the 25th, a split on 2 October, a delisting on the 14th."""

MARGIN_SWITCH = date(2026, 9, 25)
BEGIN = date(2026, 9, 11)
"""The evening on which the model is released; the session after it is the first that is played."""
LATE_DAY = date(2026, 9, 18)
LATE_CODES = 3
"""So many names whose bars of that session the vendor sends with those of the next one; a sync asks
for them three sessions later, when it looks for corrections."""
EVENING = time(20, 35)


@dataclass(frozen=True)
class Late:
    """A wire of which some rows of a day come with those of the next."""

    wire: object
    day: date
    codes: tuple
    until: datetime

    def rows(self, first, last):
        late = (pl.col("Date") == str(self.day)) & pl.col("Code").is_in(self.codes)
        naive = self.until.astimezone(UTC).replace(tzinfo=None)
        return self.wire.rows(first, last).with_columns(
            pl.when(late).then(pl.lit(naive).cast(pl.Datetime("us"))).otherwise(VISIBLE)
            .alias(VISIBLE)
        )  # fmt: skip


def at(day, moment=EVENING):
    return datetime.combine(day, moment, tzinfo=JST)


def happenings(market):
    """Dates of listings, delistings and splits."""
    moves = np.diff(market.listed.astype(int), axis=0)
    split = np.isfinite(market.adjustment_factor) & (market.adjustment_factor != 1.0)
    return {
        "listing": [market.sessions[row + 1].item() for row, _ in np.argwhere(moves > 0)],
        "delisting": [market.sessions[row + 1].item() for row, _ in np.argwhere(moves < 0)],
        "split": [market.sessions[row].item() for row, _ in np.argwhere(split)],
    }


def late_codes(market):
    """Codes that trade throughout: what is late of them is missed by somebody."""
    always = market.listed.all(axis=0)
    return tuple(np.asarray(market.codes)[always][:LATE_CODES].tolist())


def played_wires(market):
    """Wires of the market, with some bars of a day late by a session."""
    wires = {name: Kept(wire) for name, wire in all_wires(market).items()}
    after = next(day for day in SESSIONS if day > LATE_DAY)
    until = at(after, time(16, 30))
    wires["quotes"] = Late(wires["quotes"], LATE_DAY, late_codes(market), until)
    return wires


@dataclass
class Played:
    """A home with a released ridge, and the evenings it has seen.

    ``made`` holds, for each call that published, when it was and the content by session.
    """

    line: object
    home: object
    key: str
    made: list = field(default_factory=list)

    def run(self, *argv, now, **options):
        return self.line.run(
            self.home, *argv, now=now, environment={"JQUANTS_API_KEY": self.key}, **options
        )

    def begin(self, day):
        """Sync, build, train, release: what was done once."""
        for argv in (
            ("sync", "--source", "sandbox"),
            ("build", "--source", "sandbox", *sets(f"features={FEATURES}"), "--threads", 1),
            ("train", "ridge", "--threads", 1),
            ("evaluate", "ridge"),
            ("release", "ridge", "--why", "first"),
        ):
            result = self.run(*argv, "--json", now=at(day))
            assert result.code == 0, f"{argv}: {result.err}"
        return result.json["bundle"]

    def evening(self, day, *argv, **options):
        result = self.run(
            "evening", "--source", "sandbox", "--threads", 1, "--json", *argv,
            now=at(day), **options,
        )  # fmt: skip
        if result.code == 0 and result.json["published"]:
            said = {one["session"]: one["content_hash"] for one in result.json["published"]}
            self.made.append((day, said))
        return result

    def published(self):
        """Name -> content hash of every publication that is there."""
        found = (self.home / "publications" / "sandbox").glob("[!.]*/manifest.json")
        return {
            path.parent.name: json.loads(path.read_text())["content_hash"] for path in sorted(found)
        }

    def records(self):
        result = self.run("evenings", "--json", now=at(SESSIONS[-1]))
        assert result.code == 0, result.err
        return result.json["sandbox"]


def from_scratch(played, place):
    """Every evening again in another home, which holds the answers, the release and what it has
    published itself: tables and dataset are made anew each time from what was fetched by then."""
    place.mkdir()
    for name in ("raw", "releases"):
        shutil.copytree(played.home / name, place / name)
    for day, _ in played.made:
        for name in ("sources", "tables", "datasets"):
            shutil.rmtree(place / name, ignore_errors=True)
        known = tables_source(place, "sandbox", known=Known(on=day), reporter=SilentReporter())
        known.folder.parent.rename(sources_folder(place) / "sandbox")
        made = evening(
            place,
            Asked(source="sandbox"),
            fetch=None,
            execution=Execution(threads=1),
            clock=VirtualClock(at(day)),
            reporter=SilentReporter(),
        )
        yield day, {str(one.session): one.content_hash for one in made.published}


def ranking_after(played, day):
    """What was published after a session."""
    (name,) = [one for one in played.published() if one.startswith(str(day))]
    bundle = name.partition("--")[2]
    return open_publication(played.home, "sandbox", day, bundle).frame("ranking")


def play(forks, market):
    """The exchange of a market: a context manager that gives a line."""
    return loopback(played_wires(market), forks, history_from=PLAYED_MARKET.first_session)
