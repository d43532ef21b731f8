"""What the network must be, whatever it learns."""

import dataclasses

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gogooku.core.errors import ConfigError
from gogooku.core.metrics import daily_rank_ic
from gogooku.learn.batches import PAD_NAMES, ContextScale, DayReader
from gogooku.learn.diagnostics import gradient_norms, score_spread, unreached
from gogooku.learn.losses import day_loss
from gogooku.learn.networks import NetworkLearner, build_network
from gogooku.learn.train import decay_groups, score_sessions, seeded
from support.learning import changed, fit, make_dataset, make_fold, make_labels, small_config

ABLATIONS = [
    {},
    {"fan": "none"},
    {"graph": "none"},
    {"fan": "none", "temporal": "none"},
    {"fan": "none", "temporal": "none", "graph": "none"},
]


def reader(dataset, config):
    context = [dataset.market_features.index(name) for name in config.context_features]
    return DayReader(
        dataset,
        dynamic=config.dynamic_features,
        context=config.context_features,
        scale=ContextScale.fitted(dataset.market_TM[:, context]),
        lookback=config.lookback,
    )


def network(config, *, seed=0):
    with seeded(seed):
        return build_network(config, num_features=5, num_horizons=4)


def scores(dataset, indices, config=None, *, seed=0):
    config = config or small_config()
    return score_sessions(
        network(config, seed=seed), reader(dataset, config), indices, device="cpu"
    )


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_every_weight_is_reached_at_the_first_step_and_optimised(ablation):
    config = small_config(**ablation, dropout=0.0, feature_dropout=0.0)
    dataset = make_dataset()
    model = network(config)
    batch = reader(dataset, config).batch([20, 100])
    label = torch.randn(2, PAD_NAMES, 4)
    mask = batch.valid_BN.unsqueeze(-1).expand(-1, -1, 4)
    day_loss(model(batch), label, mask, horizon_weights=(1, 1, 1, 1), mse_weight=0.1).backward()
    norms = gradient_norms(model)
    assert unreached(norms, floor=1e-8) == []
    held = {id(w) for group in decay_groups(model, 0.1) for w in group["params"]}
    assert held == {id(w) for w in model.parameters()}
    assert len(norms) == len(list(model.parameters()))


def test_the_number_of_weights_is_known():
    config = small_config()
    counted = sum(w.numel() for w in network(config).parameters())
    width, hidden, history = 5 + 2 * 2, 16, 8 * 2
    embed = width * hidden + hidden
    encoder = history * hidden + hidden
    fuse = (hidden * hidden + hidden) + (hidden * 2 * hidden + 2 * hidden)
    graph = 3 * (hidden * hidden + hidden) + hidden * hidden + hidden
    skip = width * 4 + width * config.gates * 4 + (2 * config.gates + config.gates) + history * 4
    head = hidden * 4 + 4
    assert counted == embed + encoder + fuse + graph + skip + head + 2


def test_permuting_names_permutes_scores():
    dataset = make_dataset()
    order = np.random.default_rng(5).permutation(40)
    place = np.empty(41, dtype=np.int32)
    place[order] = np.arange(40)
    place[-1] = -1
    moved = changed(
        dataset,
        x_TNF=dataset.x_TNF[:, order],
        valid_TN=dataset.valid_TN[:, order],
        neighbour_BNK=place[dataset.neighbour_BNK[:, order]],
    )
    before, after = scores(dataset, [90]), scores(moved, [90])
    np.testing.assert_allclose(after[0], before[0][order], atol=1e-5)


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


def test_other_sessions_do_not_leak_into_a_batch():
    dataset, config = make_dataset(), small_config()
    model = network(config).eval()
    x = dataset.x_TNF.copy()
    x[100:] = 0.25
    market = dataset.market_TM.copy()
    market[100] = 3.0
    other = changed(dataset, x_TNF=x, market_TM=market)
    scale = ContextScale.fitted(dataset.market_TM)
    parts = [
        DayReader(
            data,
            dynamic=config.dynamic_features,
            context=config.context_features,
            scale=scale,
            lookback=8,
        ).batch([90, 110])
        for data in (dataset, other)
    ]
    with torch.inference_mode():
        first, second = (model(part)[0] for part in parts)
    assert torch.equal(first, second)


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


def test_early_sessions_are_padded_with_nothing():
    dataset, config = make_dataset(), small_config()
    batch = reader(dataset, config).batch([3])
    assert batch.history_BNLC.shape == (1, PAD_NAMES, 8, 2)
    assert batch.history_BNLC[0, :, :4].abs().max() == 0
    names = np.flatnonzero(dataset.valid_TN[3])
    np.testing.assert_array_equal(
        batch.history_BNLC[0, : len(names), -1, 1], dataset.x_TNF[3][names, 3]
    )


def test_training_without_noise_is_evaluation():
    dataset = make_dataset()
    config = small_config(dropout=0.0, feature_dropout=0.0, context_noise=0.0)
    model, batch = network(config), reader(dataset, config).batch([90])
    assert torch.equal(model.train()(batch), model.eval()(batch))


def test_one_session_can_be_learned_by_heart():
    config = small_config(
        dropout=0.0, feature_dropout=0.0, context_noise=0.0, hidden=64, lookback=24
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
        day_loss(score, label, mask, horizon_weights=(1, 1, 1, 1), mse_weight=0.1).backward()
        optimizer.step()
    with torch.inference_mode():
        score = model.eval()(batch)
    known = batch.valid_BN[0]
    for h in range(4):
        got = daily_rank_ic(
            score[:, known, h].double().numpy(), label[:, known, h].double().numpy()
        )
        assert got[0] > 0.99


def test_it_does_not_collapse_and_finds_a_weak_signal():
    dataset = make_dataset(sessions=260, names=64, seed=4)
    labels, fold = make_labels(dataset, ic=0.1), make_fold(dataset, train=120, valid=30)
    config = small_config(
        training={"max_epochs": 3, "days_per_batch": 6, "learning_rate": 3e-3, "ema_decay": 0.9}
    )
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


def test_unknown_channels_and_impossible_shapes_are_refused():
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
    with pytest.raises(ValidationError, match="not a multiple of heads"):
        small_config(hidden=15)
    with pytest.raises(ValidationError, match="fan=none"):
        small_config(temporal="none")


def test_context_scale_is_of_train_dates_and_knows_nulls():
    market = np.array([[1.0, 5.0], [3.0, np.nan], [np.nan, 5.0]], dtype=np.float32)
    scale = ContextScale.fitted(market)
    assert scale.center == (2.0, 5.0)
    out = scale.apply(np.array([[2.0, 9.0], [np.nan, np.nan], [90.0, 0.0]], dtype=np.float32))
    np.testing.assert_array_equal(out, [[0.0, 0.0], [0.0, 0.0], [3.0, 0.0]])
    assert ContextScale.from_json(scale.to_json()) == scale
    assert dataclasses.is_dataclass(scale)
