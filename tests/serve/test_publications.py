"""What is served follows from the registry and the publications, also while it is served."""

from datetime import UTC, datetime, timedelta

import pytest

from gogooku.core.errors import DataError, UsageError
from gogooku.core.files import write_json
from gogooku.core.wall import VirtualClock
from gogooku.publish.publication import publications_folder
from gogooku.releases import registry
from gogooku.serve import publications as module
from gogooku.serve.fresh import Fresh
from gogooku.serve.keys import Key, KeyRing, hash_key
from gogooku.serve.publications import Desk, Followed, only_source
from support.asking import KEY, MANY, Asking
from support.published import AT, SESSIONS, SOURCE, make_bundle, put, ranking_of, release

ONE, TWO = "ridge-1", "lightgbm-2"


@pytest.fixture
def home(tmp_path):
    release(tmp_path, ONE)
    for day in SESSIONS[:4]:
        put(tmp_path, ONE, day)
    return tmp_path


class World:
    """A home as it is served, and time that moves."""

    def __init__(self, home):
        self.home = home
        self.clock = VirtualClock(datetime.combine(SESSIONS[3], AT.timetz()) + timedelta(hours=3))
        followed = Followed(home, SOURCE, self.clock)
        self.fresh = Fresh(followed.mark, followed.load)
        keys = Fresh.fixed(KeyRing([Key("desk", hash_key(KEY), rate=MANY)]))
        desk = Desk(self.fresh, keys, self.clock)
        self.ask = Asking(desk.pages(), keys=keys, clock=self.clock, metrics=desk.metrics)
        self.second = 0.0

    def look(self):
        self.second += 100.0
        return self.fresh.look(self.second)

    @property
    def served(self):
        body = self.ask("/ranking").json()
        day = next(day for day in SESSIONS if str(day) == body["date"])
        wanted = ranking_of(body["bundle"], day).get_column("code").to_list()
        assert [row["code"] for row in body["ranking"]] == wanted
        return body["bundle"], day


@pytest.fixture
def world(home):
    return World(home)


def damage(home, day, name=ONE, file="ranking.parquet"):
    path = publications_folder(home, SOURCE) / f"{day}--{name}" / file
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    return path


def test_the_newest_publication_of_the_released_bundle_is_served(world):
    assert world.served == (ONE, SESSIONS[3])
    assert not world.look()


def test_a_new_publication_is_served_at_the_next_look(world, home):
    old = world.fresh.now()
    put(home, ONE, SESSIONS[4])
    assert world.look()
    assert world.served == (ONE, SESSIONS[4])
    assert world.fresh.now().history[0] is old.history[0], "what is known is not read again"


def test_a_release_and_a_rollback_are_served_at_the_next_look(world, home):
    release(home, TWO)
    for day in SESSIONS[:4]:
        put(home, TWO, day)
    world.look()
    assert world.served == (TWO, SESSIONS[3])
    older = [world.ask("/ranking", date=day).json()["bundle"] for day in SESSIONS[:4]]
    assert older == [TWO] * 4
    assert world.ask("/runs").json()["released"] == TWO
    registry.rollback(home, source=SOURCE, why="", at=AT)
    world.look()
    assert world.served == (ONE, SESSIONS[3])


def test_a_released_bundle_without_a_publication_waits_and_says_so(world, home):
    release(home, TWO)
    world.look()
    assert world.served == (ONE, SESSIONS[3])
    assert (
        f"{TWO} is in service and has published nothing yet"
        in world.ask("/version").json()["stale"]
    )
    assert world.ask("/health").json()["status"] == "degraded"
    assert World(home).served == world.served, "a server that starts now serves the same"


def test_a_damaged_publication_is_not_served_and_status_says_why(world, home):
    put(home, ONE, SESSIONS[4])
    path = damage(home, SESSIONS[4])
    world.look()
    assert world.served == (ONE, SESSIONS[3])
    status = world.ask("/status").json()
    assert status["status"] == "degraded"
    assert f"{path}: is damaged" in status["why"]
    assert f"{path}: is damaged" in status["damaged"][0]
    assert World(home).served == world.served
    assert world.ask("/metrics").text.count('gogooku_served_degraded{source="tse"} 1') == 1


def test_an_older_one_that_is_damaged_is_left_out(world, home):
    damage(home, SESSIONS[1], file="manifest.json")
    put(home, ONE, SESSIONS[4])
    world.look()
    assert [one.session for one in world.fresh.now().history] == [SESSIONS[n] for n in (0, 2, 3, 4)]
    assert len(world.ask("/status").json()["damaged"]) == 1


def test_damage_after_it_was_read_changes_nothing(world, home):
    before = world.ask("/ranking").content
    damage(home, SESSIONS[3])
    assert world.ask("/ranking").content == before


def test_a_damaged_registry_leaves_what_is_served(world, home):
    (home / "releases" / "registry.json").write_text("{")
    assert not world.look()
    assert world.served == (ONE, SESSIONS[3])
    assert "registry.json" in world.ask("/status").json()["why"]


def test_without_anything_to_serve_it_says_what_to_do(tmp_path):
    with pytest.raises(UsageError, match="gogooku release RUN, then gogooku evening"):
        only_source(tmp_path)
    release(tmp_path, ONE)
    assert only_source(tmp_path) == SOURCE
    with pytest.raises(DataError, match="has published nothing yet.*gogooku evening --source tse"):
        Followed(tmp_path, SOURCE, VirtualClock(AT)).load()
    for day in SESSIONS[:9]:
        put(tmp_path, ONE, day)
        damage(tmp_path, day)
    with pytest.raises(DataError, match="ranking.parquet: is damaged"):
        Followed(tmp_path, SOURCE, VirtualClock(AT)).load()


def test_of_several_sources_one_has_to_be_named(tmp_path):
    release(tmp_path, ONE)
    make_bundle(tmp_path, TWO)
    registry.release(tmp_path, TWO, source="nyse", why="", at=AT)
    with pytest.raises(UsageError, match="nyse, tse have releases; name one: --source nyse"):
        only_source(tmp_path)


def test_health_turns_degraded_when_a_session_is_missing(world):
    assert world.ask("/health", key=None).json() == {
        "status": "ok",
        "session": str(SESSIONS[3]),
        "expected": str(SESSIONS[3]),
        "sessions_behind": 0,
        "why": None,
    }
    world.clock.move_to(world.clock.now() + timedelta(days=7))
    answer = world.ask("/health", key=None)
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert f"the newest session is {SESSIONS[3]}" in answer.json()["why"]
    assert 'gogooku_sessions_behind{source="tse"} 5' in world.ask("/metrics").text


def test_the_history_is_bounded(home, monkeypatch):
    monkeypatch.setattr(module, "HISTORY", 2)
    assert [one.session for one in World(home).fresh.now().history] == SESSIONS[2:4]


def test_looking_opens_nothing_while_nothing_changes(home, monkeypatch):
    followed = Followed(home, SOURCE, VirtualClock(AT))
    monkeypatch.setattr(module, "_SETTLED_SECONDS", -1.0)
    first = followed.mark()
    monkeypatch.setattr(module, "read_registry", lambda _: pytest.fail("opened"))
    assert followed.mark() == first


def test_a_change_in_the_moment_of_a_look_is_seen_at_the_next(home):
    followed = Followed(home, SOURCE, VirtualClock(AT))
    first = followed.mark()
    put(home, ONE, SESSIONS[4])
    assert followed.mark() != first


def test_what_the_evening_left_is_in_status_and_metrics(world, home):
    folder = home / "status" / SOURCE
    folder.mkdir(parents=True)
    at = datetime(2026, 11, 5, 11, 40, tzinfo=UTC)
    steps = {"publish": {"seconds": 2.0, "at": at.isoformat()}}
    write_json(folder / "evening.json", {"failed": None, "steps": steps})
    write_json(folder / f"{SESSIONS[3]}--{ONE}.json", {"checks": [{"name": "names"}]})
    assert world.look()
    status = world.ask("/status").json()
    assert status["evening"]["steps"] == steps
    assert status["measured"] == {"checks": [{"name": "names"}]}
    sample = 'gogooku_evening_step_last_success_timestamp_seconds{source="tse",step="publish"}'
    assert f"{sample} {int(at.timestamp())}\n" in world.ask("/metrics").text


def test_every_page_answers(world):
    paths = world.ask("/openapi.json").json()["paths"]
    for path in paths:
        answer = world.ask(path.replace("{code}", "13010"))
        assert answer.status_code == 200, (path, answer.text)
        for kind, one in paths[path]["get"]["responses"]["200"]["content"].items():
            if kind == "application/json":
                assert set(one["schema"].get("properties", ())) <= set(answer.json()), path
    assert len(paths) == 12


def test_a_publication_without_orders_says_so(world, home):
    put(home, ONE, SESSIONS[4], more={})
    world.look()
    for path in ("/orders", "/portfolio"):
        answer = world.ask(path)
        assert answer.status_code == 404
        assert f"the publication of {ONE} after {SESSIONS[4]} holds none" in answer.json()["detail"]
