import numpy as np
import pytest

from gogooku.learn.models.lightgbm.config import LightGBMConfig
from gogooku.learn.models.lightgbm.learner import LightGBMLearner, sampled_rows
from gogooku.learn.targets import fold_labels
from support.learning import fit, make_dataset, make_fold, make_labels


@pytest.fixture(scope="module")
def case():
    dataset = make_dataset(sessions=190)
    return dataset, make_labels(dataset, ic=0.3), make_fold(dataset)


def test_lightgbm_is_deterministic_and_its_seed_bites(case):
    learner = LightGBMLearner(LightGBMConfig(rounds=10, patience=10))
    first = fit(learner, *case).texts
    assert fit(learner, *case).texts == first
    assert fit(learner, *case, seed=8).texts != first


def test_more_rows_than_allowed_are_thinned_over_all_sessions(case):
    dataset, labels, fold = case
    days = fold_labels(dataset, labels, fold, config=LightGBMConfig()).train
    every, _ = sampled_rows(dataset, days, max_rows=10**6, rng=np.random.default_rng(0))
    some, labels_RH = sampled_rows(dataset, days, max_rows=500, rng=np.random.default_rng(0))
    again, _ = sampled_rows(dataset, days, max_rows=500, rng=np.random.default_rng(0))
    assert len(every) == int(np.isfinite(days.values_TNH).any(axis=2).sum())
    assert 400 < len(some) < 600
    assert some.shape == (len(labels_RH), 7)
    np.testing.assert_array_equal(some, again)
    assert len(np.unique(some[:, 5])) > 55
