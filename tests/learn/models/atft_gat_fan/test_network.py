"""What the network must be, whatever it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from gogooku.learn.batches import PAD_NAMES, RANK_SCALE
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.forward import score_sessions
from gogooku.learn.models.atft_gat_fan.network import AtftGatFan
from gogooku.learn.networks import NetworkLearner, day_reader
from gogooku.learn.parts import gates, weights_of
from support import network_laws
from support.learning import (
    RAW,
    changed,
    fit,
    make_dataset,
    make_fold,
    make_labels,
    network,
    reader,
    scores,
    small_config,
)
from support.network_laws import world as whole

MLP = {"trunk": "mlp", "context_in_trunk": True, "context_features": "all"}
HYBRID = {**MLP, "fan": "none", "graph": "none"}
"""A wide trunk on features and market context, the history, and the gated linear skip."""
RAW_HISTORY = {"raw_channels": RAW}
REVIN = {**RAW_HISTORY, "raw_norm": "revin"}
RAW_FAN = {**RAW_HISTORY, "raw_norm": "fan"}
FUSION_PARTS = ("select", "recurrent", "static", "attention")
FUSION = {"temporal": "fusion", "fusion": {"width": 8, "patch": 3}}
RAW_FUSION = {**HYBRID, **RAW_HISTORY, **FUSION}
EDGES = {"edge_features": True}
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
    RAW_HISTORY,
    REVIN,
    RAW_FAN,
    {**HYBRID, **RAW_FAN, "raw_bins": 50},
    EDGES,
    {"graph": "shuffled"},
    FUSION,
    RAW_FUSION,
    {**RAW_FUSION, **RAW_FAN},
    *({**RAW_FUSION, "fusion": {"width": 8, part: False}} for part in FUSION_PARTS),
]
ALIKE = [{}, HYBRID, {**MLP, "missing_flags": True}, REVIN, {**HYBRID, **RAW_FAN}, EDGES]
ALIKE += [FUSION, {**RAW_FUSION, **EDGES, "graph": "knn"}]
"""What differs most, for what holds of all."""
NEWER = [RAW_FUSION, REVIN, RAW_FAN, EDGES, {"graph": "shuffled", "shuffle_seed": 5}]


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


def test_a_norm_of_the_raw_channels_is_its_summary_and_its_own_weights():
    def counted(change):
        return sum(w.numel() for w in network(small_config(**HYBRID, **change)).parameters())

    hidden, per_input = 16, 16 + 4 + small_config().gates * 4
    plain = counted(RAW_HISTORY)
    assert plain == counted({}) + 8 * 3 * (hidden + 4)
    assert counted(REVIN) == plain + 2 * 3 * per_input + 2 * 3
    forecast = (16 * 32 + 32) + (32 * 4 + 4)
    assert counted(RAW_FAN) == plain + 6 * 3 * per_input + forecast


def test_a_norm_of_the_raw_channels_leaves_the_ranks_alone():
    """What the encoder reads: the ranks as they are, then the normalised channels."""
    for change in (REVIN, RAW_FAN):
        config = small_config(**HYBRID, **change)
        model, batch = network(config).eval(), reader(whole(), config).batch([90])
        heard = []
        model.encoder.register_forward_pre_hook(lambda _, given, to=heard: to.append(given[0]))
        model(batch)
        torch.testing.assert_close(heard[0][..., :2], batch.history_BNLC * RANK_SCALE)
        torch.testing.assert_close(heard[0][..., 2:], model.raw_norm(batch.raw_BNLR)[0])


def test_the_peers_of_the_control_are_others_and_the_weights_the_same():
    dataset = whole()
    plain, control = small_config(), small_config(graph="shuffled")
    one, two = (reader(dataset, config).batch([20, 90]) for config in (plain, control))
    known, other = (batch.neighbour_BNK >= 0 for batch in (one, two))
    assert (one.neighbour_BNK != two.neighbour_BNK)[known & other].double().mean() > 0.7
    assert torch.equal(one.last_BNF, two.last_BNF)
    made = [network(config).state_dict() for config in (plain, control)]
    assert all(torch.equal(made[0][name], value) for name, value in made[1].items())
    again = small_config(graph="shuffled", shuffle_seed=1)
    given = [scores(dataset, [20, 90], config) for config in (plain, control, control, again)]
    np.testing.assert_array_equal(given[1], given[2])
    assert all((given[1] != given[place])[np.isfinite(given[1])].any() for place in (0, 3))


@pytest.mark.parametrize("change", NEWER)
def test_a_fit_is_the_same_again_and_scores_so_after_saving(change, tmp_path):
    dataset, config = whole(), small_config(**change, training={"max_epochs": 1})
    labels, fold = make_labels(dataset), make_fold(dataset, train=40, valid=20)
    one, two = (fit(NetworkLearner(config), dataset, labels, fold) for _ in range(2))
    source = day_reader(config, dataset, one.scale)
    want = score_sessions(one.model, source, [90], device="cpu")
    one.save(tmp_path)
    for made in (one, two, load_checkpoint(tmp_path)):
        np.testing.assert_array_equal(made.scores(dataset, np.array([90])), want)


@pytest.mark.parametrize("change", [EDGES])
def test_what_is_known_of_an_edge_moves_the_scores(change):
    dataset = whole()
    config = small_config(**change)
    model, batch = network(config).eval(), reader(dataset, config).batch([90])
    alike = replace(batch, sector_BN=torch.zeros_like(batch.sector_BN))
    assert not torch.equal(model(batch), model(alike))
    plain = network(small_config()).eval()
    assert torch.equal(plain(batch), plain(alike))
    turned = replace(batch, neighbour_BNK=batch.neighbour_BNK.flip(-1))
    torch.testing.assert_close(plain(batch), plain(turned))
    assert (model(batch) - model(turned)).abs().max() > 1e-4


def test_what_the_network_weighs_can_be_looked_at():
    config = small_config(**EDGES)
    model, source = network(config), reader(whole(), config)
    peers = weights_of(model, source, 90, device="cpu")["graph"]
    batch = source.batch([90])
    there = (batch.neighbour_BNK[0] >= 0).numpy()
    assert peers.shape == (PAD_NAMES, 1 + there.shape[1])
    assert np.abs(peers[:, 1:][~there]).max() == 0
    assert peers[:, 1:][there].min() > 0
    np.testing.assert_allclose(peers.sum(axis=1), 1.0, rtol=1e-5)
    assert 0 < gates(model, source, [90], device="cpu")["graph"] < 1


def test_the_selection_of_channels_and_the_gates_of_the_fusion_can_be_looked_at():
    config = small_config(**RAW_FUSION)
    model, source = network(config), reader(whole(), config)
    selection = [weights_of(model, source, t, device="cpu")["fusion.select"] for t in (20, 90)]
    assert [one.shape for one in selection] == [(2 + 3,)] * 2
    np.testing.assert_allclose([one.sum() for one in selection], 1.0, rtol=1e-5)
    assert not np.array_equal(*selection)
    opened = gates(model, source, [90], device="cpu")
    parts = {f"fusion.{part}.gated" for part in ("recurrence", "enrich", "attention")}
    assert parts <= set(opened)
    part = small_config(**{**RAW_FUSION, "fusion": {"select": False, "recurrent": False}})
    fewer = gates(network(part), source, [90], device="cpu")
    assert set(opened) - set(fewer) == {"fusion.recurrence.gated"}


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


@pytest.mark.parametrize("change", [{}, HYBRID, {**HYBRID, **FUSION}])
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
    with pytest.raises(ValidationError, match="patch 8 makes one patch of lookback 8"):
        small_config(temporal="fusion", fusion={"patch": 8})
    with pytest.raises(ValidationError, match="width 9 is not a multiple of heads 2"):
        small_config(fusion={"width": 9})
    with pytest.raises(ValidationError, match="raw_norm=revin normalises raw_channels"):
        small_config(raw_norm="revin")
