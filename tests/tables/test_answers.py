"""Blocks of decoded answers: the same rows as decoding each, found again, no more than needed."""

import errno
import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest

from gogooku.core.errors import StorageError
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.raw import RawStore, open_store
from gogooku.tables import answers as module
from gogooku.tables.answers import BLOCKS, PLACE, SIZES, Answers, cuts, key_of
from gogooku.tables.parts import prune_parts
from support.raw import EVENING, bar, commit, tables, with_calendar

FIRST = date(2026, 3, 2)
MONTH = "2026-03"


@pytest.fixture
def home(tmp_path):
    return with_calendar(tmp_path)


def days(num):
    return [FIRST + timedelta(days=n) for n in range(num)]


def fetch(home, some):
    """One answer a day: a bar, one that two rows of the answer tell differently, and one without
    a readable number.
    """
    for n, day in enumerate(some):
        rows = [bar(day, 10.0 + n), bar(day, 1.0, code="13010"), bar(day, 2.0, code="13010")]
        commit(home, "quotes", [*rows, bar(day, "-", code="99990")], first=day)


def answers(home, folder):
    store = open_store(home, "jq")
    return Answers(
        store=store,
        endpoint=ENDPOINTS["quotes"],
        period="2026",
        batches=store.batches("quotes"),
        folder=folder,
    )


def decoded(monkeypatch):
    """Queries of the answers that were decoded, as they are."""
    seen, real = [], RawStore.decoded

    def spy(store, batch):
        seen.append(batch.query)
        return real(store, batch)

    monkeypatch.setattr(RawStore, "decoded", spy)
    return seen


@pytest.mark.parametrize(
    ("num", "pieces"),
    [
        (0, []),
        (7, [1] * 7),
        (8, [8]),
        (17, [8, 8, 1]),
        (73, [64, 8, 1]),
        (1100, [512, 512, 64, 8, 1, 1, 1, 1]),
    ],
)
def test_a_list_is_cut_from_its_start_and_covered_once(num, pieces):
    found = cuts(num)
    assert [piece.stop - piece.start for piece in found] == pieces
    assert [n for piece in found for n in range(piece.start, piece.stop)] == list(range(num))


def test_sizes_are_multiples():
    assert all(large % small == 0 for large, small in pairwise(SIZES))


def test_rows_are_those_of_every_answer_decoded_and_in_order(home, tmp_path, monkeypatch):
    fetch(home, days(19))
    plain = pl.concat(answers(home, None).frames())
    assert plain.height == 19 * 4
    assert plain.get_column(PLACE).sum() == 19
    for _ in range(2):
        kept = pl.concat(answers(home, tmp_path / "kept").frames())
        assert kept.equals(plain)
        assert kept.schema == plain.schema
    seen = decoded(monkeypatch)
    answers(home, tmp_path / "kept").frames()
    assert len(seen) == 3


def test_an_evening_decodes_what_is_new_and_a_block_is_put_together_from_smaller_ones(
    home, tmp_path, monkeypatch
):
    folder = tmp_path / "kept"
    fetch(home, days(63))
    answers(home, folder).frames()
    assert len(list(folder.iterdir())) == 7
    fetch(home, [FIRST + timedelta(days=63)])
    seen = decoded(monkeypatch)
    whole = answers(home, folder)
    frame = pl.concat(whole.frames())
    assert len(seen) == 8, "those after the last block"
    assert len(whole.blocks()) == 1
    assert frame.equals(pl.concat(answers(home, None).frames()))


def test_a_period_that_does_not_grow_keeps_no_blocks_and_old_blocks_are_pruned(home):
    fetch(home, days(8))
    before = [date(2025, 3, 3) + timedelta(days=n) for n in range(9)]
    fetch(home, before)
    made = tables(home)
    prune_parts(home, "jq", [made])
    place = home / "tables" / "jq" / "quotes"
    assert [path.name for path in place.glob(f"*{BLOCKS}")] == [f"{MONTH}{BLOCKS}"]
    (block,) = (place / f"{MONTH}{BLOCKS}").iterdir()
    assert made.blocks == (key_of(block),)
    (place / f"{MONTH}{BLOCKS}" / ".left-by-a-kill").touch()
    fetch(home, [FIRST + timedelta(days=n % 30) for n in range(8, 64)])
    prune_parts(home, "jq", [tables(home)])
    (larger,) = (place / f"{MONTH}{BLOCKS}").iterdir()
    assert larger != block


def test_other_code_or_another_fetch_finds_no_block(home, tmp_path, monkeypatch):
    fetch(home, days(8))
    (one,) = answers(home, tmp_path / "kept").blocks()
    monkeypatch.setattr("gogooku.tables.answers.code_hash", lambda modules: "other")
    (other,) = answers(home, tmp_path / "kept").blocks()
    assert one != other
    monkeypatch.undo()
    store = open_store(home, "jq")
    batches = store.batches("quotes")
    later = [*batches[:-1], replace(batches[-1], fetched_at=EVENING + timedelta(days=1))]
    again = Answers(store, ENDPOINTS["quotes"], "2026", later, tmp_path / "kept")
    assert again.blocks() != [one]


def test_a_damaged_block_is_made_again(home, tmp_path):
    folder = tmp_path / "kept"
    fetch(home, days(8))
    (frame,) = answers(home, folder).frames()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:200] + bytes([whole[200] ^ 1]) + whole[201:]):
        path.write_bytes(damaged)
        (again,) = answers(home, folder).frames()
        assert again.equals(frame)
        assert path.read_bytes() == whole


def test_a_full_disk_leaves_nothing_behind(home, tmp_path, monkeypatch):
    folder = tmp_path / "kept"
    fetch(home, days(8))

    def full(frame, path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(module, "write_parquet", full)
    with pytest.raises(StorageError, match="kept"):
        answers(home, folder).frames()
    assert list(folder.iterdir()) == []


def test_rows_that_come_in_the_year_after_grow_their_year(home):
    """The Free plan's rows are twelve weeks old when they are fetched."""
    for day in [date(2026, 12, 1) + timedelta(days=n) for n in range(8)]:
        fetched = datetime(2027, 3, 1, 12, tzinfo=UTC) + timedelta(days=day.day)
        commit(home, "quotes", [bar(day, 10.0)], first=day, at=fetched)
    assert len(tables(home).blocks) == 1
