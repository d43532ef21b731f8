"""A fit says what it does, and a fit that does nothing is named."""

import time
from types import SimpleNamespace

import pytest

from gogooku.core.errors import StorageError
from gogooku.core.files import read_json
from gogooku.core.progress import SilentReporter
from gogooku.core.types import FitExecution
from gogooku.learn import heartbeat
from gogooku.learn.heartbeat import HEARTBEAT_FILE, Heartbeat


class Told(SilentReporter):
    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)


@pytest.fixture
def clock(monkeypatch):
    made = SimpleNamespace(now=100.0)
    monkeypatch.setattr(heartbeat, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def made(tmp_path, *, stall_seconds=60.0):
    told, events = Told(), []
    execution = FitExecution(
        work=tmp_path, reporter=told, events=events.append, stall_seconds=stall_seconds
    )
    return Heartbeat(execution), told.said, events


def test_the_file_says_what_is_done_since_when_and_how_fast(clock, tmp_path):
    beat, said, events = made(tmp_path)
    beat.at("step", epoch=2, step=17, rows=3_000)
    clock.now += 4.0
    beat.at("validate", epoch=2, step=18, rows=1_000)
    clock.now += 1.0
    beat.look()
    found = read_json(tmp_path / HEARTBEAT_FILE)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "stage": "validate",
        "stage_seconds": 1.0,
        "epoch": 2,
        "step": 18,
        "rows_per_second": 800.0,
    }
    assert (said, events) == ([], [])


def test_when_nothing_moves_the_stage_is_told_then_after_twice_as_long(clock, tmp_path):
    beat, said, events = made(tmp_path)
    beat.at("read 2021-03-01", epoch=1, step=4)
    for _ in range(26):
        clock.now += 10.0
        beat.look()
    assert said == [
        f"train: nothing has moved for {s} seconds; it is at: read 2021-03-01 (epoch 1, step 4)"
        for s in (60, 120, 240)
    ]
    stalled = {"event": "stalled", "stage": "read 2021-03-01", "epoch": 1, "step": 4}
    assert events == [{**stalled, "stalled_seconds": s} for s in (60.0, 120.0, 240.0)]
    beat.at("validate")
    clock.now += 59.0
    beat.look()
    assert len(said) == 3
    clock.now += 1.0
    beat.look()
    assert said[3] == "train: nothing has moved for 60 seconds; it is at: validate"


def test_a_fit_that_moves_is_never_told(clock, tmp_path):
    beat, said, _ = made(tmp_path)
    for step in range(100):
        clock.now += 59.0
        beat.look()
        beat.at("step", epoch=1, step=step)
    assert said == []


def test_no_patience_is_no_warning(clock, tmp_path):
    beat, said, _ = made(tmp_path, stall_seconds=0.0)
    clock.now += 1e6
    beat.look()
    assert said == []


def test_without_a_work_folder_no_file_is_written(clock, tmp_path):
    beat = Heartbeat(FitExecution())
    beat.look()
    beat, *_ = made(tmp_path / "none")
    beat.look()
    assert list(tmp_path.iterdir()) == []


def test_a_thread_looks_while_something_is_done_and_the_file_goes(tmp_path):
    beat, said, events = made(tmp_path, stall_seconds=0.04)
    with beat.beating():
        beat.at("hang")
        deadline = time.monotonic() + 20.0
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (tmp_path / HEARTBEAT_FILE).exists()
    assert "it is at: hang" in said[0]
    assert events[0]["stage"] == "hang"
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_no_heartbeat(tmp_path, monkeypatch):
    beat, *_ = made(tmp_path, stall_seconds=0.04)
    tried = []

    def full(path, value):
        tried.append(path)
        raise StorageError("full")

    monkeypatch.setattr(heartbeat, "write_json", full)
    with beat.beating():
        deadline = time.monotonic() + 20.0
        while len(tried) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(tried) >= 2
