"""What an evening says of its steps, of one that fails too."""

import pytest

from gogooku.core.errors import DataError
from gogooku.core.progress import SilentReporter
from gogooku.evening.log import EveningLog


def test_steps_are_kept_in_order_with_their_words():
    log = EveningLog(SilentReporter())
    with log.step("sync") as step:
        step.said = "38 requests"
    with log.step("build"):
        pass
    first, second = [step.to_json() for step in log.steps]
    assert (first["name"], first["said"], first["failed"]) == ("sync", "38 requests", None)
    assert (second["name"], second["said"]) == ("build", "")
    assert first["seconds"] >= 0.0


def test_a_step_that_fails_is_kept_with_what_stopped_it():
    log = EveningLog(SilentReporter())
    with pytest.raises(DataError, match="no such thing"), log.step("sync"):
        raise DataError("no such thing")
    assert log.steps[0].failed == "no such thing"
    with pytest.raises(KeyError), log.step("build"):
        raise KeyError
    assert log.steps[1].failed is None, "a defect is no outcome of a step"
