import math
from dataclasses import replace

import pytest
import torch

from gogooku.core.errors import ContractError
from gogooku.learn.losses.sharpe.config import SharpeConfig, SortinoConfig
from gogooku.learn.losses.sharpe.loss import sharpe_loss, sortino_loss
from gogooku.learn.losses.strip_config import Holding
from support.losses import batch, inputs_of

COST = 0.003


def oracle(score, mask, returns, horizons, risk):
    """Minus return over risk of outright holdings, by horizon, name by name."""
    days, found = len(score), []
    for h, horizon in enumerate(horizons):
        held = [
            {n: math.tanh(s) for n, s in enumerate(score[d, :, h].tolist()) if mask[d, n, h]}
            for d in range(days)
        ]
        held = [{n: p / len(one) for n, p in one.items()} for one in held]
        gross = [sum(p * float(returns[d, n, h]) for n, p in held[d].items()) for d in range(days)]
        moved = [
            sum(abs(held[d][n] - held[d - horizon][n]) for n in held[d].keys() & held[d - horizon])
            for d in range(horizon, days)
        ]
        cost = COST * sum(moved) / len(moved)
        net = [one - cost for one in gross]
        mean = sum(net) / days
        if risk == "spread":
            square = sum((one - mean) ** 2 for one in net) / days
        else:
            square = sum(min(one, 0.0) ** 2 for one in net) / days
        found.append(-mean / math.sqrt(mean**2 + square))
    return found


@pytest.mark.parametrize(
    ("function", "config", "risk"),
    [(sharpe_loss, SharpeConfig, "spread"), (sortino_loss, SortinoConfig, "losses")],
)
def test_it_is_return_over_risk_after_costs(function, config, risk):
    score, label, mask, weight = batch(days=9)
    inputs = inputs_of(label)
    made = config(holding=Holding.OUTRIGHT, cost_bps=1e4 * COST)
    got = function(score, label, mask, weight, made, inputs=inputs)
    found = oracle(score, mask, inputs.returns_BNH, inputs.horizons, risk)
    wanted = sum(w * one for w, one in zip(weight.tolist(), found, strict=True))
    assert got.item() == pytest.approx(wanted, rel=1e-6)


def test_small_ratios_are_themselves_and_large_ones_stay_within_one():
    score, label, mask, weight = batch(days=6)
    returns = 0.01 * torch.randn(label.shape, dtype=torch.float64)
    config = SharpeConfig(cost_bps=0.0)
    sure = sharpe_loss(
        label, label, mask, weight, config, inputs=inputs_of(label, returns_BNH=0.01 * label)
    )
    assert -1.0 < sure.item() < -0.9
    loss = sharpe_loss(
        score, label, mask, weight, config, inputs=inputs_of(label, returns_BNH=returns)
    )
    assert abs(loss.item()) < 1.0


def test_costs_ask_for_a_strip_beyond_the_longest_horizon():
    assert SharpeConfig().least_sessions((1, 5, 20)) == 21
    assert SharpeConfig(cost_bps=0.0).least_sessions((1, 5, 20)) == 5
    assert SortinoConfig().least_sessions((1,)) == 5


def test_without_returns_it_says_so():
    score, label, mask, weight = batch()
    bare = replace(inputs_of(label), returns_BNH=None)
    with pytest.raises(ContractError, match="returns are needed"):
        sharpe_loss(score, label, mask, weight, SharpeConfig(), inputs=bare)


# ------------------------------------------------------------------------- a planted world


def planted(days=240, names=60, seed=0):
    """Returns of a slow signal and of a fast one of the same strength: [T, N, 2] and [T, N]."""
    generator = torch.Generator().manual_seed(seed)

    def draw():
        return torch.randn(names, generator=generator)

    slow, fast = draw(), draw()
    signals = []
    for _ in range(days):
        slow = 0.995 * slow + math.sqrt(1 - 0.995**2) * draw()
        fast = draw()
        signals.append(torch.stack([slow, fast], dim=-1))
    signal = torch.stack(signals)
    noise = torch.randn(days, names, generator=generator)
    return signal, 0.01 * (0.1 * signal.sum(dim=-1) + noise)


def learned(cost_bps):
    """Weights of the two signals in positions that were trained on strips."""
    signal, returns = planted()
    weights = torch.tensor([0.3, 0.3], requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.02)
    mask = torch.ones(24, 60, 1, dtype=torch.bool)
    config = SharpeConfig(holding=Holding.OUTRIGHT, cost_bps=cost_bps)
    for step in range(150):
        first = 24 * (step % 10)
        part = slice(first, first + 24)
        score = (signal[part] @ weights)[..., None]
        inputs = inputs_of(score.detach(), horizons=(1,), returns_BNH=returns[part, :, None])
        optimizer.zero_grad()
        sharpe_loss(score, score, mask, torch.ones(1), config, inputs=inputs).backward()
        optimizer.step()
    slow, fast = weights.detach().tolist()
    return slow, fast


def test_without_costs_both_signals_are_followed_and_with_costs_only_what_can_be_held():
    slow, fast = learned(cost_bps=0.0)
    assert slow > 0.2
    assert fast > 0.2
    slow, fast = learned(cost_bps=10.0)
    assert slow > 0.2
    assert abs(fast) < 0.25 * slow
