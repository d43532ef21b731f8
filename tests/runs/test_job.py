"""A fit is kept once by what decides it, and goes on where it was killed."""

import json

import numpy as np
import polars as pl
import pytest

from gogooku.core.config import Execution
from gogooku.core.errors import ConfigError, DataError
from gogooku.core.progress import SilentReporter
from gogooku.evaluate.split import make_folds
from gogooku.runs import job as jobs
from gogooku.runs.folder import PREDICTIONS_FILE
from gogooku.runs.job import DoneJob, Job, run_job
from gogooku.runs.labels import run_labels
from support.law_world import run_config, trained


@pytest.fixture
def dataset(home, ridge):
    return ridge.dataset(home)


def job(dataset, name="ridge", *assignments, number=0, threads=1, device="cpu"):
    config = run_config(name, *assignments).config
    folds = make_folds(config.split, dataset.sessions, first=config.warmup_sessions)
    return Job(
        config=config,
        number=number,
        fold=folds[number],
        dataset=dataset,
        labels=run_labels(dataset, config),
        execution=Execution(threads=threads, device=device),
    )


def done(home, one):
    return run_job(home, one, reporter=SilentReporter())


def test_a_finished_fit_is_found_and_not_done_again(tmp_path, dataset, monkeypatch):
    first = done(tmp_path, job(dataset))
    monkeypatch.setattr(jobs, "make_learner", lambda *_: pytest.fail("fitted again"))
    again = done(tmp_path, job(dataset))
    assert again.folder == first.folder == jobs.jobs_folder(tmp_path) / job(dataset).stamp.key


def test_the_split_that_a_fold_came_from_decides_nothing(dataset):
    one = job(dataset)
    same = job(dataset, "ridge", "split.kind=walk_forward", "split.num_folds=2")
    twin = Job(
        config=same.config,
        number=0,
        fold=one.fold,
        dataset=dataset,
        labels=one.labels,
        execution=one.execution,
    )
    assert twin.config.split != one.config.split
    assert twin.stamp.key == one.stamp.key


@pytest.mark.parametrize(
    "other",
    [
        {"assignments": ["seed=2"]},
        {"assignments": ["learner.penalties=[5.0]"]},
        {"assignments": ["refit=true"]},
        {"assignments": ["label_order=shuffled"]},
        {"assignments": ["split.train=0.5"]},
        {"threads": 2},
    ],
    ids=str,
)
def test_each_thing_that_decides_a_fit_makes_another(dataset, other):
    given = dict(other)
    assert job(dataset, "ridge", *given.pop("assignments", []), **given).stamp.key != (
        job(dataset).stamp.key
    )


def test_the_place_of_a_fold_makes_another_fit_because_random_numbers_hang_on_it(dataset):
    split = ("split.kind=walk_forward", "split.num_folds=2")
    one, other = (job(dataset, "ridge", *split, number=number) for number in (0, 1))
    moved = Job(
        config=other.config,
        number=1,
        fold=one.fold,
        dataset=dataset,
        labels=one.labels,
        execution=one.execution,
    )
    assert len({one.stamp.key, other.stamp.key, moved.stamp.key}) == 3


def test_a_run_is_its_jobs_put_together(home, tmp_path, dataset):
    run = trained(tmp_path, "ridge", dataset, "split.kind=walk_forward", "split.num_folds=2")
    made = [
        done(
            tmp_path,
            job(dataset, "ridge", *("split.kind=walk_forward", "split.num_folds=2"), number=number),
        )
        for number in (0, 1)
    ]
    assert len(list(jobs.jobs_folder(tmp_path).glob("[!.]*"))) == 2
    tests = [
        one.frame(PREDICTIONS_FILE).filter(pl.col("part") == "test").drop("part") for one in made
    ]
    assert run.predictions("test").drop("fold").equals(pl.concat(tests))
    for number, one in enumerate(made):
        for file in (one.folder / "checkpoint").iterdir():
            assert (run.folder / f"folds/{number}/checkpoint" / file.name).samefile(file)


def test_its_scores_lie_on_the_sessions_of_its_part(tmp_path, dataset):
    one = job(dataset)
    made = done(tmp_path, one)
    indices = one.fold.indices("test")
    scores = made.scores("test", indices, dataset)
    assert scores.shape == (len(indices), len(dataset.codes), len(made.horizons))
    assert np.array_equal(scores, made.checkpoint().scores(dataset, indices), equal_nan=True)


def test_what_a_fit_took_is_written_beside_it_and_not_hashed(tmp_path, dataset):
    made = done(tmp_path / "one", job(dataset))
    other = done(tmp_path / "two", job(dataset))
    assert made.content_hash == other.content_hash
    assert made.spent["seconds"] > 0
    assert 1e7 < made.spent["peak_bytes"] < 1e12


def test_a_failed_fit_says_why_and_leaves_no_finished_one(tmp_path, dataset, monkeypatch):
    one = job(dataset)
    kind = type(done(tmp_path / "whole", one).checkpoint())

    def endless(self, dataset, indices):
        return np.full((len(indices), len(dataset.codes), 4), np.inf, dtype=np.float32)

    monkeypatch.setattr(kind, "scores", endless)
    with pytest.raises(DataError, match="are infinite"):
        done(tmp_path, one)
    (left,) = jobs.jobs_folder(tmp_path).glob(".*.building")
    assert "infinite" in json.loads((left / jobs.FAILURE_FILE).read_text())["error"]
    monkeypatch.undo()
    made = done(tmp_path, one)
    assert not (made.folder / jobs.FAILURE_FILE).exists()
    assert not left.exists()


def test_a_device_that_a_learner_cannot_use_is_refused_before_anything(tmp_path, dataset):
    with pytest.raises(ConfigError):
        done(tmp_path, job(dataset, device="cuda"))
    assert not jobs.jobs_folder(tmp_path).exists()


def test_a_damaged_fit_is_named(tmp_path, dataset):
    made = done(tmp_path, job(dataset))
    path = made.folder / PREDICTIONS_FILE
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=PREDICTIONS_FILE):
        DoneJob.read(made.folder).frame(PREDICTIONS_FILE)


def test_files_are_linked_anew_over_what_a_killed_writer_left(tmp_path):
    source, to = tmp_path / "a", tmp_path / "b"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "x").write_text("whole")
    (to / "inner").mkdir(parents=True)
    (to / "inner" / "x").write_text("ha")
    jobs.link_tree(source, to)
    assert (to / "inner" / "x").samefile(source / "inner" / "x")
    assert jobs.hashes_below(to, to) == jobs.hashes_below(source, source)
