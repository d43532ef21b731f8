"""A fit by two processes is the fit of one, and goes on when one of them was killed."""

import os
import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gogooku.core.config import Execution
from gogooku.core.errors import ConfigError, UsageError
from gogooku.core.progress import SilentReporter
from gogooku.execute.member import MEMBER
from gogooku.execute.task import do
from gogooku.execute.together import TogetherExecutor
from gogooku.runs.job import SELECTED, DoneJob, run_job
from gogooku.runs.job_task import job_task
from gogooku.runs.job_together import fitted_together
from runs.test_job import job
from support.cli import NETWORK

STILL = ("learner.dropout=0", "learner.feature_dropout=0", "learner.context_noise=0")


@pytest.fixture
def dataset(home, ridge):
    return ridge.dataset(home)


def by(processes, one):
    return replace(one, execution=Execution(threads=1, processes=processes, save_seconds=0.0))


def together(home, one):
    (outcome,) = TogetherExecutor(2).run([job_task(home, one)])
    return outcome


def test_two_fit_what_one_fits_also_when_it_is_fitted_again(home, tmp_path, dataset):
    one = job(dataset, "atft-gat-fan", *NETWORK, *STILL, "refit=true")
    alone = run_job(tmp_path, one, reporter=SilentReporter())
    both = by(2, one)
    assert both.stamp.key != one.stamp.key
    outcome = together(home, both)
    assert outcome.fault is None, outcome.fault
    made = DoneJob.read(both.folder(home))
    assert outcome.value["content"] == made.content_hash
    for part in ("valid", "test"):
        indices = one.fold.indices(part)
        np.testing.assert_allclose(
            made.scores(part, indices, dataset), alone.scores(part, indices, dataset), atol=1e-5
        )
    names = {file.relative_to(alone.folder) for file in alone.folder.rglob("*")}
    assert {file.relative_to(made.folder) for file in made.folder.rglob("*")} == names
    assert Path(SELECTED) in names
    for name in (SELECTED, "checkpoint"):
        mine, theirs = alone.checkpoint(name), made.checkpoint(name)
        assert mine.header == theirs.header
        ours = mine.model.state_dict()
        for weight, value in theirs.model.state_dict().items():
            assert float((value - ours[weight]).abs().max()) < 1e-5


def test_when_one_is_killed_the_same_again_ends_as_undisturbed(home, tmp_path, dataset):
    one = by(2, job(dataset, "atft-gat-fan", *NETWORK, "seed=6"))
    shutil.copytree(home, tmp_path / "twin")
    whole = together(tmp_path / "twin", one)
    assert whole.fault is None, whole.fault
    building = one.folder(home).with_name(f".{one.folder(home).name}.building")
    killed = []

    def kill():
        while not list(building.glob("work/*.safetensors")):
            time.sleep(0.01)
        killed.append(last_member())
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    lost = together(home, one)
    thread.join()
    assert lost.kind == "WorkerLostError"
    assert "ended without an answer" in lost.fault
    assert one.done(home) is None
    assert list(building.glob("work/*.safetensors"))
    again = together(home, one)
    assert again.fault is None, again.fault
    assert again.value["content"] == whole.value["content"]


def last_member():
    """The last process that torchrun has started below this one."""
    seen = [os.getpid()]
    for one in seen:
        seen += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    lines = {one: Path(f"/proc/{one}/cmdline").read_text() for one in seen}
    return max(
        one for one, line in lines.items() if MEMBER in line and "distributed.run" not in line
    )


def test_a_process_that_torchrun_did_not_start_says_what_to_give(home, dataset):
    one = by(2, job(dataset, "atft-gat-fan", *NETWORK))
    with pytest.raises(UsageError, match="--processes 2"):
        fitted_together(home, one)
    assert do(job_task(home, one), where="here").kind == "UsageError"
    with pytest.raises(UsageError, match="--processes 2"):
        run_job(home, one, reporter=SilentReporter())


def test_what_is_no_network_is_refused(home, dataset):
    with pytest.raises(ConfigError, match="only a network is fitted by several, ridge is none"):
        run_job(home, by(2, job(dataset)), reporter=SilentReporter())
