import shutil

import pytest


@pytest.fixture
def home(tour_home, tmp_path):
    """A copy of the home that has everything."""
    place = tmp_path / "home"
    shutil.copytree(tour_home, place)
    return place
