import numpy as np
import pytest
import torch
from torch import nn

from gogooku.learn.diagnostics import StepWatch, gradient_norms, score_spread, unreached


def test_a_weight_that_the_loss_does_not_reach_is_named():
    model = nn.ModuleDict({"used": nn.Linear(2, 1), "spare": nn.Linear(2, 1, bias=False)})
    model["used"](torch.ones(3, 2)).sum().backward()
    norms = gradient_norms(model)
    assert norms == {"used.weight": pytest.approx(3 * 2**0.5), "used.bias": 3.0, "spare.weight": 0}
    assert unreached(norms) == ["spare.weight"]
    assert unreached({"a": float("nan"), "b": 1.0}) == ["a"]


def test_the_spread_is_over_names_and_averaged_over_sessions():
    score = np.array([[[1.0, 5.0], [3.0, 5.0], [np.nan, np.nan]], [[0.0, 5.0], [6.0, 5.0], [3, 5]]])
    assert score_spread(score.astype(np.float32)) == pytest.approx([(1.0 + 6**0.5) / 2, 0.0])


def watched_steps(*, lr, clip=None, steps=2):
    torch.manual_seed(0)
    model = nn.ModuleDict({"used": nn.Linear(2, 1), "spare": nn.Linear(2, 1, bias=False)})
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    watch = StepWatch(model, optimizer)
    before = [weight.detach().clone() for weight in model["used"].parameters()]
    for _ in range(steps):
        optimizer.zero_grad()
        model["used"](torch.ones(3, 2)).sum().backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
    return model, watch, before


def test_steps_are_told_by_part_as_gradient_and_as_share_of_the_weights():
    _, watch, before = watched_steps(lr=0.5, steps=1)
    found = watch.epoch()
    size = torch.cat([weight.flatten() for weight in before]).norm().item()
    gradient = (3 * 3**2) ** 0.5
    assert found["parts"]["used"] == {
        "gradient": pytest.approx(gradient),
        "update": pytest.approx(0.5 * gradient / size),
    }
    assert found["parts"]["spare"] == {"gradient": 0.0, "update": 0.0}
    assert found["unreached"] == ["spare.weight"]


def test_an_epoch_is_the_mean_of_its_steps_and_the_next_begins_anew():
    _, watch, _ = watched_steps(lr=0.5, clip=1.0, steps=3)
    assert watch.epoch()["parts"]["used"]["gradient"] == pytest.approx(1.0)
    assert watch.epoch() == {}


def test_only_weights_of_the_optimiser_are_watched():
    model = nn.ModuleDict({"used": nn.Linear(2, 1), "frozen": nn.Linear(2, 1)})
    watch = StepWatch(model, torch.optim.SGD(model["used"].parameters(), lr=0.1))
    assert watch.parts == ["used"]
