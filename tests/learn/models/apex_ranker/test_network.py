"""APEX-Ranker: what holds of every network, and that no name sees another."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gogooku.learn.batches import RANK_SCALE
from gogooku.learn.models.apex_ranker.config import ApexRankerConfig
from gogooku.learn.models.apex_ranker.network import ApexRanker
from support import network_laws
from support.learning import changed, make_dataset, network, reader, scores, small_config

PARTS = [
    {},
    {"level": "none"},
    {"level": "linear"},
    {"readout": "last"},
    {"readout": "mean"},
    {"blocks": 0},
    {"revin": True, "missing_flags": True},
    {"patch": 8, "stride": 4},
    {"raw_channels": ()},
    {"depth": 1},
]
ALIKE = [{}, {"revin": True, "missing_flags": True, "readout": "mean"}, {"level": "none"}]
"""What differs most, for what holds of all."""


def small(**changes):
    plain = {
        "lookback": 16,
        "patch": 4,
        "stride": 4,
        "raw_channels": ("log_return", "abs_return"),
        "context_features": "all",
    }
    return small_config(kind="apex_ranker", **{**plain, **changes})


@pytest.mark.parametrize("change", PARTS)
def test_every_weight_is_reached_at_the_first_step_and_optimised(change):
    network_laws.every_weight_is_reached_and_optimised(small(**change))


@pytest.mark.parametrize("change", ALIKE)
def test_permuting_names_permutes_scores(change):
    network_laws.permuting_names_permutes_scores(small(**change))


@pytest.mark.parametrize("change", ALIKE)
def test_what_lies_outside_a_session_and_its_names_changes_no_bit(change):
    network_laws.what_lies_outside_changes_no_bit(small(**change))


@pytest.mark.parametrize("change", [*ALIKE, {"readout": "last"}, {"patch": 8, "stride": 4}])
def test_the_lookback_is_read_to_its_oldest_session(change):
    network_laws.the_lookback_is_read_to_its_oldest_session(small(**change))


@pytest.mark.parametrize("change", ALIKE)
def test_a_session_alone_is_a_session_in_a_batch(change):
    network_laws.a_session_alone_is_a_session_in_a_batch(small(**change))


def test_noise_is_in_training_only():
    network_laws.noise_is_in_training_only(small())


@pytest.mark.parametrize("change", ALIKE)
def test_training_without_noise_is_evaluation(change):
    network_laws.training_without_noise_is_evaluation(small(**change))


@pytest.mark.parametrize("change", [{}, {"level": "none", "readout": "last"}])
def test_one_session_can_be_learned_by_heart(change):
    config = small(**change, hidden=32, lookback=24)
    network_laws.one_session_can_be_learned_by_heart(config, steps=200)


@pytest.mark.parametrize("change", [{}, {"level": "none", "training": {"row_share": 0.5}}])
def test_it_does_not_collapse_and_finds_a_weak_signal(change):
    network_laws.it_does_not_collapse_and_finds_a_weak_signal(small(**change))


@pytest.mark.parametrize("change", PARTS)
def test_no_name_sees_another(change):
    """Other values of all others change no bit; alone in the session only the last bits differ."""
    dataset, config = network_laws.world(), small(**change)
    (name, *rest) = np.flatnonzero(dataset.valid_TN[90])
    rng = np.random.default_rng(3)
    x, raw = dataset.x_TNF.copy(), dataset.raw_TNC.copy()
    x[:, rest] = rng.uniform(-0.5, 0.5, x[:, rest].shape)
    raw[:, rest] = rng.standard_normal(raw[:, rest].shape)
    peers = rng.permuted(dataset.neighbour_BNK, axis=1)
    others = changed(dataset, x_TNF=x, raw_TNC=raw, neighbour_BNK=peers)
    alone = changed(dataset, valid_TN=dataset.valid_TN & (np.arange(40) == name))
    want = scores(dataset, [90], config)[0, name]
    np.testing.assert_array_equal(scores(others, [90], config)[0, name], want)
    np.testing.assert_allclose(scores(alone, [90], config)[0, name], want, atol=2e-5)
    assert np.isnan(scores(alone, [90], config)[0, rest]).all()


def test_the_number_of_weights_is_known():
    config = small(revin=True, missing_flags=True)
    model = network(config)
    assert isinstance(model, ApexRanker)
    hidden, channels, horizons = 16, 4, 4
    width = 2 * 5 + 2 * channels
    counted = sum(w.numel() for w in model.parameters())
    patches = 4 * channels * hidden + hidden + 4 * hidden
    attention = 3 * hidden * hidden + hidden * hidden + hidden + 2 * hidden
    feed = 2 * hidden * (2 * hidden) + 2 * hidden + hidden + 2 * hidden
    flatten = 4 * hidden * hidden + hidden
    layers = (width + 2) * hidden + hidden + 2 * 2 * hidden + hidden * hidden + hidden
    skip = width * horizons * (1 + config.gates) + 2 * config.gates + config.gates
    skip += 16 * channels * horizons
    head = hidden * horizons + horizons
    blocks = config.blocks * (attention + feed) + 2 * hidden
    assert counted == 2 * channels + patches + blocks + flatten + layers + skip + head


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"level": "none"}, {"level", "skip"}),
        ({"level": "linear"}, {"level"}),
        ({"readout": "mean"}, {"flatten"}),
        ({"blocks": 0}, {"blocks"}),
        ({}, set()),
    ],
)
def test_a_part_that_is_off_leaves_nothing_behind(change, gone):
    everything = {"level", "skip", "flatten", "blocks", "revin", "patches", "norm", "head"}
    for revin in (True, False):
        there = network(small(revin=revin, **change)).named_parameters()
        names = {name.partition(".")[0] for name, _ in there}
        assert names == everything - gone - (set() if revin else {"revin"})


def test_the_readouts_are_what_they_are_called():
    batch = reader(network_laws.world(), small()).batch([90])
    history = torch.cat([batch.history_BNLC * RANK_SCALE, batch.raw_BNLR], dim=-1)
    for kind in ("last", "mean"):
        model = network(small(readout=kind, blocks=1)).eval()
        tokens = model.patches(history)[0]
        tokens = model.norm(model.blocks[0](tokens))
        want = tokens[:, -1] if kind == "last" else tokens.mean(dim=1)
        torch.testing.assert_close(model._read(history)[0], want, atol=1e-5, rtol=1e-5)


def test_what_is_not_read_is_not_read():
    """Without a level no feature of the last session but the channels, and no context, matters."""
    dataset = network_laws.world()
    x, market = dataset.x_TNF.copy(), dataset.market_TM.copy()
    x[90, :, 1:3], market[90] = 0.3, 2.0  # `alpha` and `delta` are channels
    other = changed(dataset, x_TNF=x, market_TM=market)
    for level, same in (("none", True), ("linear", False), ("mlp", False)):
        one, two = (scores(data, [90], small(level=level)) for data in (dataset, other))
        assert np.array_equal(one, two, equal_nan=True) is same


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"hidden": 15}, "not a multiple of heads"),
        ({"lookback": 18}, "leave the oldest out"),
        ({"patch": 3}, "skips sessions"),
        ({"patch": 20, "stride": 20}, "skips sessions"),
        ({"raw_channels": [f"c{n}" for n in range(31)]}, "33 channels of history, at most 32"),
        ({"blocks": 0, "readout": "last"}, "newest patch only"),
    ],
)
def test_impossible_shapes_are_refused(change, told):
    with pytest.raises(ValidationError, match=told):
        small(**change)


@pytest.mark.parametrize(("lookback", "patches"), [(20, 4), (60, 12), (120, 24)])
def test_the_lookbacks_of_the_comparison_are_whole_patches(lookback, patches):
    assert ApexRankerConfig(lookback=lookback).patches == patches
    assert make_dataset().x_TNF.shape[0] > lookback
