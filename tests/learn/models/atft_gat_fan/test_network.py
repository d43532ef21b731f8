"""What the network must be, whatever it learns."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gogooku.core.metrics import daily_rank_ic
from gogooku.learn.batches import PAD_NAMES
from gogooku.learn.diagnostics import gradient_norms, score_spread, unreached
from gogooku.learn.losses.batch import batch_loss
from gogooku.learn.losses.correlation.config import CorrelationConfig
from gogooku.learn.models.atft_gat_fan.network import AtftGatFan
from gogooku.learn.networks import NetworkLearner
from gogooku.learn.train import decay_groups
from support.learning import (
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

ABLATIONS = [
    {},
    {"fan": "none"},
    {"graph": "none"},
    {"fan": "none", "temporal": "none"},
    {"fan": "none", "temporal": "none", "graph": "none"},
]


def loss(score, label, mask):
    return batch_loss(
        score, label, mask, horizon_weights=(1, 1, 1, 1), config=CorrelationConfig(mse_weight=0.1)
    )


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_every_weight_is_reached_at_the_first_step_and_optimised(ablation):
    config = small_config(**ablation, dropout=0.0, feature_dropout=0.0)
    dataset = make_dataset()
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


def test_impossible_shapes_are_refused():
    with pytest.raises(ValidationError, match="not a multiple of heads"):
        small_config(hidden=15)
    with pytest.raises(ValidationError, match="fan=none"):
        small_config(temporal="none")
