"""A source that is missing, empty, late or half covered is said in one line; the rest is as it was.

Each table behind features is damaged in turn. A dataset is built for some of the ways (all of them
with ``make soak``); what is said is checked for every way.
"""

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import Clock
from gogooku.core.errors import DataError
from gogooku.core.types import Role
from gogooku.dataset import assemble
from gogooku.dataset.home import read_values
from gogooku.features.catalogue import CATALOGUE, INPUT_TABLES, by_name, sources_of
from gogooku.features.engine.inputs import Tables
from gogooku.features.source_notes import REQUIRED, Gap, source_notes
from gogooku.tables.arrivals import arrivals_of, write_arrivals
from support.cli import done, sets
from support.gaps import (
    DELAY,
    SESSIONS,
    SOURCES,
    STATES,
    Stock,
    dark,
    delayed,
    empty,
    half_the_names,
    missing,
    not_yet,
    unknown,
    world,
)
from support.soak import some

SPARSE = ("dividends", "margin_alert", "short_positions")
"""Half of the names that these tell of in half a year are too few to be more than chance."""
SILENT = ("dividends",)
"""In the last sessions of the market there is nothing of these to be late."""
BY_CLOCK = ("topix",)
"""Bars of the index are dated by the clock, whenever they came."""


def visible(table=None):
    return [
        f
        for f in CATALOGUE
        if not f.name.startswith("_") and (table is None or table in sources_of(f))
    ]


def some_features():
    """A few features of every combination of sources."""
    by_sources = {}
    for feature in visible():
        by_sources.setdefault(frozenset(sources_of(feature)) - REQUIRED, []).append(feature.name)
    return tuple(n for names in by_sources.values() for n in names[:: max(1, len(names) // 3)][:3])


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    return Stock(tmp_path_factory.mktemp("gaps") / "home")


@pytest.fixture(scope="module")
def whole(stock):
    return stock.build(stock.store("whole"), some_features())


@pytest.fixture(scope="module")
def told(stock):
    """What is said of a source, for the features of a table."""
    sessions = world().timeline.sessions
    folder = stock.home / "arrivals"
    folder.mkdir()
    path = folder / "arrivals.parquet"

    def notes(source, features):
        arrivals = arrivals_of(source, sessions, clock=Clock.EVENING, path=path)
        if not path.exists():
            write_arrivals(folder, arrivals)
        return source_notes(
            source,
            features,
            arrivals,
            sessions=sessions,
            clock=Clock.EVENING,
            null_shares={f.name: 0.0 for f in features},
        )

    notes(stock.store("whole"), visible())
    return notes


# ------------------------------------------------------------------------------------ what is said


def test_of_whole_sources_nothing_is_said(stock, whole, told):
    assert told(stock.store("whole"), visible()) == []
    assert whole.manifest["source_notes"] == []


GAPS = [
    *((table, state) for table in SOURCES for state in (delayed, dark)),
    *((table, not_yet) for table in SOURCES if table not in SILENT),
    *((table, half_the_names) for table in SOURCES if table not in (*SPARSE, "topix")),
    *((table, state) for state in (missing, empty, unknown) for table in SOURCES[::5]),
]
EXPECTED = {
    missing: (Gap.MISSING, "missing, nothing was delivered"),
    empty: (Gap.EMPTY, "empty, no rows"),
    unknown: (Gap.NOTHING_KNOWN, "nothing known yet on 2026-07-15, its first row comes on 20"),
    dark: (Gap.ENDS, "ends on 2026-0"),
    delayed: (Gap.LATE, f"late, newest rows known {DELAY} session(s) later than their pub"),
    half_the_names: (Gap.FEWER, "covers "),
}


@pytest.mark.parametrize(
    ("table", "state"), some(GAPS, keep=24), ids=lambda one: getattr(one, "__name__", one)
)
def test_the_line_names_source_and_what_is_wrong(table, state, stock, told):
    mine = visible(table)
    (note,) = told(stock.damage(table, state), mine)
    if state is not_yet:
        # of a source that often pauses it is what is due that counts, and not the pause
        assert note.gap in (Gap.ENDS, Gap.LATE)
        assert note.what.startswith(("ends on 2026-0", "late, "))
    else:
        gap, begins = EXPECTED[state]
        assert note.gap is gap
        assert note.what.startswith(begins)
    assert note.table == table
    assert note.features == len(mine)
    assert note.line.startswith(f"{table}: {note.what}; ")
    assert "\n" not in note.line
    assert all(group in note.line for group in {f.group for f in mine})


def test_index_bars_have_two_sources(stock, told):
    """TOPIX comes with the other indices, too: without both there is no market index."""
    index = [by_name("mkt_ret_20d"), by_name("fut_basis_topixf")]
    for rows in (None, world().typed("topix").clear()):
        (note,) = told(stock.store("no-topix", topix=rows), index)
        assert (note.table, note.features) == ("topix", 1)
    notes = told(stock.store("no-index", topix=None, indices=None), index)
    assert [(note.table, note.features) for note in notes] == [("topix", 2)]


def test_half_of_the_names_from_the_start_is_said_of_what_tells_of_every_name(stock, told):
    rows = world().typed("valuation")
    kept = rows.get_column("code").unique().sort().gather_every(2)
    half = stock.store("half", valuation=rows.filter(pl.col("code").is_in(kept.implode())))
    (note,) = told(half, visible("valuation"))
    assert note.gap is Gap.FEWER
    assert note.what in ("covers 50% of the names, not all of them",
                         "covers 54% of the names, not all of them",
                         "covers 46% of the names, not all of them")  # fmt: skip


def test_the_plan_is_one_line_and_no_gap(stock, told):
    wanted = [by_name(n) for n in ("bd_short_share", "am_ret", "margin_imbalance", "ret_prev_1d")
              if n in {f.name for f in CATALOGUE}]  # fmt: skip
    source = stock.store("light", plan="Light", breakdown=None, margin_interest=None)
    (note,) = told(source, wanted)
    assert note.gap is Gap.OUTSIDE_PLAN
    assert "breakdown" in note.table
    assert "margin_interest" in note.table
    assert note.what == "not in the plan Light"
    assert note.features == len(wanted) - 1


# ------------------------------------------------------------------------- the rest is as it was


def differences(whole, other, table):
    """Parts and features that do not depend on a table and are not bit for bit what they were."""
    untouched = ("valid", "sector", "neighbours", "neighbour_block", "bars", "labels")
    if table in BY_CLOCK:
        untouched = tuple(name for name in untouched if name != "labels")
    found = [n for n in untouched if whole.manifest["parts"][n] != other.manifest["parts"][n]]
    stock, market = (
        [name for name in names if table not in sources_of(by_name(name))]
        for names in (whole.features, whole.market_features)
    )
    absent = [name for name in (*stock, *market) if name in other.manifest["absent"]]
    if absent:
        return found + absent
    before, after = (read_values(one, stock) for one in (whole, other))
    for f, name in enumerate(stock):
        xs = [one.x_TNF[:, :, one.features.index(name)] for one in (whole, other)]
        if before[f].tobytes() != after[f].tobytes() or not np.array_equal(*xs):
            found.append(name)
    for name in market:
        series = [one.market_TM[:, one.market_features.index(name)] for one in (whole, other)]
        if series[0].tobytes() != series[1].tobytes():
            found.append(name)
    return found


def alive(dataset, table):
    """Features of a table, other than masks, that say something on some session."""
    stock = [n for n in dataset.features if table in sources_of(by_name(n))]
    values = read_values(dataset, stock)
    found = {
        name
        for name, value in zip(stock, values, strict=True)
        if np.isfinite(value[dataset.valid_TN]).any() and by_name(name).role is not Role.MASK
    }
    for m, name in enumerate(dataset.market_features):
        if table in sources_of(by_name(name)) and np.isfinite(dataset.market_TM[:, m]).any():
            found.add(name)
    return found


def check(stock, whole, table, state, features):
    made = stock.build(stock.damage(table, state), features)
    assert differences(whole, made, table) == []
    (note,) = made.manifest["source_notes"]
    assert note["source"] == table
    mine = [n for n in (*whole.features, *whole.market_features) if table in sources_of(by_name(n))]
    absent = set(made.manifest["absent"])
    if state in (missing, empty):
        assert note["absent"] == len(absent)
        assert absent <= set(mine)
        assert absent == set(mine) or table == "topix"
    else:
        assert not absent
        assert note["features"] == len(mine)
    if state is unknown and table not in BY_CLOCK:
        assert alive(made, table) == set()


TURNS = [missing, unknown, dark]


@pytest.mark.parametrize("table", some(SOURCES, keep=4))
def test_the_rest_is_unchanged(table, stock, whole):
    check(stock, whole, table, TURNS[SOURCES.index(table) // 3 % len(TURNS)], some_features())


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("table", SOURCES)
def test_the_rest_is_unchanged_for_every_feature_and_state(table, tmp_path):
    stock = Stock(tmp_path / "home")
    whole = stock.build(stock.store("whole"), "all")
    for state in STATES:
        if (state is not_yet and table in SILENT) or (state is half_the_names and table in SPARSE):
            continue
        check(stock, whole, table, state, "all")


# ------------------------------------------------------------------------------ the command line


def test_build_says_it_in_one_line_and_in_json(stock):
    source = stock.damage("margin_interest", dark)
    options = ["--source", source.name, *sets("features=['ret_prev_1d','margin_imbalance']")]
    shown = done(stock.home, "build", *options).out
    (line,) = [text for text in shown.splitlines() if text.startswith("margin_interest: ")]
    assert line.startswith("margin_interest: ends on 2026-04-0")
    assert line.endswith("1 features, 100% null at the end (margin)")
    facts = done(stock.home, "build", *options, "--json").json
    (note,) = facts["source_notes"]
    assert note["line"] == line
    assert note["gap"] == Gap.ENDS
    explained = done(stock.home, "explain", facts["dataset"], "--json").json
    assert explained["source_notes"] == [line]
    assert line[:40] in done(stock.home, "explain", facts["dataset"]).out


def test_build_says_what_it_took_over(stock):
    last = world().timeline.decisions[-3].item()
    frames = {
        name: world().typed(name).filter(pl.col("available_at") <= last)
        for name in ("quotes", "topix", "valuation", "master")
    }
    options = ["--source", "grown", *sets("features=['ret_prev_1d','val_log_market_cap']")]
    stock.store("grown", **frames)
    first = done(stock.home, "build", *options, "--json").json
    assert first["growth"] == {
        "from": None,
        "new_sessions": SESSIONS - 2,
        "sessions_taken_over": 0,
    }
    stock.store("grown")
    shown = done(stock.home, "build", *options).out
    assert f"{SESSIONS - 2} sessions, from {first['dataset']}" in shown
    facts = done(stock.home, "build", *options, "--json").json
    assert facts["growth"] == {
        "from": first["dataset"],
        "new_sessions": 2,
        "sessions_taken_over": SESSIONS - 2,
    }
    assert facts["source_notes"] == []


def test_a_version_that_is_removed_under_a_build_is_said(stock):
    """A newer delivery keeps two versions; a build that takes longer has to be run again."""
    source = stock.store("removed")
    taken = assemble._Sources(Tables(source), timeline=None, inputs=INPUT_TABLES)
    for path in source.table_paths("breakdown"):
        path.unlink()
    with pytest.raises(DataError, match=r"breakdown was there when the build began and is gone"):
        taken.columns([], stop=1, rows=1, threads=1)
