import numpy as np
import pytest
from sklearn.linear_model import Ridge

from gogooku.learn.models.ridge.config import RidgeConfig
from gogooku.learn.models.ridge.learner import Moments, RidgeLearner
from gogooku.learn.targets import fold_labels
from support.learning import changed, fit, make_dataset, make_fold, make_labels


@pytest.fixture(scope="module")
def case():
    dataset = make_dataset(sessions=190)
    return dataset, make_labels(dataset, ic=0.3), make_fold(dataset)


def test_ridge_is_ridge(case):
    dataset, labels, fold = case
    config = RidgeConfig(penalties=(0.05,))
    weight = fit(RidgeLearner(config), dataset, labels, fold).weight_FH
    days = fold_labels(dataset, labels, fold, config=config).train
    rows, values = [], []
    for row, t in enumerate(days.indices.tolist()):
        known = np.isfinite(days.values_TNH[row, :, 1])
        x = dataset.x_TNF[t][known].astype(np.float64)
        rows.append(x - x.mean(axis=0))
        values.append(days.values_TNH[row, known, 1])
    x, y = np.concatenate(rows), np.concatenate(values)
    alpha = 0.05 * (x**2).sum(axis=0).mean()
    oracle = Ridge(alpha=alpha, fit_intercept=False).fit(x, y)
    np.testing.assert_allclose(weight[:, 1], oracle.coef_, rtol=1e-6)


def test_ridge_picks_its_penalty_per_horizon_on_validation(case):
    events = []
    config = RidgeConfig(penalties=(1e-3, 1e6))
    checkpoint = fit(RidgeLearner(config), *case, events=events.append)
    assert [event["horizon"] for event in events] == [1, 5, 10, 20]
    assert {event["penalty"] for event in events} <= {1e-3, 1e6}
    assert checkpoint.weight_FH.shape == (5, 4)


def test_moments_with_labels_missing_at_one_horizon_only(case):
    dataset, labels, fold = case
    days = fold_labels(dataset, labels, fold, config=RidgeConfig()).train
    days.values_TNH[:, ::2, 1] = np.nan
    moments = Moments.of(dataset, days)
    assert moments.count_H[1] < moments.count_H[0] == moments.count_H[2]
    assert not np.allclose(moments.gram_HFF[0], moments.gram_HFF[1])
    np.testing.assert_array_equal(moments.gram_HFF[0], moments.gram_HFF[2])


def test_a_feature_that_never_varies_does_no_harm(case):
    dataset, labels, fold = case
    x = dataset.x_TNF.copy()
    x[:, :, 2] = 0.0
    weight = fit(RidgeLearner(RidgeConfig()), changed(dataset, x_TNF=x), labels, fold).weight_FH
    assert np.abs(weight[2]).max() == 0.0
    assert np.isfinite(weight).all()
