"""Bootstrap intervals against one series at a time, and their behaviour at the edges."""

import math

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap, optimal_block_length

from gogooku.core.errors import ConfigError
from gogooku.core.metrics import mean_estimate, newey_west_error, ratio_estimate
from gogooku.evaluate.bootstrap import block_length, bootstrap_interval, newey_west_rows

SERIES = np.random.default_rng(0).standard_t(5, size=300) * 0.1 + 0.02
OVERLAPPING = np.convolve(SERIES, np.ones(5) / 5, mode="valid")


@pytest.mark.parametrize(
    ("statistic", "estimate"), [("mean", mean_estimate), ("ratio", ratio_estimate)]
)
@pytest.mark.parametrize(("series", "horizon"), [(SERIES, 1), (OVERLAPPING, 5)])
def test_it_is_the_studentised_bootstrap_one_series_at_a_time(statistic, estimate, series, horizon):
    made = bootstrap_interval(
        series, statistic=statistic, horizon=horizon, seed=4, draws=150, level=0.9
    )
    observed = estimate(series, horizon=horizon)
    block = max(math.ceil(optimal_block_length(series)["stationary"].iloc[0]), horizon)
    assert made.block == block
    drawn = StationaryBootstrap(made.block, series, seed=4)
    distances = []
    for (data,), _ in drawn.bootstrap(150):
        one = estimate(np.asarray(data), horizon=horizon)
        distances.append(abs(one.value - observed.value) / one.error)
    width = np.sort(distances)[135] * observed.error  # 149 steps, 0.9 of them rounded up
    assert made.value == pytest.approx(observed.value, abs=1e-12)
    assert made.low == pytest.approx(observed.value - width, abs=1e-8)
    assert made.high == pytest.approx(observed.value + width, abs=1e-8)
    as_far = np.sum(np.array(distances) * observed.error >= abs(observed.value))
    assert made.p_value == pytest.approx((1 + as_far) / 151, abs=1e-12)
    assert (made.n, made.draws, made.level) == (len(series), 150, 0.9)


def test_a_seed_is_all_that_is_random():
    first = bootstrap_interval(SERIES, horizon=1, seed=1, draws=200)
    assert first == bootstrap_interval(SERIES, horizon=1, seed=1, draws=200)
    other = bootstrap_interval(SERIES, horizon=1, seed=2, draws=200)
    assert first.low != other.low
    assert first.low == pytest.approx(other.low, abs=0.005)


def test_it_moves_with_the_series_and_its_scale():
    one = bootstrap_interval(SERIES, horizon=1, seed=1, draws=200)
    moved = bootstrap_interval(5.0 - 2.0 * SERIES, horizon=1, seed=1, draws=200)
    assert moved.low == pytest.approx(5.0 - 2.0 * one.high, abs=1e-9)
    assert moved.high == pytest.approx(5.0 - 2.0 * one.low, abs=1e-9)
    ratio = bootstrap_interval(SERIES, statistic="ratio", horizon=1, seed=1, draws=200)
    scaled = bootstrap_interval(9.0 * SERIES, statistic="ratio", horizon=1, seed=1, draws=200)
    assert ratio.low == pytest.approx(scaled.low, abs=1e-9)


def test_blocks_are_never_shorter_than_the_horizon_nor_longer_than_a_third():
    automatic = float(optimal_block_length(OVERLAPPING)["stationary"].iloc[0])
    assert block_length(OVERLAPPING, horizon=5) == math.ceil(automatic) > 5
    assert block_length(SERIES, horizon=20) == 20
    assert block_length(SERIES[:30], horizon=20) == 10
    circular = float(optimal_block_length(OVERLAPPING)["circular"].iloc[0])
    assert block_length(OVERLAPPING, horizon=1, kind="circular") == math.ceil(circular)


def test_sessions_without_a_value_are_left_out():
    holes = np.insert(SERIES, [0, 50, 300], [np.nan, np.inf, np.nan])
    made = bootstrap_interval(holes, horizon=1, seed=1, draws=200)
    assert made == bootstrap_interval(SERIES, horizon=1, seed=1, draws=200)
    assert made.n == 300


@pytest.mark.parametrize("statistic", ["mean", "ratio"])
@pytest.mark.parametrize("daily", [SERIES[:19], np.full(90, 0.1), np.full(9, np.nan), np.empty(0)])
def test_what_has_no_interval_has_nan(daily, statistic):
    made = bootstrap_interval(daily, statistic=statistic, horizon=5, seed=0)
    assert math.isnan(made.low)
    assert math.isnan(made.high)
    assert math.isnan(made.p_value)
    assert made.n == np.isfinite(daily).sum()


@pytest.mark.parametrize(
    "wrong", [{"level": 0.0}, {"level": math.nan}, {"draws": 98}, {"horizon": 0}]
)
def test_arguments_that_cannot_be(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        bootstrap_interval(SERIES, **{"horizon": 1, "seed": 0} | wrong)


@pytest.mark.parametrize("lags", [0, 1, 38, 299, 400])
def test_errors_of_rows_are_those_of_a_series(lags):
    rows = np.random.default_rng(2).normal(size=(3, 300)).cumsum(axis=1)
    expected = [newey_west_error(row, lags) for row in rows]
    assert newey_west_rows(rows, lags) == pytest.approx(expected, abs=1e-12)
