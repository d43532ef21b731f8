"""Tasks keep their order; one that another process is at comes back later."""

from gogooku.execute.task import Outcome, Task
from gogooku.execute.waiting import Waiting


def waiting(*keys):
    said = []
    tasks = [Task(key=key, call="a:b", spec={}, what=f"fit {key}") for key in keys]
    return Waiting(tasks, say=said.append), said


def test_they_come_in_their_order_and_one_put_first_comes_first():
    queue, _ = waiting("a", "b", "c")
    first = queue.take()
    assert (first.task.key, len(queue)) == ("a", 2)
    queue.put_first(first)
    assert [queue.take().task.key for _ in range(3)] == ["a", "b", "c"]
    assert queue.take() is None


def test_one_that_is_busy_comes_after_a_while_and_is_said_once(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("gogooku.execute.waiting.time.monotonic", lambda: now[0])
    queue, said = waiting("a", "b")
    first = queue.take()
    waits = []
    for _ in range(9):
        assert queue.comes_back(first, Outcome(first.task, fault="busy", kind="BusyError"))
        waits.append(first.due - now[0])
        now[0] = first.due
        assert queue.take().task.key == ("b" if len(waits) == 1 else "a")
        if len(waits) == 1:
            assert queue.take() is first
    assert waits == [0.25, 0.5, 1, 2, 4, 8, 8, 8, 8]
    assert said == ["fit a: another process is at it; what it finishes is taken"]
    queue.comes_back(first, Outcome(first.task, fault="busy", kind="BusyError"))
    now[0] = first.due - 0.01
    assert queue.take() is None


def test_any_other_outcome_is_final():
    queue, _ = waiting("a")
    one = queue.take()
    assert not queue.comes_back(one, Outcome(one.task, fault="no", kind="DataError"))
    assert not queue.comes_back(one, Outcome(one.task, value={}))
    assert len(queue) == 0
