"""The cosine estimate of how uncertain a mean is."""

import math

import numpy as np
import pytest
from scipy import stats

from gogooku.core.cosines import Spread, cosine_spread, num_cosines
from gogooku.core.metrics import mean_estimate, ratio_estimate


@pytest.mark.parametrize(
    ("n", "horizon"), [(30, 1), (250, 5), (500, 20), (2434, 20), (20, 20), (25, 20)]
)
def test_it_is_the_mean_square_of_the_projections(n, horizon):
    series = np.random.default_rng(n).normal(0.3, 2.0, size=n)
    count = num_cosines(n, horizon)

    def dampened(j):
        """What is left of a wave of that cosine's frequency in a moving mean."""
        wave = math.pi * min(j / n, 1 / (2 * horizon))
        return abs(np.mean(np.exp(1j * wave * np.arange(horizon))))

    places = (np.arange(n) + 0.5) / n
    projected = [
        math.sqrt(2 / n) * float(np.cos(math.pi * j * places) @ series) / dampened(j)
        for j in range(1, count + 1)
    ]
    found = cosine_spread(series, horizon=horizon)
    assert found.error == pytest.approx(math.sqrt(np.mean(np.square(projected)) / n), rel=1e-10)
    assert found.degrees == count
    wanted = stats.t.ppf(0.975, count) * found.error
    assert found.half_width(0.95) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95, 0.99])
def test_the_interval_is_that_of_students_t(level):
    for degrees in [*range(1, 60), 100, 101, 333]:
        wanted = stats.t.ppf((1.0 + level) / 2.0, degrees)
        assert Spread(1.0, float(degrees)).half_width(level) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize(
    ("n", "horizon", "count"),
    [(500, 1, 25), (500, 5, 25), (500, 20, 12), (120, 20, 3), (40, 20, 2), (3, 20, 2), (4, 1, 2)],
)
def test_overlap_leaves_fewer_cosines(n, horizon, count):
    assert num_cosines(n, horizon) == count


def test_a_short_series_is_not_known_and_one_that_never_changes_is_certain():
    assert math.isnan(cosine_spread(np.array([1.0, 2.0]), horizon=1).half_width(0.95))
    assert math.isnan(mean_estimate(np.array([1.0, 2.0]), horizon=1).low)
    same = mean_estimate(np.ones(30), horizon=5)
    assert (same.low, same.high) == (1.0, 1.0)


def outside(statistic, truth, *, horizon, n=500, markets=1500):
    """Share of markets whose 95 % interval leaves the truth out."""
    rng = np.random.default_rng(7)
    missed = 0
    for _ in range(markets):
        shocks = rng.normal(size=n + horizon)
        series = 0.2 + np.convolve(shocks, np.ones(horizon), mode="valid")[:n] / math.sqrt(horizon)
        found = statistic(series, horizon=horizon)
        missed += not found.low <= truth <= found.high
    return missed / markets


@pytest.mark.parametrize("horizon", [1, 5, 20])
@pytest.mark.parametrize("statistic", [mean_estimate, ratio_estimate])
def test_intervals_cover_as_often_as_they_say(statistic, horizon):
    """Within three binomial errors of 5 %; plus and minus 1.96 Newey-West errors miss 9 to 11 %."""
    assert 0.033 < outside(statistic, 0.2, horizon=horizon) < 0.067
