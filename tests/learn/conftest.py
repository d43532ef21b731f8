import pytest

from gogooku.learn.numerics import numeric_threads


@pytest.fixture(autouse=True)
def _one_thread():
    with numeric_threads(1):
        yield
