"""A fit is the same wherever it is done, and is refused where it would be another."""

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gogooku.core.config import Execution
from gogooku.core.errors import ContractError, DataError, NotFoundError
from gogooku.core.progress import SilentReporter
from gogooku.execute.local import LocalExecutor
from gogooku.execute.task import HereExecutor, Outcome, do
from gogooku.runs.job import run_job
from gogooku.runs.job_task import do_job, job_task
from gogooku.runs.train import train
from runs.test_job import job
from support.cli import NETWORK
from support.law_world import run_config

TWO = ("split.kind=walk_forward", "split.num_folds=2")


@pytest.fixture
def dataset(home, ridge):
    return ridge.dataset(home)


def test_a_task_is_plain_json_and_makes_what_the_job_makes(home, dataset):
    one = job(dataset, "ridge", "seed=7")
    spec = json.loads(json.dumps(job_task(home, one).spec))
    value = do_job(spec)
    made = run_job(home, one, reporter=SilentReporter())
    assert value["folder"] == str(made.folder)
    assert value["content"] == made.content_hash
    assert value["seconds"] == made.spent["seconds"]


@pytest.mark.parametrize(
    ("what", "said"),
    [({"content": "other"}, "copy the dataset again"), ({"key": "other"}, "same version")],
)
def test_a_process_that_would_make_something_else_refuses(home, dataset, what, said):
    spec = {**job_task(home, job(dataset)).spec, **what}
    with pytest.raises(ContractError, match=said):
        do_job(spec)


@pytest.mark.parametrize("what", ["home", "dataset"])
def test_a_machine_that_does_not_see_the_data_says_what_to_do(home, tmp_path, dataset, what):
    missing = str(tmp_path / "not mounted")
    spec = {**job_task(home, job(dataset)).spec, what: missing}
    with pytest.raises(NotFoundError, match="machine .*not mounted.* same path on every machine"):
        do_job(spec)
    assert not (tmp_path / "not mounted").exists()


def fitted(home, dataset, executor):
    return train(
        home,
        "ridge",
        run_config("ridge", *TWO, "seed=5"),
        dataset,
        execution=Execution(threads=1),
        reporter=SilentReporter(),
        executor=executor,
    )


def test_a_run_fitted_elsewhere_is_the_run_fitted_here(home, tmp_path, dataset):
    asked = []

    class Watched(HereExecutor):
        def run(self, tasks):
            asked.extend(tasks)
            return super().run(tasks)

    here = fitted(tmp_path, dataset, None)
    elsewhere = fitted(home, dataset, Watched())
    assert len(asked) == 2
    assert here.content_hash == elsewhere.content_hash
    assert here.run_id == elsewhere.run_id
    assert here.events == elsewhere.events


def test_a_worker_without_room_on_disk_says_so_and_the_others_end(home, dataset):
    tasks = [job_task(home, job(dataset, "ridge", *TWO, "seed=6", number=n)) for n in (0, 1)]
    asked = [replace(tasks[0], call="support.tasks:fit_in_little_room"), tasks[1]]
    found = {one.task.key: one for one in LocalExecutor(2).run(asked)}
    assert found[tasks[0].key].kind == "StorageError"
    assert "cannot write" in found[tasks[0].key].fault
    assert not found[tasks[1].key].failed
    assert [one.failed for one in LocalExecutor(1).run(tasks)] == [False, False]


def test_a_fit_whose_worker_is_killed_is_the_fit_that_was_not_disturbed(home, tmp_path, dataset):
    one = job(dataset, "atft-gat-fan", *NETWORK, "seed=6")
    whole = run_job(tmp_path, one, reporter=SilentReporter())
    building = one.folder(home).with_name(f".{one.folder(home).name}.building")
    killed = []

    def kill():
        while not (building / "work").exists():
            time.sleep(0.01)
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for child in children:
            if "gogooku.execute.worker" in Path(f"/proc/{child}/cmdline").read_text():
                os.kill(int(child), signal.SIGKILL)
                killed.append(child)

    thread = threading.Thread(target=kill)
    thread.start()
    (outcome,) = LocalExecutor(2).run([job_task(home, one)])
    thread.join()
    assert killed
    assert outcome.value["content"] == whole.content_hash


def test_folds_that_failed_elsewhere_are_named_and_the_others_kept(home, dataset):
    class Failing:
        def run(self, tasks):
            yield do(tasks[0], where="here")
            yield Outcome(tasks[1], fault="out of memory", kind="WorkerLostError")

    with pytest.raises(DataError, match=r"1 of 2 folds .* kept.*ridge, fold 1, seed 5: out of"):
        fitted(home, dataset, Failing())
    again = []

    class Counting(HereExecutor):
        def run(self, tasks):
            again.extend(tasks)
            return super().run(tasks)

    assert fitted(home, dataset, Counting()).manifest["kind"] == "run"
    assert [one.what for one in again] == ["ridge, fold 1, seed 5"]
