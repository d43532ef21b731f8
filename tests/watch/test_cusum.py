"""The chart of live skill: its false alarms by simulation, and how soon it notices."""

import numpy as np
import pytest

from gogooku.watch.cusum import IN_CONTROL_SESSIONS, Chart, run_length, threshold_for


def run_lengths(chart_reference, threshold, *, mean, draws, seed, most):
    """Steps to an alarm of each of some series of normal values, at most ``most``."""
    rng = np.random.default_rng(seed)
    total, steps = np.zeros(draws), np.full(draws, most)
    for step in range(most):
        total = np.maximum(0.0, total - rng.normal(mean, size=draws) - chart_reference)
        first = (total > threshold) & (steps == most)
        steps[first] = step + 1
    return steps


@pytest.mark.parametrize("reference", [0.1, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("wanted", [50.0, 200.0, 1_000.0])
def test_the_run_length_in_control_is_the_one_that_is_stated(reference, wanted):
    threshold = threshold_for(reference, wanted)
    assert run_length(reference, threshold) == pytest.approx(wanted, rel=1e-6)
    steps = run_lengths(reference, threshold, mean=0.0, draws=2_000, seed=1, most=int(wanted * 9))
    assert steps.mean() == pytest.approx(wanted, rel=0.1)


def chart(horizon, *, promised=0.03, deviation=0.1, n=500):
    """Of a promise whose daily values deviate so much and are independent."""
    error = deviation / np.sqrt(n)
    return Chart.of(promised=promised, error=error, n=n, horizon=horizon)


def test_its_settings_are_those_of_the_promise():
    one = chart(1)
    assert one.spread == pytest.approx(0.1)
    assert one.reference == pytest.approx(0.15)
    assert run_length(one.reference, one.threshold) == pytest.approx(IN_CONTROL_SESSIONS)
    five = chart(5)
    assert five.spread == pytest.approx(0.1 / np.sqrt(5))
    assert run_length(five.reference, five.threshold) == pytest.approx(IN_CONTROL_SESSIONS / 5)


def test_a_kept_promise_with_labels_that_overlap_seldom_alarms():
    """Moving means over 5 sessions, as RankIC of 5 sessions' labels are."""
    rng = np.random.default_rng(3)
    horizon, draws, sessions = 5, 400, 500
    noise = rng.normal(size=(draws, sessions + horizon - 1))
    kernel = np.ones(horizon) / np.sqrt(horizon)
    daily = 0.03 + 0.1 * np.array([np.convolve(row, kernel, "valid") for row in noise])
    long_run = 0.1 * np.sqrt(horizon)  # standard error of the mean is long_run / sqrt(n)
    made = Chart.of(promised=0.03, error=long_run / np.sqrt(500), n=500, horizon=horizon)
    alarmed = np.mean([made.first_alarm(row) is not None for row in daily])
    wanted = 1.0 - np.exp(-sessions / IN_CONTROL_SESSIONS)
    assert alarmed == pytest.approx(wanted, abs=0.12)


def test_skill_that_turns_negative_is_noticed_and_skill_that_stays_is_not():
    rng = np.random.default_rng(4)
    one = chart(1)
    kept = rng.normal(0.03, 0.1, size=(500, 120))
    turned = rng.normal(-0.03, 0.1, size=(500, 120))
    alarms = [one.first_alarm(row) for row in turned]
    assert np.mean([alarm is not None for alarm in alarms]) > 0.95
    assert np.median([alarm for alarm in alarms if alarm is not None]) < 60
    assert np.mean([one.first_alarm(row) is not None for row in kept]) < 0.12


def test_an_alarm_is_dated_by_whole_blocks():
    made = chart(5)
    daily = np.full(50, made.promised - 20 * made.spread)
    assert made.first_alarm(daily) == 5
    assert made.first_alarm(daily[:4]) is None
    assert len(made.path(daily[:14])) == 2


@pytest.mark.parametrize(
    ("promised", "error"), [(None, 0.1), (-0.01, 0.1), (0.0, 0.1), (0.1, None), (0.1, 0.0)]
)
def test_nothing_is_held_against_no_promise(promised, error):
    assert Chart.of(promised=promised, error=error, n=100, horizon=1) is None
