"""Parts left out, gates read, training mode compared: on networks whose answer is known."""

import numpy as np
import pytest
import torch
from torch import nn

from gogooku.learn.numerics import numeric_threads, seeded
from gogooku.learn.parts import (
    LEFT_OUT,
    agreement,
    examined,
    gates,
    layers_with,
    left_out,
    weights_of,
)
from gogooku.learn.targets import DayLabels
from support.learning import make_dataset, network, reader, small_config, with_raw

DATASET = with_raw(make_dataset())
CPU = {"device": "cpu"}


def labels(rows=range(100, 130)):
    values = DATASET.x_TNF[list(rows)][:, :, :1].astype(np.float32).repeat(4, axis=2)
    return DayLabels(np.array(list(rows)), values, ())


def examine(model, config=None):
    with seeded(1):
        return examined(model, reader(DATASET, config or small_config()), labels(), **CPU)


def test_every_part_that_a_setting_leaves_out_is_one_that_can_be_left_out():
    both = {"context_in_trunk": True, "raw_channels": ("log_return",), "raw_norm": "revin"}
    model = network(small_config(**both))
    other = network(small_config(**both, temporal="fusion"))
    found = {*layers_with(model, LEFT_OUT), *layers_with(other, LEFT_OUT)}
    assert found == {*model.off, "fuse", "skip"}
    for name, setting in model.off.items():
        path, _, value = setting.partition("=")
        off = {path: {"false": False}.get(value, value)}
        bare = {"raw_channels": (), "raw_norm": "none"} if path == "temporal" else {}
        given = {**both, "fan": "none", **bare, **off}
        assert name not in layers_with(network(small_config(**given)), LEFT_OUT)


@pytest.mark.parametrize("name", ["fan", "encoder", "context", "graph", "fuse", "skip"])
def test_a_part_that_is_left_out_moves_the_scores_and_comes_back(name):
    config = small_config(context_in_trunk=True)
    model = network(config).eval()
    batch = reader(DATASET, config).batch([120])
    with torch.inference_mode():
        whole = model(batch)
        with left_out(getattr(model, name)):
            without = model(batch)
        again = model(batch)
    assert without.shape == whole.shape
    assert not torch.equal(whole, without)
    assert torch.equal(whole, again)


def test_what_stands_in_the_place_of_a_part_is_the_network_without_its_effect():
    model = network(small_config()).eval()
    with torch.no_grad():
        model.graph.out.weight.zero_()
        model.graph.out.bias.zero_()
    found = examine(model)["without"]
    assert found["graph"]["moved"] == pytest.approx(0.0, abs=1e-6)
    assert found["encoder"]["moved"] > 0.01


def test_the_rank_ic_without_a_part_is_that_of_what_is_left():
    model = network(small_config()).eval()
    with torch.no_grad():
        for weight in model.head.parameters():
            weight.zero_()
        for weight in model.skip.parameters():
            weight.zero_()
        model.skip.plain.weight[:, 0] = 1.0  # the score is the first feature, which is the label
    found = examine(model)
    assert found["rank_ic"] == pytest.approx([1.0] * 4, abs=1e-3)
    assert found["without"]["skip"]["rank_ic"] == [0.0] * 4
    assert found["without"]["graph"]["rank_ic"] == found["rank_ic"]
    assert found["sessions"] == 8


def test_examining_changes_neither_weights_nor_the_generator():
    model = network(small_config())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    examine(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not model.training


class Mode(nn.Module):
    """A network whose scores turn round with its mode, and that counts in training mode."""

    def __init__(self, sign):
        super().__init__()
        self.sign = sign
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, batch):
        if self.training:
            self.seen += 1
        score = batch.last_BNF[..., :1].repeat(1, 1, 4)
        return self.sign * score if self.training else score


def test_scores_that_change_with_the_mode_do_not_agree():
    assert examine(network(small_config(dropout=0.9)))["agreement"] > 0.95
    assert examine(Mode(1.0))["agreement"] == pytest.approx(1.0)
    model = Mode(-1.0)
    assert examine(model)["agreement"] == pytest.approx(-1.0)
    assert model.seen == 0


def test_flat_scores_agree_with_nothing():
    flat = np.zeros((3, 20, 1))
    assert agreement(flat, flat) == 0.0


def test_gates_are_means_over_what_they_let_through():
    config = small_config()
    model = network(config)
    with torch.no_grad():
        model.graph.gate.weight.zero_()
        model.graph.gate.bias.fill_(-50.0)
        model.skip.gate.weight.zero_()
        model.skip.gate.bias.fill_(-50.0)
    found = gates(model, reader(DATASET, config), [120, 121], **CPU)
    assert found["graph"] == pytest.approx(0.0, abs=1e-6)
    assert found["skip"] == pytest.approx(1.0, abs=1e-6)
    assert 0.2 < found["fuse"] < 0.8
    assert gates(Mode(1.0), reader(DATASET, config), [120], **CPU) == {}


def test_weights_of_peers_sum_to_one_and_none_goes_to_who_is_not_there():
    config = small_config()
    one = reader(DATASET, config)
    weight = weights_of(network(config), one, 120, **CPU)["graph"]
    there = one.batch([120]).neighbour_BNK[0].numpy() >= 0
    assert weight.shape == (there.shape[0], 1 + there.shape[1])
    assert weight.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (weight[:, 1:][~there] == 0).all()
    assert (weight[:, 1:][there] > 0).all()


def test_weights_are_read_on_one_thread():
    """So small a step is slower on several, and as with scores its bits hang on their number."""
    config, seen = small_config(), []
    model = network(config)
    model.graph.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    with numeric_threads(3):
        weights_of(model, reader(DATASET, config), 120, **CPU)
    assert seen == [1]
