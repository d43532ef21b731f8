"""What holds of every loss of the table."""

import pytest
import torch

from gogooku.learn.registry import LOSSES
from support.losses import batch, value

KINDS = LOSSES.kinds()
SCALE_FREE = {"soft_spearman", "approx_ndcg"}
SHIFT_FREE = {*SCALE_FREE, "list_mle", "rank_net"}
ALL_PAIRS = {"pairs": 64}
"""As many pairs as names and more: nothing is left to chance."""


def config(kind):
    made = LOSSES.config(kind).model_validate({})
    known = {name: one for name, one in ALL_PAIRS.items() if name in type(made).model_fields}
    return made.model_copy(update=known)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_the_value(kind):
    score, label, mask, weight = batch(days=2, names=14)
    score.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: value(config(kind), s, label, mask, weight), score)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["constant", "ties", "huge"])
def test_the_gradient_is_finite_at_the_worst_scores(kind, what):
    score, label, mask, weight = batch()
    score = {"constant": score * 0, "ties": score.round(), "huge": score * 1e4}[what]
    score, label = score.float().requires_grad_(), label.float()
    made = value(config(kind), score, label, mask, weight.float())
    made.backward()
    assert made.isfinite()
    assert score.grad.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_are_masked_out_do_not_enter(kind):
    score, label, mask, weight = batch()
    usual = value(config(kind), score, label, mask, weight)
    other, gone = score.clone(), label.clone()
    other[~mask] = 1e6
    gone[~mask] = torch.nan
    other.requires_grad_()
    made = value(config(kind), other, gone, mask, weight)
    torch.testing.assert_close(made.detach(), usual)
    made.backward()
    assert other.grad[~mask].abs().max() == 0
    assert other.grad.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_are_left_out_are_as_good_as_masked_out(kind):
    score, label, mask, weight = batch()
    mask[:, 15:] = False
    usual = value(config(kind), score, label, mask, weight)
    short = value(config(kind), score[:, :15], label[:, :15], mask[:, :15], weight)
    torch.testing.assert_close(short, usual)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_names_does_not_matter(kind):
    score, label, mask, weight = batch()
    usual = value(config(kind), score, label, mask, weight)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(3))
    turned = value(config(kind), score[:, order], label[:, order], mask[:, order], weight)
    torch.testing.assert_close(turned, usual)


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_be_split_is_a_mean_over_sessions(kind):
    score, label, mask, weight = batch()
    usual = value(config(kind), score, label, mask, weight)
    parts = [
        value(config(kind), score[d : d + 1], label[d : d + 1], mask[d : d + 1], weight)
        for d in range(3)
    ]
    same = torch.allclose(torch.stack(parts).mean(), usual)
    assert same == LOSSES.row(kind).splittable


@pytest.mark.parametrize("kind", KINDS)
def test_scale_and_shift_matter_where_they_should(kind):
    score, label, mask, weight = batch()
    usual = value(config(kind), score, label, mask, weight)
    shifted = value(config(kind), score + 3, label, mask, weight)
    scaled = value(config(kind), 2 * score, label, mask, weight)
    assert torch.allclose(shifted, usual) == (kind in SHIFT_FREE)
    assert torch.allclose(scaled, usual) == (kind in SCALE_FREE)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_that_are_the_labels_are_better_than_their_opposite(kind):
    _, label, mask, weight = batch()
    good = value(config(kind), label, label, mask, weight)
    assert good < value(config(kind), 0 * label, label, mask, weight)
    assert good < value(config(kind), -label, label, mask, weight)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_horizons_choose(kind):
    score, label, mask, _ = batch()
    first = value(config(kind), score, label, mask, torch.tensor([1.0, 0.0]))
    alone = value(config(kind), score[..., :1], label[..., :1], mask[..., :1], torch.ones(1))
    torch.testing.assert_close(first, alone)
