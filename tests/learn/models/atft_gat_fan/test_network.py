"""What the network must be, whatever it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from gogooku.core.metrics import daily_rank_ic
from gogooku.learn.batches import PAD_NAMES
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.context import ContextScale
from gogooku.learn.diagnostics import gradient_norms, score_spread, unreached
from gogooku.learn.losses.batch import batch_loss
from gogooku.learn.losses.correlation.config import CorrelationConfig
from gogooku.learn.models.atft_gat_fan.network import RANK_SCALE, AtftGatFan
from gogooku.learn.networks import NetworkLearner, day_reader
from gogooku.learn.parts import gates, weights_of
from gogooku.learn.train import decay_groups, score_sessions
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
    with_raw,
    with_sectors,
)

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


def loss(score, label, mask):
    return batch_loss(
        score, label, mask, horizon_weights=(1, 1, 1, 1), config=CorrelationConfig(mse_weight=0.1)
    )


def whole(**given):
    """A dataset with all that a part of the network may read."""
    return with_nulls(with_sectors(with_raw(make_dataset(**given))))


def with_nulls(dataset, share=0.2):
    """The dataset with a share of its values null: negative zero."""
    null = np.random.default_rng(7).random(dataset.x_TNF.shape) < share
    return changed(dataset, x_TNF=np.where(null, np.float16(-0.0), dataset.x_TNF))


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_every_weight_is_reached_at_the_first_step_and_optimised(ablation):
    config = small_config(**ablation, dropout=0.0, feature_dropout=0.0)
    dataset = whole()
    model = network(config)
    batch = reader(dataset, config).batch([20, 100])
    label = torch.randn(2, PAD_NAMES, 4)
    mask = batch.valid_BN.unsqueeze(-1).expand(-1, -1, 4)
    loss(model(batch), label, mask).backward()
    norms = gradient_norms(model)
    assert unreached(norms, floor=1e-8) == []
    held = {id(w) for group in decay_groups(model, 0.1) for w in group["params"]}
    assert held == {id(w) for w in model.parameters()}
    assert len(norms) == len(list(model.parameters()))


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
    dataset, config = whole(), small_config(**change)
    order = np.random.default_rng(5).permutation(40)
    place = np.empty(41, dtype=np.int32)
    place[order] = np.arange(40)
    place[-1] = -1
    moved = changed(
        dataset,
        x_TNF=dataset.x_TNF[:, order],
        valid_TN=dataset.valid_TN[:, order],
        neighbour_BNK=place[dataset.neighbour_BNK[:, order]],
        sector_TN=dataset.sector_TN[:, order],
        raw_TNC=dataset.raw_TNC[:, order],
    )
    before, after = scores(dataset, [90], config), scores(moved, [90], config)
    np.testing.assert_allclose(after[0], before[0][order], atol=1e-5)


@pytest.mark.parametrize("change", ALIKE)
def test_what_lies_outside_a_session_and_its_names_changes_no_bit(change):
    """Padding, other names, other sessions, what is after it, and what is before the lookback."""
    dataset, config = whole(), small_config(**change)
    rng = np.random.default_rng(1)
    x, market, raw = (v.copy() for v in (dataset.x_TNF, dataset.market_TM, dataset.raw_TNC))
    x[91:], x[:83], market[91:] = 0.25, -0.25, 2.0
    raw[91:], raw[:83] = 3.0, -3.0
    sector = dataset.sector_TN.copy()
    sector[91:] = 2
    outside = ~dataset.valid_TN[90]
    x[90, outside] = rng.random((outside.sum(), 5))
    raw[90, outside], sector[90, outside] = 1.0, 3
    other = changed(dataset, x_TNF=x, market_TM=market, raw_TNC=raw, sector_TN=sector)
    model, source = network(config).eval(), reader(dataset, config)
    lied = day_reader(config, other, ContextScale.fitted(dataset.market_TM))
    want = model(source.batch([90, 110]))[0]
    assert torch.equal(model(lied.batch([90, 110]))[0], want)
    packed = lied.batch([90, 110])
    assert not packed.valid_BN[0].all()
    padding = ~packed.valid_BN.unsqueeze(-1)
    noisy = replace(
        packed,
        last_BNF=packed.last_BNF.masked_fill(padding, 0.3),
        raw_BNLR=packed.raw_BNLR.masked_fill(padding.unsqueeze(-1), 0.3),
        sector_BN=packed.sector_BN.masked_fill(~packed.valid_BN, 1),
    )
    got = model(noisy)[0]
    assert torch.equal(got[packed.valid_BN[0]], want[packed.valid_BN[0]])


@pytest.mark.parametrize("change", ALIKE)
def test_the_history_is_read_to_its_oldest_session(change):
    dataset, config = whole(), small_config(**change)
    model, batch = network(config).eval(), reader(dataset, config).batch([90])
    want = model(batch)
    for name in ("history_BNLC", "raw_BNLR") if config.raw_channels else ("history_BNLC",):
        oldest = getattr(batch, name).clone()
        oldest[:, :, 0] += 1.0
        moved = (model(replace(batch, **{name: oldest})) - want)[batch.valid_BN].abs()
        assert moved.max(dim=-1).values.min() > 0


@pytest.mark.parametrize("change", ALIKE)
def test_a_session_alone_is_a_session_in_a_batch(change):
    dataset, config = whole(), small_config(**change)
    model, source = network(config).eval(), reader(dataset, config)
    together = model(source.batch([30, 90, 31]))[1]
    torch.testing.assert_close(model(source.batch([90]))[0], together, atol=1e-5, rtol=1e-5)
    one, two = scores(dataset, [30, 90], config), scores(dataset, [90, 30], config)
    np.testing.assert_array_equal(one, two[::-1])


@pytest.mark.parametrize("change", ALIKE)
def test_training_without_noise_is_evaluation(change):
    dataset = whole()
    config = small_config(**change, dropout=0.0, feature_dropout=0.0, context_noise=0.0)
    model, batch = network(config), reader(dataset, config).batch([90])
    assert torch.equal(model.train()(batch), model.eval()(batch))


@pytest.mark.parametrize("change", [{}, HYBRID, {**HYBRID, **FUSION}])
def test_one_session_can_be_learned_by_heart(change):
    config = small_config(
        **change, dropout=0.0, feature_dropout=0.0, context_noise=0.0, hidden=64, lookback=24
    )
    dataset = make_dataset(names=64)
    model, batch = network(config), reader(dataset, config).batch([90])
    torch.manual_seed(1)
    label = torch.randn(1, PAD_NAMES, 4)
    mask = batch.valid_BN.unsqueeze(-1).expand(-1, -1, 4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(300):
        optimizer.zero_grad()
        score = model(batch)
        loss(score, label, mask).backward()
        optimizer.step()
    with torch.inference_mode():
        score = model.eval()(batch)
    known = batch.valid_BN[0]
    for h in range(4):
        got = daily_rank_ic(
            score[:, known, h].double().numpy(), label[:, known, h].double().numpy()
        )
        assert got[0] > 0.99


@pytest.mark.parametrize("change", [{}, {**HYBRID, "training": {"row_share": 0.5}}])
def test_it_does_not_collapse_and_finds_a_weak_signal(change):
    dataset = make_dataset(sessions=260, names=64, seed=4)
    labels, fold = make_labels(dataset, ic=0.1), make_fold(dataset, train=120, valid=30)
    training = {"max_epochs": 3, "days_per_batch": 6, "learning_rate": 3e-3, "ema_decay": 0.9}
    config = small_config(**{**change, "training": {**training, **change.get("training", {})}})
    events = []
    checkpoint = fit(NetworkLearner(config), dataset, labels, fold, events=events.append)
    test = fold.indices("test")[:60]
    score = checkpoint.scores(dataset, test)
    begun = scores(dataset, test.tolist(), config)
    assert min(score_spread(score)) > 0.1 * min(score_spread(begun))
    got = daily_rank_ic(score[:, :, 0].astype(float), labels.raw_TNH[test][:, :, 0].astype(float))
    assert np.nanmean(got) > 0.05
    epochs = [event for event in events if event["event"] == "epoch"]
    assert len(epochs) == 3
    assert epochs[0]["loss"] > epochs[-1]["loss"]
    assert set(epochs[0]["rank_ic"]) == {"1", "5", "10", "20"}
    reached = next(event for event in events if event["event"] == "gradients")
    assert reached["unreached"] == []


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
