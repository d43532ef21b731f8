"""Several processes do one task, or all end and say why; none is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gogooku.core.errors import InternalError, UsageError
from gogooku.execute.member import MEMBER
from gogooku.execute.together import TogetherExecutor
from support import tasks as done_there
from support.tasks import task

PATIENCE = 60


def run(*tasks):
    return list(TogetherExecutor(2).run(tasks))


def members_of(process):
    """The processes that torchrun has started, below a process."""
    found, seen = [], [process]
    for one in seen:
        try:
            seen += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
            line = Path(f"/proc/{one}/cmdline").read_text()
        except OSError:
            continue
        if MEMBER in line and "torch.distributed.run" not in line:
            found.append(one)
    return found


def is_alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


def test_all_do_the_task_and_one_answers(tmp_path):
    (found,) = run(task(done_there.leaves_a_mark, folder=str(tmp_path), leader="0"))
    assert found.fault is None
    assert found.value == {"size": "2"}
    assert found.where == "2 processes"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["0", "1"]


def test_the_fault_of_any_is_the_outcome_and_the_next_task_is_done(tmp_path):
    bad = task(done_there.refused_by, place="1", seconds=300)
    good = task(done_there.leaves_a_mark, folder=str(tmp_path), leader="0")
    found = run(bad, good)
    assert (found[0].kind, found[0].fault) == ("DataError", "process 1 refuses")
    assert found[0].seconds < PATIENCE
    assert found[1].value == {"size": "2"}


def test_a_defect_is_raised():
    with pytest.raises(InternalError, match="broken, done by another process: .*ZeroDivision"):
        run(task(done_there.broken))


def killing(found, *, whose):
    """Kill one of the processes of this one as soon as both have left their mark."""

    def kill():
        wait_for(lambda: len(list(whose.iterdir())) == 2)
        found.extend(members_of(os.getpid()))
        os.kill(found[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_when_one_is_killed_all_end_and_it_is_said(tmp_path):
    found = []
    thread = killing(found, whose=tmp_path)
    (lost,) = run(task(done_there.leaves_a_mark, folder=str(tmp_path), leader="0", seconds=300))
    thread.join()
    assert lost.kind == "WorkerLostError"
    assert "one of the 2 processes that did it together ended without an answer" in lost.fault
    assert "go on from there" in lost.fault
    assert len(found) == 2
    assert not any(is_alive(one) for one in found)


COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
from gogooku.core.process import signals_raise
from gogooku.execute.together import TogetherExecutor
from support import tasks as done_there
from support.tasks import task
with signals_raise():
    asked = task(done_there.leaves_a_mark, folder=sys.argv[1], leader="0", seconds=300)
    list(TogetherExecutor(2).run([asked]))
"""


@pytest.mark.parametrize(
    "ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name
)
def test_none_outlives_whoever_started_it(tmp_path, ending):
    begin = f"import sys, json; sys.path[:] = {sys.path!r}\n{COMMAND}"
    starter = subprocess.Popen([sys.executable, "-c", begin, tmp_path], stderr=subprocess.DEVNULL)
    with starter:
        wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
        members = members_of(starter.pid)
        assert len(members) == 2
        starter.send_signal(ending)
        starter.wait(PATIENCE)
        wait_for(lambda: not any(is_alive(one) for one in members))
    assert starter.returncode != 0


@pytest.mark.parametrize("wrong", [{"processes": 1}, {"processes": 2, "threads": 0}])
def test_less_than_two_is_not_together(wrong):
    with pytest.raises(UsageError, match="at least 2 of at least 1"):
        TogetherExecutor(**wrong)
