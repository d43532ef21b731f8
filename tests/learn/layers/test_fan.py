import math

import pytest
import torch

from gogooku.learn.layers.fan import FORECAST, FrequencyAdaptiveNorm, MainForecast, split_main


def series(length, *, seed=0):
    return torch.randn(2, 5, length, 3, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("length", [8, 9, 24])
@pytest.mark.parametrize("bins", [0, 1, 3, 4])
def test_main_and_residual_add_up(length, bins):
    x = series(length)
    main, residual = split_main(x, bins=bins)
    torch.testing.assert_close(main + residual, x, atol=1e-5, rtol=0)


def test_taking_nothing_or_everything_out():
    x = series(9)
    assert torch.equal(split_main(x, bins=0)[1], x)
    assert split_main(x, bins=5)[1].abs().max() == 0
    assert split_main(x, bins=50)[1].abs().max() == 0


@pytest.mark.parametrize("length", [8, 9])
def test_the_bins_taken_out_are_gone_and_were_the_largest(length):
    x = series(length)
    _, residual = split_main(x, bins=2)
    before = torch.fft.rfft(x, dim=2).abs()
    after = torch.fft.rfft(residual, dim=2).abs()
    gone = after < 1e-4
    assert torch.equal(gone.sum(dim=2), torch.full_like(gone.sum(dim=2), 2))
    smallest_gone = before.masked_fill(~gone, math.inf).amin(dim=2)
    largest_left = before.masked_fill(gone, -math.inf).amax(dim=2)
    assert (smallest_gone >= largest_left).all()


def test_a_constant_channel_has_no_residual_but_keeps_its_level():
    x = series(8)
    x[..., 1] = 0.7
    _, residual = split_main(x, bins=1)
    assert residual[..., 1].abs().max() < 1e-6
    _, level = FrequencyAdaptiveNorm(3, bins=1)(x)
    torch.testing.assert_close(level[..., 1], torch.full((2, 5), 0.7))
    torch.testing.assert_close(level[..., 4], torch.full((2, 5), 0.7))


def test_fan_changes_its_input_and_its_share_has_a_gradient():
    fan = FrequencyAdaptiveNorm(3, bins=2)
    x = series(9).requires_grad_()
    out, level = fan(x)
    assert (out - x).abs().max() > 0.01
    (out.square().sum() + level.square().sum()).backward()
    assert fan.share_C.grad.abs().min() > 0
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("length", [8, 9])
def test_the_forecast_form_takes_the_main_part_out_and_gives_its_level_and_end(length):
    x = series(length)
    residual, summary = MainForecast(lookback=length, bins=2)(x)
    main, left = split_main(x, bins=2)
    assert torch.equal(residual, left)
    torch.testing.assert_close(x - residual, main)
    assert summary.shape[-1] == MainForecast.summary_width(3) == (2 + FORECAST) * 3
    torch.testing.assert_close(summary[..., :3], main.mean(dim=2))
    torch.testing.assert_close(summary[..., 3:6], main[:, :, -1])


def test_channels_share_the_forecast_and_do_not_mix():
    torch.manual_seed(0)
    norm, x = MainForecast(lookback=8, bins=1), series(8)
    forecast = norm(x)[1][..., 6:].unflatten(-1, (3, FORECAST))
    turned = norm(x.flip(-1))[1][..., 6:].unflatten(-1, (3, FORECAST))
    torch.testing.assert_close(turned.flip(-2), forecast)
    other = x.clone()
    other[..., 0] += 1.0
    moved = norm(other)[1][..., 6:].unflatten(-1, (3, FORECAST))
    assert torch.equal(moved[..., 1:, :], forecast[..., 1:, :])
    assert (moved[..., 0, :] != forecast[..., 0, :]).any()


def test_the_forecast_form_reaches_every_weight_and_can_learn_what_a_cycle_does_next():
    """The step after the last session of a cycle of any phase; no mean of the window says it."""
    torch.manual_seed(0)
    phase = 2 * math.pi * torch.rand(1, 400, 1, 1)
    time = torch.arange(12.0)[None, None, :, None]
    x = torch.sin(2 * math.pi * time / 6 + phase)
    want = (torch.sin(2 * math.pi * 12 / 6 + phase) - x[:, :, -1:])[0, :, 0, 0]
    norm, out = MainForecast(lookback=12, bins=1), torch.nn.Linear(FORECAST, 1)
    weights = [*norm.parameters(), *out.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-2)
    for step in range(150):
        loss = (out(norm(x)[1][0, :, 2:])[:, 0] - want).square().mean()
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            assert all(w.grad.abs().max() > 0 for w in weights)
        optimizer.step()
    assert loss < 0.02 * want.square().mean()
