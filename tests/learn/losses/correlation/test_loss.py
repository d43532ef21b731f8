import torch

from gogooku.learn.losses.batch import batch_loss
from gogooku.learn.losses.correlation.config import CorrelationConfig
from gogooku.learn.losses.correlation.loss import day_correlation

WEIGHTS = (0.5, 0.5)


def case(*, days=3, names=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    score = torch.randn(days, names, 2, generator=generator)
    label = torch.randn(days, names, 2, generator=generator)
    mask = torch.rand(days, names, 2, generator=generator) > 0.2
    return score, label, mask


def loss(score, label, mask, mse=0.0):
    return batch_loss(
        score, label, mask, horizon_weights=WEIGHTS, config=CorrelationConfig(mse_weight=mse)
    )


def test_correlation_is_pearson_over_masked_names():
    score, label, mask = case()
    got = day_correlation(score, label, mask)
    for day in range(3):
        for h in range(2):
            m = mask[day, :, h]
            pair = torch.stack([score[day, m, h], label[day, m, h]])
            torch.testing.assert_close(got[day, h], torch.corrcoef(pair)[0, 1])


def test_the_correlation_term_ignores_scale_and_shift():
    score, label, mask = case()
    torch.testing.assert_close(loss(3 * score + 7, label, mask), loss(score, label, mask))
    assert loss(3 * score, label, mask, mse=1.0) > loss(score, label, mask, mse=1.0)


def test_masked_names_do_not_matter_even_when_their_label_is_nan():
    score, label, mask = case()
    other, gone = score.clone(), label.clone()
    other[~mask] = 100.0
    gone[~mask] = torch.nan
    other.requires_grad_()
    value = loss(other, gone, mask, mse=0.1)
    torch.testing.assert_close(value.detach(), loss(score, label, mask, mse=0.1))
    value.backward()
    assert other.grad[~mask].abs().max() == 0
    assert torch.isfinite(other.grad).all()


def test_the_order_of_sessions_does_not_matter_and_each_is_one_term():
    score, label, mask = case()
    whole = loss(score, label, mask, mse=0.1)
    torch.testing.assert_close(loss(score.flip(0), label.flip(0), mask.flip(0), mse=0.1), whole)
    single = [loss(score[d : d + 1], label[d : d + 1], mask[d : d + 1], mse=0.1) for d in range(3)]
    torch.testing.assert_close(torch.stack(single).mean(), whole)


def test_horizon_weights_are_relative():
    score, label, mask = case()
    config = CorrelationConfig(mse_weight=0.0)
    first = batch_loss(score, label, mask, horizon_weights=(2.0, 0.0), config=config)
    torch.testing.assert_close(first, (1 - day_correlation(score, label, mask)[:, 0]).mean())


def test_a_constant_score_has_a_finite_gradient():
    _, label, mask = case()
    score = torch.zeros_like(label, requires_grad=True)
    loss(score, label, mask).backward()
    assert torch.isfinite(score.grad).all()
    assert score.grad.abs().max() > 0
