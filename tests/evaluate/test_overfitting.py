"""PBO against another implementation, on noise and on a trial that is better."""

import math

import numpy as np
import pytest
from purgedcv import probability_of_backtest_overfitting

from gogooku.core.errors import ConfigError, DataError
from gogooku.evaluate.overfitting import backtest_overfitting


def noise(seed, sessions=240, trials=20):
    return np.random.default_rng(seed).standard_t(5, size=(sessions, trials)) * 0.01


@pytest.mark.parametrize(("sessions", "trials", "blocks"), [(240, 20, 8), (251, 7, 6), (97, 2, 10)])
def test_it_is_that_of_purgedcv(sessions, trials, blocks):
    table = noise(1, sessions, trials)
    ours = backtest_overfitting(table, blocks=blocks)
    theirs = probability_of_backtest_overfitting(table.T, n_splits=blocks)
    # they take the other half of the blocks for the choice: the same ways in another order
    order = np.lexsort(ours_of(ours))
    reference = np.lexsort((theirs.logits, theirs.is_oos_performance[:, 0]))
    assert ours.logits_C[order] == pytest.approx(theirs.logits[reference], abs=1e-8)
    assert ours.seen_C[order] == pytest.approx(theirs.is_oos_performance[reference, 0], abs=1e-8)
    assert ours.unseen_C[order] == pytest.approx(theirs.is_oos_performance[reference, 1], abs=1e-8)
    assert ours.slope == pytest.approx(theirs.slope, abs=1e-8)
    at_the_median = np.mean(ours.logits_C == 0.0)
    assert ours.probability == pytest.approx(theirs.pbo + at_the_median / 2.0, abs=1e-12)
    assert (at_the_median > 0.0) == bool(trials % 2)
    assert ours.loss == pytest.approx(np.mean(theirs.is_oos_performance[:, 1] < 0.0), abs=1e-12)


def ours_of(made):
    return made.logits_C, made.seen_C


def test_by_hand():
    """Two blocks, two trials: each is the better one on a half, and the worse one on the other."""
    table = np.array([[3.0, 1.0], [5.0, 2.0], [1.0, 3.0], [2.0, 5.0]])
    made = backtest_overfitting(table, blocks=2, measure="mean")
    assert made.chosen_C.tolist() == [0, 1]
    assert made.seen_C.tolist() == [4.0, 4.0]
    assert made.unseen_C.tolist() == [1.5, 1.5]
    assert made.logits_C == pytest.approx(np.log([0.5, 0.5]))
    assert made.probability == 1.0
    assert made.loss == 0.0
    assert math.isnan(made.slope)


def test_a_trial_that_is_better_is_not_overfitted_and_noise_is_a_coin():
    good = noise(2)
    good[:, 3] += 0.01
    made = backtest_overfitting(good)
    assert made.probability < 0.02
    assert set(made.chosen_C) == {3}
    coins = [backtest_overfitting(noise(seed), blocks=8).probability for seed in range(200)]
    assert np.mean(coins) == pytest.approx(0.5, abs=4 * np.std(coins) / math.sqrt(200))


def test_equal_trials_are_at_the_median():
    table = np.repeat(noise(3, trials=1), 3, axis=1)
    made = backtest_overfitting(table, blocks=4)
    assert made.probability == 0.5
    assert made.logits_C == pytest.approx(np.zeros(6))


def test_large_numbers_lose_no_digits():
    table = noise(4, trials=6)
    far = backtest_overfitting(table + 1e4, blocks=8, measure="mean")
    near = backtest_overfitting(table, blocks=8, measure="mean")
    assert far.unseen_C - 1e4 == pytest.approx(near.unseen_C, abs=1e-11)


def test_sessions_without_every_trial_are_left_out():
    table = noise(5)
    holes = np.insert(table, 10, np.nan, axis=0)
    made = backtest_overfitting(holes, blocks=8)
    assert made.n == 240
    assert made.probability == backtest_overfitting(table, blocks=8).probability


def test_too_few_sessions_have_no_answer():
    made = backtest_overfitting(noise(6, sessions=31), blocks=16)
    assert math.isnan(made.probability)
    assert math.isnan(made.loss)
    assert made.n == 31
    assert len(made.logits_C) == 0


def test_what_cannot_be_compared_is_named():
    table = noise(7)
    for blocks in (0, 7, 22):
        with pytest.raises(ConfigError, match="blocks"):
            backtest_overfitting(table, blocks=blocks)
    for wrong in (table[:, :1], table[:, 0]):
        with pytest.raises(DataError, match="at least 2 trials"):
            backtest_overfitting(wrong)
    table[:120, 4] = 0.01
    with pytest.raises(DataError, match=r"1 of 20 trials never change .*columns 4\)"):
        backtest_overfitting(table, blocks=2)
    assert 0.0 <= backtest_overfitting(table, blocks=2, measure="mean").probability <= 1.0
