"""Distances of distributions against their definitions."""

import numpy as np
import pytest
from scipy import stats

from gogooku.core.drift import (
    beyond_the_largest,
    edges_of,
    independent_looks,
    kolmogorov_smirnov,
    population_stability,
    shares_of,
    stability_by_chance,
)


def test_equal_values_are_never_parted():
    values = np.repeat([0.0, 1.0, 2.0], [60, 30, 10])
    edges = edges_of(values, 10)
    assert edges.tolist() == [0.0, 1.0]
    assert shares_of(values, edges).tolist() == [0.6, 0.3, 0.1]


def test_the_index_is_about_the_square_of_a_shift_of_normal_values():
    rng = np.random.default_rng(1)
    before = rng.normal(size=200_000)
    edges = edges_of(before, 10)
    p = shares_of(before, edges)
    for shift in (0.1, 0.33, 1.0):
        q = shares_of(rng.normal(shift, size=200_000), edges)
        assert float(population_stability(p, q)) == pytest.approx(shift**2, rel=0.12)
    assert float(population_stability(p, p)) == 0.0


def test_many_sessions_at_once_are_each_against_the_whole():
    p, q = np.array([0.5, 0.5]), np.array([[0.5, 0.5], [0.25, 0.75]])
    each = population_stability(p[None, :], q)
    assert each.tolist() == [0.0, pytest.approx(-0.25 * np.log(0.5) + 0.25 * np.log(1.5))]


def test_the_distance_of_percentiles_is_that_of_the_values():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=5_000), rng.normal(0.4, 1.3, size=3_000)
    edges = edges_of(a, 100)
    found = kolmogorov_smirnov(shares_of(a, edges), shares_of(b, edges))
    assert found == pytest.approx(stats.ks_2samp(a, b).statistic, abs=0.01)


def test_no_values_have_no_shares():
    assert np.isnan(shares_of(np.array([]), np.array([0.0]))).all()


def test_an_empty_bin_of_few_values_counts_as_half_a_value():
    p, q = np.array([0.5, 0.5]), np.array([1.0, 0.0])
    assert float(population_stability(p, q, count=10)) == pytest.approx(
        0.5 * np.log(2.0) + 0.45 * np.log(10.0)
    )
    assert population_stability(p, q) > 4.0
    many = population_stability(p, np.stack([q, q]), count=[10, 10**6])
    assert many[1] == pytest.approx(float(population_stability(p, q)))


@pytest.mark.parametrize("now", [10, 13, 30, 58, 200, 1_000])
@pytest.mark.parametrize("before", [2_500, 200_000])
def test_without_drift_the_limit_of_chance_is_passed_once_in_a_thousand(now, before):
    rng = np.random.default_rng(now + before)
    made = rng.dirichlet(np.full(10, before / 10.0), size=40_000)
    shares = np.array([rng.multinomial(now, one) for one in made]) / now
    found = population_stability(np.full(10, 0.1), shares, count=now)
    beyond = float(np.mean(found > stability_by_chance(now, before, 10)))
    assert beyond <= 0.0045
    if now >= 58:
        assert beyond >= 0.0003


def test_the_limit_of_chance_of_nothing_is_none():
    assert stability_by_chance(0, 100, 10) == stability_by_chance(10, 100, 1) == 0.0
    assert stability_by_chance(400, 400, 10) == pytest.approx(stats.chi2.isf(1e-3, 9) / 200)


@pytest.mark.parametrize("looks", [2, 5, 12, 40])
def test_one_more_is_seldom_beyond_the_largest_of_a_few(looks):
    rng = np.random.default_rng(looks)
    moved = rng.normal(size=(40_000, looks + 1)) ** 2
    limit = beyond_the_largest(looks) * moved[:, :-1].max(axis=1)
    assert 0.02 < float(np.mean(moved[:, -1] > limit)) < 0.13
    assert beyond_the_largest(looks) <= beyond_the_largest(looks - 1)
    assert beyond_the_largest(100) == 1.0


def shares_over(sessions, lookback):
    rng = np.random.default_rng([sessions, lookback])
    moves = rng.normal(size=(sessions + lookback - 1, 400))
    sums = np.cumsum(np.vstack([np.zeros(400), moves]), axis=0)
    values = (sums[lookback:] - sums[:-lookback]) / np.sqrt(lookback)
    edges = edges_of(values.ravel(), 10)
    return np.array([shares_of(row, edges) for row in values]), shares_of(values.ravel(), edges)


def test_sessions_that_resemble_each_other_show_less_that_is_new():
    looks = [independent_looks(*shares_over(200, lookback)) for lookback in (1, 5, 20, 60)]
    assert looks == sorted(looks, reverse=True)
    assert looks[0] > 150
    assert 60 < looks[1] < 170
    assert looks[3] < 35
    assert independent_looks(np.full((7, 2), 0.5), np.array([0.5, 0.5])) == 7.0
