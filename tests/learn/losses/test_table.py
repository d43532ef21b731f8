"""What holds of every loss of the table."""

from dataclasses import replace

import pytest
import torch

from gogooku.learn.losses.combined.config import CombinedConfig, LossPart
from gogooku.learn.losses.correlation.config import CorrelationConfig
from gogooku.learn.registry import LOSSES, Need
from support.losses import batch, inputs_of, value

KINDS = LOSSES.kinds()
STRIPS = {"sharpe", "sortino", "turnover"}
SCALE_FREE = {"soft_spearman", "approx_ndcg", "decorrelation", *STRIPS}
SHIFT_FREE = {*SCALE_FREE, "list_mle", "rank_net"}
TEACHING = [kind for kind in KINDS if Need.PARTNER not in LOSSES.row(kind).needs]
ALL_PAIRS = {"pairs": 64}
"""As many pairs as names and more: nothing is left to chance."""
PARTS = (
    LossPart(weight=2.0),
    LossPart(loss=LOSSES.config("mse")(), weight=0.5, horizon_weights=(0.9, 0.1)),
)


def config(kind):
    if kind == "combined":
        return CombinedConfig(parts=PARTS)
    made = LOSSES.config(kind).model_validate({})
    known = {name: one for name, one in ALL_PAIRS.items() if name in type(made).model_fields}
    return made.model_copy(update=known)


def some(kind, **changes):
    """A config, a batch, and the inputs that belong to it."""
    made = batch(**changes)
    return config(kind), *made, inputs_of(made[1])


def of_names(inputs, order):
    """Inputs whose names come in another order, or are fewer."""
    return replace(
        inputs,
        place_BN=inputs.place_BN[:, order],
        returns_BNH=inputs.returns_BNH[:, order],
        features_BNF=inputs.features_BNF[:, order],
    )


def of_session(inputs, day):
    part = slice(day, day + 1)
    return replace(
        inputs,
        index_B=inputs.index_B[part],
        place_BN=inputs.place_BN[part],
        returns_BNH=inputs.returns_BNH[part],
        features_BNF=inputs.features_BNF[part],
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_the_value(kind):
    made, score, label, mask, weight, inputs = some(kind, days=3, names=14)
    score.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: value(made, s, label, mask, weight, inputs), score)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["constant", "ties", "huge"])
def test_the_gradient_is_finite_at_the_worst_scores(kind, what):
    made, score, label, mask, weight, _ = some(kind)
    score = {"constant": score * 0, "ties": score.round(), "huge": score * 1e4}[what]
    score, label = score.float().requires_grad_(), label.float()
    loss = value(made, score, label, mask, weight.float(), inputs_of(label))
    loss.backward()
    assert loss.isfinite()
    assert score.grad.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_are_masked_out_do_not_enter(kind):
    made, score, label, mask, weight, inputs = some(kind)
    usual = value(made, score, label, mask, weight, inputs)
    other, gone = score.clone(), label.clone()
    returns = inputs.returns_BNH.clone()
    other[~mask] = 1e6
    gone[~mask] = torch.nan
    returns[~mask] = torch.nan
    other.requires_grad_()
    loss = value(made, other, gone, mask, weight, replace(inputs, returns_BNH=returns))
    torch.testing.assert_close(loss.detach(), usual)
    loss.backward()
    assert other.grad[~mask].abs().max() == 0
    assert other.grad.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_are_left_out_are_as_good_as_masked_out(kind):
    made, score, label, mask, weight, inputs = some(kind)
    mask[:, 15:] = False
    place = inputs.place_BN.clone()
    place[:, 15:] = -1
    usual = value(made, score, label, mask, weight, replace(inputs, place_BN=place))
    first = [tensor[:, :15] for tensor in (score, label, mask)]
    short = value(made, *first, weight, of_names(inputs, slice(15)))
    torch.testing.assert_close(short, usual)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_names_does_not_matter(kind):
    made, score, label, mask, weight, inputs = some(kind)
    usual = value(made, score, label, mask, weight, inputs)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(3))
    turned = [tensor[:, order] for tensor in (score, label, mask)]
    torch.testing.assert_close(value(made, *turned, weight, of_names(inputs, order)), usual)


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_be_split_is_a_mean_over_sessions(kind):
    made, score, label, mask, weight, inputs = some(kind, days=12)
    usual = value(made, score, label, mask, weight, inputs)
    parts = []
    for day in range(12):
        one = [tensor[day : day + 1] for tensor in (score, label, mask)]
        parts.append(value(made, *one, weight, of_session(inputs, day)))
    same = torch.allclose(torch.stack(parts).mean(), usual)
    assert same == LOSSES.row(kind).splittable == (kind not in STRIPS)


@pytest.mark.parametrize("kind", KINDS)
def test_scale_and_shift_matter_where_they_should(kind):
    made, score, label, mask, weight, inputs = some(kind)
    usual = value(made, score, label, mask, weight, inputs)
    shifted = value(made, score + 3, label, mask, weight, inputs)
    scaled = value(made, 2 * score, label, mask, weight, inputs)
    near = {"rtol": 1e-6, "atol": 1e-6}
    assert torch.allclose(shifted, usual, **near) == (kind in SHIFT_FREE)
    assert torch.allclose(scaled, usual, **near) == (kind in SCALE_FREE)


@pytest.mark.parametrize("kind", TEACHING)
def test_scores_that_are_the_labels_are_better_than_their_opposite(kind):
    made, _, label, mask, weight, inputs = some(kind, days=12)
    good = value(made, label, label, mask, weight, inputs)
    assert good < value(made, 0 * label, label, mask, weight, inputs)
    assert good < value(made, -label, label, mask, weight, inputs)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_horizons_choose(kind):
    made, score, label, mask, _, inputs = some(kind)
    if kind == "combined":
        made = CombinedConfig(parts=(LossPart(loss=CorrelationConfig()),))
    first = value(made, score, label, mask, torch.tensor([1.0, 0.0]), inputs)
    cut = [tensor[..., :1] for tensor in (score, label, mask)]
    less = replace(inputs, returns_BNH=inputs.returns_BNH[..., :1], horizons=inputs.horizons[:1])
    torch.testing.assert_close(value(made, *cut, torch.ones(1), less), first)


def test_what_a_row_needs_is_what_its_function_takes():
    for kind in KINDS:
        made, score, label, mask, weight, _ = some(kind)
        if LOSSES.row(kind).needs and kind != "combined":
            with pytest.raises(AttributeError, match="'NoneType' object has no attribute"):
                value(made, score, label, mask, weight, None)
        else:
            assert value(made, score, label, mask, weight, None).isfinite()
