"""`gogooku release`, `releases`, `rollback` and `evening` from the command line."""

import json
import shutil
from datetime import datetime, timedelta

import pytest

from gogooku.commands.evening import clock_of, limits_of
from gogooku.commands.releases import releases
from gogooku.commands.retire import retire
from gogooku.core.errors import ConfigError, UsageError
from gogooku.core.wall import JST, ShiftedClock, SystemClock
from support.cli import done, run_cli, sets


@pytest.fixture
def home(tour_home, tmp_path):
    place = tmp_path / "home"
    shutil.copytree(tour_home, place)
    return place


def test_release_roll_back_and_list(home):
    first = done(home, "release", "ridge", "--why", "first", "--json").json
    assert first["state"] == "released"
    second = done(home, "release", "ridge", *sets("portfolio.top_k=7"), "--json").json
    assert first["bundle"] != second["bundle"]
    gone = done(home, "rollback", "--source", "tiny", "--why", "worse", "--json").json
    assert gone == {
        "source": "tiny",
        "bundle": first["bundle"],
        "state": "released",
        "instead_of": second["bundle"],
    }
    listed = done(home, "releases", "--json").json
    assert {one["bundle"]: one["state"] for one in listed["bundles"]} == {
        first["bundle"]: "released",
        second["bundle"]: "retired",
    }
    assert [one["act"] for one in listed["history"]] == [
        "release", "release", "release", "rollback", "rollback",
    ]  # fmt: skip
    assert listed["history"][3]["why"] == "worse"
    assert first["bundle"] in done(home, "releases").out


def test_an_evening_adds_a_line_to_its_log_however_it_ends(home, tmp_path):
    log = tmp_path / "logs" / "evening.log"
    asked = ("evening", "--source", "tiny", "--log", log, "--json")
    assert run_cli(home, *asked).code == 3
    done(home, "release", "ridge", "--json")
    assert run_cli(home, *asked).code == 1
    failed, late = (json.loads(line) for line in log.read_text().splitlines())
    assert "no bundle is released" in failed["failed"]
    assert (failed["source"], late["outcome"]) == ("tiny", "refused")
    assert "freshness" in late["refused"][0]
    bad = run_cli(home, *asked, "--log-mib", "0")
    assert bad.code == 2
    assert "--log-mib 0: must be at least 1" in bad.err
    (tmp_path / "file").write_text("")
    there = run_cli(home, "evening", "--source", "tiny", "--log", tmp_path / "file" / "a.log")
    assert there.code == 3
    assert "a.log: cannot write" in there.err


def test_an_evening_of_stale_data_is_refused_with_1(home):
    done(home, "release", "ridge", "--json")
    late = run_cli(home, "evening", "--source", "tiny", "--json")
    assert late.code == 1
    assert late.json["published"][0]["session"]
    assert "freshness" in late.json["refused"][0]


def test_limits_are_set_by_name(tmp_path):
    given = tmp_path / "limits.toml"
    given.write_text("spread_times = 20.0\n")
    made = limits_of(given, ["most_tied=0.5"])
    assert (made.spread_times, made.most_tied, made.jump_deviations) == (20.0, 0.5, 6.0)
    with pytest.raises(ConfigError, match="spread_time"):
        limits_of(None, ["spread_tims=2"])


def test_an_evening_without_a_bundle_ends_with_3(home):
    nothing = run_cli(home, "evening", "--source", "tiny", "--json")
    assert nothing.code == 3
    assert "gogooku release RUN" in nothing.err


def test_a_shadow_is_retired_and_the_bundle_in_service_is_not(home):
    released = done(home, "release", "ridge", "--json").json["bundle"]
    shadow = done(home, "release", "lightgbm", "--shadow", "--json").json["bundle"]
    gone = done(home, "retire", shadow, "--why", "enough", "--json").json
    assert gone == {"source": "tiny", "bundle": shadow, "state": "retired"}
    with pytest.raises(UsageError, match="is in service for tiny"):
        retire(home, released, why="", clock=SystemClock())
    listed = releases(home).facts["bundles"]
    states = {one["bundle"]: one["state"] for one in listed}
    assert states == {released: "released", shadow: "retired"}


def test_an_evening_is_played_where_the_clock_can_be_moved():
    at = datetime(2031, 5, 6, 20, 30, tzinfo=JST)
    assert isinstance(clock_of("sandbox", None), SystemClock)
    assert isinstance(clock_of("jquants", None), SystemClock)
    played = clock_of("sandbox", at)
    assert isinstance(played, ShiftedClock)
    assert abs(played.now() - at) < timedelta(seconds=5)
    with pytest.raises(UsageError, match="clock of jquants does not move"):
        clock_of("jquants", at)
