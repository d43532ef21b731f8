"""MASTER: what holds of every network, and the published formulas."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gogooku.learn.batches import RANK_SCALE
from gogooku.learn.models.master.config import MasterConfig
from gogooku.learn.models.master.network import AttentionLayer, MarketGate, Master, sinusoids
from support import network_laws
from support.learning import changed, network, reader, scores, small_config


def small(**changes):
    return small_config(
        kind="master", **{"raw_channels": ("abs_return",), "context_features": "all", **changes}
    )


@pytest.mark.parametrize("change", [{}, {"raw_channels": ()}, {"heads": 1, "peer_heads": 4}])
def test_every_weight_is_reached_at_the_first_step_and_optimised(change):
    network_laws.every_weight_is_reached_and_optimised(small(**change))


def test_permuting_names_permutes_scores():
    network_laws.permuting_names_permutes_scores(small())


def test_what_lies_outside_a_session_and_its_names_changes_no_bit():
    network_laws.what_lies_outside_changes_no_bit(small())


def test_the_lookback_is_read_to_its_oldest_session():
    network_laws.the_lookback_is_read_to_its_oldest_session(small())


def test_a_session_alone_is_a_session_in_a_batch():
    network_laws.a_session_alone_is_a_session_in_a_batch(small())


def test_noise_is_in_training_only():
    network_laws.noise_is_in_training_only(small())


def test_training_without_noise_is_evaluation():
    network_laws.training_without_noise_is_evaluation(small())


def test_it_does_not_collapse_and_finds_a_weak_signal():
    network_laws.it_does_not_collapse_and_finds_a_weak_signal(small(dropout=0.1))


def test_padding_is_never_seen_and_other_names_are():
    config = small()
    model, batch = network(config).eval(), reader(network_laws.world(), config).batch([90])
    want, valid = model(batch)[0], batch.valid_BN[0]
    history = batch.history_BNLC.clone()
    history[0, ~valid] = 0.4
    got = model(replace(batch, history_BNLC=history))[0]
    assert torch.equal(got[valid], want[valid])
    history[0, 3] = 0.4
    got = model(replace(batch, history_BNLC=history))[0]
    assert (got[:3] != want[:3]).all()


def test_it_reads_its_channels_and_the_context_alone():
    dataset = network_laws.world()
    x, market = dataset.x_TNF.copy(), dataset.market_TM.copy()
    x[:, :, 1:3] = 0.3  # `alpha` and `delta` are channels
    want = scores(dataset, [90], small())
    np.testing.assert_array_equal(scores(changed(dataset, x_TNF=x), [90], small()), want)
    market[90] = 2.0
    turned = scores(changed(dataset, market_TM=market), [90], small())
    assert not np.array_equal(turned, want, equal_nan=True)


def test_the_gate_is_a_softmax_of_mean_one_that_softness_levels():
    torch.manual_seed(0)
    gate, market = MarketGate(context=3, features=5, softness=2.0), torch.randn(4, 3)
    got = gate(market)
    torch.testing.assert_close(got, 5 * (gate.weigh(market) / 2.0).softmax(dim=-1))
    torch.testing.assert_close(got.mean(dim=-1), torch.ones(4))
    gate.softness = 1e6
    torch.testing.assert_close(gate(market), torch.ones(4, 5), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("heads", "scale"), [(1, 1.0), (4, 0.5)])
def test_attention_is_the_published_formula(heads, scale):
    torch.manual_seed(0)
    layer = AttentionLayer(8, heads=heads, scale=scale, dropout=0.0, weight_dropout=0.0)
    x, seen = torch.randn(3, 6, 8), torch.rand(3, 6) > 0.3
    normed = layer.before(x)
    query, key, value = layer.query_key_value(normed).split(8, dim=-1)
    mixed = []
    for head in range(heads):
        part = slice(head * 8 // heads, (head + 1) * 8 // heads)
        logits = scale * query[..., part] @ key[..., part].transpose(1, 2)
        logits = logits.masked_fill(~seen[:, None], -math.inf)
        mixed.append(logits.softmax(dim=-1) @ value[..., part])
    after = layer.after(normed + torch.cat(mixed, dim=-1))
    want = after + layer.feed(after)
    torch.testing.assert_close(layer(x, seen_SP=seen), want, atol=1e-5, rtol=1e-5)


def test_the_parts_stand_in_the_published_order():
    config = small()
    model, batch = network(config).eval(), reader(network_laws.world(), config).batch([90])
    assert isinstance(model, Master)
    names = int(batch.valid_BN.sum())
    history = torch.cat([batch.history_BNLC * RANK_SCALE, batch.raw_BNLR], dim=-1)[0, :names]
    h = model.embed(history * model.gate(batch.market_BM)[0]) + model.position_LD
    h = model.own(h)
    h = torch.stack([model.peers(h[:, t][None])[0] for t in range(config.lookback)], dim=1)
    asked = h @ model.gather.weight.T
    weight = (asked * asked[:, -1:]).sum(-1).softmax(dim=-1)
    want = model.head((weight[..., None] * h).sum(dim=1))
    torch.testing.assert_close(model(batch)[0, :names], want, atol=1e-5, rtol=1e-5)


def test_positions_are_sines_and_cosines_of_falling_rates():
    got = sinusoids(8, 6)
    for place in range(8):
        for pair in range(3):
            angle = place / 10_000 ** (2 * pair / 6)
            torch.testing.assert_close(
                got[place, 2 * pair : 2 * pair + 2],
                torch.tensor([math.sin(angle), math.cos(angle)]),
            )


def test_no_channel_of_the_default_is_named_twice():
    names = [one for name in MasterConfig().dynamic_features for one in name.split("|")]
    assert len(set(names)) == len(names) == 21


@pytest.mark.parametrize("change", [{"heads": 3}, {"peer_heads": 5}])
def test_impossible_shapes_are_refused(change):
    with pytest.raises(ValidationError, match=f"not a multiple of {next(iter(change))}"):
        small(**change)
