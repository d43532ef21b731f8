import torch
from torch import nn

from gogooku.learn.layers.temporal import FlattenEncoder, GatedResidual, LinearSkip


def test_position_is_kept():
    encoder = FlattenEncoder(lookback=8, channels=3, hidden=4)
    x = torch.randn(2, 5, 8, 3, generator=torch.Generator().manual_seed(0))
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
