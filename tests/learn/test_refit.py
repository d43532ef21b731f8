"""Fitting once more on train and validation, with what was selected frozen."""

import numpy as np
import pytest

from gogooku.core.types import FitExecution
from gogooku.learn.checkpoint import chosen_of
from gogooku.learn.models.blend.config import BlendConfig
from gogooku.learn.models.lightgbm.config import LightGBMConfig
from gogooku.learn.models.ridge.config import RidgeConfig
from gogooku.learn.models.single_feature.config import ReversalConfig
from gogooku.learn.registry import make_learner
from gogooku.learn.targets import fold_labels, joint_labels
from support.learning import fit, make_dataset, make_fold, make_labels, small_config

CONFIGS = {
    "ridge": RidgeConfig(),
    "lightgbm": LightGBMConfig(rounds=12, patience=12, check_every=4),
    "network": small_config(training={"max_epochs": 4, "patience": 2}),
    "blend": BlendConfig(members=(RidgeConfig(), LightGBMConfig(rounds=8)), seeds=2),
}


@pytest.fixture(scope="module")
def case():
    dataset = make_dataset(sessions=190)
    return dataset, make_labels(dataset, ic=0.3), make_fold(dataset)


def again(learner, case, chosen, **execution):
    dataset, labels, fold = case
    return learner.fit(
        dataset,
        labels,
        fold,
        rng=np.random.default_rng(3),
        execution=FitExecution(threads=1, **execution),
        chosen=chosen,
    )


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_refit_learns_from_validation_and_never_from_the_test_part(case, kind):
    dataset, _, fold = case
    learner = make_learner(CONFIGS[kind])
    first = fit(learner, *case)
    second = again(learner, case, first)
    indices = fold.indices("test")
    before, after = (one.scores(dataset, indices) for one in (first, second))
    assert not np.array_equal(before, after, equal_nan=True)
    assert max(second.trained_through.values()) < fold.test[0]
    spoiled = make_labels(dataset, ic=0.3)
    spoiled.raw_TNH[indices], spoiled.residual_TNH[indices] = 9.0, -9.0
    third = again(learner, (dataset, spoiled, fold), first)
    np.testing.assert_array_equal(third.scores(dataset, indices), after)
    changed = make_labels(dataset, ic=0.3)
    changed.residual_TNH[fold.indices("valid")] *= -1.0
    fourth = again(learner, (dataset, changed, fold), first)
    assert not np.array_equal(fourth.scores(dataset, indices), after, equal_nan=True)


def test_what_was_selected_is_frozen(case):
    ridge = fit(make_learner(CONFIGS["ridge"]), *case)
    assert chosen_of(again(make_learner(CONFIGS["ridge"]), case, ridge)) == chosen_of(ridge)
    trees = fit(make_learner(CONFIGS["lightgbm"]), *case)
    refitted = again(make_learner(CONFIGS["lightgbm"]), case, trees)
    assert [one.num_trees() for one in refitted.boosters] == chosen_of(trees)["trees"]
    events = []
    network = fit(make_learner(CONFIGS["network"]), *case)
    again(make_learner(CONFIGS["network"]), case, network, events=events.append)
    epochs = [one for one in events if one["event"] == "epoch"]
    assert len(epochs) == chosen_of(network)["epochs"] > 0
    assert all("rank_ic" not in one for one in epochs)


def test_one_that_selects_nothing_is_what_it_was(case):
    learner = make_learner(ReversalConfig(feature="alpha"))
    first = fit(learner, *case)
    indices = case[2].indices("test")
    np.testing.assert_array_equal(
        again(learner, case, first).scores(case[0], indices), first.scores(case[0], indices)
    )


def test_labels_of_a_refit_reach_from_train_to_validation_and_are_known_before_the_test(case):
    dataset, labels, fold = case
    config = RidgeConfig()
    joint = joint_labels(dataset, labels, fold, config=config)
    parts = fold_labels(dataset, labels, fold, config=config)
    assert set(parts.train.indices) < set(joint.train.indices)
    assert set(joint.train.indices) & set(fold.indices("valid"))
    assert not set(joint.train.indices) & set(fold.indices("test"))
    assert max(joint.train.through) < fold.test[0]
    np.testing.assert_array_equal(joint.valid.values_TNH, parts.valid.values_TNH)
