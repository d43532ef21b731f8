import pytest
import torch

from gogooku.learn.losses.strip_config import Holding
from gogooku.learn.losses.turnover.config import TurnoverConfig
from gogooku.learn.losses.turnover.loss import turnover_loss
from support.losses import batch, inputs_of


def test_scores_that_stand_still_cost_nothing_and_turned_ones_twice_all():
    score, label, mask, weight = batch(days=2)
    mask[:] = True
    inputs = inputs_of(label)

    def cost(second, holding=Holding.NEUTRAL):
        both = torch.stack([score[0], second])
        config = TurnoverConfig(holding=holding)
        return turnover_loss(both, label, mask, weight, config, inputs=inputs).item()

    assert cost(score[0]) == 0.0
    assert cost(3.0 * score[0] + 1.0) == pytest.approx(0.0, abs=1e-5)
    assert cost(-score[0]) == pytest.approx(2.0, abs=1e-5)
    assert cost(3.0 * score[0] + 1.0, Holding.OUTRIGHT) > 0.2
    assert 0.5 < cost(score[1]) < 2.0
