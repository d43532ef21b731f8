"""`gogooku prune` says what can go, and removes it only when that is confirmed."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from gogooku.commands.prune import prune
from gogooku.core.progress import SilentReporter
from gogooku.core.wall import VirtualClock
from gogooku.runs.job import finished_jobs
from support.cli import done, run_cli, sets, visible


@pytest.fixture
def home(tour_home, tmp_path):
    place = tmp_path / "home"
    shutil.copytree(tour_home, place)
    return place


def test_without_yes_nothing_goes_and_the_command_that_removes_is_named(home):
    before = visible(home)
    told = done(home, "prune", *sets("job_days=0"))
    assert "nothing was removed. To remove them: gogooku prune --yes" in told.out
    assert "jobs" in told.out
    assert visible(home) == before


def test_with_yes_it_goes_and_the_next_says_that_nothing_can(home):
    made = done(home, "prune", "--yes", *sets("job_days=0"), "--json").json
    assert made["removed"] == len(made["items"]) > 0
    assert made["busy"] == []
    assert finished_jobs(home) == []
    assert "nothing can go" in done(home, "prune", "--yes", *sets("job_days=0")).out


def test_what_is_old_and_stays_is_said_with_its_reason(home):
    """By a clock of ten years later everything is old."""
    done(home, "release", "ridge", "--json")
    made = prune(
        home,
        confirmed=False,
        config=None,
        assignments=["run_days=30"],
        clock=VirtualClock(datetime.now(UTC) + timedelta(days=3_650)),
        reporter=SilentReporter(),
    )
    (reason,) = made.facts["kept"]["runs"]
    assert reason.endswith("a bundle was made from it")
    assert reason.startswith("ridge-")


def test_an_unknown_setting_is_refused(home):
    refused = run_cli(home, "prune", *sets("job_day=0"))
    assert refused.code == 2
    assert "job_day" in refused.err


def test_doctor_says_what_each_part_takes(home):
    facts = done(home, "doctor", "--json").json
    assert "MB in" in facts["disk datasets"]
    assert "can be made again" in facts["disk jobs"]
