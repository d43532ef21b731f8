"""The raw store: bodies as received, one writer, and nothing half visible."""

import gzip
import json
import threading
from datetime import date, timedelta

import pytest

from gogooku.core.errors import BusyError, DataError, StorageError, UsageError
from gogooku.ingest.jquants.ledger import BatchKind, Draft, content_of
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.jquants.subscription import Subscription
from support.vendor import leftovers, tokyo

DAY = date(2026, 11, 20)
PAGE = json.dumps({"data": [{"Date": "2026-11-20", "O": 1.0, "C": 2.0}]}).encode()
FILE = gzip.compress(b"Date,O,H,L,C\n2026-10-01,1,1,1,1\n2026-10-02,1,1,1,\n", mtime=0)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path, "sandbox")


def draft(**changes):
    values = {
        "endpoint": "topix",
        "query": f"date={DAY}",
        "kind": BatchKind.PAGES,
        "first": DAY,
        "last": DAY,
        "fetched_at": tokyo("2026-11-20 18:00"),
        "rows": 1,
    }
    return Draft(**{**values, **changes})


def add(store, *bodies, **changes):
    with store.writer() as writer:
        return writer.commit(draft(**changes), bodies=[writer.put(body) for body in bodies])


@pytest.mark.parametrize("body", [PAGE, FILE, b"", b"\x00" * 100_000])
def test_a_body_comes_back_byte_for_byte(store, body):
    batch = add(store, body)
    assert store.bodies(batch) == [body]
    stored = store.body_path(batch.bodies[0])
    assert stored.parent.name == batch.bodies[0][:2]
    if body is FILE:
        assert stored.read_bytes() == FILE
    if len(body) > 1000:
        assert stored.stat().st_size < len(body) / 50


def test_a_batch_is_decoded_by_its_kind(store):
    pages = add(store, PAGE, PAGE)
    file = add(store, FILE, kind=BatchKind.FILE)
    assert store.decoded(pages).frame["C"].to_list() == [2.0, 2.0]
    assert store.decoded(file).frame["C"].to_list() == [1.0, None]
    assert store.batches() == [pages, file]
    assert pages.content == content_of(pages.bodies)


def test_the_same_body_is_stored_once_and_never_rewritten(store):
    batch = add(store, PAGE)
    path = store.body_path(batch.bodies[0])
    before = path.stat().st_mtime_ns
    add(store, PAGE)
    assert path.stat().st_mtime_ns == before
    assert len(store.batches()) == 2


def test_a_batch_is_invisible_until_it_is_committed(store):
    with store.writer() as writer:
        digest = writer.put(PAGE)
        assert store.batches() == []
        writer.commit(draft(), bodies=[digest])
        assert len(store.batches()) == 1


def test_what_was_put_and_not_committed_is_removed(store):
    with pytest.raises(KeyError), store.writer() as writer:
        writer.put(PAGE)
        raise KeyError
    assert leftovers(store) == ([], [])
    assert store.batches() == []


def test_what_a_killed_writer_left_is_set_aside_by_the_next(store):
    add(store, PAGE)
    orphan = store.body_path("ab" * 32)
    orphan.parent.mkdir()
    orphan.write_bytes(b"x")
    (orphan.parent / ".half.tmp").write_bytes(b"x")
    with store.writer():
        pass
    assert orphan.exists(), "without a mark nobody was killed, and looking costs time"
    (store.folder / ".writing").touch()
    with store.writer() as writer:
        assert writer.num_aside == 1
    assert leftovers(store) == ([], [orphan.name])
    assert (store.aside / orphan.name).read_bytes() == b"x"
    assert store.bodies(store.batches()[0]) == [PAGE]


def test_a_batch_of_unknown_bodies_is_refused(store):
    with store.writer() as writer, pytest.raises(ValueError, match="1 of 1"):
        writer.commit(draft(), bodies=["ab" * 32])
    assert store.batches() == []


@pytest.mark.parametrize("damage", ["missing", "cut", "other", "swapped"])
def test_a_damaged_body_is_named(store, damage):
    batch = add(store, PAGE)
    other = add(store, PAGE + b" ")
    path = store.body_path(batch.bodies[0])
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-3])
    elif damage == "other":
        path.write_bytes(b"not compressed")
    else:
        path.write_bytes(store.body_path(other.bodies[0]).read_bytes())
    with pytest.raises(DataError, match=r"topix date=2026-11-20.*copy.*--repair") as caught:
        store.bodies(batch)
    assert str(path) in str(caught.value)


def test_as_known_on_ends_with_the_tokyo_day(store):
    one = add(store, PAGE, fetched_at=tokyo("2026-11-20 23:59"))
    two = add(store, PAGE, fetched_at=tokyo("2026-11-21 00:00"))
    assert store.batches(as_known_on=DAY) == [one]
    assert store.batches(as_known_on=DAY + timedelta(days=1)) == [one, two]
    assert store.batches("quotes", as_known_on=DAY) == []
    with pytest.raises(DataError, match=r"first sync was on 2026-11-20.*--by-rule"):
        store.batches(as_known_on=DAY - timedelta(days=1))


def test_an_empty_store_has_nothing_and_makes_nothing(store):
    assert (store.batches(), store.dues(), store.subscription()) == ([], [], None)
    with store.writer():
        pass
    assert not store.folder.exists()
    with pytest.raises(DataError, match="nothing is held"):
        store.batches(as_known_on=DAY)


def test_a_ledger_without_tables_is_an_empty_store(store):
    store.folder.mkdir(parents=True)
    store.ledger_path.touch()
    assert store.batches() == []
    add(store, PAGE)
    assert len(store.batches()) == 1


def test_the_subscription_is_remembered(store):
    one = Subscription(Plan.STANDARD, date(2016, 11, 20), None, DAY)
    with store.writer() as writer:
        writer.remember(one)
    assert store.subscription() == one


def test_a_second_writer_is_refused_at_once_and_readers_are_not(store):
    with store.writer() as writer:
        digest = writer.put(PAGE)
        with pytest.raises(BusyError, match="another sync"), store.writer():
            pass
        found = []
        thread = threading.Thread(target=lambda: found.append(store.batches()))
        thread.start()
        thread.join()
        assert found == [[]]
        writer.commit(draft(), bodies=[digest])
    with store.writer():
        pass


def test_a_full_disk_changes_nothing(store, monkeypatch):
    add(store, PAGE)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gogooku.ingest.jquants.raw.os.fsync", full)
    with pytest.raises(StorageError), store.writer() as writer:
        writer.put(FILE)
    monkeypatch.undo()
    assert leftovers(store) == ([], [])
    assert len(store.batches()) == 1


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", ".a"])
def test_a_source_must_be_a_plain_name(tmp_path, name):
    with pytest.raises(UsageError):
        open_store(tmp_path, name)


def test_an_endpoint_of_another_program_is_named(store):
    batch = add(store, PAGE, endpoint="later")
    with pytest.raises(DataError, match="'later'"):
        store.decoded(batch)
