"""A worker says what came of a task in JSON, whatever it was."""

import json
import subprocess
import sys

import pytest

from gogooku.execute.worker import READY, answer_to
from support import tasks as done_there
from support.tasks import task


def told(function, **spec):
    one = task(function, **spec)
    return {"key": one.key, "call": one.call, "spec": spec}


def test_an_answer_has_the_value_and_the_memory_that_it_took():
    answer = answer_to(told(done_there.doubled, number=4))
    assert answer["value"]["twice"] == 8
    assert (answer["fault"], answer["kind"], answer["broken"]) == (None, "", "")
    assert answer["peak"] >= answer["held"] > 1 << 20


def test_an_error_of_ours_does_not_end_the_worker():
    answer = answer_to(told(done_there.refused, number=4))
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
    answer = answer_to(told(function))
    assert answer["kind"] == kind
    assert said in answer["fault"]
    assert "Traceback" in answer["broken"]
    json.dumps(answer)


def worker(lines):
    begin = (
        f"import sys; sys.path[:] = {sys.path!r}\nfrom gogooku.execute.worker import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", begin], check=False, input=lines, capture_output=True, timeout=60
    )


def test_it_ends_with_its_input_even_before_what_waits():
    ended = worker(json.dumps({"prepare": "gogooku.nowhere:f"}).encode() + b"\n")
    assert ended.returncode == 0
    assert [json.loads(line) for line in ended.stdout.splitlines()] == [READY]
