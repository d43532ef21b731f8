"""Steps are timed, told, and kept when they fail."""

import pytest

from gogooku.core.errors import DataError
from gogooku.core.progress import SilentReporter
from gogooku.evening.log import EveningLog


def test_a_step_is_told_when_it_begins_and_when_it_ends():
    log, told = EveningLog(SilentReporter()), []
    log.changed = lambda: told.append([(step.name, step.done) for step in log.steps])
    with log.step("sync") as step:
        step.said = "3 requests"
    assert told == [[("sync", False)], [("sync", True)]]
    assert log.steps[0].said == "3 requests"
    assert log.steps[0].failed is None


def test_a_step_that_fails_is_kept_with_what_stopped_it():
    log = EveningLog(SilentReporter())
    with pytest.raises(DataError), log.step("build"):
        raise DataError("no source")
    (step,) = log.steps
    assert (step.done, step.failed) == (False, "no source")
    assert step.seconds >= 0
