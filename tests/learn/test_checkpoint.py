"""Every kind of checkpoint: what is read is what was fitted, and only for its own features."""

import numpy as np
import pytest

from gogooku.core.calendar import Clock
from gogooku.core.errors import ContractError, DataError
from gogooku.core.files import read_json, write_json
from gogooku.core.metrics import daily_rank_ic
from gogooku.core.types import feature_hash
from gogooku.learn.checkpoint import HEADER_FILE, load_checkpoint
from gogooku.learn.models.lightgbm.config import LightGBMConfig
from gogooku.learn.models.ridge.config import RidgeConfig
from gogooku.learn.models.single_feature.config import MomentumConfig, ReversalConfig
from gogooku.learn.registry import make_learner
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
    LightGBMConfig(rounds=10, patience=10, feature_share=0.5),
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
