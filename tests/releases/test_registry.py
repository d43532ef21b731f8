"""The registry: one bundle in service a source, every move kept, a way back that never returns."""

import json
from datetime import UTC, datetime

import pytest

from gogooku.core import files
from gogooku.core.errors import BusyError, DataError
from gogooku.core.files import locked
from gogooku.releases import registry
from gogooku.releases.bundle import bundles_folder
from gogooku.releases.registry import Act, State, read_registry

AT = datetime(2026, 11, 27, 11, 30, tzinfo=UTC)


@pytest.fixture
def home(tmp_path):
    """A home with four bundles as far as the registry looks: their manifests."""
    for name in "abcd":
        place = bundles_folder(tmp_path) / name
        place.mkdir(parents=True)
        (place / files.MANIFEST_FILE).write_text("{}")
    return tmp_path


def release(home, name, source="tse"):
    return registry.release(home, name, source=source, why="", at=AT)


def back(home):
    return registry.rollback(home, source="tse", why="bad", at=AT)


def test_nothing_is_released_at_first(home):
    now = read_registry(home)
    assert now.released("tse") is None
    assert now.state_of("a") is State.CANDIDATE
    with pytest.raises(DataError, match="no bundle is released.*gogooku release RUN"):
        registry.the_released(home, "tse")
    with pytest.raises(DataError, match="nothing to go back to"):
        back(home)


def test_a_release_retires_the_one_before_and_every_move_is_kept(home):
    release(home, "a")
    now = release(home, "b")
    assert now.released("tse") == "b"
    assert (now.state_of("a"), now.standby("tse")) == (State.RETIRED, "a")
    assert [(m.bundle, m.act, m.before, m.after) for m in now.history] == [
        ("a", Act.RELEASE, State.CANDIDATE, State.RELEASED),
        ("b", Act.RELEASE, State.CANDIDATE, State.RELEASED),
        ("a", Act.RELEASE, State.RELEASED, State.RETIRED),
    ]
    assert now.history[0].at == AT
    assert registry.the_released(home, "tse") == "b"


def test_a_rollback_goes_back_and_the_next_one_further(home):
    for name in "abc":
        release(home, name)
    assert back(home) == ("c", "b")
    assert read_registry(home).standby("tse") == "a"
    assert back(home) == ("b", "a")
    with pytest.raises(DataError, match="none was released before"):
        back(home)
    assert read_registry(home).released("tse") == "a"


def test_after_a_rollback_a_release_stands_on_what_was_put_back(home):
    for name in "ab":
        release(home, name)
    back(home)
    now = release(home, "d")
    assert now.standby("tse") == "a"
    assert now.state_of("b") is State.RETIRED


def test_sources_have_a_bundle_each(home):
    release(home, "a")
    now = release(home, "b", source="nyse")
    assert (now.released("tse"), now.released("nyse")) == ("a", "b")


def test_what_ranks_each_evening(home):
    release(home, "a")
    release(home, "b")
    registry.shadow(home, "c", source="tse", why="", at=AT)
    now = registry.shadow(home, "d", source="tse", why="", at=AT)
    assert registry.scored_each_evening(now, "tse") == ["b", "c", "d", "a"]
    now = registry.retire(home, "c", source="tse", why="", at=AT)
    assert registry.scored_each_evening(now, "tse") == ["b", "d", "a"]
    assert registry.scored_each_evening(now, "nyse") == []


def test_the_same_move_twice_is_one(home):
    release(home, "a")
    assert len(release(home, "a").history) == 1


def test_a_bundle_that_is_not_there_does_not_move(home):
    with pytest.raises(DataError, match="bundle z: is not in"):
        release(home, "z")
    assert not registry.registry_path(home).exists()


@pytest.mark.parametrize("content", ['{"history": [{}]}', "{}", '{"history": [{"at": 3}]}'])
def test_a_damaged_registry_is_refused(home, content):
    registry.registry_path(home).write_text(content)
    with pytest.raises(DataError, match="is no registry of bundles"):
        read_registry(home)


def test_two_at_once(home):
    with locked(registry.registry_path(home)), pytest.raises(BusyError):
        release(home, "a")


def test_a_kill_while_it_is_written_leaves_the_state_before(home, monkeypatch):
    release(home, "a")
    before = registry.registry_path(home).read_bytes()

    def killed(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("gogooku.core.files.os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        release(home, "b")
    monkeypatch.undo()
    assert registry.registry_path(home).read_bytes() == before
    assert read_registry(home).released("tse") == "a"
    assert release(home, "b").released("tse") == "b"


def test_what_is_written_is_plain(home):
    release(home, "a")
    written = json.loads(registry.registry_path(home).read_text())
    assert written["history"] == [
        {
            "at": "2026-11-27T11:30:00+00:00",
            "source": "tse",
            "bundle": "a",
            "act": "release",
            "before": "candidate",
            "after": "released",
            "why": "",
        }
    ]
