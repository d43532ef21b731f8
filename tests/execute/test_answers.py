"""Whatever comes of a task elsewhere is said in JSON, and is an outcome or a defect here."""

import json

import pytest

from gogooku.core.errors import InternalError
from gogooku.execute.answers import answer_text, answer_to, message_of, outcome_of
from support import tasks as done_there
from support.tasks import task


def answered(one):
    return json.loads(answer_text(json.dumps(message_of(one))))


def came(one):
    return outcome_of(one, answered(one), seconds=2.0, where="node a")


def test_a_task_goes_there_and_back():
    one = task(done_there.doubled, number=4)
    outcome = came(one)
    assert outcome.task is one
    assert outcome.value["twice"] == 8
    assert (outcome.failed, outcome.seconds, outcome.where) == (False, 2.0, "node a")


def test_an_error_of_ours_does_not_end_the_worker():
    answer = answer_to(message_of(task(done_there.refused, number=4)))
    assert (answer["fault"], answer["kind"]) == ("number 4 is refused", "DataError")
    assert answer["broken"] == ""


@pytest.mark.parametrize(
    ("function", "kind", "said"),
    [
        (done_there.broken, "InternalError", "ZeroDivisionError"),
        (done_there.without_json, "InternalError", "not JSON serializable"),
        (done_there.out_of_memory, "ResourceError", "not enough memory"),
    ],
)
def test_any_other_fault_has_words_and_ends_it(function, kind, said):
    answer = answer_to(message_of(task(function)))
    assert answer["kind"] == kind
    assert said in answer["fault"]
    assert "Traceback" in answer["broken"]
    json.dumps(answer)


def test_a_defect_is_raised_with_the_trace_of_where_it_was():
    with pytest.raises(InternalError, match="broken, done by another process: ") as caught:
        came(task(done_there.broken))
    assert "in broken" in str(caught.value.__cause__)
