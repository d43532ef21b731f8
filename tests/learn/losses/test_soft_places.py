import time

import pytest
import torch

from gogooku.learn.losses.soft_places import soft_places
from support.losses import batch, logistic, standard


def slow(values, temperature):
    z = standard(values)
    return [sum(logistic((a - b) / temperature) for b in z) / len(z) for a in z]


@pytest.mark.parametrize("top", [0, 3, 50])
def test_with_all_names_as_references_it_is_the_plain_sum(top):
    score, _, mask, _ = batch()
    got = soft_places(score, mask, temperature=0.3, references=20, top=top)
    for day in range(3):
        for h in range(2):
            m = mask[day, :, h]
            wanted = torch.tensor(slow(score[day, m, h].tolist(), 0.3), dtype=torch.float64)
            torch.testing.assert_close(got[day, m, h], wanted, rtol=0, atol=1e-9)


def test_a_hard_step_gives_the_ranks():
    score, _, mask, _ = batch()
    got = soft_places(score, mask, temperature=1e-6, references=64)
    m = mask[1, :, 0]
    rank = score[1, m, 0].argsort().argsort() + 1
    wanted = (rank.double() - 0.5) / int(m.sum())
    torch.testing.assert_close(got[1, m, 0], wanted, rtol=0, atol=1e-9)


def test_a_few_references_come_near_and_the_top_is_exact():
    score, _, mask, _ = batch(names=1_000)
    exact = soft_places(score, mask, temperature=0.1, references=1_000)
    near = soft_places(score, mask, temperature=0.1, references=64)
    fine = soft_places(score, mask, temperature=0.01, references=8, top=40)
    assert (exact - near)[mask].abs().max() < 0.01
    hard = soft_places(score, mask, temperature=0.01, references=1_000)
    first = hard > 1 - 20 / 1_000
    assert first.sum() > 60
    assert (hard - fine)[first & mask].abs().max() < 1e-3
    rough = soft_places(score, mask, temperature=0.01, references=8)
    assert (hard - rough)[first & mask].abs().max() > 0.01


def test_scale_shift_and_order_of_the_names_do_not_matter():
    score, _, mask, _ = batch(names=100)
    got = soft_places(score, mask, temperature=0.1, references=16, top=4)
    other = soft_places(5 * score - 3, mask, temperature=0.1, references=16, top=4)
    torch.testing.assert_close(got, other)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(1))
    turned = soft_places(score[:, order], mask[:, order], temperature=0.1, references=16, top=4)
    torch.testing.assert_close(got[:, order][mask[:, order]], turned[mask[:, order]])


def test_four_sessions_of_a_whole_exchange_take_seconds():
    score = torch.randn(4, 4_000, 4, requires_grad=True)
    mask = torch.ones(4, 4_000, 4, dtype=torch.bool)
    begun = time.perf_counter()
    soft_places(score, mask, temperature=0.1, references=256).square().sum().backward()
    assert time.perf_counter() - begun < 30
    assert score.grad.isfinite().all()
