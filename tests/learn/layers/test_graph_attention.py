import pytest
import torch
from torch import nn

from gogooku.learn.layers.graph_attention import (
    EDGE_FEATURES,
    GraphAttention,
    edge_features,
    gather_neighbours,
)


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


@pytest.mark.parametrize("edges", [0, EDGE_FEATURES])
def test_graph_attention_is_gatv2(edges):
    """Against the formula written as loops."""
    torch.manual_seed(0)
    layer = GraphAttention(4, heads=2, dropout=0.0, edges=edges).eval()
    h = torch.randn(1, 3, 4)
    index = torch.tensor([[[1, 2], [2, -1], [0, 1]]])
    known = [edge_features(index, torch.tensor([[4, 4, 1]]))] if edges else []
    out, weights = layer(h, index, *known), layer.weighed(h, index, *known)
    for n in range(3):
        slots = [0] + [1 + k for k in range(2) if index[0, n, k] >= 0]
        around = [n] + [int(j) for j in index[0, n] if j >= 0]
        mixed, averaged = [], 0.0
        for head in range(2):
            part = slice(2 * head, 2 * head + 2)
            right = [layer.right(h[0, j])[part] for j in around]
            of_edge = [layer.edge(known[0][0, n, s])[part] if edges else 0.0 for s in slots]
            logit = [
                (
                    nn.functional.leaky_relu(layer.left(h[0, n])[part] + r + e, 0.2)
                    * layer.attend[head]
                ).sum()
                for r, e in zip(right, of_edge, strict=True)
            ]
            weight = torch.stack(logit).softmax(0)
            averaged = averaged + weight / 2
            mixed.append(sum(w * r for w, r in zip(weight, right, strict=True)))
        torch.testing.assert_close(weights[0, n, slots], averaged)
        gate = torch.sigmoid(layer.gate(h[0, n]))
        torch.testing.assert_close(layer.opened(h, index, *known)[0, n], gate)
        want = h[0, n] + gate * layer.out(torch.cat(mixed))
        torch.testing.assert_close(out[0, n], want, atol=1e-6, rtol=1e-5)


def test_features_of_an_edge_are_itself_the_place_and_the_sector():
    index = torch.tensor([[[1, 2], [2, -1], [0, 1], [0, 1]]])
    sector = torch.tensor([[7, 7, 0, -1]])
    out = edge_features(index, sector)
    assert out.shape == (1, 4, 3, EDGE_FEATURES)
    assert torch.equal(out[0, :, 0], torch.tensor([1.0, 0.0, 0.0]).expand(4, -1))
    assert torch.equal(out[0, 0, 1:], torch.tensor([[0.0, 0.5, 1.0], [0.0, 1.0, 0.0]]))
    assert torch.equal(out[0, 2, 1:, 2], torch.tensor([0.0, 0.0]))
    unknown = edge_features(index, torch.full((1, 4), -1))
    assert unknown[..., 2].abs().max() == 0
