"""What groups of features are worth to a run: runs whose answer is known."""

import numpy as np
import pytest

from gogooku.core.config import Execution, resolve
from gogooku.core.progress import SilentReporter
from gogooku.features.catalogue import by_name
from gogooku.learn.importance import rank_ic_lost
from gogooku.runs.find import open_run
from gogooku.runs.importance import groups_of, importance
from gogooku.runs.named import run_named
from gogooku.runs.train import train
from support.cli import done


def test_groups_are_those_of_the_catalogue(tour_home):
    dataset = open_run(tour_home, "ridge").dataset(tour_home)
    found = groups_of(dataset)
    named = [dataset.features[column] for columns in found.values() for column in columns]
    assert sorted(named) == sorted(dataset.features)
    for group, columns in found.items():
        assert {by_name(dataset.features[column]).group for column in columns} == {group}


@pytest.fixture
def one_feature(home):
    """A run whose scores are one feature."""
    return open_run(home, "reversal")


def test_only_the_group_of_the_one_feature_that_scores_is_missed(home, one_feature):
    found, folder = importance(home, one_feature)
    mine = by_name(one_feature.config.learner.feature).group
    for one in found:
        if one.group == mine:
            assert one.lost != 0.0
            assert one.error > 0.0
        else:
            assert one.lost == 0.0
    level = {one.horizon: one.rank_ic for one in found}
    for one in found:  # what is lost is all there was, but for the chance of another order
        if one.group == mine:
            assert one.lost == pytest.approx(level[one.horizon], abs=0.2)
    assert importance(home, one_feature)[1] == folder
    assert found[0].sessions <= 40


def test_a_network_is_measured_once_and_read_then(home):
    run = open_run(home, "atft-gat-fan")
    found, _ = importance(home, run)
    assert any(abs(one.lost) > 0 for one in found)
    assert {one.horizon for one in found} == {1, 5, 10, 20}
    assert importance(home, run)[0] == found


def test_of_a_refit_what_selected_is_measured(home):
    dataset = open_run(home, "ridge").dataset(home)
    config = resolve(run_named("ridge"), base_name="ridge", assignments=("refit=true",))
    run = train(
        home,
        "ridge",
        config,
        dataset,
        execution=Execution(threads=1),
        reporter=SilentReporter(),
    )
    plain, _ = importance(home, open_run(home, "ridge"))
    again, _ = importance(home, run)
    assert again == plain


def test_a_horizon_of_which_no_session_counts_is_null(home, one_feature, monkeypatch):
    def without_labels(*args, **settings):
        intact, lost = rank_ic_lost(*args, **settings)
        intact[:, -1] = lost[:, :, -1] = np.nan
        return intact, lost

    monkeypatch.setattr("gogooku.runs.importance.rank_ic_lost", without_labels)
    answer = done(home, "report", "reversal", "--importance", "--json").json
    unknown = {"lost": None, "error": None, "rank_ic": None, "sessions": 0}
    for one in answer["importance"]:
        assert (one["lost"] is None) == (one["horizon"] == 20)
        if one["horizon"] == 20:
            assert {name: one[name] for name in unknown} == unknown
    assert " - " in done(home, "report", "reversal", "--importance").out
