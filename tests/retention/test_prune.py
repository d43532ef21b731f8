"""Pruning removes what was planned, nothing that is in use, and can be killed at any moment."""

import shutil
import signal

import pytest

from gogooku.core.errors import BusyError
from gogooku.core.files import locked
from gogooku.core.progress import SilentReporter
from gogooku.evening.record import evenings_folder
from gogooku.retention.policy import PruneConfig, plan_prune
from gogooku.retention.prune import prune
from gogooku.runs.folder import finished_runs
from gogooku.runs.job import finished_jobs
from support.ages import NOW, aged, another_dataset
from support.cli import artefacts, done, leftovers, run_cli, visible

ALL = PruneConfig(datasets=1, job_days=0, leftover_days=0, run_days=1, publication_days=120)


@pytest.fixture
def old(home):
    """The home, with everything in it old, and datasets that nothing needs."""
    for number in range(2):
        another_dataset(home, f"tiny-{number:016x}", 500 - number)
    for folder in [*finished_runs(home), *finished_jobs(home)]:
        aged(folder, 450)
    (home / "runs" / ".left-01.building").mkdir()
    aged(home / "runs" / ".left-01.building", 100)
    return home


def test_what_was_planned_goes_and_all_else_stays(old):
    before = artefacts(visible(old))
    planned = plan_prune(old, ALL, now=NOW)
    done_ = prune(old, planned, reporter=SilentReporter())
    assert done_.gone == planned.items
    assert done_.busy == ()
    assert not any(item.path.exists() for item in planned.items)
    after = artefacts(visible(old))
    gone = [str(item.path.relative_to(old)) for item in planned.items]
    stays = {
        name: {path: content for path, content in files.items() if path not in gone}
        for name, files in before.items()
        if name not in gone
    }
    assert after == stays
    assert plan_prune(old, ALL, now=NOW).items == ()
    assert leftovers(old) == []


def test_after_it_an_evening_a_ranking_and_a_rollback_still_work(old):
    """Whatever the bundle in service needs is still there."""
    prune(old, plan_prune(old, ALL, now=NOW), reporter=SilentReporter())
    assert done(old, "predict", "--json").json["run"]
    assert run_cli(old, "evening", "--source", "tiny", "--json").code in (0, 1)
    assert run_cli(old, "status", "--source", "tiny", "--json").code in (0, 1)
    assert done(old, "releases", "--json").json["bundles"]
    assert done(old, "trials", "--json").json
    assert done(old, "doctor", "--verify", "--json").json["damaged files"] == []
    again = done(old, "train", "ridge", "--threads", 1, "--json").json
    assert again["run"] in {folder.name for folder in finished_runs(old)}


def test_a_removed_dataset_that_a_bundle_needs_would_be_seen(old):
    """The test above can fail: without its dataset the evening's source, or doctor, complains."""
    prune(old, plan_prune(old, ALL, now=NOW), reporter=SilentReporter())
    for path in (old / "datasets").iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    assert run_cli(old, "predict", "--json").code != 0


def test_while_an_evening_runs_nothing_goes(old):
    planned = plan_prune(old, ALL, now=NOW)
    with (
        locked(evenings_folder(old, "tiny")),
        pytest.raises(BusyError, match=r"an evening of tiny is running; nothing was removed"),
    ):
        prune(old, planned, reporter=SilentReporter())
    assert all(item.path.exists() for item in planned.items)


def test_what_a_command_is_writing_stays_and_is_named(old):
    planned = plan_prune(old, ALL, now=NOW)
    first = planned.items[-1]
    with locked(first.path):
        made = prune(old, planned, reporter=SilentReporter())
    assert [item.path for item in made.busy] == [first.path]
    assert first.path.exists()
    assert len(made.gone) == len(planned.items) - 1


def test_killed_at_every_write_point_and_run_again_completes(old, forks, tmp_path):
    shutil.rmtree(
        old / "runs" / ".left-01.building"
    )  # by the machine's clock it is from the future
    argv = ("prune", "--yes", "--json", "--set", "datasets=1", "--set", "run_days=1")
    argv = (*argv, "--set", "job_days=0", "--set", "leftover_days=0")
    plain = tmp_path / "plain"
    shutil.copytree(old, plain, symlinks=True, copy_function=shutil.copy2)
    whole = forks.run(plain, *argv)
    assert whole.code == 0, whole.err
    names = set(whole.points)
    assert {"removal.aside", "removal.folder"} <= names
    for name in sorted(names):
        place = tmp_path / "killed"
        shutil.copytree(old, place, symlinks=True, copy_function=shutil.copy2)
        killed = forks.run(place, *argv, kill_at=[name, 1])
        assert killed.code == -signal.SIGKILL, name
        again = forks.run(place, *argv)
        assert again.code == 0, again.err
        assert visible(place) == visible(plain), name
        assert leftovers(place) == []
        shutil.rmtree(place)
