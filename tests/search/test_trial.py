"""A trial through the folds: seeds, failures, and when it is given up."""

from dataclasses import replace

import pytest

from gogooku.execute.task import HereExecutor, Outcome
from gogooku.search import objective
from gogooku.search.config import SearchConfig
from gogooku.search.fits import Fits
from gogooku.search.trial import begun, behind, run_through

BEST = dict(enumerate([0.05, 0.04, 0.06, 0.05, 0.07, 0.03]))


def lower(by):
    return {step: value - by - step * 1e-4 for step, value in BEST.items()}


def test_a_trial_that_is_behind_on_every_block_is_given_up():
    assert behind(lower(0.02), BEST, SearchConfig(prune_level=0.1))


def test_a_trial_that_is_ahead_on_average_is_not():
    ours = {**lower(0.001), 0: BEST[0] + 0.5}
    assert not behind(ours, BEST, SearchConfig(prune_level=0.99))


def test_few_blocks_or_no_best_trial_say_nothing():
    few = {step: value for step, value in lower(0.02).items() if step < 4}
    assert not behind(few, BEST, SearchConfig(prune_level=0.2))
    assert not behind(lower(0.02), {}, SearchConfig())


def test_noise_is_not_enough():
    signs = {step: value + (-0.03 if step % 2 else 0.02) for step, value in BEST.items()}
    assert not behind(signs, BEST, SearchConfig(prune_level=0.1))
    assert behind(signs, BEST, SearchConfig(prune_level=0.99))


@pytest.fixture
def ground(plan_of):
    return plan_of("search.seeds=2").ground


def test_a_trial_goes_through_all_folds_with_all_seeds(home, ground):
    courses = begun(ground, {0: {}, 1: {"learner.leaves": 3}})
    run_through(ground, courses, Fits(home), best={})
    for one in courses:
        assert one.state == "complete"
        assert set(one.daily["fold"]) == {0, 1}
        assert set(one.daily["seed"]) == {1, 2}
        assert one.record(ground.search).worth["folds"]
    assert courses[0].config == ground.run
    assert courses[1].config.learner.leaves == 3


@pytest.fixture
def short_blocks(monkeypatch):
    monkeypatch.setattr(objective, "BLOCK_SESSIONS", 3)
    return dict.fromkeys(range(99), 9.0)


def test_a_trial_that_is_behind_is_not_fitted_on_the_last_fold(home, ground, short_blocks):
    (course,) = begun(ground, {1: {"learner.leaves": 3}})
    counted = []
    run_through(ground, [course], Fits(home, counted=counted.append), best=short_blocks)
    assert course.state == "pruned"
    assert {job.number for job in counted} == {0} == set(course.daily["fold"])
    assert course.record(ground.search).worth["n"]


def test_pruning_can_be_switched_off(home, ground, short_blocks):
    off = replace(ground, search=ground.search.model_copy(update={"prune": False}))
    (course,) = begun(off, {1: {"learner.leaves": 3}})
    run_through(off, [course], Fits(home), best=short_blocks)
    assert course.state == "complete"


def test_values_that_are_no_run_have_failed_and_the_others_go_on(home, ground):
    courses = begun(ground, {1: {"learner.leaves": 3}, 2: {"learner.l2": -5.0}})
    run_through(ground, courses, Fits(home), best={})
    assert [one.state for one in courses] == ["complete", "failed"]
    record = courses[1].record(ground.search)
    assert (record.state, record.worth) == ("failed", None)
    assert "learner.l2" in record.fault


def test_a_fit_that_fails_fails_its_trial_alone(home, ground):
    class Second:
        def run(self, tasks):
            for task in tasks:
                if "seed 2" in task.what and task.spec["config"]["learner"]["leaves"] == 3:
                    yield Outcome(task, fault="infinite scores", kind="DataError")
                else:
                    yield from HereExecutor().run([task])

    courses = begun(ground, {0: {}, 1: {"learner.leaves": 3}})
    run_through(ground, courses, Fits(home, executor=Second()), best={})
    assert [one.state for one in courses] == ["complete", "failed"]
    assert "infinite scores" in courses[1].record(ground.search).fault
    assert courses[1].record(ground.search).worth is None
