import shutil
from datetime import UTC, datetime, time

import pytest

from gogooku.core.progress import SilentReporter
from gogooku.core.wall import VirtualClock
from gogooku.dataset.home import current_dataset
from support.cli import done


@pytest.fixture(scope="session")
def released_home(tour_home, tmp_path_factory):
    """The home with every run, and ridge released. Never written to: copy it."""
    home = tmp_path_factory.mktemp("released") / "home"
    shutil.copytree(tour_home, home)
    done(home, "release", "ridge", "--why", "first", "--json")
    return home


@pytest.fixture
def home(released_home, tmp_path):
    """A copy of it, of its own."""
    place = tmp_path / "home"
    shutil.copytree(released_home, place)
    return place


@pytest.fixture
def sessions(home):
    """Sessions of its dataset."""
    return current_dataset(home).sessions.tolist()


@pytest.fixture
def clock(sessions):
    """A clock at 20:30 in Tokyo of the last session."""
    evening = datetime.combine(sessions[-1], time(11, 30), tzinfo=UTC)
    return VirtualClock(evening)


@pytest.fixture
def quiet():
    return SilentReporter()
