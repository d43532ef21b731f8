"""What can go is old and needed by nothing; what a bundle, a run or a hold-out needs stays."""

from datetime import timedelta

import pytest

from gogooku.core.config import resolve
from gogooku.core.errors import ConfigError, DataError
from gogooku.core.files import MANIFEST_FILE
from gogooku.publish.publication import Content, publications_folder, publish
from gogooku.releases.registry import read_registry
from gogooku.retention.policy import PruneConfig, plan_prune
from gogooku.runs.find import open_run
from gogooku.runs.folder import finished_runs
from gogooku.runs.job import finished_jobs
from gogooku.search.folder import RESULT_FILE, studies_folder
from gogooku.watch.status import status_folder
from support.ages import NOW, aged, another_dataset
from support.cli import done

EVERYTHING = {"run_days": 1, "publication_days": 120, "job_days": 0, "leftover_days": 0}


def plan(home, **settings):
    return plan_prune(home, PruneConfig(**settings), now=NOW)


def going(home, part, **settings):
    return [item.path.name for item in plan(home, **settings).items if item.part == part]


def test_a_fresh_home_has_nothing_to_go(home):
    for path in finished_jobs(home):
        aged(path, 10)
    assert plan(home, status_days=10_000).items == ()


def test_single_fits_go_after_their_days(home):
    first, *others = finished_jobs(home)
    assert others
    aged(first, 31)
    for path in others:
        aged(path, 29)
    assert going(home, "jobs") == [first.name]
    assert len(going(home, "jobs", job_days=28)) == 1 + len(others)


def test_datasets_beyond_the_newest_go_and_those_of_runs_stay(home):
    names = [f"tiny-{number:016x}" for number in range(4)]
    for age, name in enumerate(names):
        another_dataset(home, name, 10 + age)
    own = open_run(home, "ridge").dataset_name
    aged(home / "datasets" / own, 1)
    found = plan(home, datasets=2)
    assert {item.path.name for item in found.items if item.part == "datasets"} == set(names[1:])
    assert "datasets" not in found.kept
    aged(home / "datasets" / own, 400)
    found = plan(home, datasets=2)
    assert {item.path.name for item in found.items if item.part == "datasets"} == set(names[2:])
    (why,) = found.kept["datasets"]
    assert why.startswith(f"{own}: ")
    assert len(going(home, "datasets", datasets=5)) == 0


def test_a_dataset_of_a_hold_out_stays(home):
    for number in range(3):
        another_dataset(home, f"tiny-{number:016x}", 20 - number)
    before = going(home, "datasets", datasets=1)
    assert len(before) >= 2
    sessions = open_run(home, "ridge").dataset(home).sessions
    done(
        home, "holdout", "add", "last", "--dataset", before[0],
        "--from", str(sessions[-10]), "--to", str(sessions[-1]), "--json",
    )  # fmt: skip
    assert before[0] not in going(home, "datasets", datasets=1)


def test_a_dataset_of_a_fit_that_was_interrupted_stays(home):
    for number in range(3):
        another_dataset(home, f"tiny-{number:016x}", 20 - number)
    name = going(home, "datasets", datasets=1)[0]
    run = open_run(home, "ridge")
    building = home / "runs" / ".other-0123.building"
    building.mkdir()
    text = (run.folder / "stamp.json").read_text().replace(run.dataset_name, name)
    (building / "stamp.json").write_text(text)
    assert name not in going(home, "datasets", datasets=1)


def test_a_dataset_of_a_search_that_is_not_finished_stays(home):
    for number in range(3):
        another_dataset(home, f"tiny-{number:016x}", 20 - number)
    name = going(home, "datasets", datasets=1)[0]
    run = open_run(home, "ridge")
    study = studies_folder(home) / "ridge-0123"
    study.mkdir(parents=True)
    text = (run.folder / "stamp.json").read_text().replace(run.dataset_name, name)
    (study / "stamp.json").write_text(text)
    assert name not in going(home, "datasets", datasets=1)
    (study / RESULT_FILE).write_text("{}")
    assert name in going(home, "datasets", datasets=1)


def test_runs_stay_unless_their_days_are_set_and_those_of_bundles_always(home):
    for folder in finished_runs(home):
        aged(folder, 500)
    assert going(home, "runs") == []
    names = set(going(home, "runs", run_days=400))
    released = open_run(home, "ridge").run_id
    assert released not in names
    assert len(names) == len(finished_runs(home)) - 1
    assert plan(home, run_days=400).kept["runs"] == [f"{released}: a bundle was made from it"]


def test_publications_stay_unless_their_days_are_set_and_the_newest_always(home):
    (bundle,) = read_registry(home).states
    day = (NOW - timedelta(days=150)).date()
    days = [day - timedelta(days=n) for n in (20, 10, 0)]
    for one in days:
        publish(home, "tiny", one, bundle, Content({}), inputs={}, at=NOW)
    assert going(home, "publications") == []
    older = going(home, "publications", publication_days=155)
    assert all(publications_folder(home, "tiny").joinpath(one).is_dir() for one in older)
    assert f"{days[1]}--{bundle}" in older
    assert f"{days[2]}--{bundle}" not in older
    assert f"{days[2]}--{bundle}" not in going(home, "publications", publication_days=120)
    assert f"tiny/{days[2]}" in plan(home, publication_days=120).kept["publications"][0]


def test_labels_settle_before_a_publication_may_go():
    with pytest.raises(ConfigError, match="publication_days"):
        resolve(PruneConfig(), base_name="prune", assignments=["publication_days=60"])


def test_logs_that_were_moved_aside_go_after_their_days(home):
    folder = home / "logs"
    folder.mkdir()
    for name, days in (("a.log", 200), ("a.log.1", 89), ("a.log.2", 91), ("a.txt", 300)):
        (folder / name).write_text("")
        aged(folder / name, days)
    assert going(home, "logs") == ["a.log.2"]
    assert going(home, "logs", log_days=80) == ["a.log.1", "a.log.2"]


def test_what_the_watch_said_goes_after_its_days(home):
    folder = status_folder(home, "tiny")
    folder.mkdir(parents=True, exist_ok=True)
    old, new = (str((NOW - timedelta(days=days)).date()) for days in (401, 399))
    for name in (f"{old}--b.json", f"{new}--b.json", "evening.json"):
        (folder / name).write_text("{}")
    assert f"{old}--b.json" in going(home, "status")
    assert not {f"{new}--b.json", "evening.json"} & set(going(home, "status"))
    assert f"{new}--b.json" in going(home, "status", status_days=300)


def test_what_was_interrupted_goes_after_its_days_and_a_removal_at_once(home):
    left = [home / "runs" / ".a.building", home / "datasets" / ".b.old"]
    for path in left:
        path.mkdir()
        aged(path, 8)
    (home / "runs" / ".new.building").mkdir()
    aged(home / "runs" / ".new.building", 6)
    (home / "runs" / ".c.removed").mkdir()
    (home / "runs" / ".d.lock").touch()
    names = [item.path.name for item in plan(home, job_days=10_000).items if item.part != "status"]
    assert sorted(names) == [".a.building", ".b.old", ".c.removed"]
    assert ".new.building" in [item.path.name for item in plan(home, leftover_days=1).items]


def test_raw_bodies_bundles_and_the_ledger_never_go(home):
    (home / "raw" / "x").mkdir(parents=True)
    (home / "raw" / "x" / "body").write_text("x")
    for path in home.rglob("*"):
        if path.is_dir():
            aged(path, 3_000)
    for folder in [*finished_runs(home), *finished_jobs(home)]:
        aged(folder, 3_000)
    found = plan(home, datasets=1, **EVERYTHING)
    assert found.items
    parts = {item.part for item in found.items}
    assert parts <= {"runs", "jobs", "datasets", "publications", "status"}
    assert not any((home / "trials.sqlite") == item.path for item in found.items)


def test_where_a_bundle_is_damaged_nothing_is_planned(home):
    (bundle,) = read_registry(home).states
    path = home / "releases" / bundle / MANIFEST_FILE
    path.write_text("{")
    with pytest.raises(DataError, match=bundle):
        plan(home, run_days=1)
