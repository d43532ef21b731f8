"""A lost or damaged ledger: named, nothing is moved, and it is made anew from the bodies."""

import os
import shutil
import signal
import sqlite3
from contextlib import closing
from datetime import date

import pytest

from gogooku.core import files
from gogooku.core.errors import BusyError, DataError
from gogooku.ingest.jquants.plan import SyncOptions
from gogooku.ingest.jquants.planning import dry_run
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.jquants.records import RECORDS
from gogooku.ingest.jquants.repair import repair
from support.vendor import FakeVendor, VirtualClock, content, run, some, tokyo

NAMES = some("calendar", "quotes", "topix", "statements")
FIRST = date(2026, 10, 1)


def fetched(home):
    """A store of three evenings, with a split that makes a history due and one that settles it."""
    vendor = FakeVendor(VirtualClock(tokyo("2026-11-17 20:00")))
    vendor.splits = {("72030", date(2026, 11, 18)): 0.5, ("130A0", date(2026, 11, 19)): 0.5}
    store = open_store(home, "fake")
    for text in ("2026-11-17 20:00", "2026-11-18 20:00", "2026-11-19 20:00"):
        vendor.clock.move_to(tokyo(text))
        run(store, vendor, endpoints=NAMES, first=FIRST)
    return store, vendor


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return fetched(tmp_path_factory.mktemp("made"))


@pytest.fixture
def world(made, tmp_path):
    """A copy that a test may damage."""
    shutil.copytree(made[0].home, tmp_path, dirs_exist_ok=True)
    return open_store(tmp_path, "fake"), made[1]


def everything(store):
    """Every table of the ledger, row by row."""
    with closing(sqlite3.connect(store.ledger_path)) as connection:
        tables = ("bodies", "batches", "batch_bodies", "batch_days", "factors", "dues", "facts")
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}


def bodies(store):
    return {path.name: path.read_bytes() for path in store.folder.glob("bodies/*/*")}


def sql(store, *statements):
    with closing(sqlite3.connect(store.ledger_path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def requests_of(store, vendor):
    """What a sync at the same instant asks for."""
    place = len(vendor.log)
    summary = run(store, vendor, endpoints=NAMES, first=FIRST)
    assert summary.failed == ()
    return [one for one in vendor.log[place:] if one[1].get("date") != "2000-01-04"]


def lose(store, how):
    ledger = store.ledger_path
    if how == "missing":
        ledger.unlink()
    elif how == "empty":
        ledger.write_bytes(b"")
    elif how == "cut":
        ledger.write_bytes(ledger.read_bytes()[: ledger.stat().st_size // 2])
    elif how == "no database":
        ledger.write_bytes(b"<html>" * 4096)
    elif how == "zeros":
        ledger.write_bytes(bytes(ledger.stat().st_size))
    elif how == "a page of zeros":
        whole = bytearray(ledger.read_bytes())
        whole[4096 : 3 * 4096] = bytes(2 * 4096)
        ledger.write_bytes(bytes(whole))
    elif how == "no format":
        sql(store, "DELETE FROM facts WHERE name = 'schema'")
    elif how == "no tables":
        sql(store, "DROP TABLE batches")
    elif how == "an older copy":
        sql(store, "DELETE FROM batches WHERE number > 4",
            "DELETE FROM batch_bodies WHERE batch > 4")  # fmt: skip


LOSSES = ["missing", "empty", "cut", "no database", "zeros", "a page of zeros", "no format",
          "no tables", "an older copy"]  # fmt: skip


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("how", LOSSES)
def test_a_lost_ledger_deletes_nothing_and_is_made_anew(made, world, how, killed):
    store, vendor = world
    before, kept = everything(store), bodies(store)
    lose(store, how)
    if killed:
        store.marker.touch()
    sent = vendor.requests
    with pytest.raises(DataError, match="Nothing was removed.*--repair"):
        run(store, vendor, endpoints=NAMES, first=FIRST)
    assert vendor.requests == sent, "nothing is asked before"
    assert bodies(store) == kept
    done = repair(store)
    after = everything(store)
    facts = dict(after.pop("facts"))
    assert facts.items() <= dict(before["facts"]).items()
    assert after == {name: rows for name, rows in before.items() if name != "facts"}
    assert bodies(store) == kept
    assert done.unnamed == 0
    assert done.answers == len(before["batches"])
    assert not store.marker.exists()
    assert requests_of(store, vendor) == []
    assert content(store)[:2] == content(made[0])[:2]


@pytest.mark.parametrize("how", ["missing", "empty"])
def test_every_reader_names_a_lost_ledger(world, how):
    store, vendor = world
    lose(store, how)
    calls = (
        store.batches,
        store.subscription,
        lambda: dry_run(store, endpoints=NAMES, now=vendor.clock.now(), options=SyncOptions()),
    )
    for call in calls:
        with pytest.raises(DataError, match="beside .* fetched bodies.*--repair"):
            call()


DAMAGES = {
    "a date": "UPDATE batches SET first = 'yesterday' WHERE number = 3",
    "an instant": "UPDATE batches SET fetched_at = '2026-11-17T10:00:00' WHERE number = 2",
    "a kind": "UPDATE batches SET kind = 'song' WHERE number = 2",
    "a number": "UPDATE batches SET rows = 'many' WHERE number = 2",
    "a blob": "UPDATE batches SET query = x'ff00' WHERE number = 2",
    "a hash that no body has": "UPDATE batches SET content = 'abc' WHERE number = 2",
    "a body taken out": "DELETE FROM batch_bodies WHERE batch = 2",
    "a path": "UPDATE batch_bodies SET digest = '../../../../etc/passwd' WHERE batch = 2",
}


@pytest.mark.parametrize("statement", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_row_is_named_with_the_remedy(made, world, statement):
    store, vendor = world
    kept = bodies(store)
    sql(store, statement)
    for call in (store.batches, lambda: run(store, vendor, endpoints=NAMES, first=FIRST)):
        with pytest.raises(DataError, match=r"batches, number [23].*--repair") as caught:
            call()
        assert str(store.ledger_path) in str(caught.value)
    repair(store)
    assert content(store)[:2] == content(made[0])[:2]
    assert bodies(store) == kept


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("UPDATE facts SET value = '{' WHERE name = 'subscription'", lambda s: s.subscription()),
        ("UPDATE facts SET value = '[[1]]' WHERE name = 'subscription'",
         lambda s: s.subscription()),
        ("UPDATE batch_days SET day = 'x' || day", lambda s: s.days("quotes")),
        ("UPDATE batch_days SET names = 'x'", lambda s: s.days("quotes")),
        ("UPDATE dues SET due_from = 'x', done_in = NULL", lambda s: s.dues()),
        ("INSERT INTO facts VALUES ('refused quotes date=x', 'never')",
         lambda s: s.refused("quotes")),
        ("UPDATE batches SET fetched_at = ''", lambda s: s.first_fetch()),
        ("UPDATE bodies SET raw_bytes = 1000000000000000000",
         lambda s: s.bodies(s.batches()[0])),
    ],
)  # fmt: skip
def test_every_damaged_value_is_a_named_error(made, world, statement, read):
    store, _ = world
    sql(store, statement)
    with pytest.raises(DataError, match=r"--repair"):
        read(store)
    repair(store)
    read(store)
    assert content(store)[:2] == content(made[0])[:2]


@pytest.mark.parametrize("how", ["flipped", "missing", "cut"])
def test_an_answer_whose_body_is_damaged_is_fetched_again(made, world, how):
    store, vendor = world
    batch = store.batches("topix")[-1]
    path = store.body_path(batch.bodies[0])
    if how == "missing":
        path.unlink()
    else:
        raw = path.read_bytes()
        path.write_bytes(raw[:-4] if how == "cut" else raw[:-1] + bytes([raw[-1] ^ 1]))
    done = repair(store)
    (lost,) = done.lost
    assert lost.startswith(f"topix {batch.query} (fetched 2026-11-19): its body")
    assert (store.aside / path.name).exists() is (how != "missing")
    asked = requests_of(store, vendor)
    assert [name for name, _ in asked] == ["topix"]
    assert {one.bodies for one in store.batches("topix")} == {
        one.bodies for one in made[0].batches("topix")
    }


def test_a_store_of_an_earlier_version_is_salvaged_from_its_ledger(made, world):
    store, vendor = world
    before = everything(store)
    shutil.rmtree(store.folder / RECORDS)
    sql(store, "UPDATE batches SET first = 'x' WHERE number = 3")
    done = repair(store)
    assert [one for one in done.lost if "answer 3" in one]
    assert done.unnamed == len(made[0].batches()[2].bodies)
    requests_of(store, vendor)
    assert requests_of(store, vendor) == []
    assert len(store.batches()) >= len(made[0].batches()) - 1
    assert everything(store)["factors"] == before["factors"]


def test_records_are_made_for_a_store_that_has_none(made, world):
    store, _ = world
    before = everything(store)
    shutil.rmtree(store.folder / RECORDS)
    with store.writer():
        pass
    store.ledger_path.unlink()
    assert repair(store).lost == []
    after = everything(store)
    for name in ("bodies", "batches", "batch_bodies", "batch_days", "factors", "dues"):
        assert after[name] == before[name], name
    assert content(store)[:2] == content(made[0])[:2]


def test_bodies_of_which_nothing_is_known_are_kept_aside_and_fetched_again(made, world):
    store, vendor = world
    kept = bodies(store)
    shutil.rmtree(store.folder / RECORDS)
    store.ledger_path.unlink()
    done = repair(store)
    assert (done.answers, done.unnamed) == (0, len(kept))
    assert {path.name: path.read_bytes() for path in store.aside.iterdir()} == kept
    assert requests_of(store, vendor)
    assert {one.query for one in store.batches()} >= {
        one.query for one in made[0].batches("quotes") if "code=" not in one.query
    }
    assert not set(bodies(store)) & {path.name for path in store.aside.iterdir()}


def test_a_body_that_lies_aside_is_taken_back(made, world):
    store, _ = world
    batch = store.batches("quotes")[0]
    store.aside.mkdir()
    os.replace(store.body_path(batch.bodies[0]), store.aside / batch.bodies[0])
    assert repair(store).lost == []
    assert store.bodies(batch)


def test_a_damaged_record_costs_nothing_while_the_ledger_is_there(made, world):
    store, vendor = world
    path = sorted((store.folder / RECORDS).iterdir())[1]
    path.write_text("{}")
    done = repair(store)
    assert done.lost == [f"{path.name}: the record is damaged"]
    assert content(store)[:2] == content(made[0])[:2]
    assert requests_of(store, vendor) == []


def test_a_ledger_of_a_newer_program_is_refused_and_left(world):
    store, vendor = world
    sql(store, "UPDATE facts SET value = '2' WHERE name = 'schema'")
    before = store.ledger_path.read_bytes(), bodies(store)
    for call in (lambda: repair(store), lambda: run(store, vendor, endpoints=NAMES)):
        with pytest.raises(DataError, match="newer gogooku"):
            call()
    assert (store.ledger_path.read_bytes(), bodies(store)) == before


def test_nothing_to_repair_and_a_sync_at_work_are_said(tmp_path, world):
    with pytest.raises(DataError, match="nothing is there to repair"):
        repair(open_store(tmp_path, "other"))
    assert not (tmp_path / "raw" / "other").exists()
    store, _ = world
    with store.writer(), pytest.raises(BusyError):
        repair(store)


def test_an_old_journal_is_not_played_into_the_new_ledger(made, world):
    store, _ = world
    journal = store.ledger_path.with_name("ledger.sqlite-journal")
    lose(store, "no database")
    journal.write_bytes(b"\xd9\xd5\x05\xf9 of another file")
    repair(store)
    assert not journal.exists()
    assert content(store)[:2] == content(made[0])[:2]


def test_killed_at_every_point_the_repair_goes_on(made, world, tmp_path, monkeypatch):
    store, _ = world
    lose(store, "cut")
    batch = made[0].batches("topix")[-1]
    store.body_path(batch.bodies[0]).write_bytes(b"damaged")
    kept = made[0].batches("quotes")[0].bodies[0]
    store.aside.mkdir()
    os.replace(store.body_path(kept), store.aside / kept)
    start = tmp_path / "start"
    shutil.copytree(store.folder, start / "raw" / "fake")
    points = []
    monkeypatch.setattr(files, "WATCHERS", [points.append])
    repair(store)
    monkeypatch.undo()
    assert {"repair.taken", "repair.built", "repair.kept", "repair.swapped", "repair.aside"} <= {
        *points
    }
    for number, point in enumerate(dict.fromkeys(points)):
        home = tmp_path / f"k{number}"
        shutil.copytree(start, home)
        pid = os.fork()
        if pid == 0:
            files.WATCHERS.append(
                lambda name, point=point: name == point and os.kill(os.getpid(), signal.SIGKILL)
            )
            repair(open_store(home, "fake"))
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL, point
        other = open_store(home, "fake")
        repair(other)
        assert content(other)[:2] == content(store)[:2], point
        assert set(bodies(other)) == set(bodies(store)), point
        assert not list(other.folder.rglob(".*")), point
