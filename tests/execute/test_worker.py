"""A worker says what came of a task in JSON, whatever it was."""

import json
import subprocess
import sys

from gogooku.execute.answers import message_of
from gogooku.execute.worker import READY, measured_answer
from support import tasks as done_there
from support.tasks import task


def message(function, **spec):
    return message_of(task(function, **spec))


def test_an_answer_has_the_value_and_the_memory_that_it_took():
    answer = measured_answer(message(done_there.doubled, number=4))
    assert answer["value"]["twice"] == 8
    assert (answer["fault"], answer["kind"], answer["broken"]) == (None, "", "")
    assert answer["peak"] >= answer["held"] > 1 << 20


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
