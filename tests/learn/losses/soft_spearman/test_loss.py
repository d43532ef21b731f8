import pytest
import torch
from scipy.stats import spearmanr

from gogooku.learn.losses.soft_spearman.config import SoftSpearmanConfig
from gogooku.learn.losses.soft_spearman.loss import soft_spearman_loss
from support.losses import batch, by_session, correlation, logistic, normal_share, standard


def test_it_is_the_correlation_of_soft_places():
    def oracle(score, label):
        z = standard(score)
        places = [sum(logistic((a - b) / 0.2) for b in z) for a in z]
        return 1.0 - correlation(places, [normal_share(y) for y in label])

    made = batch()
    got = soft_spearman_loss(*made, SoftSpearmanConfig(temperature=0.2)).item()
    assert got == pytest.approx(by_session(oracle, *made), abs=1e-7)


def test_at_a_low_temperature_it_is_spearmans():
    made = batch()
    got = soft_spearman_loss(*made, SoftSpearmanConfig(temperature=1e-5)).item()
    wanted = by_session(lambda s, y: 1.0 - spearmanr(s, y).statistic, *made)
    assert got == pytest.approx(wanted, abs=1e-7)


def test_a_step_along_the_gradient_raises_the_rank_correlation():
    score, label, mask, weight = batch(names=50)
    score.requires_grad_()
    config = SoftSpearmanConfig()
    before = soft_spearman_loss(score, label, mask, weight, config)
    before.backward()
    after = soft_spearman_loss(score - 5.0 * score.grad, label, mask, weight, config)
    assert after < before - 0.01
    assert torch.isfinite(after)
