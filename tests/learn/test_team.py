"""Processes that fit together learn what one learns."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from gogooku.core.errors import ConfigError, UsageError
from gogooku.core.types import FitExecution
from gogooku.execute.together import TogetherExecutor
from gogooku.learn.models.ridge.config import RidgeConfig
from gogooku.learn.networks import NetworkLearner
from gogooku.learn.team import ALONE, Team, check_together, joined, team_of
from support import team_fits
from support.learning import small_config
from support.tasks import task_of
from support.team_fits import CASES, EXACT, fitted


@pytest.fixture(scope="module")
def alone():
    """Each case by this process: weights and events."""
    return {name: fitted(name, 1) for name in EXACT}


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Each case by two: weights of both and events of the leader."""
    folder = tmp_path_factory.mktemp("two")
    asked = task_of(team_fits.fit_all, folder=str(folder), processes=2, names=list(CASES))
    (outcome,) = TogetherExecutor(2).run([asked])
    assert outcome.fault is None, outcome.fault
    found = {}
    for name in CASES:
        weights = [torch.load(folder / f"{name}-{place}.pt") for place in (0, 1)]
        found[name] = (weights, json.loads((folder / f"{name}.json").read_text()))
    return found


def largest_gap(one, other):
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def values(events, name, kind="epoch"):
    return np.array([event[name] for event in events if event["event"] == kind])


@pytest.mark.parametrize("name", EXACT)
def test_two_learn_what_one_learns(alone, together, name):
    weights, events = alone[name]
    (theirs, _), said = together[name]
    assert largest_gap(weights, theirs) < 1e-6
    for what in ("loss", "loss_max", "grad_norm", "measure"):
        np.testing.assert_allclose(values(said, what), values(events, what), atol=1e-6)
    for what in ("kept", "epoch", "rows", "steps", "unreached"):
        assert [one[what] for one in said if one["event"] == "epoch"] == [
            one[what] for one in events if one["event"] == "epoch"
        ]


@pytest.mark.parametrize("name", EXACT)
def test_the_gradient_of_the_first_step_is_that_of_one(alone, together, name):
    for one, two in zip(
        values(alone[name][1], "norms", "gradients"),
        values(together[name][1], "norms", "gradients"),
        strict=True,
    ):
        assert one.keys() == two.keys()
        for weight in one:
            assert two[weight] == pytest.approx(one[weight], abs=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_all_processes_have_the_same_weights(together, name):
    (leader, other), _ = together[name]
    assert largest_gap(leader, other) == 0.0


def test_what_is_said_after_an_epoch_is_what_one_says(alone, together):
    def without_times(events):
        return [sorted(set(event) - {"train_seconds"}) for event in events]

    assert without_times(together["plain"][1]) == without_times(alone["plain"][1])


def test_dropout_is_drawn_for_each_process_and_the_same_twice(together, tmp_path):
    """Of two processes with the same masks one would see the same units as the other."""
    asked = task_of(team_fits.fit_all, folder=str(tmp_path), processes=2, names=["dropout"])
    (outcome,) = TogetherExecutor(2).run([asked])
    assert outcome.fault is None
    again = torch.load(tmp_path / "dropout-0.pt")
    assert largest_gap(again, together["dropout"][0][0]) == 0.0
    draws = []
    for place in (0, 1, 0):
        with Team(2, place).drawing(3, 17, device="cpu"):
            draws.append(torch.rand(4))
    assert torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], draws[1])


def test_sessions_are_dealt_once():
    for size in (1, 2, 3, 5):
        for count in range(1, 12):
            dealt = [
                n for place in range(size) for n in range(count)[Team(size, place).part(count)]
            ]
            assert dealt == list(range(count))


def test_one_alone_exchanges_nothing():
    model = nn.Linear(2, 1)
    loss = model(torch.ones(1, 2)).sum()
    loss.backward()
    before = model.weight.grad.clone()
    assert ALONE.add_up(model, loss) is loss
    assert torch.equal(model.weight.grad, before)
    assert ALONE.shared("so") == "so"
    ALONE.wait()
    ALONE.same_weights(model.state_dict())
    made = ALONE.together([4, 5], lambda indices: np.full((len(indices), 1, 1), 2.0), device="cpu")
    assert made.shape == (2, 1, 1)
    with joined(1, device="cpu") as team:
        assert team == ALONE


def test_a_process_that_torchrun_did_not_start_is_no_team():
    with pytest.raises(UsageError, match="give --processes 2"):
        team_of(2)
    with pytest.raises(UsageError, match="begun by torchrun"), joined(2, device="cpu"):
        pass
    with pytest.raises(UsageError, match="by 2 processes together, and this is one of 1"):
        NetworkLearner(small_config()).fit(
            *team_fits.case(),
            rng=np.random.default_rng(1),
            execution=FitExecution(processes=2),
        )


REFUSED = {
    "only a network": (RidgeConfig, {}),
    "pruned in one process": (lambda: small_config(pruning={"by": "random"}), {}),
    "give --device cuda, not cuda:1": (small_config, {"device": "cuda:1"}),
    "has 2 sessions": (lambda: small_config(training={"days_per_batch": 2}), {"processes": 3}),
    "loss sharpe needs all sessions": (
        lambda: small_config(training={"loss": {"kind": "sharpe", "cost_bps": 5.0}}),
        {},
    ),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_several_cannot_share_is_refused(said):
    made, given = REFUSED[said]
    with pytest.raises(ConfigError, match=said):
        check_together(made(), **{"processes": 2, "device": "cpu", **given})
    check_together(made(), processes=1, device="cuda:1")
