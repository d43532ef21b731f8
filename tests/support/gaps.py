"""A small market delivered with all its typed tables, and ways of damaging one of them."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from gogooku import pipeline
from gogooku.core.config import Execution, resolve
from gogooku.core.files import hash_file
from gogooku.core.progress import SilentReporter
from gogooku.dataset.assemble import BuildConfig
from gogooku.features.catalogue import CATALOGUE, INPUT_TABLES, sources_of
from gogooku.features.source_notes import REQUIRED
from gogooku.tables.arrivals import DIGESTS_FILE, digests_of
from gogooku.tables.delivery import deliver
from gogooku.tables.parts import ROWS_FILE, SUPERSEDED_FILE, UNTIL, Known, Part, Tables
from support.source_world import CALENDAR, source_world

SESSIONS = 130
LATE_SESSIONS = 12
"""Sessions at the end whose rows are not there yet."""
DELAY = 5
"""Sessions by which every row is late."""
SOURCES = sorted({name for f in CATALOGUE for name in sources_of(f)} - REQUIRED)
"""Every table behind features that a build can go on without."""
_NAMED = ("code", "sector33", "section")


def world():
    return source_world(first=date(2026, 1, 5), num_sessions=SESSIONS, num_stocks=24, seed=11)


def tables():
    """All typed tables by name."""
    names = {name for one in INPUT_TABLES for name in one.tables} | REQUIRED | {"topix"}
    return {name: world().typed(name) for name in sorted(names)}


# --------------------------------------------------------------------------------- what goes wrong


def missing(rows):
    del rows


def empty(rows):
    return rows.clear()


def unknown(rows):
    """Every row becomes known after the last session."""
    return rows.with_columns(pl.col("available_at") + timedelta(days=400))


def not_yet(rows):
    """What should have become known in the last sessions becomes known after them."""
    last = world().timeline.decisions[-LATE_SESSIONS - 1].item()
    after = pl.col("available_at") + timedelta(days=60)
    return rows.with_columns(
        pl.when(pl.col("available_at") <= last).then("available_at").otherwise(after)
    )


def delayed(rows):
    """Every row becomes known some sessions later than it should."""
    decisions = world().timeline.decisions
    known = rows.get_column("available_at").to_numpy().astype("datetime64[us]")
    at = np.searchsorted(decisions, known) + DELAY
    beyond = decisions[-1] + np.timedelta64(30, "D")
    later = np.append(decisions, np.repeat(beyond, DELAY + 1))[at]
    return rows.with_columns(available_at=pl.Series(later, dtype=pl.Datetime("us")))


def half_the_names(rows):
    """From the middle of the history on there are only every second name's rows."""
    key = next((name for name in _NAMED if name in rows.columns), None)
    middle = world().timeline.sessions[SESSIONS // 2].item()
    if key is None:
        return rows.filter(pl.col("event_date") < middle)
    kept = rows.get_column(key).unique().sort().gather_every(2)
    return rows.filter((pl.col("event_date") < middle) | pl.col(key).is_in(kept.implode()))


def dark(rows):
    """The first half of the history only."""
    middle = world().timeline.sessions[SESSIONS // 2].item()
    return rows.filter(pl.col("event_date") < middle)


STATES = (missing, empty, unknown, not_yet, delayed, half_the_names, dark)


# ------------------------------------------------------------------------------------- the build


def parts_of(folder, table, frame):
    """Typed rows as the parts of a table, a file a year."""
    made = []
    years = frame.get_column("event_date").dt.year()
    for year in years.unique().sort().to_list() or [2026]:
        place = folder / table / str(year)
        place.mkdir(parents=True, exist_ok=True)
        rows = frame.filter(years == year)
        rows.write_parquet(place / ROWS_FILE)
        old = rows.clear().with_columns(pl.col("available_at").alias(UNTIL))
        old.write_parquet(place / SUPERSEDED_FILE)
        digests_of(rows, None).write_parquet(place / DIGESTS_FILE)
        part = Part(
            table=table,
            period=str(year),
            folder=place,
            rows=rows.height,
            superseded=0,
            quarantined={},
            notes={},
            content=hash_file(place / ROWS_FILE),
        )
        made.append(part)
    return made


class Stock:
    """The undamaged tables, written once, and a home for sources made of them."""

    def __init__(self, home):
        self.home = home
        self.parts = {
            name: parts_of(home / "parts" / "whole", name, frame)
            for name, frame in tables().items()
        }

    def store(self, name, *, plan="Premium", **changed):
        """A source in which some tables have other rows, or (None) are not there."""
        parts = dict(self.parts)
        for table, rows in changed.items():
            parts[table] = [] if rows is None else parts_of(self.home / "parts" / name, table, rows)
        listed = tuple(part for table in sorted(parts) for part in parts[table])
        facts = {"plan": plan}
        return deliver(self.home, name, Tables(listed, CALENDAR), known=Known(), facts=facts)

    def damage(self, table, state):
        """A source with one table in a state."""
        name = f"{table}-{state.__name__}".replace("_", "-")
        return self.store(name, **{table: state(world().typed(table))})

    def build(self, source, features):
        config = BuildConfig(source=source.name, features=features)
        return pipeline.build(
            self.home,
            resolve(config, base_name="build"),
            execution=Execution(threads=1),
            reporter=SilentReporter(),
        )
