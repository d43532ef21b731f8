"""Which features a network is fitted on."""

import json

import numpy as np
import pytest

from gogooku.core.errors import ConfigError
from gogooku.core.journal import EventLog
from gogooku.core.types import FitExecution
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.networks import KEPT_FILE, NetworkLearner
from gogooku.learn.pruning import Worth, as_many_at_random, probe_fold, with_channels, worthy
from gogooku.learn.views import with_features
from support.learning import (
    changed,
    fit,
    make_dataset,
    make_fold,
    make_labels,
    small_config,
    with_raw,
)

QUICK = {"max_epochs": 2, "days_per_batch": 10, "learning_rate": 0.01, "ema_decay": 0.5}


@pytest.fixture(scope="module")
def case():
    """`alpha` decides everything; `beta` is nearly its copy."""
    dataset = with_raw(make_dataset(sessions=180, names=40))
    x = dataset.x_TNF.copy()
    x[:, :, 1] = x[:, :, 0] + 0.01 * x[:, :, 1]
    dataset = changed(dataset, x_TNF=x)
    return dataset, make_labels(dataset, ic=0.5), make_fold(dataset, train=100, valid=10)


def pruned(by="importance", *, kind="apex_ranker"):
    """What is not worth three of its errors goes."""
    wide = {"patch": 4, "stride": 4, "blocks": 1} if kind == "apex_ranker" else {}
    return small_config(
        kind=kind,
        **wide,
        raw_channels=("abs_return",),
        pruning={"by": by, "errors": -3.0, "sessions": 15, "names": 40},
        training=QUICK,
    )


def fitted(config, case, **execution):
    events = []
    made = fit(NetworkLearner(config), *case, events=events.append, **execution)
    return made, events


def named(events, event):
    return [one for one in events if one["event"] == event]


@pytest.fixture(scope="module", params=["apex_ranker", "atft_gat_fan"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def by_worth(case, kind):
    """A network pruned by importance, and its events."""
    return fitted(pruned(kind=kind), case)


def test_what_decides_is_kept_with_its_copy_and_the_rest_goes_by_a_reason(case, by_worth, tmp_path):
    dataset, _, fold = case
    made, events = by_worth
    kept = made.header.more["kept_features"]
    groups = named(events, "feature_group")
    assert groups[0]["features"] == ["alpha", "beta"]
    assert groups[0]["dropped"] == []
    assert groups[0]["rank_ic_lost"] > 0.1 > groups[0]["error"] > 0
    for one in groups[1:]:
        assert (one["dropped"] == one["features"]) is (one["upper"] <= 0.0)
        assert abs(one["rank_ic_lost"]) < 0.1
    dropped = [name for one in groups for name in one["dropped"]]
    assert kept == [name for name in dataset.features if name not in dropped]
    assert 2 <= len(kept) < 5
    said = {"event": "pruned", "by": "importance", "features": len(kept), "of": 5}
    assert named(events, "pruned") == [said]
    probes = [event for event in events if event.get("part") == "probe"]
    assert {event["event"] for event in probes} >= {"model", "epoch"}
    day = fold.indices("test")[:2]
    made.save(tmp_path)
    read = load_checkpoint(tmp_path)
    np.testing.assert_array_equal(read.scores(dataset, day), made.scores(dataset, day))
    assert read.header.features == dataset.features


def test_what_was_dropped_is_not_read_and_what_was_kept_is(case, by_worth):
    dataset, _, fold = case
    made, _ = by_worth
    day = fold.indices("test")[:1]
    want = made.scores(dataset, day)
    kept = made.header.more["kept_features"]
    assert list(made.header.config["dynamic_features"]) == [
        name for name in ("alpha", "delta") if name in kept
    ]
    for column, name in enumerate(dataset.features):
        x = dataset.x_TNF.copy()
        x[:, :, column] = np.roll(x[:, :, column], 1, axis=1)
        same = np.array_equal(made.scores(changed(dataset, x_TNF=x), day), want, equal_nan=True)
        assert same is (name not in kept), name


def test_a_pruned_network_is_one_fitted_on_what_is_left(case, kind, by_worth):
    """The same seed on a dataset that never had the rest gives the same scores."""
    dataset, labels, fold = case
    made, _ = by_worth
    kept = made.header.more["kept_features"]
    part = with_features(dataset, kept)
    alone, events = fitted(
        with_channels(pruned("none", kind=kind), dataset, kept), (part, labels, fold)
    )
    day = fold.indices("test")[:2]
    np.testing.assert_array_equal(alone.scores(part, day), made.scores(dataset, day))
    assert named(events, "feature_group") == []
    assert "kept_features" not in alone.header.more


def test_chance_drops_as_many(case, kind, by_worth):
    _, events = by_worth
    by_chance, others = fitted(pruned("random", kind=kind), case)
    (one,), (two,) = named(events, "pruned"), named(others, "pruned")
    assert one["features"] == two["features"] == len(by_chance.header.more["kept_features"]) < 5
    lost = [
        [event["rank_ic_lost"] for event in named(e, "feature_group")] for e in (events, others)
    ]
    assert lost[0] == lost[1]


def test_neither_validation_nor_test_decides_what_goes(case, kind, by_worth):
    dataset, _, fold = case
    _, events = by_worth
    outside = np.setdiff1d(np.arange(180), fold.indices("train"))
    spoiled = make_labels(dataset, ic=0.5)
    spoiled.raw_TNH[outside] *= -1.0
    spoiled.residual_TNH[outside] *= -1.0
    x = dataset.x_TNF.copy()
    x[outside] = np.random.default_rng(3).uniform(-0.5, 0.5, x[outside].shape)
    _, others = fitted(pruned(kind=kind), (changed(dataset, x_TNF=x), spoiled, fold))
    assert named(others, "feature_group") == named(events, "feature_group") != []


def test_a_refit_keeps_what_was_kept_then_and_fits_no_probe(case, kind, by_worth):
    dataset, labels, fold = case
    first, _ = by_worth
    events = []
    second = NetworkLearner(pruned(kind=kind)).fit(
        dataset,
        labels,
        fold,
        rng=np.random.default_rng(3),
        execution=FitExecution(events=events.append),
        chosen=first,
    )
    assert second.header.more["kept_features"] == first.header.more["kept_features"]
    assert second.header.more["chosen"] == first.header.more["chosen"]
    assert [event["event"] for event in events if event["event"] != "epoch"] == [
        "model",
        "execution",
        "gradients",
    ]
    day = fold.indices("test")[:1]
    assert not np.array_equal(
        first.scores(dataset, day), second.scores(dataset, day), equal_nan=True
    )


def test_the_probe_sees_the_train_part_only(case):
    _, _, fold = case
    probe = probe_fold(fold, tail=0.25, lookback=8)
    train, tail = probe.indices("train"), probe.indices("valid")
    assert tail.tolist() == fold.indices("train")[-25:].tolist()
    assert train[-1] + 21 + 1 == tail[0]
    assert train[0] == fold.indices("train")[0]
    assert probe.test == fold.valid


def test_a_train_part_that_is_too_short_is_refused_with_numbers(case):
    dataset, _, _ = case
    with pytest.raises(ConfigError, match=r"of 40 train sessions the tail takes 12 .* leaves 0"):
        probe_fold(make_fold(dataset, train=40, valid=20), tail=0.3, lookback=24)


def worth(*pairs):
    columns = iter(range(99))
    return [
        Worth(columns=np.array([next(columns) for _ in range(size)]), lost=lost, error=error)
        for size, lost, error in pairs
    ]


@pytest.mark.parametrize(
    ("errors", "kept"), [(2.0, [0, 1, 2, 6]), (0.0, [0, 1]), (20.0, [0, 1, 2, 3, 4, 6])]
)
def test_a_group_goes_when_its_upper_bound_is_at_or_below_zero(errors, kept):
    found = worth((2, 0.01, 0.001), (1, -0.001, 0.001), (2, -0.01, 0.001), (1, 0.0, 0.0))
    found.append(Worth(columns=np.array([6]), lost=-0.001, error=0.001))
    got = worthy(found, errors=errors, channels=np.array([0])).tolist()
    assert got == kept


def test_a_group_of_which_nothing_is_known_stays():
    found = worth((1, 0.01, 0.0), (1, np.nan, np.nan))
    assert worthy(found, errors=2.0, channels=np.array([0])).tolist() == [0, 1]


def test_the_best_channel_stays_whatever_it_is_worth():
    found = worth((1, 0.01, 0.0), (1, -0.2, 0.0), (2, -0.1, 0.0), (1, -0.05, 0.0))
    assert worthy(found, errors=2.0, channels=np.array([1, 3])).tolist() == [0, 2, 3]


def test_chance_takes_whole_groups_and_always_a_channel():
    groups = [np.array([0, 1, 2]), np.array([3]), np.array([4, 5]), np.array([6])]
    seen = set()
    for seed in range(30):
        got = as_many_at_random(
            groups, count=4, channels=np.array([3, 5]), rng=np.random.default_rng(seed)
        ).tolist()
        assert len(set(got)) == 4
        assert {3, 5} & set(got)
        cut = [g for g in groups if 0 < len(set(g.tolist()) & set(got)) < len(g)]
        assert len(cut) <= 1
        seen.add(tuple(got))
    assert len(seen) > 4


def test_a_fit_that_is_killed_after_pruning_fits_no_second_probe(case, kind, by_worth, tmp_path):
    """And it ends with the weights and the events of an undisturbed one."""
    undisturbed, _ = by_worth
    log = EventLog(tmp_path / "events.jsonl")
    steps = {"work": tmp_path / "work", "journal": log, "save_seconds": 0.0}
    steps["work"].mkdir()

    def killed_in_the_second_fit(event):
        log(event)
        if event["event"] == "epoch" and "part" not in event:
            raise KeyboardInterrupt

    learner = NetworkLearner(pruned(kind=kind))
    with pytest.raises(KeyboardInterrupt):
        fit(learner, *case, events=killed_in_the_second_fit, **steps)
    assert (steps["work"] / KEPT_FILE).exists()
    probes = []
    again = fit(
        learner,
        *case,
        events=lambda event: (log(event), probes.append(event.get("part"))),
        **steps,
    )
    assert "probe" not in probes
    day = case[2].indices("test")[:2]
    np.testing.assert_array_equal(again.scores(case[0], day), undisturbed.scores(case[0], day))
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    kinds = [(one["event"], one.get("part"), one.get("epoch")) for one in lines]
    assert len([one for one in kinds if one[0] == "pruned"]) == 1
    assert [one for one in kinds if one[:2] == ("epoch", None)] == [
        ("epoch", None, 1),
        ("epoch", None, 2),
    ]
