import shutil

import pytest

from gogooku.dataset.home import current_dataset
from gogooku.releases.bundle import open_bundle
from support.cli import done
from support.evenings import do_evening

EVENINGS = 30


@pytest.fixture(scope="session")
def watched_home(tour_home, tmp_path_factory):
    """A home with ridge released, LightGBM as a shadow, and thirty evenings. Never written to."""
    home = tmp_path_factory.mktemp("watched") / "home"
    shutil.copytree(tour_home, home)
    done(home, "release", "ridge", "--why", "first", "--json")
    done(home, "release", "lightgbm", "--shadow", "--json")
    days = current_dataset(home).sessions.tolist()
    for day in (days[-EVENINGS], days[-2], days[-1]):
        do_evening(home, day)
    return home


@pytest.fixture
def home(watched_home, tmp_path):
    """A copy of it, of its own."""
    place = tmp_path / "home"
    shutil.copytree(watched_home, place)
    return place


@pytest.fixture(scope="session")
def dataset(watched_home):
    return current_dataset(watched_home)


@pytest.fixture(scope="session")
def bundle(watched_home):
    return open_bundle(watched_home, "ridge")


@pytest.fixture(scope="session")
def shadow(watched_home):
    return open_bundle(watched_home, "lightgbm")
