"""A vendor who corrects and a dataset that grows evening by evening, on a virtual clock."""

import json
import math
import shutil
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl

from gogooku import pipeline
from gogooku.core.calendar import Clock
from gogooku.core.config import Execution, Resolved
from gogooku.core.progress import SilentReporter
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.home import labels_of, read_values
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.ledger import BatchKind, Draft, Factor
from gogooku.sandbox.exchange.selection import RestatedWire
from gogooku.sandbox.market.market import generate
from gogooku.sandbox.sources import wires
from support.law_world import Anything
from support.sandbox import EXCHANGE_MARKET, ask_all
from support.syncs import SOURCE, WITHOUT_OPTIONS, Kept, KeptRestated, World, tokyo

HISTORY_FROM = date(2026, 6, 8)
LABELS = ("raw_TNH", "excess_TNH", "residual_TNH", "outcome_TNH", "late_TNH", "tradable_TN")


@dataclass(frozen=True)
class Amendment:
    """From an instant on the rows that match say something else; with no values, they exist."""

    endpoint: str
    match: dict
    since: datetime
    values: dict | None = None

    def seen(self, frame, known):
        hit = pl.all_horizontal(pl.col(name) == value for name, value in self.match.items())
        if self.values is None:
            return frame if known >= self.since else frame.filter(~hit)
        if known < self.since:
            return frame
        return frame.with_columns(
            pl.when(hit).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
            for name, value in self.values.items()
        )


class Amended:
    """A wire with amendments."""

    def __init__(self, wire, amendments):
        self.wire, self.amendments = wire, amendments

    def rows(self, first, last):
        return self.rows_known(first, last, known=tokyo("2099-01-01 00:00"))

    def rows_known(self, first, last, *, known):
        frame = self.wire.rows(first, last)
        if isinstance(self.wire, RestatedWire):
            frame = self.wire.rows_known(first, last, known=known)
        for one in self.amendments:
            frame = one.seen(frame, known)
        return frame

    def restated_at(self, known):
        told = [one.since for one in self.amendments if one.since <= known]
        if isinstance(self.wire, RestatedWire):
            told.append(self.wire.restated_at(known))
        return max((one for one in told if one is not None), default=None)


def growth_market(**changes):
    """A small market in which names come, leave and split often."""
    settings = {
        "first_session": HISTORY_FROM,
        "num_sessions": 152,
        "num_stocks": 25,
        "quirk_rate": 5.0,
        "halts": (),
        "seed": 100,
    }
    return generate(EXCHANGE_MARKET.model_copy(update={**settings, **changes}))


def plain_wires(market):
    return {
        name: KeptRestated(wire) if isinstance(wire, RestatedWire) else Kept(wire)
        for name, wire in wires(market).items()
    }


class Grower:
    """A home that is synced and built evening by evening."""

    def __init__(self, home, market, plain, amendments, *, first_evening, features=None):
        self.home, self.market = home, market
        self.settings = {} if features is None else {"features": features}
        wired = {
            name: Amended(wire, [one for one in amendments if one.endpoint == name])
            for name, wire in plain.items()
        }
        history = market.sessions[0].item()
        self.world = World(home, evening(first_evening), wired=wired, history_from=history)
        self.taken_over = {}

    def sync(self, at, *, again=()):
        """Ask once more for some days, and sync."""
        self.world.clock.move_to(at)
        for name, past in again:
            self._ask_again(name, past)
        done = self.world.sync(WITHOUT_OPTIONS)
        assert done.summary.failed == ()

    def evening(self, day, *, at=None, again=(), clock=Clock.EVENING):
        """Ask once more for some days, sync, and build."""
        self.sync(at or evening(day), again=again)
        dataset = build(self.home, SOURCE, clock, **self.settings)
        self.taken_over[day] = dataset.manifest["growth"]["sessions_taken_over"]
        assert dataset.sessions[-1].item() == day
        return dataset

    def _ask_again(self, name, day):
        """What a user does who hears of a correction of a day that is long final."""
        endpoint, now = ENDPOINTS[name], self.world.clock.now()
        rows = ask_all(
            self.world.exchange, endpoint.path, self.world.key, **{endpoint.date_param: day}
        )
        assert rows, (name, day)
        factors = None
        if name == "quotes":
            factors = tuple(
                Factor(row["Code"], day, row["AdjFactor"], now)
                for row in rows
                if row["AdjFactor"] != 1.0
            )
        with self.world.store.writer() as writer:
            digest = writer.put(json.dumps({"data": rows}).encode())
            draft = Draft(
                endpoint=name,
                query=f"{endpoint.date_param}={day}",
                kind=BatchKind.PAGES,
                first=day,
                last=day,
                fetched_at=now,
                rows=len(rows),
                days={day: len(rows)},
                factors=factors,
            )
            writer.commit(draft, bodies=[digest])

    def built_at_once(self, home, *, known=None, clock=Clock.EVENING):
        """The same raw store in a home without datasets; ``known`` cuts it to an evening."""
        for name in ("raw", "tables", "sources"):
            shutil.copytree(self.home / name, home / name)
        source = SOURCE
        if known is not None:
            source = pipeline.tables_source(
                home, SOURCE, known=known, reporter=SilentReporter()
            ).name
        return build(home, source, clock, **self.settings)


def evening(day):
    return tokyo(f"{day} 21:00")


def noon(day):
    return tokyo(f"{day} 12:00")


def build(home, source, clock=Clock.EVENING, **settings):
    return pipeline.build(
        home,
        Resolved(config=BuildConfig(source=source, clock=clock, **settings), origins=Anything()),
        execution=Execution(threads=1),
        reporter=SilentReporter(),
    )


def corrected_prices(row):
    """Other prices inside the range of the day's bar."""
    high, low = row["H"], row["L"]
    assert high > low
    return {
        "O": low if row["O"] == high else high,
        "C": low if row["C"] == high else high,
    }


def random_story(plain, sessions, rng):
    """Amendments of old rows at random, and what is asked again on which evening."""
    days = [day.item() for day in sessions]
    amendments, again = [], {day: [] for day in days}

    def told(name, row, on, day, values, *, key=("Date", "Code")):
        match = {column: row[column] for column in key}
        amendments.append(Amendment(name, match, noon(on), values))
        again[on].append((name, day))

    for k in range(2, len(days)):
        on, past = days[k], days[int(rng.integers(max(0, k - 40), k))]
        kind = rng.choice(["bar", "margin", "late", "statement", "nothing"])
        if kind == "bar":
            bars = plain["quotes"].rows(past, past).to_dicts()
            moved = [row for row in bars if row["C"] and row["H"] > row["L"]]
            row = moved[int(rng.integers(len(moved)))]
            told("quotes", row, on, past, {"C": row["L"] + (row["H"] - row["L"]) * rng.random()})
        elif kind == "statement":
            rows = plain["statements"].rows(past, past).to_dicts()
            for row in rows[:1]:
                sales = str(int(rng.integers(1, 9)) * 1_000_000)
                told("statements", row, on, past, {"Sales": sales}, key=("DiscNo",))
        elif kind != "nothing":
            rows = plain["margin_interest"].rows(past, past).to_dicts()
            if rows and (on - past).days > 6:
                row = rows[int(rng.integers(len(rows)))]
                late = {"LongVol": row["LongVol"] * 2 + 100} if kind == "margin" else None
                told("margin_interest", row, on, past, late)
    return amendments, again


# ------------------------------------------------------------------------------- comparisons


def unequal_parts(one, other):
    """Parts whose content hash differs."""
    assert one.codes == other.codes
    assert np.array_equal(one.sessions, other.sessions)
    parts = one.manifest["parts"], other.manifest["parts"]
    assert parts[0].keys() == parts[1].keys()
    return [name for name in parts[0] if parts[0][name] != parts[1][name]]


def largest_gap(one, other):
    """Largest difference of any feature, encoded value or label, over the spread of its own.

    Infinite where one of them is unknown and the other is not.
    """
    pairs = [(read_values(one, [name])[0], read_values(other, [name])[0]) for name in one.features]
    pairs += list(zip(one.market_TM.T, other.market_TM.T, strict=True))
    pairs += [(np.asarray(getattr(o, n)) for o in (one, other)) for n in ("x_TNF", "raw_TNC")]
    labels = labels_of(one), labels_of(other)
    pairs += [(getattr(labels[0], name), getattr(labels[1], name)) for name in LABELS]
    return max(_gap(np.asarray(a, dtype=float), np.asarray(b, dtype=float)) for a, b in pairs)


def _gap(a, b):
    known = np.isfinite(a)
    if not np.array_equal(known, np.isfinite(b)):
        return math.inf
    if not known.any():
        return 0.0
    spread = float(a[known].std()) or 1.0
    return float(np.abs(a[known] - b[known]).max()) / spread
