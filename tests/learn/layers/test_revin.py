import torch

from gogooku.learn.layers.revin import SPREAD_FLOOR, ReversibleNorm


def series(*, seed=0):
    return torch.randn(2, 5, 9, 3, generator=torch.Generator().manual_seed(seed))


def test_each_series_has_mean_0_and_spread_1_before_the_learned_map():
    out, summary = ReversibleNorm(3)(100 * series() + 7)
    assert out.mean(dim=2).abs().max() < 1e-4
    torch.testing.assert_close(out.std(dim=2, unbiased=False), torch.ones(2, 5, 3))
    assert summary.shape[-1] == ReversibleNorm.summary_width(3)


def test_the_way_back_is_exact():
    norm = ReversibleNorm(3)
    with torch.no_grad():
        norm.scale_C.copy_(torch.tensor([0.5, -2.0, 3.0]))
        norm.shift_C.copy_(torch.tensor([1.0, 0.0, -4.0]))
    x = series()
    x[0, 0, :, 1] = 5.0
    out, summary = norm(x)
    mean, spread = summary.unsqueeze(2).chunk(2, dim=-1)
    torch.testing.assert_close((out - norm.shift_C) / norm.scale_C * spread + mean, x)


def test_a_constant_series_is_its_mean_and_its_gradient_is_finite():
    x = torch.full((1, 1, 8, 1), 0.7, requires_grad=True)
    norm = ReversibleNorm(1)
    out, summary = norm(x)
    assert out.abs().max() < 1e-3
    torch.testing.assert_close(summary[0, 0], torch.tensor([0.7, SPREAD_FLOOR]))
    (out.square().sum() + summary.sum()).backward()
    assert torch.isfinite(x.grad).all()


def test_names_and_channels_do_not_mix():
    norm, x = ReversibleNorm(3), series()
    other = x.clone()
    other[:, 0] *= 9.0
    other[..., 2] += 1.0
    for one, two in zip(norm(x), norm(other), strict=True):
        assert torch.equal(one[:, 1:, ..., 0], two[:, 1:, ..., 0])
