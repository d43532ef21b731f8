import pytest
import torch

from gogooku.learn.models.atft_gat_fan.config import AtftGatFanConfig
from gogooku.learn.models.atft_gat_fan.temporal_fusion import TemporalFusion

SHAPE = {"channels": 3, "context": 2, "level": 5}
PARTS = {
    "select": {"select"},
    "recurrent": {"recurrence"},
    "static": {"enrich"},
    "attention": {"attention"},
}


def made(**changes):
    torch.manual_seed(0)
    fusion = {"width": 8, "patch": 4, **changes}
    config = AtftGatFanConfig(temporal="fusion", fusion=fusion, lookback=10, hidden=6, heads=2)
    return TemporalFusion(config, **SHAPE)


def inputs():
    return (
        torch.randn(2, 4, 10, 3),
        torch.randn(2, 2),
        torch.randn(2, 4, 5),
        torch.tensor([[0, 1, -1, 2]] * 2),
    )


def parts(layer):
    return {name.partition(".")[0] for name, _ in layer.named_parameters()}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_off_makes_no_weights(part):
    whole, without = made(), made(**{part: False})
    assert parts(whole) - parts(without) == PARTS[part]
    assert without(*inputs()).shape == (2, 4, 6)


def test_without_its_parts_it_is_a_map_of_patches_by_place():
    layer = made(**dict.fromkeys(PARTS, False))
    x, *rest = inputs()
    want = layer.readout(layer.patches(x).flatten(2))
    torch.testing.assert_close(layer(x, *rest), want)
    assert parts(layer) == {"patches", "readout"}


def test_the_order_of_sessions_and_of_patches_is_read():
    layer = made()
    x, *rest = inputs()
    want = layer(x, *rest)
    swapped = x.clone()
    swapped[:, :, 2:6], swapped[:, :, 6:10] = x[:, :, 6:10], x[:, :, 2:6]
    for other in (swapped, x.flip(2)):
        assert (layer(other, *rest) - want).abs().max(dim=-1).values.min() > 1e-3


def test_names_do_not_mix_and_every_input_matters():
    layer = made()
    given = inputs()
    want = layer(*given)
    for place in (0, 2):
        moved = [one.clone() for one in given]
        moved[place][:, 0] += 1.0
        change = (layer(*moved) - want).abs().amax(dim=-1)
        assert (change[:, 0] > 0).all()
        assert change[:, 1:].max() < 1e-6
    turned = [given[0], given[1] + 1.0, *given[2:]]
    assert (layer(*turned) - want).abs().amax(dim=-1).min() > 0


def crop_of(layer, x, crop, masked=()):
    """Tokens of a crop of a window, some patches of it hidden."""
    hidden = torch.zeros(*x.shape[:2], crop.stop - crop.start, dtype=torch.bool)
    for place in masked:
        hidden[:, :, place] = True
    return layer.read_crop(x, crop, hidden)


def test_a_crop_is_read_from_its_own_sessions_only_and_what_is_hidden_is_not():
    layer = made(patch=3)
    x = inputs()[0]
    crop = slice(1, 4)
    want = crop_of(layer, x, crop)
    assert want.shape == (*x.shape[:2], 3, layer.patches.project.out_features)
    patch, missing = layer.patches.patch, layer.patches.missing
    for p in range(layer.patches.count):
        moved = x.clone()
        moved[:, :, max(0, p * patch - missing) : (p + 1) * patch - missing] += 1.0
        got = (crop_of(layer, moved, crop) - want).abs().amax(dim=(0, 1, 3))
        assert [bool(one) for one in got > 0] == [1 <= p <= q for q in (1, 2, 3)]
        hidden = crop_of(layer, moved, crop, masked=(0, 1, 2))
        assert torch.equal(hidden, crop_of(layer, x, crop, masked=(0, 1, 2)))


def test_a_crop_of_the_whole_window_is_what_the_fusion_reads_but_for_place_name_and_market():
    layer = made(select=False, static=False)
    x, *rest = inputs()
    with torch.no_grad():
        layer.patches.place_PW.zero_()
        layer.patches.project.bias.add_(1.0)
    token = crop_of(layer, x, slice(0, layer.patches.count))
    torch.testing.assert_close(layer.readout(token.flatten(2)), layer(x, *rest))
