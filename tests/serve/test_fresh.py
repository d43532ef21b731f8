"""What is newest is followed; what does not load leaves the old one."""

from __future__ import annotations

import threading

import pytest

from gogooku.core.errors import DataError
from gogooku.serve import fresh as module
from gogooku.serve.fresh import Fresh, Looking


class World:
    """A newest thing that changes; loading gives its name."""

    def __init__(self) -> None:
        self.newest = "old"
        self.fault: Exception | None = None
        self.loads = 0

    def mark(self) -> str:
        return self.newest

    def load(self) -> str:
        self.loads += 1
        if self.fault is not None:
            raise self.fault
        return self.newest


@pytest.fixture
def world():
    return World()


def test_what_is_newer_answers_and_is_loaded_once(world):
    fresh = Fresh(world.mark, world.load)
    assert not fresh.look(1.0)
    world.newest = "new"
    assert fresh.now() == "old"
    assert fresh.look(2.0)
    assert [fresh.look(3.0), fresh.now(), world.loads] == [False, "new", 2]


@pytest.mark.parametrize("fault", [DataError("new is damaged"), ZeroDivisionError("planted")])
def test_what_does_not_load_leaves_the_old_one_and_says_why(world, fault):
    fresh = Fresh(world.mark, world.load)
    world.newest, world.fault = "new", fault
    assert not fresh.look(1.0)
    assert fresh.now() == "old"
    assert str(fault) in fresh.stale
    world.fault = None
    assert fresh.look(100.0)
    assert (fresh.now(), fresh.stale) == ("new", "")


def test_what_does_not_load_is_tried_ever_more_rarely_until_it_changes(world):
    fresh = Fresh(world.mark, world.load)
    world.newest, world.fault = "new", DataError("new is damaged")
    for second in range(1, 121):
        fresh.look(float(second))
    assert 6 <= world.loads - 1 <= 9
    world.newest, world.fault = "newer", None
    assert fresh.look(121.0)


def test_going_back_to_what_is_served_is_no_fault(world):
    fresh = Fresh(world.mark, world.load)
    world.newest, world.fault = "new", DataError("new is damaged")
    fresh.look(1.0)
    world.newest = "old"
    assert not fresh.look(2.0)
    assert (fresh.now(), fresh.stale, world.loads) == ("old", "", 2)


def test_the_first_one_must_load(world):
    world.fault = DataError("old is damaged")
    with pytest.raises(DataError, match="old is damaged"):
        Fresh(world.mark, world.load)


def test_a_fixed_one_stays():
    fresh = Fresh.fixed("mine")
    assert not fresh.look(1.0)
    assert fresh.now() == "mine"


def test_a_thread_looks_until_it_is_stopped(monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY", 0.001)
    seen = threading.Event()
    times = []

    def look(now):
        times.append(now)
        if len(times) > 3:
            seen.set()

    looking = Looking([look])
    looking.start()
    assert seen.wait(10)
    looking.stop(wait=10)
    count = len(times)
    assert not looking._thread.is_alive()
    assert times == sorted(times)
    assert len(times) == count
