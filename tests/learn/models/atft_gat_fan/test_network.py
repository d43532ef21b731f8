"""What the network must be, whatever it learns."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from gogooku.learn.batches import RANK_SCALE
from gogooku.learn.models.atft_gat_fan.network import AtftGatFan
from support import network_laws
from support.learning import changed, make_dataset, network, reader, scores, small_config

MLP = {"trunk": "mlp", "context_in_trunk": True, "context_features": "all"}
HYBRID = {**MLP, "fan": "none", "graph": "none"}
"""A wide trunk on features and market context, the history, and the gated linear skip."""
ABLATIONS = [
    {},
    {"fan": "none"},
    {"graph": "none"},
    {"fan": "none", "temporal": "none"},
    {"fan": "none", "temporal": "none", "graph": "none"},
    {"context_in_trunk": True},
    {"trunk": "mlp", "depth": 1},
    {**HYBRID, "depth": 3},
    HYBRID,
    MLP,
    {**HYBRID, "missing_flags": True},
]
ALIKE = [{}, HYBRID, {**MLP, "missing_flags": True}]
"""What differs most, for what holds of all."""


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_every_weight_is_reached_at_the_first_step_and_optimised(ablation):
    network_laws.every_weight_is_reached_and_optimised(small_config(**ablation))


def test_the_number_of_weights_is_known():
    config = small_config()
    model = network(config)
    assert isinstance(model, AtftGatFan)
    counted = sum(w.numel() for w in model.parameters())
    width, hidden, history = 5 + 2 * 2, 16, 8 * 2
    embed = width * hidden + hidden
    encoder = history * hidden + hidden
    fuse = (hidden * hidden + hidden) + (hidden * 2 * hidden + 2 * hidden)
    graph = 3 * (hidden * hidden + hidden) + hidden * hidden + hidden
    skip = width * 4 + width * config.gates * 4 + (2 * config.gates + config.gates) + history * 4
    head = hidden * 4 + 4
    assert counted == embed + encoder + fuse + graph + skip + head + 2

    hybrid = network(small_config(**HYBRID, missing_flags=True))
    counted = sum(w.numel() for w in hybrid.parameters())
    width = 5 + 5
    embed = (width + 2) * hidden + hidden
    layers = 2 * 2 * hidden + hidden * hidden + hidden
    skip = width * 4 + width * config.gates * 4 + (2 * config.gates + config.gates) + history * 4
    assert counted == embed + encoder + layers + skip + head


@pytest.mark.parametrize("change", [{"fan": "none"}, {"trunk": "mlp", "graph": "none"}])
def test_a_part_that_is_off_leaves_nothing_behind(change):
    there = network(small_config(**change)).named_parameters()
    names = {name.partition(".")[0] for name, _ in there}
    assert names.isdisjoint({"context", *(part for part, off in change.items() if off == "none")})
    dataset, config = make_dataset(), small_config(**change)
    off = small_config(**change, depth=5, context_in_trunk=False, missing_flags=False)
    if config.trunk == "gated":
        np.testing.assert_array_equal(scores(dataset, [90], off), scores(dataset, [90], config))


def test_the_context_in_the_trunk_is_that_of_one_map_of_all_inputs():
    config = small_config(**HYBRID)
    model, batch = network(config).eval(), reader(make_dataset(), config).batch([90, 91])
    whole = torch.cat([model.embed.weight, model.context.weight], dim=1)
    level = batch.last_BNF * RANK_SCALE
    beside = batch.market_BM.unsqueeze(1).expand(-1, level.shape[1], -1)
    hidden = torch.cat([level, beside], dim=-1) @ whole.T + model.embed.bias
    hidden = hidden + model.encoder(batch.history_BNLC * RANK_SCALE)
    want = model.head(model.fuse(hidden)) + model.skip(
        level, batch.history_BNLC * RANK_SCALE, batch.market_BM
    )
    torch.testing.assert_close(model(batch), want, atol=1e-5, rtol=1e-5)


def test_the_trunk_turns_with_the_market_where_it_reads_the_context():
    dataset, gone = make_dataset(), make_dataset().market_TM.copy()
    gone[90] = 2.5
    other = changed(dataset, market_TM=gone)
    for change, turns in (({**HYBRID}, True), ({**HYBRID, "context_in_trunk": False}, False)):
        config = small_config(**change)
        model = network(config).eval()
        nn.init.zeros_(model.skip.gated.weight)
        one, two = (model(reader(data, config).batch([90])) for data in (dataset, other))
        assert torch.equal(one, two) is not turns


def test_null_is_told_from_the_middle_only_where_flags_are_read():
    dataset = make_dataset()
    x = dataset.x_TNF.copy()
    names = np.flatnonzero(dataset.valid_TN[90])
    x[90, names[:5], 0] = 0.0
    middle = changed(dataset, x_TNF=x.copy())
    x[90, names[:5], 0] = -0.0
    null = changed(dataset, x_TNF=x)
    plain, flagged = small_config(**HYBRID), small_config(**HYBRID, missing_flags=True)
    np.testing.assert_array_equal(scores(middle, [90], plain), scores(null, [90], plain))
    one, two = scores(middle, [90], flagged)[0], scores(null, [90], flagged)[0]
    assert (one[names[:5]] != two[names[:5]]).all()
    np.testing.assert_array_equal(one[names[5:]], two[names[5:]])


@pytest.mark.parametrize("change", ALIKE)
def test_permuting_names_permutes_scores(change):
    network_laws.permuting_names_permutes_scores(small_config(**change))


@pytest.mark.parametrize("change", ALIKE)
def test_what_lies_outside_a_session_and_its_names_changes_no_bit(change):
    network_laws.what_lies_outside_changes_no_bit(small_config(**change))


@pytest.mark.parametrize("change", ALIKE)
def test_the_lookback_is_read_to_its_oldest_session(change):
    network_laws.the_lookback_is_read_to_its_oldest_session(small_config(**change))


@pytest.mark.parametrize("change", ALIKE)
def test_a_session_alone_is_a_session_in_a_batch(change):
    network_laws.a_session_alone_is_a_session_in_a_batch(small_config(**change))


@pytest.mark.parametrize("change", ALIKE)
def test_noise_is_in_training_only(change):
    network_laws.noise_is_in_training_only(small_config(**change))


@pytest.mark.parametrize("change", ALIKE)
def test_training_without_noise_is_evaluation(change):
    network_laws.training_without_noise_is_evaluation(small_config(**change))


@pytest.mark.parametrize("change", [{}, HYBRID])
def test_one_session_can_be_learned_by_heart(change):
    config = small_config(**change, hidden=64, lookback=24)
    network_laws.one_session_can_be_learned_by_heart(config)


@pytest.mark.parametrize("change", [{}, {**HYBRID, "training": {"row_share": 0.5}}])
def test_it_does_not_collapse_and_finds_a_weak_signal(change):
    network_laws.it_does_not_collapse_and_finds_a_weak_signal(small_config(**change))


def test_impossible_shapes_are_refused():
    with pytest.raises(ValidationError, match="not a multiple of heads"):
        small_config(hidden=15)
    with pytest.raises(ValidationError, match="fan=none"):
        small_config(temporal="none")
