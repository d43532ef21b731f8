"""Worker processes answer each task once, whatever happens to them, and none is left behind."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from gogooku.core.errors import InternalError, ResourceError, UsageError
from gogooku.execute.local import LocalExecutor, thread_settings
from support import tasks as done_there
from support.tasks import task

GIB = 2**30
PATIENCE = 30


def executor(workers=2, **given):
    return LocalExecutor(workers, **{"cores": 8, "available": lambda: 64 * GIB, **given})


def all_of(tasks, **given):
    return list(executor(**given).run(tasks))


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


def is_alive(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_each_task_is_answered_once_by_other_processes():
    found = all_of([task(done_there.doubled, number=n) for n in range(6)])
    assert sorted(one.value["twice"] for one in found) == [0, 2, 4, 6, 8, 10]
    processes = {one.value["process"] for one in found}
    assert os.getpid() not in processes
    assert len(processes) <= 2
    assert not any(is_alive(process) for process in processes)
    assert found[0].where == f"process {found[0].value['process']}"


def test_nothing_asked_is_nothing_answered():
    assert all_of([]) == []


def test_an_error_of_ours_is_an_outcome_and_the_others_go_on():
    found = all_of([task(done_there.refused, number=3), task(done_there.doubled, number=1)])
    assert {one.kind for one in found} == {"", "DataError"}
    assert next(one.fault for one in found if one.failed) == "number 3 is refused"


def test_a_fault_of_the_program_is_raised_with_its_traceback():
    with pytest.raises(
        InternalError, match="broken, done by another process: .*ZeroDivisionError"
    ) as caught:
        all_of([task(done_there.broken)])
    assert "in broken" in str(caught.value.__cause__)


def test_memory_that_is_not_given_is_an_outcome_and_the_worker_replaced():
    found = all_of([task(done_there.out_of_memory), task(done_there.doubled, number=1)], workers=1)
    assert [one.kind for one in found] == ["ResourceError", ""]
    assert "not enough memory" in found[0].fault


def test_what_is_printed_there_is_no_answer():
    assert [one.value for one in all_of([task(done_there.prints)])] == [{}]


def test_each_takes_the_threads_that_it_is_told():
    names = list(thread_settings(1))
    (found,) = all_of([task(done_there.variables, names=names)], threads=3)
    assert found.value == dict.fromkeys(names, "3")


def test_a_killed_worker_is_replaced_and_its_task_tried_once_more(tmp_path):
    said = []
    asked = task(done_there.killed, file=str(tmp_path / "count"), times=1)
    (found,) = all_of([asked], say=said.append)
    assert found.value == {"tries": 2}
    assert "SIGKILL" in said[0]
    assert "tried once more" in said[0]


def test_one_that_is_killed_again_is_given_up_and_the_others_done(tmp_path):
    asked = task(done_there.killed, file=str(tmp_path / "count"), times=9)
    found = all_of([asked, *(task(done_there.doubled, number=n) for n in range(3))])
    assert len(found) == 4
    (lost,) = [one for one in found if one.failed]
    assert lost.kind == "WorkerLostError"
    assert "SIGKILL, as the system does when memory runs out" in lost.fault
    assert "2 times" in lost.fault
    assert (tmp_path / "count").read_text() == "xx"


def test_one_that_another_process_is_at_waits_and_takes_what_it_finishes(tmp_path):
    said = []
    same = [task(done_there.made, key=key, folder=str(tmp_path), seconds=1.0) for key in ("a", "b")]
    # the first is measured alone: another one begins while it waits
    first = task(done_there.doubled, number=1)
    found = all_of([first, *same], say=said.append)
    assert sorted(one.value["found"] for one in found if "found" in one.value) == [False, True]
    assert any("another process is at it" in line for line in said)


@pytest.mark.parametrize(("available", "most"), [(150 << 20, 1), (64 * GIB, 2)])
def test_as_many_run_as_memory_holds(available, most):
    """Each holds 300 MiB and more: beside one that runs there is no place for another in 150."""
    said = []
    asked = [task(done_there.holds, key=str(n), mib=300, seconds=0.5) for n in range(4)]
    found = all_of(asked, say=said.append, available=lambda: available)
    assert len(found) == 4
    assert len({one.where for one in found}) == most, said
    assert f"{most} at a time: one takes 0." in said[0]
    assert ("no more fit" in said[0]) == (most == 1)


@pytest.mark.parametrize(("available", "processes"), [(500 << 20, 1), (64 * GIB, 2)])
def test_beside_a_first_that_takes_long_another_begins_where_there_is_ample_memory(
    monkeypatch, available, processes
):
    """It holds 300 MiB, and four times as much is supposed for each while none is over."""
    monkeypatch.setattr("gogooku.execute.local._FIRST_SECONDS", 2.0)
    asked = [task(done_there.holds, key=str(n), mib=300, seconds=5.0) for n in range(2)]
    found = all_of(asked, available=lambda: available)
    assert len({one.where for one in found}) == processes
    assert [one.failed for one in found] == [False, False]


def test_what_was_held_is_measured():
    said = []
    asked = [task(done_there.holds, key=str(n), mib=mib) for n, mib in enumerate((800, 1, 1))]
    all_of(asked, say=said.append)
    gib = float(said[0].split("one takes ")[1].split(" GiB")[0])
    assert 0.78 < gib < 1.2


def test_no_more_than_there_are_cores():
    said = []
    asked = [task(done_there.holds, key=str(n), mib=1, seconds=0.1) for n in range(4)]
    found = all_of(asked, workers=5, cores=4, threads=2, say=said.append)
    assert len({one.where for one in found}) == 2
    assert said[0] == (
        "2 worker processes of 5 that were asked for: there are 4 cores, and each takes 2"
    )


def test_workers_that_end_before_they_are_asked_are_an_error_not_a_loop(monkeypatch):
    monkeypatch.setattr("gogooku.execute.local._BEGIN", "import sys; sys.exit(4)")
    with pytest.raises(ResourceError, match="3 worker processes did nothing .* exit code 4"):
        all_of([task(done_there.doubled, number=n) for n in range(9)])


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"threads": 0}])
def test_none_is_no_number_of_workers_or_threads(wrong):
    with pytest.raises(UsageError, match="at least 1"):
        executor(**wrong)


def test_closing_ends_what_still_runs(tmp_path):
    place = tmp_path / "who"
    asked = [
        task(done_there.doubled, number=1),
        task(done_there.sleeps, file=str(place), seconds=300),
        task(done_there.refused, number=2),
    ]
    running = executor().run(asked)
    assert [next(running).failed, next(running).failed] == [False, True]
    worker = int(wait_for(lambda: place.exists() and place.read_text()))
    assert is_alive(worker)
    running.close()
    assert not is_alive(worker)


# ---------------------------------------------------------------------------- within the context


def test_two_calls_use_the_same_processes_and_the_second_does_not_measure_alone():
    """Measured alone, the second task would be given to the process that did the first."""
    with executor() as kept:
        first = list(kept.run([task(done_there.doubled, number=n) for n in range(4)]))
        workers = {one.process.pid for one in kept._kept.workers}
        together = [task(done_there.holds, key=str(n), mib=1, seconds=1.0) for n in range(2)]
        second = list(kept.run(together))
        assert {one.process.pid for one in kept._kept.workers} == workers
    assert {one.where for one in [*first, *second]} == {f"process {one}" for one in workers}
    assert len({one.where for one in second}) == 2
    assert not any(is_alive(one) for one in workers)


def test_how_many_run_is_said_once():
    said = []
    with executor(say=said.append) as kept:
        for call in range(3):
            list(kept.run([task(done_there.holds, key=f"{call}{n}", mib=1) for n in range(3)]))
    assert len([line for line in said if "at a time" in line]) == 1


def test_without_the_context_each_call_has_processes_of_its_own():
    alone = executor()
    found = [next(iter(alone.run([task(done_there.doubled, number=1)]))) for _ in range(2)]
    assert found[0].where != found[1].where


def test_a_worker_that_is_killed_between_two_calls_is_replaced():
    said = []
    with executor(workers=1, say=said.append) as kept:
        (first,) = kept.run([task(done_there.doubled, number=1)])
        worker = first.value["process"]
        os.kill(worker, signal.SIGKILL)
        os.waitid(os.P_PID, worker, os.WEXITED | os.WNOWAIT)  # all its threads have ended
        (second,) = kept.run([task(done_there.doubled, number=2)])
    assert second.value["twice"] == 4
    assert second.value["process"] != worker
    assert "a worker process that waited was ended by signal 9" in said[0]


def test_many_that_are_killed_between_calls_are_not_counted_as_useless():
    with executor(workers=1) as kept:
        for number in range(5):
            (found,) = kept.run([task(done_there.doubled, number=number)])
            assert found.value["twice"] == 2 * number
            os.kill(found.value["process"], signal.SIGKILL)


def test_a_call_that_is_given_up_ends_what_it_runs_and_the_next_is_answered(tmp_path):
    place = tmp_path / "who"
    asked = [
        task(done_there.doubled, number=1),
        task(done_there.sleeps, file=str(place), seconds=300),
        task(done_there.refused, number=2),
    ]
    with executor() as kept:
        running = kept.run(asked)
        assert [next(running).failed, next(running).failed] == [False, True]
        worker = int(wait_for(lambda: place.exists() and place.read_text()))
        running.close()
        assert not is_alive(worker)
        (found,) = kept.run([task(done_there.doubled, number=4)])
        assert found.value["twice"] == 8


def test_a_second_call_while_the_first_is_under_way_is_refused():
    asked = [task(done_there.doubled, number=n) for n in range(3)]
    with executor() as kept:
        running = kept.run(asked)
        next(running)
        with pytest.raises(UsageError, match="take all outcomes of one call"):
            next(kept.run(asked))
        assert len(list(running)) == 2


def test_no_process_is_left_after_a_defect_in_a_task():
    with pytest.raises(InternalError), executor() as kept:
        list(kept.run([task(done_there.doubled, number=n) for n in range(3)]))
        workers = [one.process.pid for one in kept._kept.workers]
        list(kept.run([task(done_there.broken)]))
    assert len(workers) == 2
    assert not any(is_alive(one) for one in workers)


def test_no_process_is_left_after_an_error_while_tasks_run(tmp_path):
    place = tmp_path / "who"
    asked = [
        task(done_there.doubled, number=1),
        task(done_there.sleeps, file=str(place), seconds=300),
        task(done_there.refused, number=2),
    ]
    with pytest.raises(KeyboardInterrupt), executor() as kept:
        running = kept.run(asked)
        assert [next(running).failed, next(running).failed] == [False, True]
        worker = int(wait_for(lambda: place.exists() and place.read_text()))
        raise KeyboardInterrupt
    assert not is_alive(worker)
    assert list(running) == []


COMMAND = """
import sys
from contextlib import nullcontext
from gogooku.execute.local import LocalExecutor
from gogooku.core.process import signals_raise
from support import tasks as done_there
from support.tasks import task
with signals_raise():
    asked = [task(done_there.doubled, number=1)]
    asked += [task(done_there.sleeps, key=n, file=f"{sys.argv[1]}/{n}", seconds=300) for n in "ab"]
    executor = LocalExecutor(2, cores=2, available=lambda: 64 << 30)
    with executor if sys.argv[2] == "within" else nullcontext():
        for _ in executor.run([task(done_there.doubled, number=n) for n in range(2)]):
            pass
        for _ in executor.run(asked):
            print("one", flush=True)
"""


@pytest.mark.parametrize(
    "ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name
)
@pytest.mark.parametrize("place", ["within", "without"])
def test_no_worker_outlives_whoever_started_it(tmp_path, ending, place):
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import sys, json; sys.path[:] = {sys.path!r}\n{COMMAND}",
            tmp_path,
            place,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with starter:
        names = [tmp_path / "a", tmp_path / "b"]
        wait_for(lambda: all(one.exists() and one.read_text() for one in names))
        workers = [int(one.read_text()) for one in names]
        assert all(is_alive(one) for one in workers)
        starter.send_signal(ending)
        starter.wait(PATIENCE)
        wait_for(lambda: not any(is_alive(one) for one in workers))
    assert starter.returncode != 0


def test_a_task_is_sent_as_json():
    spec = {"number": 2, "text": "日経\n", "nested": [1.5, None]}
    (found,) = all_of([task(done_there.doubled, **json.loads(json.dumps(spec)))])
    assert found.value["twice"] == 4
