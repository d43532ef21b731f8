"""`gogooku evenings`, and what `gogooku evening` says in a line."""

import json
import shutil

import pytest

from gogooku.commands.evenings import evenings
from gogooku.core.errors import DataError
from gogooku.core.files import locked
from gogooku.evening.record import evenings_folder
from support.cli import done, run_cli


@pytest.fixture
def home(tour_home, tmp_path):
    place = tmp_path / "home"
    shutil.copytree(tour_home, place)
    done(place, "release", "ridge", "--json")
    return place


def test_an_evening_is_listed_with_its_outcome_and_steps(home):
    run_cli(home, "evening", "--source", "tiny", "--json")
    listed = done(home, "evenings", "--json").json
    (one,) = listed["tiny"]
    assert one["outcome"] == "refused"
    assert [step["name"].split()[0] for step in one["steps"]] == ["build", "publish", "watch"]
    assert len(one["published"]) == 1
    shown = done(home, "evenings", "--source", "tiny").out
    assert "refused" in shown
    assert "freshness" in shown


def test_a_killed_one_says_where_it_was_and_a_damaged_one_is_named(home):
    done(home, "evening", "--source", "tiny", "--dry-run", "--at", "2021-12-23T20:35")
    (path,) = evenings_folder(home, "tiny").glob("*.json")
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "outcome": "running", "ended_at": None}))
    assert evenings(home, "tiny").facts["tiny"][0]["outcome"] == "interrupted"
    assert "at step publish 2021-12-23" in done(home, "evenings").out
    path.write_text("[")
    with pytest.raises(DataError, match=path.name):
        evenings(home, None)


def test_one_that_failed_says_what_failed(home):
    (home / "releases" / "registry.json").unlink()
    failed = run_cli(home, "evening", "--source", "tiny", "--json")
    assert failed.code == 3
    (one,) = done(home, "evenings", "--json").json["tiny"]
    assert one["outcome"] == "failed"
    assert one["said"] == failed.error["message"]


def test_no_evening_of_that_source(home):
    nothing = run_cli(home, "evenings", "--source", "tiny", "--json")
    assert nothing.code == 2
    assert "no evening of it is recorded" in nothing.error["message"]
    assert done(home, "evenings", "--json").json == {}


def test_a_second_evening_of_a_source_is_refused_with_3(home):
    with locked(evenings_folder(home, "tiny")):
        second = run_cli(home, "evening", "--source", "tiny", "--json")
    assert second.code == 3
    assert second.error["error"] == "BusyError"
    assert "tiny: another evening is running" in second.error["message"]
    assert not (home / "publications").exists()


def test_the_line_for_a_chat(home):
    at = ("--at", "2021-12-23T20:35")
    last = done(home, "evening", "--source", "tiny", "--dry-run", "--json", *at).json
    assert (last["outcome"], last["published"]) == ("dry run", [])
    (day,) = last["ready"]
    dry = done(home, "evening", "--source", "tiny", "--dry-run", *at).out
    assert f"tiny: dry run, nothing published; ready: {day} (ridge-" in dry
    assert not (home / "publications").exists()
    first = done(home, "evening", "--source", "tiny", *at).out
    assert f"tiny: published {day} (" in first
    again = done(home, "evening", "--source", "tiny", *at).out
    assert f"tiny: nothing new; {day} is published (ridge-" in again
    early = ("--at", "2021-12-23T20:35", "--date", "2021-12-20")
    one = done(home, "evening", "--source", "tiny", *early).out
    assert "tiny: published 2021-12-20 (" in one
    late = run_cli(home, "evening", "--source", "tiny")
    assert late.code == 1
    assert "tiny: NOT published: " in late.out


def test_missed_evenings_are_said_to_be_caught_up(home):
    done(home, "evening", "--source", "tiny", "--at", "2021-12-20T20:35")
    later = done(home, "evening", "--source", "tiny", "--at", "2021-12-23T20:35")
    assert "2021-12-21, 2021-12-22, 2021-12-23" in later.out
    assert "3 evenings caught up" in later.out
    assert "catching up 3 evenings: 2021-12-21 to 2021-12-23" in later.err
