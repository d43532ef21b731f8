"""A server follows what is newest, and goes on with what it has where that does not load."""

from __future__ import annotations

import threading

import pytest

from gogooku.core.errors import DataError
from gogooku.serve import fresh as module
from gogooku.serve.fresh import Fresh


class World:
    """A newest thing that changes; loading gives its name."""

    def __init__(self) -> None:
        self.newest = "old"
        self.broken = False
        self.loads = 0

    def mark(self) -> str:
        return self.newest

    def load(self):
        self.loads += 1
        if self.broken:
            raise DataError(f"{self.newest} is damaged")
        return self.newest


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY", 0.0)
    return World()


def test_what_is_newer_answers_and_is_loaded_once(world):
    fresh = Fresh(world.mark, world.load, follows=["dataset"])
    assert [fresh.now().predictor for _ in range(3)] == ["old"] * 3
    world.newest = "new"
    assert [fresh.now().predictor for _ in range(3)] == ["new"] * 3
    assert world.loads == 2
    assert fresh.follows == ("dataset",)


def test_what_does_not_load_leaves_the_old_one_and_says_why(world):
    fresh = Fresh(world.mark, world.load)
    world.newest, world.broken = "new", True
    served = fresh.now()
    assert (served.predictor, served.stale) == ("old", "new is damaged")
    world.broken = False
    served = fresh.now()
    assert (served.predictor, served.stale) == ("new", "")


def test_the_first_one_must_load(world):
    world.broken = True
    with pytest.raises(DataError, match="old is damaged"):
        Fresh(world.mark, world.load)


def test_nobody_waits_while_one_loads(world):
    fresh = Fresh(world.mark, world.load)
    world.newest = "new"
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert go_on.wait(10)
        return "new"

    world.load = slow
    fresh._load = slow
    loading = threading.Thread(target=fresh.now)
    loading.start()
    assert begun.wait(10)
    assert fresh.now().predictor == "old"
    go_on.set()
    loading.join(10)
    assert fresh.now().predictor == "new"


def test_it_looks_at_most_once_a_second(world, monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY", 60.0)
    fresh = Fresh(world.mark, world.load)
    world.newest = "new"
    assert fresh.now().predictor == "old"


def test_a_fixed_one_stays(world):
    fresh = Fresh.fixed("mine")
    assert fresh.now().predictor == "mine"
    assert fresh.follows == ()
