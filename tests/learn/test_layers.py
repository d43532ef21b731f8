import math

import pytest
import torch
from torch import nn

from gogooku.learn.models.layers.fan import FrequencyAdaptiveNorm, split_main
from gogooku.learn.models.layers.graph_attention import GraphAttention, gather_neighbours
from gogooku.learn.models.layers.temporal import FlattenEncoder, GatedResidual, LinearSkip


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


def test_position_is_kept():
    encoder = FlattenEncoder(lookback=8, channels=3, hidden=4)
    x = series(8)
    assert (encoder(x) - encoder(x.flip(2))).abs().max() > 1e-3


def test_gated_residual_keeps_the_shape_and_scale():
    layer = GatedResidual(4, dropout=0.0)
    x = torch.tensor([[[0.5, 0.5, 0.5, 0.5], [5.0, 5.0, 5.0, 5.0]]])
    out = layer(x)
    assert out[0, 1].mean() > out[0, 0].mean() + 2


def test_linear_skip_is_linear_in_features_and_turns_with_the_context():
    skip = LinearSkip(features=3, lags=6, context=1, gates=2, horizons=4)
    nn.init.normal_(skip.gated.weight)
    x, history = torch.randn(1, 5, 3), torch.randn(1, 5, 2, 3)
    calm, wild = torch.tensor([[-3.0]]), torch.tensor([[3.0]])
    torch.testing.assert_close(skip(2 * x, 2 * history, calm), 2 * skip(x, history, calm))
    assert (skip(x, history, calm) - skip(x, history, wild)).abs().max() > 0.1
    without = LinearSkip(features=3, lags=0, context=1, gates=2, horizons=4)
    assert without(x, history, calm).shape == (1, 5, 4)


def test_neighbours_are_gathered_within_their_own_session():
    values = torch.arange(12.0).view(2, 3, 2)
    index = torch.tensor([[[1, 2], [0, -1], [0, 1]], [[2, 1], [2, 0], [-1, 0]]])
    out = gather_neighbours(values, index)
    assert torch.equal(out[0, 0, 0], values[0, 1])
    assert torch.equal(out[1, 1, 1], values[1, 0])


def test_a_name_without_neighbours_sees_itself_only():
    torch.manual_seed(0)
    layer = GraphAttention(8, heads=2, dropout=0.0).eval()
    h = torch.randn(1, 4, 8)
    alone = torch.full((1, 4, 3), -1)
    other = h.clone()
    other[0, 1:] += 1.0
    assert torch.equal(layer(h, alone)[0, 0], layer(other, alone)[0, 0])
    assert torch.isfinite(layer(h, alone)).all()


def test_graph_attention_is_gatv2():
    """Against the formula written as loops."""
    torch.manual_seed(0)
    layer = GraphAttention(4, heads=2, dropout=0.0).eval()
    h = torch.randn(1, 3, 4)
    index = torch.tensor([[[1, 2], [2, -1], [0, 1]]])
    out = layer(h, index)
    for n in range(3):
        around = [n] + [int(j) for j in index[0, n] if j >= 0]
        mixed = []
        for head in range(2):
            part = slice(2 * head, 2 * head + 2)
            right = [layer.right(h[0, j])[part] for j in around]
            logit = [
                (
                    nn.functional.leaky_relu(layer.left(h[0, n])[part] + r, 0.2)
                    * layer.attend[head]
                ).sum()
                for r in right
            ]
            weight = torch.stack(logit).softmax(0)
            mixed.append(sum(w * r for w, r in zip(weight, right, strict=True)))
        gate = torch.sigmoid(layer.gate(h[0, n]))
        want = h[0, n] + gate * layer.out(torch.cat(mixed))
        torch.testing.assert_close(out[0, n], want, atol=1e-6, rtol=1e-5)
