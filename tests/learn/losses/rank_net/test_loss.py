import math

import pytest
import torch

from gogooku.learn.losses.rank_net.config import RankNetConfig
from gogooku.learn.losses.rank_net.loss import rank_net_loss
from support.losses import batch, by_session


def oracle(score, label):
    """Mean over all pairs whose labels differ."""
    terms = [
        math.log1p(math.exp(-(a - b) / 0.7))
        for a, y in zip(score, label, strict=True)
        for b, z in zip(score, label, strict=True)
        if y > z
    ]
    return sum(terms) / len(terms)


def test_with_all_pairs_it_is_their_mean():
    score, label, mask, weight = batch()
    label[:, 1] = label[:, 0]
    got = rank_net_loss(score, label, mask, weight, RankNetConfig(pairs=20, temperature=0.7)).item()
    assert got == pytest.approx(by_session(oracle, score, label, mask, weight), rel=1e-9)


def test_a_few_pairs_are_right_on_average_and_a_function_of_the_seed():
    score, label, mask, weight = batch(names=30)
    config = RankNetConfig(pairs=2, temperature=0.7)

    def drawn(seed):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return rank_net_loss(score, label, mask, weight, config).item()

    values = [drawn(seed) for seed in range(200)]
    assert drawn(7) == values[7] != values[8]
    wanted = by_session(oracle, score, label, mask, weight)
    assert sum(values) / 200 == pytest.approx(wanted, abs=0.02)


def test_a_session_of_equal_labels_costs_nothing():
    score, label, mask, weight = batch()
    score.requires_grad_()
    loss = rank_net_loss(score, 0 * label, mask, weight, RankNetConfig())
    loss.backward()
    assert loss.item() == 0.0
    assert score.grad.abs().max() == 0.0
