"""The contrastive loss against plain words for it."""

import math

import pytest
import torch

from gogooku.learn.contrast import hierarchical_contrast, partner_loss


def views(*, names=5, steps=6, width=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (names, steps, width)
    one, other = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return one, other


def product(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def recognised(one, other):
    """Mean cross-entropy of finding the partner of each of 2M members among the other 2M - 1."""
    both, count = [*one, *other], len(one)
    terms = []
    for i, own in enumerate(both):
        there = [math.exp(product(own, both[j])) for j in range(2 * count) if j != i]
        partner = both[(i + count) % (2 * count)]
        terms.append(math.log(sum(there)) - product(own, partner))
    return sum(terms) / len(terms)


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def oracle(one, other, across):
    """Lists [name][step][unit]: every level of the hierarchy, then neighbours by their maximum."""
    found = []
    while True:
        names, steps = range(len(one)), range(len(one[0]))
        by_step = mean(
            recognised([one[n][t] for n in names], [other[n][t] for n in names]) for t in steps
        )
        by_name = mean(recognised(one[n], other[n]) for n in names)
        found.append(across * by_step + (1 - across) * by_name)
        if len(steps) == 1:
            return mean(found)
        one, other = (
            [
                [
                    [max(pair) for pair in zip(name[t], name[t + 1], strict=True)]
                    for t in range(0, len(name) - 1, 2)
                ]
                for name in view
            ]
            for view in (one, other)
        )


@pytest.mark.parametrize("across", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 5, 6])
def test_it_is_what_the_words_say(steps, across):
    one, other = views(steps=steps)
    got = hierarchical_contrast(one, other, across=across).item()
    assert got == pytest.approx(oracle(one.tolist(), other.tolist(), across), rel=1e-12)


@pytest.mark.parametrize("steps", [1, 4])
def test_its_gradient_is_that_of_differences(steps):
    one, other = (view.requires_grad_() for view in views(names=3, steps=steps))
    assert torch.autograd.gradcheck(
        lambda a, b: hierarchical_contrast(a, b, across=0.4), (one, other)
    )


def test_members_that_are_all_alike_cost_the_logarithm_of_their_number():
    same = torch.ones(2, 4, 3, dtype=torch.float64)
    assert partner_loss(same, same).item() == pytest.approx(math.log(7))


def test_one_alone_has_no_loss_and_two_that_differ_much_nearly_none():
    one, other = views(names=1, steps=1)
    assert partner_loss(one, other).item() == 0.0
    apart = 10.0 * torch.eye(2, dtype=torch.float64)[None]
    assert partner_loss(apart, apart).item() < 1e-20
    assert partner_loss(apart, apart.flip(1)).item() == pytest.approx(100.0, rel=1e-2)


def test_neither_order_of_names_nor_which_view_is_which_matters():
    one, other = views()
    want = hierarchical_contrast(one, other, across=0.5)
    order = torch.tensor([3, 0, 4, 2, 1])
    torch.testing.assert_close(
        hierarchical_contrast(one[order], other[order], across=0.5), want, rtol=1e-12, atol=0
    )
    torch.testing.assert_close(
        hierarchical_contrast(other, one, across=0.5), want, rtol=1e-12, atol=0
    )


def test_the_order_of_steps_matters_above_the_first_level():
    """Neighbours become one: other neighbours, other levels; the first level has no order."""
    one, other = views(steps=4)
    order = torch.tensor([0, 2, 1, 3])
    moved = hierarchical_contrast(one[:, order], other[:, order], across=0.5)
    assert moved.item() != pytest.approx(hierarchical_contrast(one, other, across=0.5).item())
    torch.testing.assert_close(
        partner_loss(one[:, order], other[:, order]), partner_loss(one, other)
    )
