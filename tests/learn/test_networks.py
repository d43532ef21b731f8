"""What holds of every network: its inputs, and what its config must fit."""

import numpy as np
import pytest
from pydantic import ValidationError

from gogooku.core.errors import ConfigError
from gogooku.core.files import read_json, write_json
from gogooku.core.ranks import gaussian_ranks
from gogooku.learn.checkpoint import HEADER_FILE, load_checkpoint
from gogooku.learn.networks import NetworkLearner
from gogooku.learn.places import blended
from support.learning import (
    changed,
    fit,
    make_dataset,
    make_fold,
    make_labels,
    scores,
    small_config,
)


def test_names_outside_the_universe_change_no_bit():
    dataset = make_dataset()
    rng = np.random.default_rng(1)
    x = np.where(dataset.valid_TN[:, :, None], dataset.x_TNF, rng.random(dataset.x_TNF.shape))
    x = x.astype(np.float16)
    x[:90] = dataset.x_TNF[:90]
    np.testing.assert_array_equal(scores(changed(dataset, x_TNF=x), [90]), scores(dataset, [90]))
    assert np.isnan(scores(dataset, [90])[0][~dataset.valid_TN[90]]).all()
    assert np.isfinite(scores(dataset, [90])[0][dataset.valid_TN[90]]).all()


def test_a_code_that_was_never_in_the_universe_changes_no_bit():
    dataset = make_dataset()
    moved = np.insert(dataset.neighbour_BNK, 7, -1, axis=1)
    moved = np.where(moved >= 7, moved + 1, moved)
    wider = changed(
        dataset,
        codes=tuple(f"{2000 + n}0" for n in range(41)),
        x_TNF=np.insert(dataset.x_TNF, 7, 0.3, axis=1),
        valid_TN=np.insert(dataset.valid_TN, 7, values=False, axis=1),
        sector_TN=np.insert(dataset.sector_TN, 7, 0, axis=1),
        neighbour_BNK=moved.astype(np.int32),
    )
    np.testing.assert_array_equal(
        np.delete(scores(wider, [90])[0], 7, axis=0), scores(dataset, [90])[0]
    )


def test_a_session_is_scored_the_same_in_any_company():
    dataset = make_dataset()
    together = scores(dataset, [30, 90, 31])
    np.testing.assert_array_equal(together[1], scores(dataset, [90])[0])
    np.testing.assert_array_equal(together[[2, 0, 1]], scores(dataset, [31, 30, 90]))


def test_the_future_and_what_is_before_the_lookback_do_not_matter():
    dataset, config = make_dataset(), small_config()
    x = dataset.x_TNF.copy()
    x[91:], x[:83] = 0.1, 0.1
    tables = dataset.neighbour_BNK.copy()
    tables[0] = -1
    other = changed(dataset, x_TNF=x, neighbour_BNK=tables)
    np.testing.assert_array_equal(scores(other, [90], config), scores(dataset, [90], config))
    x[83] = 0.1
    assert not np.array_equal(
        scores(changed(dataset, x_TNF=x), [90], config), scores(dataset, [90], config)
    )


def test_unknown_channels_and_too_few_weights_are_refused():
    dataset = make_dataset()
    labels, fold = make_labels(dataset), make_fold(dataset)
    with pytest.raises(ConfigError, match="dynamic_features: 1 of 2 names"):
        fit(
            NetworkLearner(small_config(dynamic_features=("alpha", "omega"))), dataset, labels, fold
        )
    with pytest.raises(ConfigError, match="context_features"):
        fit(NetworkLearner(small_config(context_features=("alpha",))), dataset, labels, fold)
    with pytest.raises(ConfigError, match="3 weights for the horizons"):
        config = small_config(training={"horizon_weights": (1.0, 1.0, 1.0)})
        fit(NetworkLearner(config), dataset, labels, fold)


def test_a_header_of_before_the_losses_had_settings_is_read(tmp_path):
    """What no score depends on, the training, may be of another version."""
    dataset = make_dataset()
    learner = NetworkLearner(small_config(training={"max_epochs": 1, "days_per_batch": 30}))
    made = fit(learner, dataset, make_labels(dataset), make_fold(dataset))
    made.save(tmp_path)
    header = read_json(tmp_path / HEADER_FILE)
    training = header["config"]["training"]
    assert training.pop("loss") == {"kind": "correlation", "mse_weight": 0.1}
    training["mse_weight"] = 0.1
    write_json(tmp_path / HEADER_FILE, header)
    day = np.array([90])
    read = load_checkpoint(tmp_path)
    np.testing.assert_array_equal(read.scores(dataset, day), made.scores(dataset, day))
    assert read.header.more == made.header.more
    assert set(read.header.more) == {"context_scale", "chosen"}


# ----------------------------------------------------------------- more than a score a horizon

PINBALL = {"kind": "combined", "parts": [{"weight": 1.0}, {"loss": {"kind": "pinball"}}]}


def heads(*, loss=None, clip_norm=1e9, **settings):
    """A network whose gradients are not limited, so that no part of it is felt by another."""
    training = {"max_epochs": 2, "days_per_batch": 8, "clip_norm": clip_norm, "learning_rate": 0.01}
    more = {} if loss is None else {"loss": loss}
    return NetworkLearner(small_config(training={**training, **more}, **settings))


@pytest.fixture(scope="module")
def case():
    dataset = make_dataset()
    return dataset, make_labels(dataset, ic=0.5), make_fold(dataset)


def test_quantiles_change_no_bit_of_the_scores_and_are_read_back(case, tmp_path):
    dataset, _, fold = case
    days = fold.indices("test")
    plain = fit(heads(), *case)
    made = fit(heads(loss=PINBALL, quantiles=(0.1, 0.5, 0.9)), *case)
    np.testing.assert_array_equal(made.scores(dataset, days), plain.scores(dataset, days))
    assert plain.more_outputs(dataset, days) == {}
    found = made.more_outputs(dataset, days)
    assert list(found) == ["q0.1", "q0.5", "q0.9"]
    inside = dataset.valid_TN[days]
    assert (found["q0.9"][inside] > found["q0.1"][inside]).all()
    made.save(tmp_path)
    again = load_checkpoint(tmp_path).more_outputs(dataset, days)
    assert all(np.array_equal(found[name], again[name], equal_nan=True) for name in found)


def test_quantiles_learn_where_the_labels_lie(case):
    dataset, labels, fold = case
    long = {"max_epochs": 20, "patience": 20, "tolerance": 1.0, "ema_decay": 0.9}
    config = small_config(
        training={"loss": PINBALL, "learning_rate": 0.01, "weight_decay": 0.0, **long},
        quantiles=(0.2, 0.8),
    )
    days = fold.indices("valid")
    found = fit(NetworkLearner(config), *case).more_outputs(dataset, days)
    ranked = gaussian_ranks(labels.residual_TNH[days][:, :, 0].astype(float))
    known = np.isfinite(ranked)
    below = [(ranked < found[name][:, :, 0])[known].mean() for name in ("q0.2", "q0.8")]
    assert below == pytest.approx([0.2, 0.8], abs=0.08)


def test_the_spread_over_dropout_is_given_if_it_is_asked_for(case):
    dataset, _, fold = case
    days = fold.indices("test")[:3]
    found = fit(heads(dropout_passes=4, dropout=0.3), *case).more_outputs(dataset, days)
    assert list(found) == ["place_spread"]
    assert (found["place_spread"][dataset.valid_TN[days]] > 0).mean() > 0.8


def test_the_score_of_a_horizon_may_be_a_blend_of_heads(case):
    dataset, _, fold = case
    days = fold.indices("test")
    plain = fit(heads(), *case).scores(dataset, days)
    made = fit(heads(blend_weights=(0.0, 2.0, 1.0, 0.0)), *case).scores(dataset, days)
    np.testing.assert_array_equal(made, blended(plain, at=1, weights=(0.0, 2.0, 1.0, 0.0)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"quantiles": (0.1, 0.9)}, "pinball trains the quantiles of a network"),
        ({"loss": PINBALL}, "pinball trains the quantiles of a network"),
        ({"blend_weights": (1.0, 1.0)}, "2 weights for the horizons 1, 5, 10, 20"),
        ({"blend_weights": (1, 1, 0, 0), "blended_horizon": 3}, "3 is none of the horizons"),
    ],
)
def test_heads_that_do_not_fit_are_refused(case, settings, said):
    with pytest.raises(ConfigError, match=said):
        fit(heads(**settings), *case)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"quantiles": (0.9, 0.1)}, "levels that ascend"),
        ({"dropout_passes": 1}, "shows no spread"),
        ({"dropout_passes": 2, "dropout": 0.0, "feature_dropout": 0.0}, "needs dropout"),
        ({"blend_weights": (0.0, 0.0)}, "are all 0"),
    ],
)
def test_settings_of_heads_that_mean_nothing_are_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        small_config(**settings)
