"""A process that does a task with others leaves its answer beside it."""

from gogooku.core.files import read_json, write_json
from gogooku.execute.answers import message_of
from gogooku.execute.member import ANSWERS, TASK_FILE, main
from support import tasks as done_there
from support.tasks import task


def answered(folder, asked):
    write_json(folder / TASK_FILE, message_of(asked))
    code = main(folder)
    (found,) = folder.glob(ANSWERS)
    return code, read_json(found)


def test_an_answer_lies_beside_the_task(tmp_path):
    code, answer = answered(tmp_path, task(done_there.doubled, number=4))
    assert code == 0
    assert answer["value"]["twice"] == 8
    assert answer["at"] > 0


def test_a_fault_is_an_answer_and_an_exit_code_by_which_all_end(tmp_path):
    code, answer = answered(tmp_path, task(done_there.refused, number=4))
    assert code == 1
    assert (answer["kind"], answer["fault"]) == ("DataError", "number 4 is refused")
