"""What groups of features are worth: rows that change hands, and runs whose answer is known."""

import numpy as np
import pytest

from gogooku.core.config import Execution, resolve
from gogooku.core.progress import SilentReporter
from gogooku.features.catalogue import by_name
from gogooku.runs.find import open_run
from gogooku.runs.importance import Permuted, groups_of, importance
from gogooku.runs.named import run_named
from gogooku.runs.train import train
from support.learning import changed, make_dataset, scores, small_config


def test_chosen_columns_change_hands_on_every_session_and_others_stay():
    rows = np.arange(3 * 4 * 2, dtype=np.float16).reshape(3, 4, 2)
    taken_from = np.array([2, 1, 0, 3])
    view = Permuted(rows, np.array([1]), taken_from)
    assert view.shape == (3, 4, 2)
    for t in range(3):
        assert (view[t][:, 0] == rows[t][:, 0]).all()
        assert (view[t][:, 1] == rows[t][taken_from, 1]).all()
    assert (view[1:3][:, :, 1] == rows[1:3][:, taken_from, 1]).all()
    assert rows[0, 0, 1] == 1  # the rows themselves are as they were


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


def test_histories_change_hands_with_the_last_session():
    """Where all windows are another name's, each name has the score of that name."""
    dataset, t = make_dataset(), 100
    names = np.flatnonzero(dataset.valid_TN[t])
    taken_from = np.arange(len(dataset.codes))
    taken_from[names] = np.random.default_rng(1).permutation(names)
    every = np.arange(len(dataset.features))
    view = changed(dataset, x_TNF=Permuted(dataset.x_TNF, every, taken_from))
    config = small_config(graph="none")
    (plain,), (moved,) = scores(dataset, [t], config), scores(view, [t], config)
    assert (taken_from != np.arange(len(taken_from))).any()
    assert moved[names] == pytest.approx(plain[taken_from[names]], abs=1e-5)


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
