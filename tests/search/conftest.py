import shutil

import pytest

from gogooku.core.config import Execution, resolve
from gogooku.core.progress import SilentReporter
from gogooku.core.space import ChoiceKnob, NumberKnob, Space, WholeKnob
from gogooku.dataset.home import current_dataset
from gogooku.runs.named import run_named
from gogooku.search.config import TuneConfig
from gogooku.search.search import planned, search

SHORT = (
    "warmup_sessions=20",
    "split.num_folds=3",
    "search.batch=2",
    "search.final_seeds=1",
    "search.finalists=2",
)
SPACE = Space(
    knobs=(
        ChoiceKnob(path="learner.train_label", options=("raw", "excess", "residual")),
        WholeKnob(path="learner.leaves", low=2, high=8),
        NumberKnob(path="learner.l2", low=0.1, high=10.0, log=True),
    )
)
"""Of LightGBM, small."""


def planner(dataset):
    """Makes plans of a search on a dataset, with more settings."""

    def made(*assignments, name="lightgbm", space=SPACE, threads=1):
        run = run_named(name, few_names=True)
        stated = {one: getattr(run, one) for one in run.model_fields_set}
        small = ("learner.rounds=4",) if name == "lightgbm" else ()
        resolved = resolve(
            TuneConfig(**stated), base_name=name, assignments=[*SHORT, *small, *assignments]
        )
        return planned(name, resolved, space, dataset, execution=Execution(threads=threads))

    return made


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
