import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from gogooku.core.errors import ConfigError
from gogooku.core.metrics import daily_rank_ic
from gogooku.learn.checkpoint import keep_checkpoint, load_checkpoint
from gogooku.learn.context import ContextScale
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
    moments = Moments.of(dataset, days, factor_TK=np.ones((len(dataset.sessions), 1)))
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


def test_with_market_context_it_is_ridge_on_the_products(case):
    dataset, labels, fold = case
    config = RidgeConfig(penalties=(0.05,), context_features=("vol", "trend"))
    checkpoint = fit(RidgeLearner(config), dataset, labels, fold)
    days = fold_labels(dataset, labels, fold, config=config).train
    market = dataset.market_TM[
        :, [list(dataset.market_features).index(n) for n in ("vol", "trend")]
    ]
    scale = ContextScale.fitted(market[fold.indices("train")])
    factor = np.concatenate([np.ones((len(market), 1)), scale.apply(market)], axis=1)
    rows, values = [], []
    for row, t in enumerate(days.indices.tolist()):
        known = np.isfinite(days.values_TNH[row, :, 1])
        x = dataset.x_TNF[t][known].astype(np.float64)
        x -= x.mean(axis=0)
        rows.append(np.concatenate([x * one for one in factor[t]], axis=1))
        values.append(days.values_TNH[row, known, 1])
    x, y = np.concatenate(rows), np.concatenate(values)
    oracle = Ridge(alpha=0.05 * (x**2).sum(axis=0).mean(), fit_intercept=False).fit(x, y)
    np.testing.assert_allclose(checkpoint.weight_FH[:, 1], oracle.coef_, rtol=1e-5)
    t = int(fold.indices("test")[3])
    names = np.flatnonzero(dataset.valid_TN[t])
    x = dataset.x_TNF[t][names].astype(np.float64)
    wanted = np.concatenate([x * one for one in factor[t]], axis=1) @ checkpoint.weight_FH
    np.testing.assert_allclose(checkpoint.scores(dataset, [t])[0, names], wanted, rtol=1e-4)


def test_market_context_finds_a_coefficient_whose_sign_turns():
    dataset = make_dataset(sessions=400, names=60)
    labels = make_labels(dataset, ic=0.3)
    turned = labels.raw_TNH * np.sign(np.nan_to_num(dataset.market_TM[:, :1]))[:, :, None]
    turned = dataclasses.replace(
        labels, raw_TNH=turned, excess_TNH=turned, residual_TNH=turned.copy()
    )
    fold = make_fold(dataset, train=250, valid=50)
    skill = {}
    for context in ((), (dataset.market_features[0],)):
        learner = RidgeLearner(RidgeConfig(context_features=context))
        indices = fold.indices("test")[:20]
        score = fit(learner, dataset, turned, fold).scores(dataset, indices)
        skill[context] = np.nanmean(
            daily_rank_ic(score[:, :, 1].astype(float), turned.raw_TNH[indices, :, 1].astype(float))
        )
    assert skill[(dataset.market_features[0],)] > skill[()] + 0.1


def test_what_was_saved_is_what_is_loaded(case, tmp_path):
    config = RidgeConfig(context_features=("vol",))
    kept = fit(RidgeLearner(config), *case)
    keep_checkpoint(kept, tmp_path / "kept")
    again = load_checkpoint(tmp_path / "kept", device="cpu")
    indices = case[2].indices("test")[:3]
    np.testing.assert_array_equal(again.scores(case[0], indices), kept.scores(case[0], indices))


def test_a_market_feature_that_is_not_there_is_named(case):
    with pytest.raises(ConfigError, match=r"context_features: 1 of 1.*vola"):
        fit(RidgeLearner(RidgeConfig(context_features=("vola",))), *case)
