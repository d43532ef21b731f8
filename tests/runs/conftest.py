import shutil

import pytest

from gogooku.runs.find import open_run


@pytest.fixture
def home(tour_home, tmp_path):
    """A copy of the home with every run, of its own."""
    place = tmp_path / "home"
    shutil.copytree(tour_home, place)
    return place


@pytest.fixture
def ridge(home):
    return open_run(home, "ridge")
