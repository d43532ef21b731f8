"""A training in phases: each trains its parts with its settings, and goes on from what was kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gogooku.core.config import resolve
from gogooku.core.errors import ConfigError
from gogooku.core.journal import EventLog
from gogooku.core.types import FitExecution
from gogooku.learn import train
from gogooku.learn.checkpoint import chosen_of
from gogooku.learn.losses.correlation.config import CorrelationConfig
from gogooku.learn.network_config import PhaseConfig, TrainingConfig
from gogooku.learn.networks import NetworkLearner
from gogooku.learn.phases import check_phases, in_phase, schedule
from gogooku.runs.named import run_named
from support.learning import (
    fit,
    make_dataset,
    make_fold,
    make_labels,
    network,
    reader,
    small_config,
)
from support.soak import and_all

CLASSIC = Path(__file__).parents[2] / "benchmarks" / "configs" / "classic_phases.toml"


def classic_phases():
    resolved = resolve(run_named("atft-gat-fan"), base_name="atft-gat-fan", file=CLASSIC)
    return resolved.config.learner.training.phases


def phased(*phases, **training):
    made = tuple(PhaseConfig(**phase) for phase in phases)
    return small_config(training={"days_per_batch": 16, "phases": made, **training})


@pytest.fixture(scope="module")
def case():
    dataset = make_dataset()
    return dataset, make_labels(dataset, ic=0.3), make_fold(dataset)


def test_without_phases_there_is_one_without_a_name():
    config = TrainingConfig()
    (only,) = schedule(config)
    assert (only.name, only.config, only.described()) == ("", config, {})
    assert only.trains("anything.weight")


def test_a_phase_has_its_settings_and_else_those_of_the_training():
    loss = CorrelationConfig(mse_weight=0.7)
    config = TrainingConfig(
        learning_rate=0.02,
        patience=5,
        phases=(
            PhaseConfig(name="a", learning_rate=0.1, loss=loss, max_epochs=2, patience=1),
            PhaseConfig(name="b", horizon_weights=(1.0, 0.0, 0.0, 0.0), train=("head",)),
        ),
    )
    one, two = schedule(config)
    assert (one.config.learning_rate, one.config.patience, one.config.max_epochs) == (0.1, 1, 2)
    assert one.config.loss == loss
    assert (two.config.learning_rate, two.config.patience) == (0.02, 5)
    assert two.described() == {
        "phase": "b",
        "train": ["head"],
        "off": [],
        "learning_rate": 0.02,
        "horizon_weights": [1.0, 0.0, 0.0, 0.0],
        "loss": {"kind": "correlation", "mse_weight": 0.1},
        "max_epochs": 4,
        "patience": 5,
    }


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        ([{"name": "a"}, {"name": "a"}], "two phases are called 'a'"),
        ([{"name": "a", "off": ("graph",)}], "the last phase leaves graph out"),
        ([{"name": ""}], "name"),
        ([{"name": "a", "max_epochs": 0}], "max_epochs"),
    ],
)
def test_phases_that_cannot_be_are_refused(phases, said):
    with pytest.raises(ValidationError, match=said):
        TrainingConfig.model_validate({"phases": phases})


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ({"train": ("grpah",)}, "trains 'grpah'.*nearest: graph.*parts are: fan, encoder, embed,"),
        ({"train": ("fuse.oter",)}, "trains 'fuse.oter'"),
        ({"train": ("gra",)}, "trains 'gra'"),
        ({"off": ("head",)}, "leaves out 'head'.*it can do without: fan, encoder, fuse, graph"),
        ({"train": ("graph",), "off": ("graph",)}, "nothing to train: all of graph is left out"),
    ],
)
def test_a_part_that_the_network_does_not_have_is_named_before_anything_is_trained(
    case, phase, said
):
    events = []
    learner = NetworkLearner(phased({"name": "first", **phase}, {"name": "last"}))
    with pytest.raises(ConfigError, match=f"'first' .*{said}"):
        fit(learner, *case, events=events.append)
    assert events == []


def test_a_part_that_is_set_to_none_is_not_there(case):
    model = network(small_config(graph="none"))
    phases = schedule(TrainingConfig(phases=(PhaseConfig(name="g", train=("graph",)),)))
    with pytest.raises(ConfigError, match="as it is set does not offer"):
        check_phases(phases, model)


def test_weights_of_horizons_of_a_phase_must_fit(case):
    learner = NetworkLearner(phased({"name": "odd", "horizon_weights": (1.0,)}))
    with pytest.raises(ConfigError, match="1 weights for the horizons .* in phase 'odd'"):
        fit(learner, *case)


def test_only_the_weights_of_a_phase_move(case):
    before = network(small_config(), seed=0).state_dict()
    learner = NetworkLearner(phased({"name": "only", "train": ("head", "fuse.outer")}))
    honest = train.NetworkFit.run
    begun = {}

    def run(own):
        begun.update({name: value.clone() for name, value in own.model.state_dict().items()})
        return honest(own)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.NetworkFit, "run", run)
        made = fit(learner, *case)
    after = made.model.state_dict()
    moved = {name.rpartition(".")[0] for name in begun if not torch.equal(begun[name], after[name])}
    assert moved == {"head", "fuse.outer"}
    assert set(before) == set(begun)
    assert all(weight.requires_grad for weight in made.model.parameters())


@pytest.mark.parametrize("part", ["fan", "graph", "encoder"])
def test_what_is_left_out_has_no_say(case, part):
    """Its weights change no score and get no gradient; after the phase they do."""
    config = phased({"name": "without", "off": (part,)}, {"name": "with"})
    model, index = network(config).eval(), [90]
    batch = reader(case[0], config).batch(index)
    whole = model(batch)
    phase = schedule(config.training)[0]
    with in_phase(model, phase):
        without = model(batch)
        without.sum().backward()
        layer = model.get_submodule(part)
        assert all(weight.grad is None for weight in layer.parameters())
        with torch.no_grad():
            for weight in layer.parameters():
                weight.add_(1.0)
        assert torch.equal(model(batch), without)
    assert not torch.equal(whole, without)
    assert not torch.equal(model(batch), without)


def test_the_classic_four_run_and_are_told(case):
    phases = classic_phases()
    assert [one.name for one in phases] == [
        "baseline",
        "adaptive normalisation",
        "graph",
        "fine-tune",
    ]
    events = []
    made = fit(
        NetworkLearner(phased(*(one.model_dump() for one in phases), patience=9)),
        *case,
        events=events.append,
    )
    told = [(one["number"], one["phase"]) for one in events if one["event"] == "phase"]
    assert told == list(enumerate(one.name for one in phases))
    epochs = [one for one in events if one["event"] == "epoch"]
    assert [one["epoch"] for one in epochs] == list(range(1, 10))
    assert [one["phase"] for one in epochs] == [
        one.name for one in phases for _ in range(one.max_epochs)
    ]
    reached = [set(one["norms"]) for one in events if one["event"] == "gradients"]
    assert len(reached) == 4
    assert {name.partition(".")[0] for name in reached[2]} == {"graph", "head"}
    assert reached[3] == {name for name, _ in made.model.named_parameters()}
    assert len(chosen_of(made)["epochs"]) == 4


def test_one_phase_of_all_is_the_training_in_one(case):
    plain = fit(NetworkLearner(phased(max_epochs=2)), *case)
    one = fit(NetworkLearner(phased({"name": "all"}, max_epochs=2)), *case)
    pairs = zip(plain.model.state_dict().values(), one.model.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


THREE = (
    {"name": "first", "off": ("graph",), "max_epochs": 2},
    {"name": "second", "train": ("graph", "head"), "max_epochs": 2, "learning_rate": 0.05},
    {"name": "third", "max_epochs": 2, "patience": 1},
)


def test_a_refit_takes_the_epochs_that_were_kept_of_each_phase(case):
    learner = NetworkLearner(phased(*THREE))
    first = fit(learner, *case)
    events = []
    again = learner.fit(
        *case,
        rng=np.random.default_rng(3),
        execution=FitExecution(events=events.append),
        chosen=first,
    )
    kept = chosen_of(first)["epochs"]
    assert len(kept) == 3
    epochs = [one["phase"] for one in events if one["event"] == "epoch"]
    assert [epochs.count(one["name"]) for one in THREE] == kept
    assert chosen_of(again)["epochs"] == kept


@pytest.mark.parametrize("every", and_all([3], [1]))
def test_a_fit_killed_after_any_event_of_any_phase_goes_on_to_the_same(case, every, tmp_path):
    learner = NetworkLearner(phased(*THREE))

    def told(folder, *, last=None):
        folder.mkdir(exist_ok=True)
        log, seen = EventLog(folder / "events.jsonl"), []

        def tell(event):
            log(event)
            seen.append(event)
            if len(seen) == last:
                raise KeyboardInterrupt

        return fit(learner, *case, events=tell, journal=log, work=folder / "work", save_seconds=0.0)

    def events(folder):
        lines = (folder / "events.jsonl").read_text().splitlines()
        return [line.partition('"train_seconds"')[0] for line in lines]

    whole = told(tmp_path / "whole").model.state_dict()
    count = len(events(tmp_path / "whole"))
    assert count >= 13
    for last in range(3, count + 1, every):
        with pytest.raises(KeyboardInterrupt):
            told(tmp_path / str(last), last=last)
        again = told(tmp_path / str(last)).model.state_dict()
        assert all(torch.equal(whole[name], again[name]) for name in whole)
        assert events(tmp_path / str(last)) == events(tmp_path / "whole")
