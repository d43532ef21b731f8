"""Training, validation and scoring go through a network in one way."""

import numpy as np
import torch

from gogooku.learn import forward as forward_module
from gogooku.learn.batches import packed_labels
from gogooku.learn.forward import Forward, score_sessions
from gogooku.learn.losses.batch import batch_loss
from gogooku.learn.networks import NetworkLearner
from gogooku.learn.targets import fold_labels
from support.learning import (
    fit,
    make_dataset,
    make_fold,
    make_labels,
    network,
    reader,
    small_config,
)


def made(**settings):
    dataset, config = make_dataset(), small_config(**settings)
    return Forward(network(config), reader(dataset, config), "cpu"), config


def test_the_loss_is_of_the_scores_and_of_known_labels():
    forward, config = made(dropout=0.0, feature_dropout=0.0, context_noise=0.0)
    dataset = forward.reader.dataset
    train = fold_labels(dataset, make_labels(dataset), make_fold(dataset), config=config).train
    names = [forward.reader.names(int(t)) for t in train.indices[:3]]
    batch = forward.batch(train.indices[:3].tolist())
    label = packed_labels(train.values_TNH, [0, 1, 2], names, width=batch.valid_BN.shape[1])
    known = torch.from_numpy(np.isfinite(label))
    want = batch_loss(
        forward.scores(batch),
        torch.from_numpy(np.nan_to_num(label)),
        known,
        horizon_weights=config.training.horizon_weights,
        config=config.training.loss,
    )
    assert 0 < known.float().mean() < 1
    assert torch.equal(forward.loss(batch, label, config.training), want)


def test_scores_of_sessions_are_those_of_the_passes():
    forward, _ = made()
    scores = score_sessions(forward.model.train(), forward.reader, [90, 30], device="cpu")
    with torch.inference_mode():
        want = forward.scores(forward.batch([30]))[0].numpy()
    names = forward.reader.names(30)
    np.testing.assert_array_equal(scores[1][names], want[: len(names)])
    assert np.isnan(np.delete(scores[1], names, axis=0)).all()


def test_every_pass_of_a_fit_goes_this_way(monkeypatch):
    """Of training, of validation, of the sample and of what is kept."""
    inside, outside = [], []
    honest = Forward.scores

    def scores(forward, batch):
        inside.append(len(batch.valid_BN))
        return honest(forward, batch)

    monkeypatch.setattr(forward_module.Forward, "scores", scores)
    network_class = type(network(small_config()))
    walked = network_class.forward
    monkeypatch.setattr(
        network_class, "forward", lambda own, batch: outside.append(1) or walked(own, batch)
    )
    dataset = make_dataset()
    learner = NetworkLearner(small_config(training={"max_epochs": 1, "days_per_batch": 30}))
    kept = fit(learner, dataset, make_labels(dataset), make_fold(dataset))
    kept.scores(dataset, np.array([120]))
    assert len(outside) == len(inside) > 20
