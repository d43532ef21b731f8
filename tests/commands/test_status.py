"""`gogooku status` from the command line, and what a failed evening leaves."""

import shutil

import pytest

from gogooku.commands.status import status
from gogooku.dataset.home import current_dataset
from support.cli import done, run_cli
from support.evenings import clock_at, do_evening


@pytest.fixture(scope="module")
def published_home(tour_home, tmp_path_factory):
    """A home with one evening. Never written to: copy it."""
    home = tmp_path_factory.mktemp("published") / "home"
    shutil.copytree(tour_home, home)
    done(home, "release", "ridge", "--json")
    do_evening(home, current_dataset(home).sessions[-1].item())
    return home


@pytest.fixture
def home(published_home, tmp_path):
    place = tmp_path / "home"
    shutil.copytree(published_home, place)
    return place


def test_years_later_it_says_so_and_ends_with_1(home):
    found = run_cli(home, "status", "--json")
    assert found.code == 1
    (one,) = found.json["sources"]
    assert one["source"] == "tiny"
    assert one["publication"]["overdue"] is True
    assert any("the next was due" in text for text in one["problems"])
    shown = run_cli(home, "status", "--source", "tiny")
    for text in ("checks of", "drift from the training", "problem: the newest publication is of"):
        assert text in shown.out
    assert "first tiny: the newest publication is of" in shown.err


def test_on_its_evening_only_what_is_wrong_is_said(home):
    clock = clock_at(current_dataset(home).sessions[-1].item())
    answer = status(home, "tiny", clock=clock)
    (one,) = answer.facts["sources"]
    failed = [check["says"] for check in one["status"]["checks"] if check["failed"]]
    assert one["problems"] == failed
    assert (answer.failure is None) == (not failed)
    assert answer.parts[-1] == (f"problem: {failed[-1]}" if failed else "nothing is wrong")


def test_a_source_that_is_not_there_and_a_home_without_any(home, tmp_path):
    other = run_cli(home, "status", "--source", "tinny")
    assert other.code == 3
    assert "tiny" in other.err
    empty = run_cli(tmp_path / "empty", "status")
    assert empty.code == 3
    assert "gogooku release RUN" in empty.err


def test_an_evening_that_fails_is_in_the_status(home):
    (folder,) = [path for path in (home / "datasets").iterdir() if path.is_dir()]
    (folder / "manifest.json").write_text("{")
    failed = run_cli(home, "evening", "--source", "tiny", "--json")
    assert failed.code == 3
    said = run_cli(home, "status", "--json").json["sources"][0]
    assert said["evening"]["failed"] == failed.error["message"]
    assert any("the last evening" in text for text in said["problems"])
    assert (
        'gogooku_evening_failed{source="tiny"} 1' in (home / "metrics" / "gogooku.prom").read_text()
    )
