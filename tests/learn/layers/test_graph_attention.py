import torch
from torch import nn

from gogooku.learn.layers.graph_attention import GraphAttention, gather_neighbours


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
