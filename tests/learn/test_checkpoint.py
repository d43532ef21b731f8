"""Every kind of checkpoint: what is read is what was fitted, and only for its own features."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from gogooku.core.calendar import Clock
from gogooku.core.errors import ConfigError, ContractError, DataError
from gogooku.core.files import read_json, write_json
from gogooku.core.metrics import daily_rank_ic
from gogooku.core.types import feature_hash
from gogooku.learn.baselines import Moments, RidgeLearner
from gogooku.learn.baselines_config import (
    LightGBMConfig,
    MomentumConfig,
    ReversalConfig,
    RidgeConfig,
)
from gogooku.learn.boosting import LightGBMLearner, sampled_rows
from gogooku.learn.checkpoint import HEADER_FILE, load_checkpoint
from gogooku.learn.learners import make_learner
from gogooku.learn.targets import fold_labels
from support.learning import (
    FEATURES,
    changed,
    fit,
    make_dataset,
    make_fold,
    make_labels,
    small_config,
)

CONFIGS = [
    RidgeConfig(),
    LightGBMConfig(rounds=10, patience=10),
    MomentumConfig(feature="alpha"),
    ReversalConfig(feature="beta"),
    small_config(
        training={"max_epochs": 3, "days_per_batch": 4, "learning_rate": 5e-3, "ema_decay": 0.8}
    ),
]
KINDS = [config.kind for config in CONFIGS]


@pytest.fixture(scope="module")
def case():
    dataset = make_dataset(sessions=190)
    return dataset, make_labels(dataset, ic=0.3), make_fold(dataset)


@pytest.fixture(scope="module")
def fitted(case):
    return {config.kind: fit(make_learner(config), *case) for config in CONFIGS}


def renamed(dataset, features):
    manifest = {
        **dataset.manifest,
        "feature_hash": feature_hash([*features, "|", "vol", "trend"], Clock.EVENING),
    }
    return changed(dataset, features=tuple(features), manifest=manifest)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_scores_like_what_was_fitted(case, fitted, tmp_path, kind):
    dataset, labels, _ = case
    fitted[kind].save(tmp_path)
    read = load_checkpoint(tmp_path)
    days = np.array([5, 80, 149])
    np.testing.assert_array_equal(read.scores(dataset, days), fitted[kind].scores(dataset, days))
    assert read.horizons == labels.horizons
    assert dict(read.trained_through) == dict(fitted[kind].trained_through)
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".pkl", ".pt", ".bin")]


@pytest.mark.parametrize("kind", KINDS)
def test_scores_have_their_shape_and_do_not_depend_on_company(case, fitted, kind):
    dataset = case[0]
    together = fitted[kind].scores(dataset, np.array([80, 149, 30]))
    assert together.shape == (3, 40, 4)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(np.isfinite(together[0, :, 2]), dataset.valid_TN[80])
    np.testing.assert_array_equal(together[2:], fitted[kind].scores(dataset, np.array([30])))


@pytest.mark.parametrize("kind", KINDS)
def test_another_order_or_other_names_are_refused(case, fitted, kind):
    dataset = case[0]
    swapped = renamed(dataset, [FEATURES[1], FEATURES[0], *FEATURES[2:]])
    with pytest.raises(ContractError, match="another order"):
        fitted[kind].scores(swapped, np.array([80]))
    other = renamed(dataset, [*FEATURES[:-1], "omega"])
    with pytest.raises(ContractError, match=r"1 missing \['noise'\], 1 new \['omega'\]"):
        fitted[kind].scores(other, np.array([80]))


@pytest.mark.parametrize("kind", ["ridge", "lightgbm", "atft_gat_fan"])
def test_fitted_learners_find_a_strong_signal_out_of_sample(case, fitted, kind):
    dataset, labels, fold = case
    test = fold.indices("test")[:-21]
    score = fitted[kind].scores(dataset, test)
    for h in (0, 3):
        got = daily_rank_ic(
            score[:, :, h].astype(float), labels.raw_TNH[test][:, :, h].astype(float)
        )
        assert np.nanmean(got) > 0.1


def test_an_unknown_kind_is_refused(fitted, tmp_path):
    fitted["momentum"].save(tmp_path)
    write_json(tmp_path / HEADER_FILE, {**read_json(tmp_path / HEADER_FILE), "kind": "oracle"})
    with pytest.raises(DataError, match="oracle"):
        load_checkpoint(tmp_path)
    with pytest.raises(DataError, match="not found"):
        load_checkpoint(tmp_path / "nowhere")


def test_momentum_and_reversal_are_one_feature_with_a_sign(case, fitted):
    dataset = case[0]
    valid = dataset.valid_TN[80]
    for kind, sign, column in (("momentum", 1, 0), ("reversal", -1, 1)):
        score = fitted[kind].scores(dataset, np.array([80]))[0]
        want = sign * dataset.x_TNF[80, valid, column].astype(np.float32)
        np.testing.assert_array_equal(score[valid], np.tile(want[:, None], (1, 4)))
        assert max(fitted[kind].trained_through.values()) < dataset.sessions[0].item()
    with pytest.raises(ConfigError, match="omega"):
        fit(make_learner(MomentumConfig(feature="omega")), *case)


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


def test_lightgbm_is_deterministic_and_its_seed_bites(case):
    learner = LightGBMLearner(LightGBMConfig(rounds=10, patience=10))
    first = fit(learner, *case).texts
    assert fit(learner, *case).texts == first
    assert fit(learner, *case, seed=8).texts != first


def test_more_rows_than_allowed_are_thinned_over_all_sessions(case):
    dataset, labels, fold = case
    days = fold_labels(dataset, labels, fold, config=RidgeConfig()).train
    every, _ = sampled_rows(dataset, days, max_rows=10**6, rng=np.random.default_rng(0))
    some, labels_RH = sampled_rows(dataset, days, max_rows=500, rng=np.random.default_rng(0))
    again, _ = sampled_rows(dataset, days, max_rows=500, rng=np.random.default_rng(0))
    assert len(every) == int(np.isfinite(days.values_TNH).any(axis=2).sum())
    assert 400 < len(some) < 600
    assert some.shape == (len(labels_RH), 7)
    np.testing.assert_array_equal(some, again)
    assert len(np.unique(some[:, 5])) > 55
