"""Typed tables as a source: only listed bars, dated facts, links, and no vanished session."""

import json
import shutil
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import Clock, exchange_named, tokyo_sessions
from gogooku.core.errors import DataError
from gogooku.core.progress import SilentReporter
from gogooku.ingest.jquants.ledger import BatchKind, Draft
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.source import read_source
from gogooku.pipeline import tables_source
from gogooku.tables.arrivals import arrivals_of
from gogooku.tables.panel import build_panel, sessions_of
from gogooku.tables.parts import Known
from support.seals import reseal

SESSIONS = tokyo_sessions(date(2026, 10, 1), date(2026, 10, 30)).tolist()


def commit(home, endpoint, day, rows):
    with open_store(home, "jq").writer() as writer:
        draft = Draft(
            endpoint=endpoint,
            query=f"{endpoint}-{day}",
            kind=BatchKind.PAGES,
            first=day,
            last=day,
            fetched_at=datetime(2026, 11, 2, 12, tzinfo=UTC),
            rows=len(rows),
        )
        writer.commit(draft, bodies=[writer.put(json.dumps({"data": rows}).encode())])


def named(day, code, *, market="0111", product="011", sector="3600"):
    return {"Date": str(day), "Code": code, "CoName": f"name {code}", "S33": sector,
            "S17": "8", "Mkt": market, "ProdCat": product, "Mrgn": "2"}  # fmt: skip


def bar(day, code):
    return {"Date": str(day), "Code": code, "O": 10.0, "H": 12.0, "L": 9.0, "C": 10.0,
            "Vo": 100.0, "Va": 1000.0, "AdjFactor": 1.0, "UL": "0", "LL": "0"}  # fmt: skip


@pytest.fixture
def home(tmp_path):
    """A stock that stays, one that leaves, a fund, and a bar of a name that no list has."""
    span = [SESSIONS[0] + timedelta(days=n) for n in range(60)]
    open_days = {*tokyo_sessions(span[0], span[-1]).tolist()}
    days = [{"Date": str(day), "HolDiv": "1" if day in open_days else "0"} for day in span]
    commit(tmp_path, "calendar", None, days)
    for place, day in enumerate(SESSIONS):
        sector = "3600" if place < 10 else "9050"
        codes = [named(day, "72030", sector=sector), named(day, "13060", product="014")]
        codes += [named(day, "13010")] if place < 5 else []
        commit(tmp_path, "master", day, codes)
        bars = [bar(day, code) for code in ("72030", "13060")]
        bars += [bar(day, "13010")] if place < 5 else []
        bars += [bar(day, "99999")] if place == 3 else []
        commit(tmp_path, "quotes", day, bars)
    return tmp_path


def delivered(home):
    return tables_source(home, "jq", known=Known(), reporter=SilentReporter())


def test_a_bar_of_no_listed_name_is_counted_and_stays_in_the_tables(home):
    source = delivered(home)
    assert source.manifest["facts"]["unlisted_bars"] == 1
    kept = source.quotes().collect()
    assert kept.height == source.manifest["rows"] == 2 * len(SESSIONS) + 5
    (path,) = source.table_paths("quotes")
    assert pl.read_parquet(path).height == kept.height + 1


def test_the_panel_knows_sector_product_and_who_leaves_on_the_day(home):
    frame = build_panel(delivered(home), clock=Clock.EVENING).frame
    stays = frame.filter(pl.col("code") == "72030")
    # the list of the tenth session is out on the evening before
    assert stays["sector"].to_list() == ["3600"] * 9 + ["9050"] * (len(SESSIONS) - 9)
    assert set(frame.filter(pl.col("code") == "13060")["market"]) == {"Other"}
    assert set(stays["market"]) == {"Prime"}
    leaving = frame.filter("leaving").select("date", "code").rows()
    assert leaving == [(SESSIONS[4], "13010")]


def test_the_same_store_gives_the_same_version(home):
    first, second = delivered(home), delivered(home)
    assert first.folder == second.folder
    assert first.content_hash == second.content_hash


def test_a_session_without_its_list_is_refused_and_nothing_changes(home):
    before = delivered(home)
    late = date(2026, 11, 2)
    commit(home, "quotes", late, [bar(late, "72030")])
    with pytest.raises(DataError, match="1 sessions have bars and no list of names, first 2026-11"):
        delivered(home)
    commit(home, "master", late, [named(late, "72030"), named(late, "13060", product="014")])
    assert delivered(home).folder != before.folder


def test_periods_that_did_not_change_are_linked_from_the_version_before(home):
    before = delivered(home)
    year_later = date(2027, 1, 4)
    commit(home, "quotes", year_later, [bar(year_later, "72030")])
    commit(home, "master", year_later, [named(year_later, "72030")])
    after = delivered(home)
    names = sorted(path.name for path in (before.folder / "quotes").iterdir())
    assert names[0] == "2026-10.parquet"
    for name in names:
        old, new = (source.folder / "quotes" / name for source in (before, after))
        assert old.stat().st_ino == new.stat().st_ino
    assert sorted(path.name for path in (after.folder / "quotes").iterdir()) == [
        *names,
        "2027-01.parquet",
    ]


def test_only_the_newest_versions_are_kept(home):
    for place in range(4):
        day = date(2026, 11, 4 + place)
        commit(home, "quotes", day, [bar(day, "72030")])
        commit(home, "master", day, [named(day, "72030")])
        source = delivered(home)
    assert len(list(source.folder.parent.glob("*/manifest.json"))) == 2


def test_without_bars_there_is_nothing_to_deliver(tmp_path):
    commit(tmp_path, "calendar", None, [{"Date": "2026-10-01", "HolDiv": "1"}])
    with pytest.raises(DataError, match="nothing fetched of quotes, master"):
        delivered(tmp_path)


def arrivals(source):
    sessions = sessions_of(source.quotes())
    return arrivals_of(source, sessions, clock=Clock.EVENING, path=source.folder / "none")


def test_arrivals_are_the_hashes_of_the_rows_by_the_first_session_that_knows_them(home):
    source = delivered(home)
    sessions = sessions_of(source.quotes())
    decisions = exchange_named("tokyo").decision(sessions, Clock.EVENING)
    found = {}
    for table, session, digest in arrivals(source).select("table", "session", "digest").iter_rows():
        found[table, session] = (found.get((table, session), 0) + digest) % 2**64
    wanted = {}
    for table in ("quotes", "master"):
        (path,) = source.table_paths(table)
        rows = pl.read_parquet(path)
        known = rows["available_at"].to_list()
        for known_at, digest in zip(known, rows.hash_rows(seed=1).to_list(), strict=True):
            decisions = exchange_named("tokyo").decision(
                sessions_of(source.quotes()), Clock.EVENING
            )
            late = decisions >= np.datetime64(known_at, "us")
            first = sessions_of(source.quotes())[late.argmax()].item() if late.any() else None
            wanted[table, first] = (wanted.get((table, first), 0) + digest) % 2**64
    assert {key: found[key] for key in wanted} == wanted
    assert {key[0] for key in found} == {"quotes", "master", "calendar"}


def test_a_delivery_without_digests_is_refused(home):
    source = delivered(home)
    shutil.rmtree(source.folder / "digests")
    reseal(source.folder)
    source = read_source(home, source.name)
    with pytest.raises(DataError, match="earlier version of the program.*gogooku sync --source jq"):
        arrivals(source)
