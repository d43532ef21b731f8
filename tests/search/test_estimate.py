"""What a search will cost is counted from its plan, and measured from fits that are there."""

import pytest

from gogooku.search.estimate import cost_of
from gogooku.search.fits import Fits


def test_fits_are_those_that_a_search_makes_at_most(home, plan_of, searched):
    ground = plan_of().ground
    cost = cost_of(home, ground, trials=6, workers=2)
    assert (cost.trials, cost.finals) == (12, 2)
    assert cost.neighbours == 2 * 3 * 2
    assert cost.fits == cost.trials + cost.finals + cost.neighbours
    made = len(list((searched[0] / "jobs").glob("[!.]*")))
    assert 12 <= made <= cost.fits


def test_without_a_finished_fit_nothing_is_known(home, plan_of):
    cost = cost_of(home, plan_of().ground, trials=6, workers=2)
    assert (cost.measured, cost.seconds, cost.peak_bytes, cost.hours) == (0, None, None, None)


def test_seconds_and_memory_are_those_of_finished_fits_of_this_learner(home, plan_of):
    ground = plan_of().ground
    ridge = plan_of(name="ridge", space=ground.space).ground
    jobs = [*ground.jobs(ground.run, [0, 1], 1), *ridge.jobs(ridge.run, [0], 1)]
    made = Fits(home).made(jobs)
    mine = [made[job.stamp.key].spent for job in jobs[:2]]
    cost = cost_of(home, ground, trials=6, workers=2)
    assert cost.measured == 2
    assert cost.seconds == pytest.approx(sum(one["seconds"] for one in mine) / 2)
    assert cost.peak_bytes == max(one["peak_bytes"] for one in mine)
    assert cost.hours == pytest.approx(cost.fits * cost.seconds / 2 / 3600)
    assert cost.to_json()["hours"] == cost.hours
