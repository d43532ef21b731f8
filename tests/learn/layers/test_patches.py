"""Patches of a window."""

import pytest
import torch

from gogooku.learn.layers.patches import PatchEmbedding


@pytest.mark.parametrize(("patch", "stride", "count"), [(4, 4, 3), (4, 2, 5), (12, 12, 1)])
def test_a_token_is_a_linear_map_of_its_sessions_and_channels(patch, stride, count):
    torch.manual_seed(0)
    layer = PatchEmbedding(count=count, patch=patch, stride=stride, channels=3, hidden=6)
    x = torch.randn(2, 5, 12, 3)
    tokens = layer(x)
    assert tokens.shape == (2, 5, count, 6)
    for p in range(count):
        piece = x[:, :, p * stride : p * stride + patch].transpose(2, 3).flatten(2)
        want = piece @ layer.project.weight.T + layer.project.bias + layer.position_PD[p]
        torch.testing.assert_close(tokens[:, :, p], want)


def test_the_same_patch_at_another_place_is_another_token():
    layer = PatchEmbedding(count=3, patch=2, stride=2, channels=1, hidden=4)
    tokens = layer(torch.ones(1, 1, 6, 1))[0, 0]
    assert len({tuple(token.tolist()) for token in tokens}) == 3
