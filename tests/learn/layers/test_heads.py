import torch

from gogooku.learn.layers.heads import QuantileHead


def test_quantiles_never_cross_and_every_horizon_has_its_own():
    torch.manual_seed(0)
    head = QuantileHead(8, horizons=2, levels=3)
    hidden = 10.0 * torch.randn(4, 30, 8)
    made = head(hidden)
    assert made.shape == (4, 30, 2, 3)
    assert (made.diff(dim=-1) >= 0).all()
    assert (made[0, 0].diff(dim=-1) > 0).all()
    assert not torch.allclose(made[:, :, 0], made[:, :, 1])


def test_no_gradient_goes_back_into_the_hidden_state():
    hidden = torch.randn(1, 5, 8, requires_grad=True)
    head = QuantileHead(8, horizons=1, levels=2)
    (head(hidden).square().sum() + hidden.sum()).backward()
    assert torch.equal(hidden.grad, torch.ones_like(hidden))
    assert head.linear.weight.grad.abs().sum() > 0
