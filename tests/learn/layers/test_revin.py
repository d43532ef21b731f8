"""Level and size of a window, taken out exactly."""

import torch

from gogooku.learn.layers.revin import ReversibleNorm


def windows(length=11):
    torch.manual_seed(0)
    x = torch.randn(2, 3, length, 4) * torch.tensor([0.1, 1.0, 3.0, 10.0]) + 5.0
    x[0, 1, :, 2] = 2.0  # constant
    return x


def test_each_window_has_its_own_level_and_size_and_both_are_given():
    x = windows()
    out, summary = ReversibleNorm(4)(x)
    torch.testing.assert_close(out.mean(dim=2), torch.zeros(2, 3, 4), atol=1e-4, rtol=0)
    spread = out.square().mean(dim=2)
    assert spread[0, 1, 2] < 1e-6
    spread[0, 1, 2] = 1.0
    torch.testing.assert_close(spread, torch.ones(2, 3, 4), atol=5e-3, rtol=0)
    torch.testing.assert_close(summary[..., :4], x.mean(dim=2))
    torch.testing.assert_close(summary[..., 4:], x.std(dim=2, correction=0), atol=4e-3, rtol=1e-3)


def test_what_is_taken_out_gives_the_window_back():
    norm, x = ReversibleNorm(4), windows(8)
    with torch.no_grad():
        norm.scale_C.copy_(torch.tensor([0.5, 1.0, 2.0, -1.0]))
        norm.shift_C.copy_(torch.tensor([0.0, 1.0, -1.0, 0.5]))
    out, summary = norm(x)
    mean, spread = summary.unsqueeze(2).chunk(2, dim=-1)
    back = (out - norm.shift_C) / norm.scale_C * spread + mean
    torch.testing.assert_close(back, x, atol=1e-4, rtol=1e-5)


def test_a_shift_and_a_factor_of_a_window_change_nothing_but_the_summary():
    norm, x = ReversibleNorm(4), windows()
    torch.testing.assert_close(norm(3.0 * x - 7.0)[0], norm(x)[0], atol=1e-2, rtol=1e-3)
    assert not torch.allclose(norm(3.0 * x - 7.0)[1], norm(x)[1])
