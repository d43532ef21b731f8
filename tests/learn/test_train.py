"""A fit is a function of its data, config, seed and threads, whatever interrupts it."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors import safe_open

from gogooku.core.errors import ConfigError, DataError
from gogooku.core.types import FitExecution
from gogooku.learn import train, train_state
from gogooku.learn.diagnostics import StepWatch
from gogooku.learn.network_config import TrainingConfig
from gogooku.learn.networks import NetworkLearner
from gogooku.learn.targets import fold_labels
from gogooku.learn.train_state import STATE_FILE
from support.learning import changed, fit, make_dataset, make_fold, make_labels, small_config


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
    monkeypatch.setattr(train_state, "write_point", die)
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
        assert json.loads(handle.metadata()["state"])["epoch"] == 1


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

    def threads(days, **training):
        return train.NetworkFit(
            model=torch.nn.Linear(1, 1),
            config=TrainingConfig(days_per_batch=days, **training),
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
