"""The ledger: transactions, order, and when the history of a code becomes due again."""

import sqlite3
from datetime import UTC, date, datetime, timedelta

import pytest

from gogooku.core.errors import BusyError, DataError, StorageError
from gogooku.ingest.jquants import ledger
from gogooku.ingest.jquants.ledger import BatchKind, Body, Draft, Factor
from support.vendor import tokyo

EX = date(2026, 11, 18)
KNOWN = tokyo("2026-11-18 16:30")


@pytest.fixture
def opened(tmp_path):
    with ledger.opened(tmp_path / "ledger.sqlite", source="s") as connection:
        with ledger.transaction(connection):
            ledger.create(connection)
        yield connection


def days(first, last=None, *, at, factors=(), kind=BatchKind.PAGES, query=None):
    return Draft(
        endpoint="quotes",
        query=query or f"date={first}",
        kind=kind,
        first=first,
        last=last or first,
        fetched_at=at,
        rows=1,
        days={first: 1},
        factors=tuple(factors),
    )


def factor(ratio=0.5, *, code="72030", ex_date=EX):
    return Factor(code=code, ex_date=ex_date, ratio=ratio, known_at=KNOWN)


def add(connection, *drafts):
    for draft in drafts:
        with ledger.transaction(connection):
            ledger.insert_batch(connection, draft, bodies=[])
    return [(due.code, due.ex_date) for due in ledger.read_dues(connection)]


BEFORE = days(date(2026, 11, 17), at=tokyo("2026-11-17 18:00"), factors=[])


def test_a_split_makes_the_history_held_from_before_due_on_the_next_tokyo_day(opened):
    late = tokyo("2026-11-19 01:00")
    assert add(opened, BEFORE, days(EX, at=late, factors=[factor()])) == [("72030", EX)]
    assert ledger.read_dues(opened)[0].due_from == date(2026, 11, 20)


def test_a_history_fetched_after_its_split_is_not_due(opened):
    after = tokyo("2026-11-18 18:00")
    old = days(date(2026, 10, 1), date(2026, 10, 31), at=after, kind=BatchKind.FILE)
    assert add(opened, old, days(EX, at=after, factors=[factor()])) == []


def test_a_split_with_nothing_before_it_is_not_due(opened):
    assert add(opened, days(EX, at=KNOWN, factors=[factor()])) == []


def test_a_split_that_is_seen_again_is_not_due_again(opened):
    at = tokyo("2026-11-18 18:00")
    again = days(EX, at=at + timedelta(days=5), factors=[factor()])
    assert add(opened, BEFORE, days(EX, at=at, factors=[factor()]), again) == [("72030", EX)]


@pytest.mark.parametrize("ratios", [(None, 0.9), (0.5, 0.9), (0.5, None)])
def test_a_corrected_factor_makes_the_history_due_though_all_of_it_is_younger(opened, ratios):
    at = tokyo("2026-11-20 18:00")
    old = days(date(2026, 10, 1), date(2026, 10, 31), at=at, kind=BatchKind.FILE)
    first, second = ([factor(ratio)] if ratio else [] for ratio in ratios)
    assert add(opened, old, days(EX, at=at, factors=first)) == []
    assert add(opened, days(EX, at=at + timedelta(days=3), factors=second)) == [("72030", EX)]


def test_a_code_history_settles_only_its_own_code_and_only_when_due(opened):
    seen = tokyo("2026-11-18 18:00")
    add(opened, BEFORE, days(EX, at=seen, factors=[factor(), factor(code="13010")]))

    def history(at):
        return Draft("quotes", "code=72030&from=x", BatchKind.CODE, None, None, at, 1, factors=())

    assert len(add(opened, history(seen))) == 2
    assert add(opened, history(tokyo("2026-11-19 00:00"))) == [("13010", EX)]


def test_a_split_first_seen_in_a_code_history_is_not_due_by_the_day_that_follows(opened):
    at = tokyo("2026-11-18 18:00")
    history = Draft("quotes", "code=72030", BatchKind.CODE, None, None, at, 1, factors=(factor(),))
    assert add(opened, BEFORE, history, days(EX, at=at, factors=[factor()])) == []


def test_a_failed_transaction_leaves_nothing(opened):
    with pytest.raises(sqlite3.IntegrityError), ledger.transaction(opened):
        ledger.insert_batch(opened, BEFORE, bodies=[Body("a", "as-is", 1, 1)])
        opened.execute("INSERT INTO batch_days VALUES (1, '2026-11-17', 2)")
    assert ledger.read_batches(opened, endpoint=None, until=None) == []
    assert ledger.read_body_sizes(opened) == {}
    assert ledger.read_days(opened, endpoint="quotes") == {}


def test_batches_come_back_as_they_were_in_the_order_of_commit(opened):
    full = Draft(
        endpoint="quotes",
        query="bulk=k",
        kind=BatchKind.FILE,
        first=date(2026, 10, 1),
        last=date(2026, 10, 31),
        fetched_at=datetime(2026, 11, 9, 3, 0, 0, 5, tzinfo=UTC),
        rows=7,
        last_modified=datetime(2026, 11, 2, tzinfo=UTC),
        cursor="c",
        days={date(2026, 10, 1): 3},
    )
    add(opened, full, BEFORE)
    first, second = ledger.read_batches(opened, endpoint="quotes", until=None)
    assert (first.number, second.number) == (1, 2)
    for name in ("query", "kind", "first", "last", "fetched_at", "rows", "last_modified", "cursor"):
        assert getattr(first, name) == getattr(full, name), name
    until = ledger.read_batches(opened, endpoint=None, until=full.fetched_at)
    assert until == []
    later = full.fetched_at + timedelta(microseconds=1)
    assert ledger.read_batches(opened, endpoint=None, until=later) == [first]
    assert ledger.read_batches(opened, endpoint="topix", until=None) == []


def test_a_naive_instant_is_refused():
    with pytest.raises(ValueError, match="aware"):
        ledger.to_text(datetime(2026, 11, 9))


def begin(path):
    with ledger.opened(path, source="s") as connection, ledger.transaction(connection):
        ledger.create(connection)


def test_faults_of_the_file_are_explained(tmp_path, monkeypatch):
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"not a database" * 100)
    with pytest.raises(DataError, match="Nothing was removed.*--repair"):
        begin(broken)
    with pytest.raises(StorageError, match="as it was"):
        begin(tmp_path / "none" / "ledger.sqlite")
    path = tmp_path / "ledger.sqlite"
    monkeypatch.setattr(ledger, "_WAIT_SECONDS", 0.01)
    with ledger.opened(path, source="s") as one, ledger.transaction(one), pytest.raises(BusyError):
        begin(path)


def test_a_ledger_of_another_format_is_refused(opened, tmp_path):
    with ledger.transaction(opened):
        ledger.write_fact(opened, "schema", value="99")
    with pytest.raises(DataError, match="format '99'"):
        ledger.check_schema(opened, tmp_path)
