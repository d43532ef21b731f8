"""Jobs of submitit do tasks; its own local executor stands for Slurm."""

import sys

import pytest

from gogooku.core.errors import InternalError, MissingPackageError, UsageError
from gogooku.execute.on_slurm import SlurmExecutor
from support import tasks as done_there
from support.tasks import task

MISSING = "submitit is not installed: pip install 'gogooku[slurm]'"
submitit_warns = pytest.mark.filterwarnings("ignore")
"""What submitit itself warns of is not ours to mend."""


@pytest.fixture
def executor(tmp_path, monkeypatch):
    pytest.importorskip("submitit", reason=MISSING)
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    return SlurmExecutor(tmp_path / "slurm", cluster="local", settings={"timeout_min": 5})


def test_without_submitit_the_command_that_installs_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'gogooku\[slurm\]'"):
        list(SlurmExecutor(tmp_path).run([task(done_there.doubled, number=1)]))


@submitit_warns
def test_each_task_is_a_job_and_answered_once(executor):
    asked = [task(done_there.doubled, number=1), task(done_there.refused, number=2)]
    found = {one.kind: one for one in executor.run(asked)}
    assert found[""].value["twice"] == 2
    assert found[""].where.startswith("job ")
    assert found["DataError"].fault == "number 2 is refused"


@submitit_warns
def test_within_its_context_it_does_the_same(executor):
    with executor:
        found = [next(executor.run([task(done_there.doubled, number=n)])) for n in (1, 2)]
    assert [one.value["twice"] for one in found] == [2, 4]


@submitit_warns
def test_a_job_that_is_killed_is_submitted_once_more_then_given_up(executor, tmp_path):
    once = task(done_there.killed, file=str(tmp_path / "one"), times=1)
    always = task(done_there.killed, key="b", file=str(tmp_path / "two"), times=9)
    found = {one.task.key: one for one in executor.run([once, always])}
    assert found[once.key].value == {"tries": 2}
    assert found["b"].kind == "WorkerLostError"
    assert (tmp_path / "two").read_text() == "xx"


@submitit_warns
def test_a_defect_is_raised(executor):
    with pytest.raises(InternalError, match="ZeroDivisionError"):
        list(executor.run([task(done_there.broken)]))


@submitit_warns
def test_without_slurm_the_node_to_use_is_said(tmp_path):
    pytest.importorskip("submitit", reason=MISSING)
    with pytest.raises(UsageError, match="where sbatch works"):
        list(SlurmExecutor(tmp_path).run([task(done_there.doubled, number=1)]))
