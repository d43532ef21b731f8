"""The dashboard as it is served."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from gogooku.core.calendar import Clock
from gogooku.core.files import write_json
from gogooku.core.wall import VirtualClock
from gogooku.evaluate.words import Language, both
from gogooku.serve.dashboard import preferred, shown_of, troubles
from gogooku.serve.fresh import Fresh
from gogooku.serve.keys import Key, KeyRing, hash_key
from gogooku.serve.limits import WRONG_KEYS
from gogooku.serve.publications import Desk, Followed
from gogooku.serve.standing import Standing
from gogooku.watch.summary import evening_path
from support.asking import KEY, MANY, Asking
from support.dashboards import dashboard_home, evening, live, publish_whole
from support.pages import in_english, read
from support.published import AT, SESSIONS, SOURCE, put, release

ONE = "ridge-1"


def basic(key):
    return {"Authorization": "Basic " + base64.b64encode(f"reader:{key}".encode()).decode()}


class World:
    """A home as it is served, and time that moves."""

    def __init__(self, home, *, at=SESSIONS[3]):
        self.home = home
        self.clock = VirtualClock(datetime.combine(at, AT.timetz()) + timedelta(hours=2))
        followed = Followed(home, SOURCE, self.clock)
        self.fresh = Fresh(followed.mark, followed.load)
        keys = Fresh.fixed(KeyRing([Key("desk", hash_key(KEY), rate=MANY)]))
        self.desk = Desk(self.fresh, keys, self.clock)
        self.ask = Asking(self.desk.pages(), keys=keys, clock=self.clock)
        self.second = 0.0

    def look(self):
        self.second += 100.0
        return self.fresh.look(self.second)


@pytest.fixture
def world(tmp_path):
    return World(dashboard_home(tmp_path / "home"))


@pytest.mark.parametrize("path", ["/", "/dashboard"])
def test_it_is_a_page_that_may_do_nothing(world, path):
    answer = world.ask(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy.partition("style-src")[0]
    read(answer.text)
    assert f"Ranking after {SESSIONS[3]}" in in_english(answer.text)


def test_it_is_made_once_and_sent_again_only_where_it_changed(world):
    first = world.ask("/", headers={"Accept-Encoding": "gzip"})
    assert first.headers["content-encoding"] == "gzip"
    again = world.ask("/dashboard")
    assert again.headers["etag"].strip('"') == first.headers["etag"].strip('"').partition("-")[0]
    same = world.ask("/", headers={"If-None-Match": again.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    publish_whole(world.home, ONE, SESSIONS[4])
    assert world.look()
    newer = world.ask("/", headers={"If-None-Match": again.headers["etag"]})
    assert newer.status_code == 200
    assert f"Ranking after {SESSIONS[4]}" in in_english(newer.text)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", Language.EN),
        ("ja", Language.JA),
        ("ja-JP,ja;q=0.9,en;q=0.8", Language.JA),
        ("en-US,en;q=0.9,ja;q=0.8", Language.EN),
        ("fr,ja;q=0.2", Language.JA),
        ("fr", Language.EN),
        ("ja;q=0", Language.EN),
        ("ja;q=2, \x00;;,", Language.EN),
        ("*", Language.EN),
    ],
)
def test_it_opens_in_the_language_that_the_browser_prefers(accepted, language):
    assert preferred(accepted) is language


def test_a_language_that_is_asked_for_comes_first(world):
    japanese = world.ask("/", headers={"Accept-Language": "ja"})
    assert '<html lang="ja"' in japanese.text
    assert japanese.headers["vary"] == "accept-encoding, accept-language"
    english = world.ask("/", headers={"Accept-Language": "ja"}, lang="en")
    assert '<html lang="en"' in english.text
    wrong = world.ask("/", lang="fr")
    assert wrong.status_code == 422
    assert "lang: got 'fr', expected en or ja" in wrong.json()["detail"]


def test_a_browser_asks_a_person_for_the_key(world):
    refused = world.ask("/", key=None)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="gogooku", charset="UTF-8"'
    assert "as the password" in refused.json()["detail"]
    assert world.ask("/ranking", key=None).headers["WWW-Authenticate"] == "Bearer"
    assert world.ask("/", key=None, headers=basic(KEY)).status_code == 200
    assert world.ask("/ranking", key=None, headers=basic(KEY)).status_code == 200


def test_wrong_passwords_are_counted_and_stand_in_no_log(world):
    codes = [
        world.ask("/", key=None, headers=basic(f"guess {n}")).status_code
        for n in range(WRONG_KEYS + 2)
    ]
    assert codes == [401] * WRONG_KEYS + [429] * 2
    held = json.dumps(world.ask.log.lines)
    assert "guess" not in held
    assert basic("guess 0")["Authorization"].partition(" ")[2] not in held


def test_it_says_that_it_is_old_as_soon_as_it_is(world):
    assert "Attention" not in in_english(world.ask("/").text)
    world.clock.move_to(world.clock.now() + timedelta(days=7))
    text = in_english(world.ask("/").text)
    assert "This is not the newest session" in text
    assert world.ask("/", headers={"Accept-Language": "ja"}).text.count("最新の営業日ではない") == 1


def test_it_says_that_the_evening_failed_at_the_next_look(world):
    world.ask("/")
    write_json(evening_path(world.home, SOURCE), evening(failed="the vendor is down"))
    assert world.look()
    assert "failed: the vendor is down" in in_english(world.ask("/").text)


def test_what_a_snapshot_shows(world):
    shown = shown_of(world.fresh.now(), world.desk.standing())
    assert (shown.source, shown.bundle, shown.run) == (SOURCE, ONE, "ridge-1-run")
    assert shown.released_at == AT
    assert shown.due > datetime.combine(SESSIONS[4], AT.timetz())
    assert shown.before is world.fresh.now().history[2].ranking
    assert shown.before_session == SESSIONS[2]
    assert shown.live.equals(live())
    assert shown.promised == {"h5.rank_ic": {"value": 0.05}}
    assert shown.troubles == []


def test_a_first_evening_without_anything_beside_it_is_shown(tmp_path):
    """Of a bundle that published only its ranking, with what little an old evening said."""
    release(tmp_path, ONE)
    put(tmp_path, ONE, SESSIONS[0], more={})
    bare = World(tmp_path, at=SESSIONS[0])
    text = in_english(bare.ask("/").text)
    assert "No orders were published" in text
    assert "No label has matured yet" in text
    write_json_of_old(tmp_path)
    assert bare.look()
    assert bare.ask("/").status_code == 200


def write_json_of_old(home):
    place = evening_path(home, SOURCE)
    place.parent.mkdir(parents=True)
    write_json(place, {"at": "2026-11-02T20:40:00+09:00", "steps": {}})


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(world):
    evening_path(world.home, SOURCE).write_text("{")
    assert world.look()
    answer = world.ask("/")
    assert answer.status_code == 200
    assert "evening.json" in in_english(answer.text)


@pytest.mark.parametrize(
    ("behind", "why", "stale", "english"),
    [
        (0, "", "", []),
        (2, "late; torn", "torn", ["is due, 2 sessions missing", "torn"]),
        (0, "torn", "torn", ["torn"]),
        (0, "9 days old", "", ["9 days old"]),
    ],
)
def test_why_it_is_old(world, behind, why, stale, english):
    now = Standing(SESSIONS[3], SESSIONS[4], behind, timedelta(), why, stale)
    found = [both(one).en for one in troubles(now, world.fresh.now())]
    assert len(found) == len(english)
    for said, wanted in zip(found, english, strict=True):
        assert wanted in said


def test_a_sandbox_is_called_one(tmp_path):
    home = dashboard_home(tmp_path / "home")
    held = Followed(home, SOURCE, VirtualClock(datetime(2026, 11, 5, tzinfo=UTC))).load()
    assert not held.simulated
    assert (held.exchange, held.clock) == ("tokyo", Clock.EVENING)
