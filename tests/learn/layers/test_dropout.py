import pytest
import torch

from gogooku.learn.layers.dropout import ByteDropout


def dropped(share, shape, *, seed=0):
    torch.manual_seed(seed)
    return ByteDropout(share).train()(torch.ones(shape))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_the_share_is_dropped_at_every_place_and_the_mean_stays(share):
    out = dropped(share, (1_000, 64))
    assert float((out == 0).double().mean()) == pytest.approx(share, abs=0.01)
    assert float(out.double().mean()) == pytest.approx(1.0, abs=0.06)
    assert len(out.unique()) == 2
    by_byte = (out == 0).double().view(-1, 8).mean(dim=0)
    assert (by_byte - share).abs().max() < 0.03


def test_any_number_of_units_and_the_seed_decides():
    for shape in ((1,), (3, 5), (2, 3, 7)):
        assert dropped(0.4, shape).shape == shape
    assert torch.equal(dropped(0.5, (9, 9)), dropped(0.5, (9, 9)))
    assert not torch.equal(dropped(0.5, (9, 9)), dropped(0.5, (9, 9), seed=1))


def test_units_are_independent():
    out = dropped(0.5, (4_000, 16)) > 0
    together = torch.corrcoef(out.double().T) - torch.eye(16)
    assert together.abs().max() < 0.08


def test_evaluation_and_a_share_of_nothing_are_the_input():
    x = torch.randn(3, 4)
    assert ByteDropout(0.5).eval()(x) is x
    assert ByteDropout(0.0).train()(x) is x
    assert torch.isfinite(dropped(1.0, (50,))).all()


def test_the_gradient_is_that_of_the_kept_units():
    torch.manual_seed(0)
    x = torch.ones(20, 20, requires_grad=True)
    out = ByteDropout(0.5).train()(x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())
