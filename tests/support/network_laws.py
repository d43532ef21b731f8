"""What every network must be, whatever it learns: a function a law, called by each one's test.

A config comes with few weights and without noise; ``training`` and the like are the caller's.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from gogooku.core.metrics import daily_rank_ic
from gogooku.learn.batches import PAD_NAMES
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.context import ContextScale
from gogooku.learn.diagnostics import gradient_norms, score_spread, unreached
from gogooku.learn.losses.batch import batch_loss
from gogooku.learn.losses.correlation.config import CorrelationConfig
from gogooku.learn.networks import NetworkLearner, day_reader
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
    with_raw,
    with_sectors,
)

QUIET = {"dropout": 0.0, "feature_dropout": 0.0, "context_noise": 0.0}


def without_noise(config):
    return config.model_copy(
        update={name: value for name, value in QUIET.items() if name in type(config).model_fields}
    )


def with_nulls(dataset, share=0.2):
    """The dataset with a share of its values null: negative zero."""
    null = np.random.default_rng(7).random(dataset.x_TNF.shape) < share
    return changed(dataset, x_TNF=np.where(null, np.float16(-0.0), dataset.x_TNF))


def world(**changes):
    """A dataset with all that a network may read: nulls, raw channels and sectors."""
    return with_sectors(with_raw(with_nulls(make_dataset(**changes))))


def _loss(score, label, mask):
    return batch_loss(
        score, label, mask, horizon_weights=(1, 1, 1, 1), config=CorrelationConfig(mse_weight=0.1)
    )


def every_weight_is_reached_and_optimised(config):
    config = without_noise(config)
    model = network(config)
    batch = reader(world(), config).batch([20, 100])
    label = torch.randn(2, PAD_NAMES, 4)
    mask = batch.valid_BN.unsqueeze(-1).expand(-1, -1, 4)
    _loss(model(batch), label, mask).backward()
    norms = gradient_norms(model)
    assert unreached(norms, floor=1e-8) == []
    held = {id(w) for group in decay_groups(model, 0.1) for w in group["params"]}
    assert held == {id(w) for w in model.parameters()}
    assert len(norms) == len(list(model.parameters()))


def permuting_names_permutes_scores(config):
    dataset = world()
    order = np.random.default_rng(5).permutation(40)
    place = np.empty(41, dtype=np.int32)
    place[order] = np.arange(40)
    place[-1] = -1
    moved = changed(
        dataset,
        x_TNF=dataset.x_TNF[:, order],
        raw_TNC=dataset.raw_TNC[:, order],
        valid_TN=dataset.valid_TN[:, order],
        neighbour_BNK=place[dataset.neighbour_BNK[:, order]],
        sector_TN=dataset.sector_TN[:, order],
    )
    before, after = scores(dataset, [90], config), scores(moved, [90], config)
    np.testing.assert_allclose(after[0], before[0][order], atol=1e-5)


def what_lies_outside_changes_no_bit(config):
    """Padding, other names, other sessions, what is after it, and what is before the lookback."""
    dataset = world()
    rng = np.random.default_rng(1)
    x, raw, market = dataset.x_TNF.copy(), dataset.raw_TNC.copy(), dataset.market_TM.copy()
    first = 90 - config.lookback + 1
    x[91:], x[:first], market[91:], raw[91:], raw[:first] = 0.25, -0.25, 2.0, 1.0, -1.0
    sector = dataset.sector_TN.copy()
    sector[91:] = 2
    outside = ~dataset.valid_TN[90]
    x[90, outside] = rng.random((outside.sum(), 5))
    raw[90, outside], sector[90, outside] = 2.0, 3
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


def the_lookback_is_read_to_its_oldest_session(config):
    """By every name, in every kind of history that it reads."""
    dataset = world()
    model, batch = network(config).eval(), reader(dataset, config).batch([90])
    want = model(batch)
    for name in ("history_BNLC", "raw_BNLR") if config.raw_channels else ("history_BNLC",):
        for place in (0, -1):
            there = getattr(batch, name).clone()
            there[:, :, place] += 1.0
            moved = (model(replace(batch, **{name: there})) - want)[batch.valid_BN].abs()
            assert moved.max(dim=-1).values.min() > 0, (name, place)


def a_session_alone_is_a_session_in_a_batch(config):
    dataset = world()
    model, source = network(config).eval(), reader(dataset, config)
    together = model(source.batch([30, 90, 31]))[1]
    torch.testing.assert_close(model(source.batch([90]))[0], together, atol=1e-5, rtol=1e-5)
    one, two = scores(dataset, [30, 90], config), scores(dataset, [90, 30], config)
    np.testing.assert_array_equal(one, two[::-1])


def training_without_noise_is_evaluation(config):
    config = without_noise(config)
    model, batch = network(config), reader(world(), config).batch([90])
    assert torch.equal(model.train()(batch), model.eval()(batch))


def noise_is_in_training_only(config):
    """And each kind of it changes what a step sees."""
    for name in set(QUIET) & set(type(config).model_fields):
        noisy = without_noise(config).model_copy(update={name: 0.5})
        model, batch = network(noisy), reader(world(), noisy).batch([90])
        assert not torch.equal(model.train()(batch), model(batch)), name
        assert torch.equal(model.eval()(batch), model(batch)), name


def one_session_can_be_learned_by_heart(config, *, steps=300):
    config = without_noise(config)
    dataset = with_sectors(with_raw(make_dataset(names=64)))
    model, batch = network(config), reader(dataset, config).batch([90])
    torch.manual_seed(1)
    label = torch.randn(1, PAD_NAMES, 4)
    mask = batch.valid_BN.unsqueeze(-1).expand(-1, -1, 4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        score = model(batch)
        _loss(score, label, mask).backward()
        optimizer.step()
    with torch.inference_mode():
        score = model.eval()(batch)
    known = batch.valid_BN[0]
    for h in range(4):
        got = daily_rank_ic(
            score[:, known, h].double().numpy(), label[:, known, h].double().numpy()
        )
        assert got[0] > 0.99


def it_does_not_collapse_and_finds_a_weak_signal(config):
    """Three epochs at RankIC 0.1; what is kept then scores the same when it is read again."""
    dataset = with_sectors(with_raw(make_dataset(sessions=260, names=64, seed=4)))
    labels, fold = make_labels(dataset, ic=0.1), make_fold(dataset, train=120, valid=30)
    wanted = {"max_epochs": 3, "days_per_batch": 6, "learning_rate": 3e-3, "ema_decay": 0.9}
    training = config.training.model_copy(update=wanted)
    config = config.model_copy(update={"training": training})
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
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(Path(folder))
        np.testing.assert_array_equal(load_checkpoint(Path(folder)).scores(dataset, test), score)
