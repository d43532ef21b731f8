"""Distances of distributions against their definitions."""

import numpy as np
import pytest
from scipy import stats

from gogooku.core.drift import edges_of, kolmogorov_smirnov, population_stability, shares_of


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
