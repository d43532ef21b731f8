import math

import pytest
import torch

from gogooku.learn.losses.approx_ndcg.config import ApproxNdcgConfig
from gogooku.learn.losses.approx_ndcg.loss import approx_ndcg_loss
from support.losses import batch, by_session, logistic, normal_share, standard

TOP = 5


def worth(position):
    return logistic((TOP + 0.5 - position) / (0.1 * TOP)) / math.log2(1.0 + position)


def oracle(score, label, temperature=0.2):
    z = standard(score)
    gains = [2.0 ** (4.0 * normal_share(y)) - 1.0 for y in label]
    positions = [
        1.0 + sum(logistic((z[j] - z[i]) / temperature) for j in range(len(z)) if j != i)
        for i in range(len(z))
    ]
    reached = sum(g * worth(p) for g, p in zip(gains, positions, strict=True))
    ideal = sum(g * worth(r) for r, g in enumerate(sorted(gains, reverse=True), start=1))
    return 1.0 - reached / ideal


def test_it_is_ndcg_with_soft_positions():
    made = batch()
    got = approx_ndcg_loss(*made, ApproxNdcgConfig(top=TOP, temperature=0.2)).item()
    assert got == pytest.approx(by_session(oracle, *made), abs=1e-7)


def test_the_true_order_at_a_low_temperature_is_perfect():
    _, label, mask, weight = batch()
    config = ApproxNdcgConfig(top=TOP, temperature=1e-4)
    assert approx_ndcg_loss(label, label, mask, weight, config).item() == pytest.approx(0, abs=1e-9)


def test_only_the_first_places_matter():
    label = torch.linspace(2, -2, 200, dtype=torch.float64)[None, :, None]
    mask = torch.ones(1, 200, 1, dtype=torch.bool)
    config = ApproxNdcgConfig(top=TOP, temperature=1e-3)
    tail, head = label.clone(), label.clone()
    tail[:, 150:] = label[:, 150:].flip(1)
    head[:, :50] = label[:, :50].flip(1)
    assert approx_ndcg_loss(tail, label, mask, torch.ones(1), config).item() < 1e-6
    assert approx_ndcg_loss(head, label, mask, torch.ones(1), config).item() > 0.3
