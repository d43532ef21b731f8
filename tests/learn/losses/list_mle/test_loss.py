import math

import pytest
import torch

from gogooku.learn.losses.list_mle.config import ListMleConfig
from gogooku.learn.losses.list_mle.loss import list_mle_loss
from support.losses import batch, by_session


def oracle(score, label):
    """Minus the log of the chance to draw the names in the order of their labels."""
    left = [s for _, s in sorted(zip(label, score, strict=True), reverse=True)]
    total = 0.0
    while left:
        total += math.log(sum(math.exp(s) for s in left)) - left[0]
        left.pop(0)
    return total / len(score)


def test_it_is_the_likelihood_of_the_order():
    made = batch()
    got = list_mle_loss(*made, ListMleConfig()).item()
    assert got == pytest.approx(by_session(oracle, *made), rel=1e-12)


def test_the_likelihoods_of_all_orders_of_three_sum_to_one():
    score = torch.tensor([[[0.3], [-1.0], [0.8]]], dtype=torch.float64)
    mask = torch.ones(1, 3, 1, dtype=torch.bool)
    total = 0.0
    for order in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]:
        label = torch.tensor(order, dtype=torch.float64)[None, :, None]
        loss = list_mle_loss(score, label, mask, torch.ones(1), ListMleConfig())
        total += math.exp(-3.0 * loss.item())
    assert total == pytest.approx(1.0)
