"""A task is done, or says why not; what is no error of ours is raised."""

import pytest

from gogooku.core.errors import ConfigError, DataError
from gogooku.execute.task import HereExecutor, Task, do


def doubled(spec):
    return {"twice": 2 * spec["number"]}


def refused(spec):
    raise DataError(f"number {spec['number']} is refused")


def broken(spec):
    raise ZeroDivisionError


def task(name, number=3):
    return Task(key=f"{name}-{number}", call=f"{__name__}:{name}", spec={"number": number})


def test_what_a_task_returns_is_its_outcome():
    outcome = do(task("doubled"), where="here")
    assert (outcome.value, outcome.fault, outcome.failed) == ({"twice": 6}, None, False)
    assert outcome.where == "here"
    assert outcome.seconds >= 0


def test_an_error_of_ours_is_an_outcome_with_its_words_and_its_kind():
    outcome = do(task("refused"), where="here")
    assert outcome.failed
    assert (outcome.fault, outcome.kind) == ("number 3 is refused", "DataError")
    assert outcome.value is None


def test_a_fault_of_the_program_is_raised():
    with pytest.raises(ZeroDivisionError):
        do(task("broken"), where="here")


def test_a_task_that_calls_nothing_there_is_says_so():
    outcome = do(Task(key="x", call="gogooku.nowhere:f", spec={}), where="here")
    assert outcome.kind == ConfigError.__name__
    assert "gogooku.nowhere" in outcome.fault


def test_one_after_the_other_each_is_answered_once():
    tasks = [task("doubled", 1), task("refused", 2), task("doubled", 3)]
    found = list(HereExecutor().run(tasks))
    assert [one.task.key for one in found] == [one.key for one in tasks]
    assert [one.failed for one in found] == [False, True, False]


def test_within_its_context_it_does_the_same():
    with HereExecutor() as executor:
        found = [one.value for _ in range(2) for one in executor.run([task("doubled")])]
    assert found == [{"twice": 6}, {"twice": 6}]
