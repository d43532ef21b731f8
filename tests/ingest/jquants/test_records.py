"""The record of an answer: it comes back as it was, or is named as damaged."""

import hashlib
import json
from datetime import date

import pytest

from gogooku.core.errors import DataError
from gogooku.ingest.jquants.ledger import BatchKind, Body, Draft, Factor
from gogooku.ingest.jquants.records import (
    Record,
    read_record,
    read_records,
    record_keys,
    record_path,
    write_record,
)
from support.vendor import tokyo

DAY = date(2026, 11, 20)
BODIES = (Body("ab" * 32, "zstd", 10, 5), Body("cd" * 32, "as-is", 7, 7))
FACTOR = Factor("72030", DAY, 0.5, tokyo("2026-11-20 16:30"))
DRAFT = Draft(
    endpoint="quotes",
    query="date=2026-11-20",
    kind=BatchKind.PAGES,
    first=DAY,
    last=DAY,
    fetched_at=tokyo("2026-11-20 18:00"),
    rows=3,
    last_modified=tokyo("2026-11-20 17:00"),
    cursor="c",
    days={DAY: 3},
    factors=(FACTOR,),
    plan="Light",
    base="https://vendor.test/v2",
)
BARE = Draft("topix", "", BatchKind.PAGES, None, None, tokyo("2026-11-20 18:00"), 0)


@pytest.mark.parametrize(
    "record",
    [
        Record(1, DRAFT, BODIES),
        Record(2, BARE, ()),
        Record(3, Draft(**{**vars(BARE), "factors": ()}), BODIES),
        Record(123_456_789, BARE, BODIES[:1], factors_read=False),
    ],
)
def test_a_record_comes_back_as_it_was(tmp_path, record):
    path = write_record(tmp_path, record)
    assert read_record(path) == record
    assert record_keys(tmp_path) == {record.key}
    assert [one.name for one in path.parent.iterdir()] == [path.name], "nothing half-written"


def damaged(text, how):
    line = text.partition("\n")[0]
    value = json.loads(line)
    if how == "one letter":
        return text.replace("72030", "72031")
    if how == "cut":
        return text[:-70]
    if how == "deep":
        line = "[" * 100_000
    elif how == "no object":
        line = "[1]"
    elif how == "a body elsewhere":
        line = line.replace("ab" * 32, "../../../etc/passwd")
    elif how == "another number":
        line = json.dumps(value | {"number": 9})
    elif how == "no instant":
        line = json.dumps(value | {"fetched_at": "yesterday"})
    elif how == "a huge body":
        line = json.dumps(value | {"bodies": [["ab" * 32, "zstd", 10**18, 1]]})
    return f"{line}\n{hashlib.sha256(line.encode()).hexdigest()}\n"


@pytest.mark.parametrize(
    "how",
    ["one letter", "cut", "deep", "no object", "a body elsewhere", "another number", "no instant",
     "a huge body"],
)  # fmt: skip
def test_a_damaged_record_is_named(tmp_path, how):
    path = write_record(tmp_path, Record(1, DRAFT, BODIES))
    path.write_text(damaged(path.read_text(), how))
    with pytest.raises(DataError, match="record of an answer is damaged") as caught:
        read_record(path)
    assert str(path) in str(caught.value)
    assert read_records(tmp_path) == ([], [path])


def test_another_file_in_the_folder_is_no_record(tmp_path):
    path = record_path(tmp_path, (1, "0" * 16))
    path.parent.mkdir()
    path.with_name("notes.json").write_text("{}")
    assert record_keys(tmp_path) == set()
