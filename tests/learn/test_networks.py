"""What holds of every network: its inputs, and what its config must fit."""

import numpy as np
import pytest

from gogooku.core.errors import ConfigError
from gogooku.core.files import read_json, write_json
from gogooku.learn.checkpoint import HEADER_FILE, load_checkpoint
from gogooku.learn.networks import NetworkLearner
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
