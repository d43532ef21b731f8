import shutil

import pytest

from gogooku.core.progress import SilentReporter
from gogooku.dataset.home import current_dataset
from gogooku.search.search import search
from support.searches import planner


@pytest.fixture(scope="session")
def searched(tour_home, tmp_path_factory):
    """A home with a finished search of six trials, and what it found. Never written to."""
    home = tmp_path_factory.mktemp("searched") / "home"
    for part in ("datasets", "sources"):
        shutil.copytree(tour_home / part, home / part)
    plan = planner(current_dataset(home))()
    return home, search(home, plan, trials=6, reporter=SilentReporter())


@pytest.fixture
def home(tour_home, tmp_path):
    """A copy of the home with a dataset, without what was judged there."""
    place = tmp_path / "home"
    shutil.copytree(tour_home / "datasets", place / "datasets")
    shutil.copytree(tour_home / "sources", place / "sources")
    return place


@pytest.fixture
def dataset(home):
    return current_dataset(home)


@pytest.fixture
def plan_of(dataset):
    return planner(dataset)
