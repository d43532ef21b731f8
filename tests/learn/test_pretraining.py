"""What reads the history, trained on the train part without labels."""

import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from gogooku.core.errors import ConfigError, DataError
from gogooku.core.journal import EventLog
from gogooku.core.types import FitExecution
from gogooku.learn import kept_tensors, pretraining
from gogooku.learn import train as training_loop
from gogooku.learn.models.blend.config import BlendConfig
from gogooku.learn.models.blend.learner import BlendLearner
from gogooku.learn.networks import NetworkLearner
from gogooku.learn.pretraining import PRETRAINED_FILE, drawn_crops, pretrain, windows_within
from support.learning import (
    RAW,
    changed,
    fit,
    make_dataset,
    make_fold,
    make_labels,
    network,
    reader,
    small_config,
    with_raw,
    with_sectors,
)

EPOCHS = 2
QUICK = {"max_epochs": 2, "days_per_batch": 8, "learning_rate": 0.01}
FUSION = {"width": 8, "patch": 2}


def config(epochs=EPOCHS, *, fusion=(), training=(), **more):
    """Four patches of two sessions, read with raw channels."""
    own = {"learning_rate": 0.01, "names": 16, **more.pop("pretraining", {})}
    return small_config(
        temporal="fusion",
        fusion={**FUSION, **dict(fusion)},
        raw_channels=RAW,
        pretraining={"epochs": epochs, **own},
        training={**QUICK, **dict(training)},
        **more,
    )


@pytest.fixture(scope="module")
def case():
    dataset = with_sectors(with_raw(make_dataset()))
    return dataset, make_labels(dataset), make_fold(dataset)


def weights(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def trained(case, settings, *, seed=3, **execution):
    """A network before and after pre-training alone, and the events."""
    dataset, _, fold = case
    model, events = network(settings), []
    before = weights(model)
    pretrain(
        model,
        settings,
        reader(dataset, settings),
        fold,
        seed=seed,
        key="key",
        execution=FitExecution(events=events.append, **execution),
    )
    return before, model, events


def kept(work):
    """What a fit, or a part of it, has kept of its pre-training."""
    return load_file(work / "pretraining" / PRETRAINED_FILE)


# ------------------------------------------------------------------------------------ the task


def test_crops_end_together_share_enough_and_are_drawn_from_all_there_are():
    rng = np.random.default_rng(0)
    seen = {
        (first.start, second.start, second.stop)
        for first, second in (drawn_crops(4, shortest=2, rng=rng) for _ in range(2000))
        if first.stop == second.stop
    }
    legal = {
        (first, second, stop)
        for stop in range(1, 5)
        for second in range(stop - 1)
        for first in range(second + 1)
    }
    assert seen == legal


def test_it_learns_to_recognise_and_moves_only_what_reads_crops(case):
    settings = config(epochs=6, pretraining={"masked": 0.0})
    before, model, events = trained(case, settings)
    losses = [one["loss"] for one in events]
    assert [one["epoch"] for one in events] == list(range(1, 7))
    assert {one["event"] for one in events} == {"pretraining"}
    assert losses[-1] < 0.5 * losses[0]
    read = {f"fusion.{name}" for name, _ in model.crop_weights()}
    moved = {name for name, value in weights(model).items() if not torch.equal(before[name], value)}
    assert moved == read
    assert {name.split(".")[1] for name in read} == {"patches", "recurrence", "attention"}
    assert "fusion.patches.place_PW" not in read
    assert all(one.grad is None for one in model.parameters())


@pytest.mark.parametrize("part", ["recurrent", "attention"])
def test_one_of_the_two_parts_that_look_back_is_enough(case, part):
    before, model, _ = trained(case, config(fusion={part: False}))
    moved = {name for name, value in weights(model).items() if not torch.equal(before[name], value)}
    assert moved == {f"fusion.{name}" for name, _ in model.crop_weights()}


def test_the_same_seed_gives_the_same_weights_and_nothing_else_is_drawn_from(case):
    state = torch.random.get_rng_state()
    _, one, _ = trained(case, config())
    torch.manual_seed(5)
    _, two, _ = trained(case, config())
    _, other, _ = trained(case, config(), seed=4)
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(other))
    torch.random.set_rng_state(state)
    trained(case, config())
    assert torch.equal(state, torch.random.get_rng_state())


def test_without_epochs_nothing_happens_whatever_else_is_set(case, tmp_path):
    other = {"learning_rate": 0.5, "names": 10, "masked": 0.1, "shortest": 3, "across": 0.1}
    before, model, events = trained(case, config(epochs=0, pretraining=other), work=tmp_path)
    assert same(before, weights(model))
    assert events == []
    assert list(tmp_path.iterdir()) == []
    whole = [fit(NetworkLearner(config(0, pretraining=one)), *case) for one in ({}, other)]
    assert same(weights(whole[0].model), weights(whole[1].model))


def test_a_loss_that_is_not_finite_is_named_with_its_dates(case):
    settings = config()
    model = network(settings)
    with torch.no_grad():
        model.fusion.patches.project.bias.fill_(torch.inf)
    with pytest.raises(DataError, match=r"pretraining: the loss is nan \(2021-"):
        pretrain(
            model,
            settings,
            reader(case[0], settings),
            case[2],
            seed=0,
            key="",
            execution=FitExecution(),
        )


# ---------------------------------------------------------------------------- what it may read


def test_windows_lie_in_the_train_part(case):
    dataset, _, _ = case
    day = dataset.sessions.tolist()
    fold = make_fold(dataset)
    late = type(fold)(fold.sessions, (day[10], fold.train[1]), fold.valid, fold.test)
    assert windows_within(late, dataset, lookback=8).tolist() == list(range(17, 60))
    few = dataset.valid_TN.copy()
    few[20:22, 9:] = False
    few[22, 10:], few[22, :10] = False, True
    left = windows_within(late, changed(dataset, valid_TN=few), lookback=8)
    assert left.tolist() == [17, 18, 19, *range(22, 60)]
    with pytest.raises(ConfigError, match=r"none of 60 train sessions has 61 sessions of history"):
        windows_within(fold, dataset, lookback=61)


def spoiled(case, fold):
    """All that lies outside the train part changed, and every label."""
    dataset, _, _ = case
    outside = np.setdiff1d(np.arange(len(dataset.sessions)), fold.indices("train"))
    rng = np.random.default_rng(3)
    x, raw = dataset.x_TNF.copy(), dataset.raw_TNC.copy()
    market, valid = dataset.market_TM.copy(), dataset.valid_TN.copy()
    x[outside] = rng.uniform(-0.5, 0.5, x[outside].shape)
    raw[outside] = rng.standard_normal(raw[outside].shape)
    market[outside] = 7.0
    valid[outside] = rng.random(valid[outside].shape) > 0.3
    x[~valid] = 0.0
    other = changed(dataset, x_TNF=x, raw_TNC=raw, market_TM=market, valid_TN=valid)
    return other, make_labels(other, ic=-0.3, seed=8)


@pytest.mark.parametrize("refit", [False, True])
def test_nothing_outside_the_train_part_and_no_label_moves_a_pretrained_weight(
    case, tmp_path, refit
):
    fold = case[2]
    learner = NetworkLearner(config())

    def pretrained(name, dataset, labels):
        work = tmp_path / name
        chosen = fit(learner, dataset, labels, fold) if refit else None
        learner.fit(
            dataset,
            labels,
            fold,
            rng=np.random.default_rng(3),
            execution=FitExecution(work=work),
            chosen=chosen,
        )
        return kept(work)

    want = pretrained("as it is", *case[:2])
    assert same(pretrained("outside", *spoiled(case, fold)), want)
    last = fold.indices("train")[-1]
    x = case[0].x_TNF.copy()
    x[last] = np.roll(x[last], 1, axis=0)
    assert not same(pretrained("inside", changed(case[0], x_TNF=x), case[1]), want)


def test_one_that_reads_validation_is_caught(case, monkeypatch):
    def leaking(fold, dataset, *, lookback):
        return np.concatenate([honest(fold, dataset, lookback=lookback), fold.indices("valid")])

    honest = windows_within
    monkeypatch.setattr(pretraining, "windows_within", leaking)
    _, one, _ = trained(case, config())
    _, two, _ = trained((*spoiled(case, case[2]), case[2]), config())
    assert not same(weights(one), weights(two))


# ------------------------------------------------------------------------- within a whole fit


def started(monkeypatch):
    """The weights with which each supervised training begins."""
    begun, honest = [], training_loop.NetworkFit.run

    def run(self):
        begun.append(weights(self.model))
        return honest(self)

    monkeypatch.setattr(training_loop.NetworkFit, "run", run)
    return begun


def test_the_training_begins_with_them_and_all_else_as_without(case, tmp_path, monkeypatch):
    begun = started(monkeypatch)
    made = [
        fit(NetworkLearner(config(epochs)), *case, work=tmp_path / str(epochs)) for epochs in (0, 2)
    ]
    without, with_them = begun
    found = {f"fusion.{name}": value for name, value in kept(tmp_path / "2").items()}
    assert same({name: with_them[name] for name in found}, found)
    assert not any(torch.equal(without[name], value) for name, value in found.items())
    rest = without.keys() - found.keys()
    assert same({n: without[n] for n in rest}, {n: with_them[n] for n in rest})
    assert not same(weights(made[0].model), weights(made[1].model))


def test_phases_begin_with_them_and_wrong_ones_are_refused_before(case, monkeypatch):
    begun, events = started(monkeypatch), []
    phases = [{"name": "heads", "train": ["head"], "off": ["graph"]}, {"name": "all"}]
    fit(NetworkLearner(config(training={"phases": phases})), *case, events=events.append)
    plain = []
    fit(NetworkLearner(config()), *case, events=plain.append)
    assert same(begun[0], begun[1])
    names = [one["event"] for one in events]
    assert names.index("phase") > max(i for i, one in enumerate(names) if one == "pretraining")
    wrong = [{"name": "first", "train": ["encoder"]}]
    events.clear()
    with pytest.raises(ConfigError, match="'first' trains 'encoder'"):
        fit(NetworkLearner(config(training={"phases": wrong})), *case, events=events.append)
    assert events == []


def test_members_of_a_blend_have_their_own(case, tmp_path):
    events = []
    blend = BlendConfig(members=(config(),), seeds=2)
    fit(BlendLearner(blend), *case, events=events.append, work=tmp_path)
    told = [one for one in events if one["event"] == "pretraining"]
    assert [(one["member_seed"], one["epoch"]) for one in told] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert told[0]["loss"] != told[2]["loss"]


def test_a_probe_has_its_own_on_its_own_part_and_the_fit_on_what_is_left(case):
    events = []
    dataset = with_sectors(with_raw(make_dataset(sessions=180)))
    wide = (dataset, make_labels(dataset, ic=0.5), make_fold(dataset, train=100, valid=10))
    pruning = {"by": "importance", "errors": -3.0, "sessions": 15, "names": 40}
    made = fit(NetworkLearner(config(pruning=pruning)), *wide, events=events.append)
    told = [one for one in events if one["event"] == "pretraining"]
    assert [one.get("part") for one in told] == ["probe", "probe", None, None]
    assert told[0]["sessions"] < told[2]["sessions"] == 93
    assert len(made.header.more["kept_features"]) < 5


# --------------------------------------------------------------------------------- after a kill


class Killed(BaseException):
    """What ends a fit: no code of the program catches it."""


def told(folder):
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [{k: v for k, v in one.items() if not k.endswith("seconds")} for one in lines]


def logged(case, folder, *, dies=lambda event: False):
    """Fit with state and a file of events, and die behind an event."""
    log = EventLog(folder / "events.jsonl")

    def hear(event):
        log(event)
        if dies(event):
            raise Killed

    return fit(
        NetworkLearner(config()),
        *case,
        events=hear,
        journal=log,
        work=folder / "work",
        save_seconds=0.0,
    )


@pytest.fixture(scope="module")
def undisturbed(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    made = logged(case, folder)
    return weights(made.model), told(folder)


@pytest.mark.parametrize(
    ("event", "epoch", "again"),
    [("pretraining", 1, 2), ("pretraining", 2, 2), ("model", None, 0), ("epoch", 1, 0)],
)
def test_a_fit_that_is_killed_ends_with_the_same_weights_and_events(
    case, undisturbed, tmp_path, event, epoch, again
):
    """What was killed within it is done again, and what was finished is not."""
    with pytest.raises(Killed):
        logged(
            case,
            tmp_path,
            dies=lambda one: one["event"] == event and one.get("epoch") == epoch,
        )
    heard = []
    made = logged(case, tmp_path, dies=lambda one: heard.append(one["event"]))
    assert heard.count("pretraining") == again
    assert same(weights(made.model), undisturbed[0])
    assert told(tmp_path) == undisturbed[1]


def test_killed_while_the_weights_are_written_it_is_done_again(
    case, undisturbed, tmp_path, monkeypatch
):
    def die(name):
        raise Killed(name)

    with monkeypatch.context() as dying:
        dying.setattr(kept_tensors, "write_point", die)
        with pytest.raises(Killed, match="train.pretrained"):
            logged(case, tmp_path)
    assert not (tmp_path / "work" / "pretraining" / PRETRAINED_FILE).exists()
    assert same(weights(logged(case, tmp_path).model), undisturbed[0])
    assert told(tmp_path) == undisturbed[1]


def test_weights_of_another_fit_are_not_taken_and_broken_ones_are_named(case, tmp_path):
    want = weights(fit(NetworkLearner(config()), *case).model)
    fit(NetworkLearner(config()), *case, seed=4, work=tmp_path)
    made = fit(NetworkLearner(config()), *case, work=tmp_path)
    assert same(weights(made.model), want)
    (tmp_path / "pretraining" / PRETRAINED_FILE).write_bytes(b"nothing")
    with pytest.raises(DataError, match=PRETRAINED_FILE):
        fit(NetworkLearner(config()), *case, work=tmp_path)


# ------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"temporal": "flatten"}, "only temporal=fusion has some: temporal=flatten"),
        ({"temporal": "none", "fan": "none"}, "only temporal=fusion has some: temporal=none"),
        (
            {"temporal": "fusion", "fusion": {"recurrent": False, "attention": False}},
            "no patch knows of another",
        ),
        (
            {"temporal": "fusion", "pretraining": {"epochs": 1, "shortest": 3}},
            "shortest 3 is more than the 2 patches of lookback 8",
        ),
    ],
)
def test_what_has_no_steps_to_compare_is_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        small_config(**{"pretraining": {"epochs": 1}, **settings})
    off = {**settings, "pretraining": {**settings.get("pretraining", {}), "epochs": 0}}
    assert small_config(**off).pretrained_by is None
