import numpy as np
import pytest

from gogooku.learn.models.lightgbm.config import LightGBMConfig
from gogooku.learn.models.lightgbm.learner import Check, LightGBMLearner, sampled_rows
from gogooku.learn.targets import fold_labels
from support.learning import fit, make_dataset, make_fold, make_labels


@pytest.fixture(scope="module")
def case():
    dataset = make_dataset(sessions=190)
    return dataset, make_labels(dataset, ic=0.3), make_fold(dataset)


def test_lightgbm_is_deterministic_and_its_seed_bites(case):
    learner = LightGBMLearner(LightGBMConfig(rounds=10, patience=10))
    first = fit(learner, *case).texts
    assert fit(learner, *case).texts == first
    assert fit(learner, *case, seed=8).texts != first


def test_more_rows_than_allowed_are_thinned_over_all_sessions(case):
    dataset, labels, fold = case
    days = fold_labels(dataset, labels, fold, config=LightGBMConfig()).train
    every, _ = sampled_rows(dataset, days, max_rows=10**6, rng=np.random.default_rng(0))
    some, labels_RH = sampled_rows(dataset, days, max_rows=500, rng=np.random.default_rng(0))
    again, _ = sampled_rows(dataset, days, max_rows=500, rng=np.random.default_rng(0))
    assert len(every) == int(np.isfinite(days.values_TNH).any(axis=2).sum())
    assert 400 < len(some) < 600
    assert some.shape == (len(labels_RH), 7)
    np.testing.assert_array_equal(some, again)
    assert len(np.unique(some[:, 5])) > 55


def test_the_number_of_trees_is_that_of_the_best_validation_rank_ic(case):
    dataset, labels, fold = case
    config = LightGBMConfig(rounds=40, patience=40, check_every=4, learning_rate=0.2)
    events = []
    made = fit(LightGBMLearner(config), *case, events=events.append)
    days = fold_labels(dataset, labels, fold, config=config).valid
    check = Check.of(dataset, days, most=config.check_sessions)
    for h, booster in enumerate(made.boosters):
        every = LightGBMLearner(config.model_copy(update={"patience": 41}))
        long = fit(every, *case).boosters[h]
        assert long.num_trees() == booster.num_trees() == events[h]["trees"]
        own = check.rank_ic(booster.predict(check.inputs), h)
        assert own == pytest.approx(events[h]["rank_ic"])
        fewer = [
            check.rank_ic(booster.predict(check.inputs, num_iteration=n), h)
            for n in range(4, booster.num_trees(), 4)
        ]
        assert all(one < own for one in fewer)


def test_a_cap_that_holds_the_trees_down_is_said(case):
    def at_cap(rounds):
        events = []
        config = LightGBMConfig(rounds=rounds, patience=20, check_every=4, learning_rate=0.3)
        fit(LightGBMLearner(config), *case, events=events.append)
        return {one["at_cap"] for one in events}

    assert at_cap(4) == {True}
    assert False in at_cap(400)


def test_validation_is_looked_at_on_sessions_spread_over_the_part(case):
    dataset, labels, fold = case
    days = fold_labels(dataset, labels, fold, config=LightGBMConfig()).valid
    few = Check.of(dataset, days, most=5)
    assert len(few.starts) == 6
    every = Check.of(dataset, days, most=1_000)
    assert len(every.starts) == len(days.indices) + 1
    score = np.random.default_rng(0).standard_normal(len(every.inputs))
    dense = np.full(days.values_TNH.shape, np.nan, dtype=np.float32)
    dense[np.isfinite(days.values_TNH).any(axis=2)] = score[:, None]
    assert every.rank_ic(score, 1) == pytest.approx(days.rank_ic(dense)[1], abs=1e-6)
