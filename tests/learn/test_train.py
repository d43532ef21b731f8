"""A fit is a function of its data, config, seed and threads, whatever interrupts it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors import safe_open

from gogooku.core.config import Residence
from gogooku.core.errors import ConfigError, DataError, ResourceError
from gogooku.core.journal import EventLog
from gogooku.core.types import FitExecution
from gogooku.learn import kept_tensors, train, train_state
from gogooku.learn.diagnostics import StepWatch
from gogooku.learn.network_config import TrainingConfig
from gogooku.learn.networks import NetworkLearner
from gogooku.learn.targets import fold_labels
from gogooku.learn.train_state import STATE_FILE
from support.learning import changed, fit, make_dataset, make_fold, make_labels, small_config
from support.soak import and_all


@pytest.fixture(scope="module")
def case():
    dataset = make_dataset()
    return dataset, make_labels(dataset), make_fold(dataset)


def config(**training):
    return small_config(training={"max_epochs": 4, "patience": 4, "days_per_batch": 8, **training})


def weights(checkpoint):
    return {name: value.numpy() for name, value in checkpoint.model.state_dict().items()}


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(case):
    learner = NetworkLearner(config())
    torch.manual_seed(1)
    first = weights(fit(learner, *case))
    torch.manual_seed(2)
    assert same(first, weights(fit(learner, *case)))
    assert not same(first, weights(fit(learner, *case, seed=4)))


def test_a_fit_leaves_the_generators_of_others_alone(case):
    before = torch.random.get_rng_state()
    fit(NetworkLearner(config(max_epochs=1)), *case)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("point", ["train.state", "train.epoch"])
@pytest.mark.parametrize("at", [1, 3])
def test_a_killed_fit_goes_on_to_the_same_weights(case, tmp_path, monkeypatch, point, at):
    learner = NetworkLearner(config())
    undisturbed = weights(fit(learner, *case))
    seen = []

    class Killed(BaseException):
        pass

    def die(name):
        seen.append(name)
        if seen.count(point) == at:
            raise Killed

    monkeypatch.setattr(train, "write_point", die)
    monkeypatch.setattr(kept_tensors, "write_point", die)
    with pytest.raises(Killed):
        fit(learner, *case, work=tmp_path)
    monkeypatch.undo()
    events = []
    resumed = fit(learner, *case, work=tmp_path, events=events.append)
    assert same(undisturbed, weights(resumed))
    done = at - 1 if point == "train.state" else at
    epochs = [event["epoch"] for event in events if event["event"] == "epoch"]
    assert epochs == list(range(done + 1, 5))


STRIPS = {
    "loss": {"kind": "sharpe", "cost_bps": 5.0},
    "horizon_weights": (0.5, 0.5, 0.0, 0.0),
    "max_epochs": 2,
}


def test_a_loss_over_strips_is_given_sessions_in_a_row_with_their_returns(case, monkeypatch):
    seen = []
    honest = train.loss_inputs

    def watched(*args, **more):
        seen.append(honest(*args, **more))
        return seen[-1]

    monkeypatch.setattr(train, "loss_inputs", watched)
    learner = NetworkLearner(config(**STRIPS))
    first = weights(fit(learner, *case))
    assert {len(one.index_B) for one in seen} == {8}
    assert all((one.index_B.diff() == 1).all() for one in seen)
    assert len(seen) == 2 * (53 // 8)
    assert {float(one.returns_BNH.abs().max() > 0) for one in seen} == {1.0}
    assert same(first, weights(fit(learner, *case)))
    seen.clear()
    fit(NetworkLearner(config(max_epochs=1)), *case)
    assert seen == []


def test_a_loss_that_cannot_have_what_it_needs_is_refused_before_training(case):
    events = []
    usual = {**STRIPS, "horizon_weights": (1, 1, 1, 1)}
    with pytest.raises(ConfigError, match="sharpe needs 21 sessions in a row"):
        fit(NetworkLearner(config(**usual)), *case, events=events.append)
    short = (*case[:2], make_fold(case[0], train=25))
    with pytest.raises(DataError, match="18 sessions have labels, and the loss sharpe needs 21"):
        fit(NetworkLearner(config(**{**usual, "days_per_batch": 30})), *short, events=events.append)
    assert events == []


def test_a_killed_fit_of_thinned_rows_goes_on_to_the_same_weights(case, tmp_path, monkeypatch):
    learner = NetworkLearner(config(row_share=0.4))
    undisturbed = weights(fit(learner, *case))

    class Killed(BaseException):
        pass

    def die(name):
        if name == "train.epoch":
            raise Killed

    monkeypatch.setattr(train, "write_point", die)
    with pytest.raises(Killed):
        fit(learner, *case, work=tmp_path)
    monkeypatch.undo()
    assert same(undisturbed, weights(fit(learner, *case, work=tmp_path)))
    assert not same(undisturbed, weights(fit(NetworkLearner(config()), *case)))


class Killed(BaseException):
    """What ends a fit in this process: no code of the program catches it."""


def ticking(monkeypatch):
    """A clock that moves a second whenever it is read."""
    ticks = iter(range(10**6))
    clock = SimpleNamespace(monotonic=lambda: next(ticks), perf_counter=lambda: next(ticks))
    monkeypatch.setattr(train, "time", clock)


def told(path):
    """The events of a file, but for seconds."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{k: v for k, v in one.items() if not k.endswith("seconds")} for one in lines]


def logged(case, folder, *, settings=None, kill_at=None, monkeypatch=None, save_seconds=0.0):
    """Fit with state and a file of events, and die at a step."""
    log = EventLog(folder / "events.jsonl")
    if kill_at is not None:
        honest, steps = train_state.TrainState.average, []

        def average(state, model, *, decay):
            steps.append(state.step)
            if state.step == kill_at:
                raise Killed
            honest(state, model, decay=decay)

        monkeypatch.setattr(train_state.TrainState, "average", average)
    execution = {"events": log, "journal": log, "work": folder / "work"}
    learner = NetworkLearner(settings or config(row_share=0.8))
    return fit(learner, *case, save_seconds=save_seconds, **execution)


@pytest.fixture(scope="module")
def undisturbed(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    made = logged(case, folder, save_seconds=1e9)
    with safe_open(folder / "work" / STATE_FILE, framework="pt") as handle:
        steps = json.loads(handle.metadata()["facts"])["step"]
    return weights(made), told(folder / "events.jsonl"), steps


@pytest.mark.parametrize("save_seconds", [0.0, 7.0])
@pytest.mark.parametrize("number", and_all([1], range(5)))
def test_killed_at_20_random_steps_it_goes_on_to_the_same_weights_and_events(
    case, undisturbed, tmp_path, monkeypatch, number, save_seconds
):
    """With state after every step, and after every few; 20 of them in the long version."""
    whole, events, steps = undisturbed
    rng = np.random.default_rng([number, int(save_seconds)])
    for step in np.sort(rng.integers(1, steps, endpoint=True, size=2)):
        with monkeypatch.context() as dying:
            ticking(dying)
            with pytest.raises(Killed):
                logged(case, tmp_path, kill_at=step, monkeypatch=dying, save_seconds=save_seconds)
    ticking(monkeypatch)
    again = []
    honest = train.NetworkFit._step
    monkeypatch.setattr(train.NetworkFit, "_step", lambda *given: again.append(1) or honest(*given))
    assert same(whole, weights(logged(case, tmp_path, save_seconds=save_seconds)))
    assert told(tmp_path / "events.jsonl") == events
    assert steps - step + 1 <= len(again) <= steps - step + 1 + save_seconds
    seconds = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert all(one["train_seconds"] > 0 for one in seconds if one["event"] == "epoch")


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from gogooku.core.journal import EventLog
from gogooku.learn import train_state
from gogooku.learn.networks import NetworkLearner
from learn.test_train import config
from support.learning import fit, make_dataset, make_fold, make_labels
honest = train_state.TrainState.average
def average(state, model, *, decay):
    if state.step == {step}:
        os.kill(os.getpid(), signal.SIGKILL)
    honest(state, model, decay=decay)
train_state.TrainState.average = average
dataset = make_dataset()
log = EventLog(Path({folder!r}) / "events.jsonl")
fit(
    NetworkLearner(config(row_share=0.8)), dataset, make_labels(dataset), make_fold(dataset),
    events=log, journal=log, work=Path({folder!r}) / "work", save_seconds=0.0,
)
"""


@pytest.mark.parametrize("step", and_all([18], [4]))
def test_a_process_killed_within_an_epoch_is_taken_up_by_another(case, undisturbed, tmp_path, step):
    whole, events, _ = undisturbed
    tests = str(Path(__file__).parents[1])
    code = KILLED.format(tests=tests, step=step, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert same(whole, weights(logged(case, tmp_path)))
    assert told(tmp_path / "events.jsonl") == events


PLAIN = {"dropout": 0.0, "feature_dropout": 0.0, "context_noise": 0.0}
"""Without chance, parts of a step add up to the whole."""


def scarce(monkeypatch, *, fails):
    """A machine without memory for the passes that ``fails(call, sessions)`` names."""
    honest, calls = train.Forward.loss, []

    def loss(forward, batch, label, settings, *, inputs=None):
        calls.append(len(label))
        if fails(len(calls) - 1, len(label)):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return honest(forward, batch, label, settings, inputs=inputs)

    monkeypatch.setattr(train.Forward, "loss", loss)
    return calls


def small_steps():
    training = {"max_epochs": 2, "patience": 4, "days_per_batch": 16}
    return NetworkLearner(small_config(training=training, **PLAIN))


STEPS = 8
"""Of `small_steps`: four an epoch."""


@pytest.fixture(scope="module")
def whole(case):
    return weights(fit(small_steps(), *case))


def memory_events(events):
    return [
        (one["epoch"], one["step"], one["sessions"], one["together"])
        for one in events
        if one["event"] == "memory"
    ]


def close(one, other):
    return all(np.allclose(one[name], other[name], atol=2e-5) for name in one)


@pytest.mark.parametrize("step", and_all([0, 5], range(STEPS)))
def test_a_step_without_memory_is_taken_in_parts(case, whole, monkeypatch, step):
    """At a step, in the long version at each; the rest of the fit stays divided."""
    events = []
    calls = scarce(monkeypatch, fails=lambda call, _: call == step)
    made = fit(small_steps(), *case, events=events.append)
    sessions = calls[step]
    assert memory_events(events) == [(1 + step // 4, step, sessions, -(-sessions // 2))]
    assert max(calls[step + 1 :]) == -(-sessions // 2)
    assert len([one for one in events if one["event"] == "epoch"]) == 2
    assert close(whole, weights(made))


@pytest.mark.parametrize("call", and_all([1, 6], range(1, 9)))
def test_a_part_without_memory_divides_the_step_again(case, whole, monkeypatch, call):
    """The step begins anew: no gradient of a part counts twice."""
    events = []
    scarce(monkeypatch, fails=lambda at, sessions: sessions > 8 or at == call)
    made = fit(small_steps(), *case, events=events.append)
    assert [together for *_, together in memory_events(events)] in ([8, 4], [8, 3], [8, 2])
    assert close(whole, weights(made))


def test_no_memory_for_more_than_two_sessions_is_no_end(case, whole, monkeypatch):
    events = []
    scarce(monkeypatch, fails=lambda _, sessions: sessions > 2)
    made = fit(small_steps(), *case, events=events.append)
    assert memory_events(events) == [(1, 0, 16, 8), (1, 0, 16, 4), (1, 0, 16, 2)]
    assert close(whole, weights(made))


def test_no_memory_for_one_session_says_what_to_lower(case, monkeypatch):
    events = []
    scarce(monkeypatch, fails=lambda *_: True)
    with pytest.raises(ResourceError, match=r"one session of \d+ names at step 0 .*row_share"):
        fit(small_steps(), *case, events=events.append)
    assert [together for *_, together in memory_events(events)] == [8, 4, 2, 1]


def test_a_step_over_a_strip_is_never_divided(case, monkeypatch):
    """A strip's ratio is that of all its sessions: parts of it would be another loss."""
    scarce(monkeypatch, fails=lambda _, sessions: sessions > 4)
    events = []
    with pytest.raises(ResourceError, match=r"8 sessions, which its loss needs together"):
        fit(NetworkLearner(config(**STRIPS)), *case, events=events.append)
    assert memory_events(events) == []


def test_a_divided_fit_that_is_killed_stays_divided(case, tmp_path, monkeypatch):
    scarce(monkeypatch, fails=lambda _, sessions: sessions > 4)
    settings = small_steps().config
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    undivided = logged(case, tmp_path / "whole", settings=settings)
    with monkeypatch.context() as dying, pytest.raises(Killed):
        logged(case, tmp_path / "killed", settings=settings, kill_at=3, monkeypatch=dying)
    again = logged(case, tmp_path / "killed", settings=settings)
    assert same(weights(undivided), weights(again))
    events = [told(tmp_path / name / "events.jsonl") for name in ("whole", "killed")]
    assert events[0] == events[1]
    assert len(memory_events(events[0])) == 2


def test_chance_is_drawn_anew_when_a_step_is_tried_again(case, monkeypatch):
    """Whether the first try or a later one finds the memory: the same draws."""
    learner = NetworkLearner(config(days_per_batch=4, max_epochs=1))
    with monkeypatch.context() as patch:
        scarce(patch, fails=lambda call, _: call == 0)
        once = weights(fit(learner, *case))
    honest = train_state.TrainState.fresh
    monkeypatch.setattr(train.TrainState, "fresh", lambda model: replace(honest(model), together=2))
    assert same(once, weights(fit(learner, *case)))


def test_another_fault_is_no_lack_of_memory(case, monkeypatch):
    def loss(*_, **__):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(train.Forward, "loss", loss)
    with pytest.raises(RuntimeError, match="shapes differ"):
        fit(small_steps(), *case)


def test_no_memory_for_validation_names_the_stage(case, monkeypatch):
    def scores(*_, **__):
        raise MemoryError

    monkeypatch.setattr(train, "score_sessions", scores)
    with pytest.raises(ResourceError, match="train, validate: not enough memory"):
        fit(small_steps(), *case)


def test_a_compiled_network_is_trained_and_the_network_itself_is_validated_and_kept(
    case, monkeypatch
):
    passes = []

    def compiled(model, **_):
        made = real(model, backend="eager")
        made.register_forward_pre_hook(lambda *_: passes.append(model.training))
        return made

    real = torch.compile
    monkeypatch.setattr(torch, "compile", compiled)
    events = []
    made = fit(small_steps(), *case, compiled=True, events=events.append)
    assert passes == [True] * STEPS
    assert [one["compiled"] for one in events if one["event"] == "execution"] == [True]
    assert same(weights(fit(small_steps(), *case)), weights(made))
    assert len(passes) == STEPS


def test_low_precision_is_of_training_only(case):
    events = []
    learner = NetworkLearner(config(precision="bfloat16", max_epochs=1))
    made = fit(learner, *case, events=events.append)
    assert {value.dtype for value in made.model.state_dict().values()} == {torch.float32}
    assert [one["precision"] for one in events if one["event"] == "execution"] == ["bfloat16"]
    exact = weights(fit(NetworkLearner(config(max_epochs=1)), *case))
    assert not same(exact, weights(made))
    assert all(np.allclose(exact[name], weights(made)[name], atol=0.02) for name in exact)


def test_the_tensor_on_the_device_gives_the_same_weights_and_is_said(case):
    events = []
    learner = NetworkLearner(config(row_share=0.5, max_epochs=2))
    there = fit(learner, *case, residence=Residence.ON, events=events.append)
    assert [one["resident"] for one in events if one["event"] == "execution"] == [True]
    assert same(weights(fit(learner, *case)), weights(there))


def test_an_epoch_takes_the_share_of_rows_and_other_names_every_time(case, monkeypatch):
    dataset, labels, fold = case
    packed = []
    honest = train.DayReader.batch

    def noted(reader, indices, *, only=None):
        packed.append((tuple(indices), only))
        return honest(reader, indices, only=only)

    monkeypatch.setattr(train.DayReader, "batch", noted)
    events = []
    thinned = config(max_epochs=2, row_share=0.5)
    fit(NetworkLearner(thinned), dataset, labels, fold, events=events.append)
    rows = [event["rows"] for event in events if event["event"] == "epoch"]
    first = fold_labels(dataset, labels, fold, config=thinned, first_history=7).train.indices
    half = sum(-(-int(dataset.valid_TN[t].sum()) // 2) for t in first)
    assert rows == [half, half]
    drawn = {}
    for indices, only in packed:
        for index, names in zip(indices, only or (), strict=False):
            if len(names) < dataset.valid_TN[index].sum():
                drawn.setdefault(index, []).append(set(names.tolist()))
    assert set(drawn) == set(first.tolist())
    assert all(one != two for one, two in drawn.values())


def test_rank_ic_on_train_dates_is_in_the_events_and_changes_no_weight(case, monkeypatch):
    events = []
    told = weights(fit(NetworkLearner(config()), *case, events=events.append))
    epochs = [event for event in events if event["event"] == "epoch"]
    assert set(epochs[0]["train_rank_ic"]) == {"1", "5", "10", "20"}
    assert epochs[-1]["train_rank_ic"]["1"] > 0.05
    assert epochs[0]["train_rank_ic"] != epochs[-1]["train_rank_ic"]
    monkeypatch.setattr(train.TrainSample, "rank_ic", lambda *_, **__: [0.0] * 4)
    assert same(told, weights(fit(NetworkLearner(config()), *case)))


def test_state_of_another_fit_is_not_taken_up(case, tmp_path):
    fit(NetworkLearner(config(learning_rate=0.1)), *case, work=tmp_path)
    learner = NetworkLearner(config())
    assert same(weights(fit(learner, *case)), weights(fit(learner, *case, work=tmp_path)))


def test_broken_state_is_named(case, tmp_path):
    fit(NetworkLearner(config(max_epochs=1)), *case, work=tmp_path)
    path = tmp_path / STATE_FILE
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(DataError, match=STATE_FILE):
        fit(NetworkLearner(config(max_epochs=1)), *case, work=tmp_path)


def test_state_holds_no_pickle(case, tmp_path):
    fit(NetworkLearner(config(max_epochs=1)), *case, work=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]
    with safe_open(tmp_path / STATE_FILE, framework="pt") as handle:
        assert json.loads(handle.metadata()["facts"])["epoch"] == 1


def test_the_test_part_is_never_seen(case):
    dataset, labels, fold = case
    test = fold.indices("test")
    x, market = dataset.x_TNF.copy(), dataset.market_TM.copy()
    x[test], market[test] = 0.4, 9.0
    raw, residual = labels.raw_TNH.copy(), labels.residual_TNH.copy()
    raw[test] = np.where(np.isnan(raw[test]), np.nan, 0.5)
    residual[test] = np.where(np.isnan(residual[test]), np.nan, 0.5)
    other = changed(dataset, x_TNF=x, market_TM=market)
    lied = changed(labels, raw_TNH=raw, residual_TNH=residual)
    learner = NetworkLearner(config(max_epochs=1))
    assert same(weights(fit(learner, *case)), weights(fit(learner, other, lied, fold)))


def test_trained_through_is_the_last_label_of_validation(case):
    _, labels, fold = case
    checkpoint = fit(NetworkLearner(config(max_epochs=1)), *case)
    last = fold.indices("valid")[-1]
    for h, horizon in enumerate(labels.horizons):
        assert checkpoint.trained_through[horizon] == labels.resolved_TH[last, h].item()
    assert max(checkpoint.trained_through.values()) < fold.test[0]


def test_a_loss_that_is_not_finite_stops_with_the_dates(case):
    dataset, labels, fold = case
    x = dataset.x_TNF.copy()
    x[50] = np.inf
    with pytest.raises(DataError, match="the loss is nan at step"):
        fit(NetworkLearner(config()), changed(dataset, x_TNF=x), labels, fold)


def test_the_learning_rate_warms_up_and_fades(case):
    dataset, labels, fold = case
    settings = TrainingConfig(
        max_epochs=2, days_per_batch=6, warmup_steps=4, learning_rate=1.0, final_rate_share=0.1
    )
    fit_of_rates = train.NetworkFit(
        model=torch.nn.Linear(1, 1),
        config=settings,
        reader=None,
        labels=fold_labels(dataset, labels, fold, config=config()),
        seed=0,
        key="",
        execution=FitExecution(),
    )
    rates = [fit_of_rates._rate(step) for step in range(21)]
    assert rates[0] == pytest.approx(0.25)
    assert rates[10] == pytest.approx(0.55)
    assert rates[20] == pytest.approx(0.1)
    assert max(rates) == rates[3]


def test_small_steps_use_one_thread_and_large_ones_all(case, monkeypatch):
    dataset, labels, fold = case

    def threads(days, row_share=1.0):
        return train.NetworkFit(
            model=torch.nn.Linear(1, 1),
            config=TrainingConfig(days_per_batch=days, row_share=row_share),
            reader=SimpleNamespace(dataset=dataset),
            labels=fold_labels(dataset, labels, fold, config=config()),
            seed=0,
            key="",
            execution=FitExecution(threads=2),
        )._threads()

    rows = dataset.valid_TN[:60].sum(axis=1).mean()
    monkeypatch.setattr(train, "MANY_PRODUCTS", 2 * rows * 4)
    assert threads(3) == 1
    assert threads(5) == 2
    assert threads(5, row_share=0.5) == 1


def test_what_steps_and_parts_do_is_in_the_events_and_changes_no_weight(case, monkeypatch):
    events = []
    told = weights(fit(NetworkLearner(config()), *case, events=events.append))
    epochs = [event for event in events if event["event"] == "epoch"]
    assert {"graph", "fan", "skip", "head"} <= set(epochs[0]["parts"])
    for event in epochs:
        assert all(one["gradient"] > 0 and one["update"] > 0 for one in event["parts"].values())
        assert event["unreached"] == []
        assert event["loss_max"] >= event["loss"]
        assert set(event["gates"]) == {"fuse", "graph", "skip"}
    found = events[-1]
    assert found["event"] == "examined"
    assert set(found["without"]) == {"encoder", "fan", "fuse", "graph", "skip"}
    assert found["off"]["graph"] == "graph=none"
    monkeypatch.setattr("gogooku.learn.train.examined", lambda *_, **__: {})
    monkeypatch.setattr("gogooku.learn.train.gates", lambda *_, **__: {})
    monkeypatch.setattr(StepWatch, "__init__", lambda *_: None)
    monkeypatch.setattr(StepWatch, "epoch", lambda _: {})
    untold = weights(fit(NetworkLearner(config()), *case))
    assert same(told, untold)
