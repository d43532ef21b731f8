import json

import pytest

from gogooku.core.files import read_json
from gogooku.core.journal import BEGUN_FILE, EventLog, begin


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def numbers(path):
    return [json.loads(line)["n"] for line in path.read_text().splitlines()]


def test_going_back_drops_what_was_told_after(path):
    log = EventLog(path)
    assert log.mark() == 0
    log({"n": 1})
    mark = log.mark()
    log({"n": 2})
    log({"n": 3})
    log.rewind(mark)
    assert numbers(path) == [1, 2, 3]
    log({"n": 4})
    assert numbers(path) == [1, 4]


def test_one_may_go_back_and_on_again_to_a_later_place(path):
    log = EventLog(path)
    log({"n": 1})
    later = log.mark()
    log({"n": 2})
    log.rewind(0)
    log.rewind(later)
    assert log.mark() == later
    assert numbers(path) == [1]


def test_another_process_goes_on_at_the_end_without_a_torn_line(path):
    EventLog(path)({"n": 1})
    with path.open("ab") as handle:
        handle.write(b'{"n": 2')
    EventLog(path)({"n": 3})
    assert numbers(path) == [1, 3]


def test_what_is_told_once_is_not_told_again(path):
    EventLog(path).once({"n": 1})
    log = EventLog(path)
    log({"n": 2})
    log.once({"n": 1})
    log.once({"n": 3})
    assert numbers(path) == [1, 2, 3]


def test_a_file_that_became_shorter_is_gone_on_with_at_its_end(path):
    log = EventLog(path)
    log({"n": 1})
    path.write_bytes(b"")
    log({"n": 2})
    assert numbers(path) == [2]
    log.rewind(10**6)
    log({"n": 3})
    assert numbers(path) == [2, 3]


def test_a_fit_that_begins_again_goes_back_to_where_it_began(path, tmp_path):
    work = tmp_path / "deep" / "work"
    log = EventLog(path)
    log({"n": 1})
    begin(log, work)
    assert read_json(work / BEGUN_FILE) == {"events": log.mark()}
    log({"n": 2})
    again = EventLog(path)
    begin(again, work)
    again({"n": 3})
    assert numbers(path) == [1, 3]
