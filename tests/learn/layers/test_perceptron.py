import torch
from torch.nn import functional

from gogooku.learn.layers.perceptron import NormedLayers


def rows(seed=0):
    return torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(seed))


def test_it_is_the_formula():
    torch.manual_seed(0)
    layers = NormedLayers(4, depth=2, dropout=0.0)
    x = rows()

    def normed(y):
        spread = y.var(-1, unbiased=False, keepdim=True)
        return functional.gelu((y - y.mean(-1, keepdim=True)) / (spread + 1e-5).sqrt())

    linear = layers.maps[0]
    want = normed(normed(x) @ linear.weight.T + linear.bias)
    torch.testing.assert_close(layers(x), want)


def test_a_layer_more_is_a_map_and_a_norm_more():
    made = [NormedLayers(4, depth=depth, dropout=0.0) for depth in (1, 2, 3)]
    counts = [sum(weight.numel() for weight in layers.parameters()) for layers in made]
    assert counts == [8, 8 + 20 + 8, 8 + 2 * 28]


def test_the_scale_of_a_name_does_not_matter_and_names_do_not_mix():
    layers = NormedLayers(4, depth=2, dropout=0.0)
    x = rows()
    torch.testing.assert_close(layers(100 * x), layers(x), atol=1e-3, rtol=0)
    other = x.clone()
    other[:, 1:] = 7.0
    assert torch.equal(layers(other)[:, 0], layers(x)[:, 0])


def test_units_are_dropped_in_training_only():
    layers = NormedLayers(4, depth=2, dropout=0.5)
    x = rows()
    assert not torch.equal(layers.train()(x), layers(x))
    assert torch.equal(layers.eval()(x), layers(x))
