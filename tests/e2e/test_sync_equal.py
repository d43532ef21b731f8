"""`gogooku sync` in process: the same tables by every way, through every fault, at every date."""

import json
import logging
import traceback
from datetime import date, timedelta
from types import MappingProxyType

import httpx
import polars as pl
import pytest

from gogooku.commands.sync import answer_of
from gogooku.core.errors import DataError, TerminalError, TransientError
from gogooku.core.files import read_json
from gogooku.core.progress import SilentReporter
from gogooku.core.wall import tokyo_instant, tokyo_time
from gogooku.ingest.jquants.client import NoSubscription, RefusedKey, Unreachable
from gogooku.ingest.jquants.endpoints import ENDPOINTS, Fetch
from gogooku.ingest.jquants.plan import BulkUse
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.source import read_source
from gogooku.pipeline import tables_source
from gogooku.sandbox.exchange import gates
from gogooku.sandbox.exchange.faults import EXTRA_FIELD, FaultKind, FaultPlan
from gogooku.sandbox.exchange.limits import Counting, Limits
from gogooku.sandbox.exchange.selection import LiveWire, visible_rows
from gogooku.sandbox.sources.wire import VISIBLE
from gogooku.tables.parts import Basis, Known, derive, later_versions
from gogooku.tables.publication import Later
from support.quarantine import quarantined_rows
from support.sandbox import ask_all
from support.soak import in_turn, some
from support.syncs import (
    EVERYTHING,
    FIRST,
    SNAPSHOTS,
    WITHOUT_OPTIONS,
    Changed,
    World,
    announced,
    content,
    files_of,
    market_wires,
    tokyo,
)

SATURDAY = tokyo("2026-10-10 09:00")
"""Nothing becomes visible all day, and no snapshot of the morning is left."""
FRIDAY = tokyo("2026-10-30 21:00")
SOME = date(2026, 9, 1)
"""September comes as files, October by days."""
LATER = date(2026, 9, 14)
FEW = ("calendar", "master", "quotes", "topix", "statements", "breakdown")


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """A world synced without a fault, files used."""
    world = World(tmp_path_factory.mktemp("calm"), SATURDAY)
    world.done = world.sync(WITHOUT_OPTIONS, first=SOME)
    world.typed = world.tables()
    return world


# --- one way or the other -----------------------------------------------------------------------


def test_files_and_pages_give_equal_tables(calm, tmp_path):
    paged = World(tmp_path, SATURDAY, rows_per_page=30)
    summary = paged.fetch(WITHOUT_OPTIONS, first=SOME, use_bulk=BulkUse.NEVER)
    assert summary.failed == calm.done.summary.failed == ()
    assert not any(path == "/bulk/get" for path, _ in paged.tap.queries())
    assert sum(path == "/bulk/get" for path, _ in calm.tap.queries()) > 10
    tables = paged.tables()
    assert set(tables.names()) >= set(WITHOUT_OPTIONS) - set(SNAPSHOTS)
    ours, theirs = (content(one, without=SNAPSHOTS) for one in (tables, calm.typed))
    assert ours == theirs
    assert all(tables.scan(name).collect().height for name in tables.names())


def test_options_by_file_and_by_page_are_equal_and_so_are_snapshots(tmp_path):
    names = ("calendar", "morning", "earnings_calendar", "options", "index_options")
    whole = {"first": date(2026, 9, 1), "last": date(2026, 9, 30)}
    found = []
    for use in BulkUse:
        world = World(tmp_path / use, tokyo("2026-10-30 21:00"))
        assert world.fetch(names[:3]).failed == ()
        part = whole if use is BulkUse.AUTO else {**whole, "first": date(2026, 9, 15)}
        assert world.fetch(("calendar", *names[3:]), use_bulk=use, **part).failed == ()
        found.append(world.tables())
    by_file, by_page = found
    assert set(by_file.names()) == set(names)
    snapshots = [
        {name: value for name, value in content(one).items() if name.split("/")[0] in SNAPSHOTS}
        for one in found
    ]
    assert len(snapshots[0]) == 2
    assert snapshots[0] == snapshots[1]
    for name in names[3:]:
        begin = pl.col("event_date") >= date(2026, 9, 15)
        ours = by_page.scan(name).collect()
        assert ours.height > 1_000
        assert ours.equals(by_file.scan(name).filter(begin).collect()), name


# --- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*some(FaultKind, keep=4), None])
def test_no_fault_changes_a_table(calm, tmp_path, kind):
    kinds = tuple(FaultKind) if kind is None else (kind,)
    plan = FaultPlan(rate=0.2 if kind is None else 0.05, kinds=kinds, seed=1)
    world = World(tmp_path, SATURDAY, faults=plan, rows_per_page=25 if kind else 12)
    summary = world.fetch(WITHOUT_OPTIONS, first=SOME)
    made = world.exchange.faults.made
    assert all(made.get(one, 0) > 0 for one in kinds), made
    assert summary.failed == ()
    assert not any(one.short or one.missing for one in summary.endpoints)
    unknown = set().union(*(one.unknown for one in summary.endpoints))
    assert unknown == ({EXTRA_FIELD} if FaultKind.EXTRA_FIELD in kinds else set())
    # Parts are found again where the answers are the same.
    tables = derive(calm.home, world.store, known=Known(), reporter=SilentReporter())
    assert content(tables, without=["earnings_calendar"]) == content(
        calm.typed, without=["earnings_calendar"]
    )


# --- again, and day by day ----------------------------------------------------------------------


def test_a_second_sync_asks_nothing_and_gives_the_same_version(calm):
    asked = len(calm.tap.asked)
    before = _lasting(calm.home)
    again = calm.sync(WITHOUT_OPTIONS, first=SOME)
    assert (len(calm.tap.asked), again.summary.requests) == (asked, 0)
    assert again.source.folder == calm.done.source.folder
    assert again.source.content_hash == calm.done.source.content_hash
    assert _lasting(calm.home) == before


def _lasting(home):
    """Bytes of every file of the raw store and of the sources."""
    return {
        path: value[0] for path, value in files_of(home).items() if not path.startswith("tables/")
    }


CORRECTED = date(2026, 9, 29)


def corrected_wires():
    """One bar has another turnover until 10-01."""
    until = tokyo("2026-10-01 12:00")
    quotes = Changed(market_wires()["quotes"], str(CORRECTED), {"Va": 7.0}, until=until)
    return {**market_wires(), "quotes": quotes}


@pytest.fixture(scope="module")
def daily(tmp_path_factory):
    """Every evening from before the margin switch to after a month's file has appeared.

    Splits on 09-25 and 10-01, a weekend, a month end, the switch, and a bar of 09-29 that is
    corrected on 10-01. Keeps what the tables of 09-30 were.
    """
    world = World(
        tmp_path_factory.mktemp("daily"), tokyo("2026-09-24 21:00"), wired=corrected_wires()
    )
    world.fetch(WITHOUT_OPTIONS, first=LATER)
    world.days = {}
    while tokyo_time(world.clock.now()).date() < date(2026, 10, 6):
        day = tokyo_time(world.clock.now()).date() + timedelta(days=1)
        world.clock.move_to(tokyo_instant(day, 21 * 60))
        plan = world.dry_run(WITHOUT_OPTIONS, first=LATER)
        place = len(world.tap.asked)
        summary = world.fetch(WITHOUT_OPTIONS, first=LATER)
        left = world.dry_run(WITHOUT_OPTIONS, first=LATER)
        world.days[day] = plan, world.tap.queries(place), summary, left
        if day == date(2026, 9, 30):
            world.then = world.tables()
            world.then_content = world.then.content()
    return world


def test_every_evening_asks_what_was_announced(daily):
    for day, (plan, asked, summary, left) in daily.days.items():
        assert asked == announced(plan), day
        assert summary.failed == (), day
        assert left.jobs == (), day
    asked = {day: one[1] for day, one in daily.days.items()}
    # On a Sunday nothing of a session: disclosures at most, and a list that was empty on Friday.
    sunday = {path.split("/")[1] for path, _ in asked[date(2026, 9, 27)]}
    assert sunday <= {"fins", "equities"}
    assert ("/equities/bars/daily", (("date", "2026-09-25"),)) not in asked[date(2026, 9, 27)]
    margin = [
        dict(params)["date"]
        for day in daily.days
        for path, params in asked[day]
        if path == "/markets/margin-interest"
    ]
    assert {"2026-09-25", "2026-09-28", "2026-09-29", "2026-10-05"} <= set(margin)
    codes = {day: _restated(asked[day]) for day in daily.days if _restated(asked[day])}
    assert codes == {date(2026, 9, 26): {"34910"}, date(2026, 10, 2): {"15080"}}


def _restated(asked):
    return {dict(params)["code"] for _, params in asked if "code" in dict(params)}


def test_day_by_day_ends_where_one_sync_does(daily, tmp_path):
    fresh = World(tmp_path, tokyo("2026-10-06 21:00"), wired=corrected_wires())
    assert fresh.fetch(WITHOUT_OPTIONS, first=LATER, use_bulk=BulkUse.NEVER).failed == ()
    ours, theirs = fresh.tables(), daily.tables()
    assert set(ours.names()) == set(theirs.names())
    for name in set(ours.names()) - set(SNAPSHOTS):
        once, daily_rows = ours.scan(name).collect(), theirs.scan(name).collect()
        if later_versions(ENDPOINTS[name]) is Later.COUNTS:
            # who asked every evening has earlier versions as well, each with its own time
            daily_rows = daily_rows.join(once, on=once.columns, how="semi", nulls_equal=True)
        assert daily_rows.equals(once), name


def test_as_known_on_a_day_is_what_was_derived_on_it(daily):
    day = date(2026, 9, 30)
    then = daily.tables(Known(on=day))
    assert then.content() == daily.then_content
    turnovers = [
        one.scan("quotes")
        .filter(pl.col("event_date") == CORRECTED)
        .select(pl.col("turnover_yen").min())
        .collect()
        .item()
        for one in (then, daily.tables())
    ]
    assert turnovers[0] == 7.0 < turnovers[1]
    source = tables_source(
        daily.home, daily.store.source, known=Known(on=day), reporter=SilentReporter()
    )
    assert source.name == "sandbox-as-known-2026-09-30"
    facts = read_json(source.folder / "manifest.json")["facts"]
    assert (facts["as_known_on"], facts["basis"]) == ("2026-09-30", "as-known")
    assert source.quotes().select(pl.col("date").max()).collect().item() == day


def test_before_the_first_sync_nothing_was_known(daily):
    with pytest.raises(DataError, match=r"first sync was on 2026-09-24; name 2026-09-24 or a"):
        daily.tables(Known(on=date(2026, 9, 23)))


def test_by_rule_shows_what_the_publication_table_lets_be_seen(daily):
    day = date(2026, 9, 18)
    known = Known(on=day, basis=Basis.RULE)
    ruled, now = daily.tables(known), daily.tables()
    end = tokyo_instant(day + timedelta(days=1), 0).replace(tzinfo=None)
    for name in now.names():
        whole = now.scan(name).collect()
        seen = whole.filter(pl.col("available_at") < end)
        assert ruled.scan(name).collect().equals(seen) if seen.height else name not in ruled.names()
    assert ruled.scan("quotes").select(pl.col("event_date").max()).collect().item() == day
    assert ruled.scan("master").select(pl.col("event_date").max()).collect().item() > day
    source = tables_source(daily.home, daily.store.source, known=known, reporter=SilentReporter())
    assert source.name == "sandbox-by-rule-2026-09-18"
    facts = read_source(daily.home, source.name).manifest["facts"]
    assert (facts["as_known_on"], facts["basis"]) == ("2026-09-18", "by-rule")


# --- refusals -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A small store a day old."""
    world = World(tmp_path_factory.mktemp("held"), FRIDAY)
    world.done = world.sync(FEW, first=date(2026, 10, 26))
    world.clock.move_to(tokyo("2026-11-02 21:00"))
    return world


def no_network(_request):
    raise httpx.ConnectError("[Errno 111] Connection refused")


@pytest.mark.parametrize("found", ["nothing", "a store"])
@pytest.mark.parametrize(
    ("key", "error", "says"),
    [
        ("no-such-key", RefusedKey, "key in JQUANTS_API_KEY was not accepted"),
        (gates.LAPSED_KEY, NoSubscription, "no active subscription"),
        (None, Unreachable, "no answer from 127.0.0.1:1"),
    ],
)
def test_a_refusal_is_one_sentence_and_touches_nothing(held, tmp_path, key, error, says, found):
    world = World(tmp_path if found == "nothing" else held.home, tokyo("2026-11-02 21:00"))
    if key is None:
        world.tap.instead["/"] = no_network
    else:
        world.key = key
    before = files_of(world.home)
    with pytest.raises(error, match=says) as caught:
        world.sync(FEW, first=date(2026, 10, 26))
    assert isinstance(caught.value, TransientError if key is None else TerminalError)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert len(world.tap.asked) <= 6, "the other endpoints are not tried"
    after = files_of(world.home)
    after.pop("raw/.sandbox.lock", None)
    before.pop("raw/.sandbox.lock", None)
    assert after == before


def test_dates_outside_the_window_are_said_and_not_asked(tmp_path):
    world = World(tmp_path, SATURDAY)
    names = ("calendar", "topix", "earnings_dates")
    summary = world.fetch(names, first=date(2000, 1, 1), last=date(2026, 6, 5))
    assert summary.failed == ()
    said = {one.name: one.clipped for one in summary.endpoints}
    wanted = "asked only for 2026-06-01 to 2026-06-05: the Premium plan has no more"
    assert said == {"calendar": None, "topix": wanted, "earnings_dates": wanted}
    assert "asked only for" in json.dumps(summary.to_json())
    days = [dict(params).get("date", dict(params).get("from")) for _, params in world.tap.queries()]
    assert min(filter(None, days)) == str(FIRST)
    place = len(world.tap.asked)
    summary = world.fetch(names, first=date(2000, 1, 1), last=date(2001, 1, 1))
    assert world.tap.queries(place) == set()
    assert all("the Premium plan has 2026-06-01" in one.skipped for one in summary.endpoints[1:])
    inside = world.fetch(names, first=FIRST, last=date(2026, 6, 9))
    assert not any(one.clipped for one in inside.endpoints)


def test_an_endpoint_above_the_plan_is_named_and_not_asked(tmp_path):
    world = World(tmp_path, SATURDAY, key="sandbox-light")
    world.fetch(("calendar",))
    place = len(world.tap.asked)
    done = world.sync(("calendar", "breakdown"), first=SOME)
    (said,) = [one for one in done.summary.endpoints if one.name == "breakdown"]
    assert said.skipped == "not in the Light plan; needs Premium"
    assert done.source is None
    assert world.tap.queries(place) == set()
    assert said.skipped in str(answer_of(done).facts)


# --- the key ------------------------------------------------------------------------------------

SECRET = "k3Y.of+nobody/here=9f81"


def told(error):
    """Everything that a report of an error could show, locals of the project's frames included."""
    texts = ["".join(traceback.format_exception(error))]
    while error is not None:
        texts += [str(error), repr(error), repr(vars(error))]
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        ours = [frame for frame in frames if "gogooku" in frame.f_globals.get("__name__", "")]
        texts += [repr(local) for frame in ours for local in frame.f_locals.values()]
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def test_the_key_is_nowhere(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(
        gates, "KEYS", MappingProxyType({**gates.KEYS, SECRET: Plan.PREMIUM}), raising=True
    )
    caplog.set_level(logging.DEBUG)
    world = World(tmp_path, FRIDAY, key=SECRET)

    def echo(status):
        return lambda request: httpx.Response(
            status, json={"message": f"bad: {request.headers['x-api-key']} {SECRET}"}
        )

    world.fetch(("calendar",))
    world.tap.instead = {"/markets/breakdown": echo(400), "/topix": echo(500)}
    done = world.sync((*FEW, "futures"), first=date(2026, 10, 26))
    assert {one.name for one in done.summary.failed} == {"topix", "breakdown"}
    assert "***" in done.summary.failed[1].failed[0]
    said = answer_of(done)
    texts = [json.dumps(said.facts, default=str), str(said.failure), repr(done)]
    world.clock.move_to(tokyo("2026-11-02 21:00"))
    for answer in (echo(403), no_network, lambda _: _raise(httpx.ConnectError(SECRET))):
        world.tap.instead = {"/": answer}
        with pytest.raises((TerminalError, TransientError)) as caught:
            world.sync(FEW)
        texts.append(told(caught.value))
    texts += [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    assert len(texts) > 20
    assert "x-api-key" not in str(world.tap.asked)
    assert not [text for text in texts if SECRET in text]
    held = files_of(tmp_path)
    assert len(held) > 20
    assert not [path for path, (body, _) in held.items() if SECRET.encode() in body]


def _raise(error):
    raise error


# --- pace ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("plan", "counting"), in_turn(Plan, Counting))
def test_no_bucket_is_exceeded(tmp_path, plan, counting):
    world = World(
        tmp_path,
        SATURDAY,
        key=f"sandbox-{plan.label.lower()}",
        limits=Limits(counting=counting),
        rows_per_page=25,
    )
    last = date(2026, 7, 3) if plan is Plan.FREE else date(2026, 9, 25)
    summary = world.fetch(("calendar", "statements"), last=last, use_bulk=BulkUse.NEVER)
    assert summary.failed == ()
    assert world.exchange.limiter.refused == 0
    assert summary.requests == len(world.tap.asked) > (20 if plan is Plan.FREE else 80)
    assert world.clock.slept_seconds > 0


# --- one at a time ------------------------------------------------------------------------------


def test_a_source_that_fails_leaves_the_others_whole(tmp_path):
    names = (*FEW, "short_ratio", "dividends")
    world = World(tmp_path, SATURDAY)
    world.fetch(("calendar",))
    world.tap.instead["/equities/bars/daily"] = lambda _: httpx.Response(500)
    first = date(2026, 10, 5)
    summary = world.fetch(names, first=first)
    (failed,) = summary.failed
    assert failed.name == "quotes"
    assert "status 500" in failed.failed[0]
    world.tap.instead.clear()
    plan = world.dry_run(names, first=first)
    assert {job.endpoint.name for job in plan.jobs} == {"quotes"}
    place = len(world.tap.asked)
    healed = world.sync(names, first=first)
    assert healed.summary.failed == ()
    assert world.tap.queries(place) == announced(plan)
    assert {path for path, _ in world.tap.queries(place)} == {"/equities/bars/daily"}
    assert set(world.tables().names()) == set(names)


# --- rows that fail their checks ----------------------------------------------------------------


def wire_rows(world, name, *, first, now):
    """Rows of an endpoint that the vendor had for the asked dates at an instant."""
    endpoint = ENDPOINTS[name]
    if endpoint.fetch in (Fetch.SNAPSHOT, Fetch.WHOLE):
        return pl.DataFrame(ask_all(world.exchange, endpoint.path))
    wire = market_wires()[name]
    wire = LiveWire(wire) if endpoint.cursor is not None else wire
    last = tokyo_time(now).date() + timedelta(days=10)
    rows = visible_rows(wire, first, last, known=now).drop(VISIBLE)
    assert not rows.select(endpoint.key).is_duplicated().any()
    return rows


def test_a_row_that_fails_is_kept_aside_and_no_row_is_lost(tmp_path):
    spoilt = {
        "quotes": ("2026-10-22", {"O": -5.0}),
        "topix": ("2026-10-23", {"H": 0.5}),
        "statements": (None, {"Sales": "many"}),
        "master": ("2026-10-22", {"Code": "1"}),
    }
    wired = dict(market_wires())
    for name, (day, change) in spoilt.items():
        wired[name] = Changed(wired[name], day, change)
    world = World(tmp_path, FRIDAY, wired=wired)
    first = date(2026, 10, 19)
    done = world.sync(EVERYTHING, first=first)
    assert done.summary.failed == ()
    tables = world.tables()
    lost = {}
    total = 0
    for name in ENDPOINTS:
        mine = [part for part in tables.parts if part.table == name]
        kept = sum(part.rows for part in mine)
        aside = sum(sum(part.quarantined.values()) for part in mine)
        there = wire_rows(world, name, first=first, now=FRIDAY).height
        lost[name] = there - kept - aside
        total += there
        assert aside == (0 if name not in spoilt else len(quarantined_rows(tables, name))), name
        facts = done.source.manifest["facts"]["tables"].get(name, {"quarantined": {}, "rows": 0})
        assert sum(facts["quarantined"].values()) == aside, name
        assert facts["rows"] == kept, name
    assert lost == dict.fromkeys(ENDPOINTS, 0)
    assert total > 10_000
    reasons = {
        name: quarantined_rows(tables, name).get_column("reason").unique().to_list()
        for name in spoilt
    }
    assert reasons["quotes"][0].startswith("bar: price is not positive")
    assert reasons["topix"] == ["bar: high is below open, low or close"]
    assert reasons["statements"] == ["Sales is not a number"]
    assert reasons["master"] == ["Code is malformed"]
    assert len(quarantined_rows(tables, "quotes")) == 1
    prices = tables.scan("quotes").select(pl.col("open").min()).collect().item()
    assert prices > 0
