"""Checks of LightGBM and of ridge on the events that they must name."""

import pytest

from gogooku.learn.models.lightgbm.config import LightGBMConfig
from gogooku.learn.models.ridge.config import RidgeConfig
from gogooku.runs.diagnose.of_fitted import penalties, rounds, trees_by_heart
from support.fits import fit

TREES, RIDGE = LightGBMConfig(rounds=300), RidgeConfig()


def boosting(*, train=0.3, valid=0.09, trees=120, at_cap=False, horizon=5):
    told = {"horizon": horizon, "trees": trees, "rank_ic": valid, "at_cap": at_cap}
    return {"event": "boosting", "train_rank_ic": train, **told}


def picked(*values):
    horizons = (1, 5, 10, 20)
    return [
        {"event": "penalty", "horizon": h, "penalty": one, "rank_ic": 0.05}
        for h, one in zip(horizons, values, strict=False)
    ]


@pytest.mark.parametrize("check", [rounds, trees_by_heart, penalties])
def test_healthy_fits_have_nothing(facts, check):
    assert check(facts, fit(boosting(), config=TREES)) is None
    assert check(facts, fit(*picked(1.0, 0.3, 0.1, 1.0), config=RIDGE)) is None
    assert check(facts, fit()) is None
    assert check(facts, fit({"event": "other"}, config=TREES)) is None


def test_trees_that_end_at_their_number(facts):
    found = rounds(facts, fit(boosting(trees=300, at_cap=True), boosting(horizon=1), config=TREES))
    assert "of 300 rounds the best were 300 at horizon 5" in found.what
    assert "--set learner.rounds=900" in found.next_step
    frozen = fit(boosting(at_cap=True), config=TREES, again=True)
    assert rounds(facts, frozen) is None


def test_trees_that_know_their_rows_by_heart(facts):
    config = LightGBMConfig(leaves=200, learning_rate=0.5, min_leaf_share=1e-4)
    found = trees_by_heart(facts, fit(boosting(train=0.9, valid=0.02), config=config))
    assert "0.900 on train dates and of 0.020 on validation" in found.what
    assert "leaves of 4 rows" in found.what
    assert "--set learner.leaves=15 --set learner.learning_rate=0.03" in found.next_step


def test_penalties_at_the_end_of_their_grid(facts):
    found = penalties(facts, fit(*picked(1.0, 1.0, 1.0, 0.1), config=RIDGE))
    assert "1, is the best at 3 of 4 horizons" in found.what
    assert "1, 3, 10, 30]" in found.next_step
