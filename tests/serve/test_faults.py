"""A fault becomes a value, with what it means and what caused it."""

import pytest

from gogooku.core.errors import DataError, InternalError, ResourceError
from gogooku.serve.faults import attempted


def test_work_gives_what_it_gives():
    assert attempted(lambda: 3) == 3


def test_a_fault_of_ours_is_itself():
    fault = DataError("damaged")

    def fail():
        raise fault

    assert attempted(fail) is fault


def test_any_other_fault_is_a_defect_with_its_cause():
    found = attempted(lambda: 1 // 0)
    assert isinstance(found, InternalError)
    assert isinstance(found.__cause__, ZeroDivisionError)


def test_what_lacks_is_named():
    def fail():
        raise OSError(24, "Too many open files")

    assert isinstance(attempted(fail), ResourceError)


def test_a_wish_to_stop_is_no_fault():
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempted(stop)
