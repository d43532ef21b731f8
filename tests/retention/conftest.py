import shutil

import pytest

from support.cli import done, run_cli


@pytest.fixture(scope="session")
def full_home(tour_home, tmp_path_factory):
    """Every run, a bundle in service and what it has published."""
    home = tmp_path_factory.mktemp("retention") / "home"
    shutil.copytree(tour_home, home)
    done(home, "release", "ridge", "--why", "first", "--json")
    assert run_cli(home, "evening", "--source", "tiny", "--json").json["published"]
    return home


@pytest.fixture
def home(full_home, tmp_path):
    place = tmp_path / "home"
    shutil.copytree(full_home, place)
    return place
