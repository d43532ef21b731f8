import torch
from torch import nn
from torch.nn import functional

from gogooku.learn.layers.fusion import (
    SECTORS,
    CausalAttention,
    ChannelSelection,
    GatedPath,
    Patches,
    Recurrence,
    StaticEnrichment,
)


def tokens(count=5, *, seed=0, width=8):
    return torch.randn(2, 3, count, width, generator=torch.Generator().manual_seed(seed))


def test_the_market_weighs_the_channels_and_equal_weights_change_nothing():
    torch.manual_seed(0)
    layer = ChannelSelection(context=2, channels=4, hidden=6)
    x, market = torch.randn(2, 3, 7, 4), torch.tensor([[0.0, 1.0], [2.0, -1.0]])
    weight = layer.weighed(x, market)
    torch.testing.assert_close(weight.sum(dim=1), torch.ones(2))
    assert not torch.equal(weight[0], weight[1])
    want = torch.stack([x[b] * 4 * weight[b] for b in range(2)])
    torch.testing.assert_close(layer(x, market), want)
    nn.init.zeros_(layer.outer.weight)
    nn.init.zeros_(layer.outer.bias)
    torch.testing.assert_close(layer(x, market), x)


def test_a_patch_is_a_map_of_its_sessions_and_the_oldest_is_filled_up():
    torch.manual_seed(0)
    layer = Patches(lookback=10, patch=4, channels=2, width=3)
    x = torch.randn(2, 3, 10, 2)
    out = layer(x)
    assert out.shape == (2, 3, 3, 3)
    filled = torch.cat([torch.zeros(2, 3, 2, 2), x], dim=2)
    for p in range(3):
        inside = filled[:, :, 4 * p : 4 * p + 4].flatten(2)
        torch.testing.assert_close(out[:, :, p], layer.project(inside) + layer.place_PW[p])
    assert Patches(lookback=12, patch=4, channels=2, width=3).missing == 0


def test_a_closed_gate_leaves_the_token_and_the_path_is_gated_unit_by_unit():
    torch.manual_seed(0)
    layer, token, path = GatedPath(8), tokens(), tokens(seed=1)
    opened = layer.opened(token, path)
    value = layer.both(path)[..., :8]
    torch.testing.assert_close(layer(token, path), token + value * opened)
    with torch.no_grad():
        layer.both.bias[8:] = -100.0
    torch.testing.assert_close(layer(token, path), token)


def test_nothing_of_a_later_token_reaches_an_earlier_one():
    for made in (CausalAttention(8, heads=2), Recurrence(8)):
        token = tokens()
        other = token.clone()
        other[:, :, 3:] = token[:, :, 3:].flip(-1)
        one, two = made(token), made(other)
        torch.testing.assert_close(one[:, :, :3], two[:, :, :3])
        early = token.clone()
        early[:, :, 0] = token[:, :, 0].flip(-1)
        assert ((made(early) - one)[:, :, -1].abs().amax(dim=-1) > 0).all()


def test_attention_is_the_formula():
    torch.manual_seed(0)
    layer, token = CausalAttention(8, heads=2), tokens()
    query, key, value = layer.project(layer.norm(token)).chunk(3, dim=-1)
    seen = torch.zeros_like(token)
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        for p in range(5):
            logit = (key[:, :, : p + 1, part] * query[:, :, p : p + 1, part]).sum(-1) / 2.0
            weight = logit.softmax(dim=-1).unsqueeze(-1)
            seen[:, :, p, part] = (weight * value[:, :, : p + 1, part]).sum(2)
    torch.testing.assert_close(layer(token), layer.gated(token, seen))


def test_enrichment_gives_a_token_its_sector_and_its_features():
    torch.manual_seed(0)
    layer = StaticEnrichment(level=4, width=8)
    token, level = tokens(), torch.randn(2, 3, 4)
    sector = torch.tensor([[0, 1, -1], [SECTORS - 1, SECTORS, 1_000]])
    begun = layer(token, level, sector)
    torch.testing.assert_close(begun, layer(token, level, torch.zeros(2, 3, dtype=torch.long)))
    nn.init.normal_(layer.sector.weight)
    out = layer(token, level, sector)
    static = layer.sector.weight[1] + layer.level(level[0, 0])
    path = functional.gelu(layer.inner(token[0, 0]) + static)
    torch.testing.assert_close(out[0, 0], layer.gated(token[0, 0], path))
    unknown = layer(token, level, torch.full((2, 3), -1))
    same = (out == unknown).flatten(2).all(dim=-1)
    assert same.tolist() == [[False, False, True], [False, True, True]]
    assert not torch.equal(layer(token, level + 1.0, sector), out)
