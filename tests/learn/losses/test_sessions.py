import torch

from gogooku.learn.losses.sessions import (
    centred,
    counts,
    descending,
    known,
    mean_of_names,
    over_sessions,
    standardised,
)

VALUES = torch.tensor([[[1.0], [4.0], [torch.nan], [7.0]]])
MASK = torch.tensor([[[True], [True], [False], [True]]])


def test_sums_know_the_mask():
    assert known(VALUES, MASK).flatten().tolist() == [1.0, 4.0, 0.0, 7.0]
    assert counts(MASK).flatten().tolist() == [3]
    assert mean_of_names(VALUES, MASK).item() == 4.0
    assert centred(VALUES, MASK).flatten().tolist() == [-3.0, 0.0, 0.0, 3.0]
    torch.testing.assert_close(standardised(VALUES, MASK)[0, 3, 0], torch.tensor(1.5).sqrt())
    assert descending(VALUES, MASK).flatten().tolist() == [3, 1, 0, 2]


def test_no_gradient_comes_back_from_what_is_masked_out():
    values = VALUES.clone().requires_grad_()
    standardised(values, MASK)[0, 0, 0].backward()
    assert values.grad.isfinite().all()
    assert values.grad[0, 2, 0] == 0


def test_a_session_without_names_has_a_mean_of_zero():
    assert mean_of_names(VALUES, torch.zeros_like(MASK)).item() == 0.0


def test_each_session_is_one_term():
    loss = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    assert over_sessions(loss, torch.tensor([0.5, 0.5])).item() == 3.0
