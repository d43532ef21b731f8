import pytest
import torch

from gogooku.learn.losses.strip_config import Holding, StripConfig
from gogooku.learn.losses.strips import earned, holdings, turnover
from support.losses import batch, inputs_of


def slow_turnover(held, mask, index, place, lag, h):
    """Mean over pairs of sessions of what changes in the names that both have."""
    at = {int(t): b for b, t in enumerate(index)}
    totals = []
    for t, later in at.items():
        if t - lag not in at:
            continue
        sooner, total = at[t - lag], 0.0
        for n, name in enumerate(place[later].tolist()):
            for m, other in enumerate(place[sooner].tolist()):
                if name == other >= 0 and mask[later, n, h] and mask[sooner, m, h]:
                    total += abs(float(held[later, n, h] - held[sooner, m, h]))
        totals.append(total)
    return sum(totals) / len(totals) if totals else 0.0


def test_neutral_holdings_are_as_much_short_as_long_and_outright_ones_within_one():
    score, _, mask, _ = batch()
    neutral = holdings(score, mask, Holding.NEUTRAL)
    torch.testing.assert_close(neutral.sum(dim=1), torch.zeros(3, 2, dtype=torch.float64))
    ones = torch.ones(3, 2, dtype=torch.float64)
    torch.testing.assert_close(neutral.abs().sum(dim=1), ones, rtol=0, atol=1e-6)
    outright = holdings(100.0 + score, mask, Holding.OUTRIGHT)
    torch.testing.assert_close(outright.sum(dim=1), ones)
    assert neutral[~mask].abs().max() == outright[~mask].abs().max() == 0
    assert holdings(0 * score, mask, Holding.NEUTRAL).abs().max() == 0


def test_what_is_held_earns_its_share():
    held = torch.tensor([[[0.5], [-0.5], [0.3]]])
    mask = torch.tensor([[[True], [True], [False]]])
    returns = torch.tensor([[[0.02], [0.01], [torch.nan]]])
    assert earned(held, mask, returns).item() == pytest.approx(0.005)


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_turnover_is_over_the_same_names_so_many_sessions_apart(lag):
    score, label, mask, _ = batch(days=8, names=12)
    generator = torch.Generator().manual_seed(1)
    place = torch.stack([torch.randperm(15, generator=generator)[:12] for _ in range(8)])
    place[:, 10:] = -1
    mask[:, 10:] = False
    inputs = inputs_of(label, place_BN=place, index_B=torch.tensor([3, 4, 5, 6, 8, 9, 10, 11]))
    held = holdings(score, mask, Holding.NEUTRAL)
    got = turnover(held, mask, inputs, lags=(lag, 1))
    for h, apart in enumerate((lag, 1)):
        wanted = slow_turnover(held, mask, inputs.index_B, place, apart, h)
        assert got[h].item() == pytest.approx(wanted, rel=1e-9)


def test_sessions_that_are_too_near_change_nothing():
    score, label, mask, _ = batch(days=3)
    held = holdings(score, mask, Holding.NEUTRAL)
    assert turnover(held, mask, inputs_of(label), lags=(3, 20)).tolist() == [0.0, 0.0]


def test_a_loss_over_a_strip_wants_two_sessions():
    assert StripConfig(kind="any").least_sessions((1, 5)) == 2
