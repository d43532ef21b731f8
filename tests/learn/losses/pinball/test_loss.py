import pytest
import torch

from gogooku.core.errors import ContractError
from gogooku.learn.losses.pinball.config import PinballConfig
from gogooku.learn.losses.pinball.loss import pinball_loss
from support.losses import batch, inputs_of

LEVELS = (0.1, 0.5, 0.8)


def loss(label, mask, weight, quantiles):
    inputs = inputs_of(label, quantiles_BNHQ=quantiles, levels=LEVELS)
    return pinball_loss(label, label, mask, weight, PinballConfig(), inputs=inputs)


def test_each_side_costs_its_share():
    score, label, mask, weight = batch()
    quantiles = torch.stack([score - 1, score, score + 1], dim=-1)
    total = 0.0
    for day in range(3):
        for h in range(2):
            m = mask[day, :, h]
            for n in m.nonzero().flatten().tolist():
                for q, level in enumerate(LEVELS):
                    error = (label[day, n, h] - quantiles[day, n, h, q]).item()
                    cost = level * error if error > 0 else (level - 1.0) * error
                    total += weight[h].item() * cost / 3 / int(m.sum()) / 3
    assert loss(label, mask, weight, quantiles).item() == pytest.approx(total, rel=1e-12)


def test_it_is_least_where_the_share_of_labels_below_is_the_level():
    label = torch.randn(1, 2_000, 1, generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(label, dtype=torch.bool)
    guess = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.Adam([guess], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss(label, mask, torch.ones(1), guess.expand(1, 2_000, 1, 3)).backward()
        optimizer.step()
    below = (label[0] < guess.detach()).float().mean(dim=0)
    assert below.tolist() == pytest.approx(LEVELS, abs=0.03)


def test_a_network_without_quantiles_is_refused():
    label, mask, weight = batch()[1:]
    with pytest.raises(ContractError, match="the network gives no quantiles"):
        loss(label, mask, weight, None)
