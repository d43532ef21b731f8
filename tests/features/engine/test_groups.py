"""Means over groups of names within a session, against plain loops."""

import math

import numpy as np
import pytest

from gogooku.features.engine.groups import FEWEST_MEMBERS, grouped, numbered, others_mean

NAN = math.nan


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(5)
    values = rng.standard_normal((12, 30))
    values[rng.random(values.shape) < 0.15] = NAN
    group = rng.choice([0.0, 1.0, 2.0, 5.0, NAN], values.shape, p=[0.5, 0.2, 0.1, 0.05, 0.15])
    universe = np.where(rng.random(values.shape) < 0.9, 1.0, 0.0)
    return values, group, universe


def members(panel, t, kind):
    values, group, universe = panel
    here = (group[t] == kind) & (universe[t] == 1.0) & ~np.isnan(values[t])
    return [int(n) for n in np.flatnonzero(here)]


def test_means_of_groups(panel):
    values, group, _ = panel
    found = grouped(*panel)
    of_names = found.of_names(found.means())
    few = 0
    for t, n in np.ndindex(values.shape):
        inside = [] if np.isnan(group[t, n]) else members(panel, t, group[t, n])
        enough = len(inside) >= FEWEST_MEMBERS
        few += 0 < len(inside) < FEWEST_MEMBERS
        want = math.fsum(values[t, inside]) / len(inside) if enough else NAN
        np.testing.assert_allclose(of_names[t, n], want, rtol=1e-9, atol=1e-12)
    assert few > 5


def test_means_of_the_others(panel):
    values, group, _ = panel
    got = others_mean(*panel)
    for t, n in np.ndindex(values.shape):
        others = [] if np.isnan(group[t, n]) else members(panel, t, group[t, n])
        others = [m for m in others if m != n]
        enough = len(others) >= FEWEST_MEMBERS - 1
        want = math.fsum(values[t, others]) / len(others) if enough else NAN
        np.testing.assert_allclose(got[t, n], want, rtol=1e-9, atol=1e-12)


def test_without_a_group_nobody_has_a_mean(panel):
    values, _, universe = panel
    assert np.isnan(others_mean(values, np.full(values.shape, NAN), universe)).all()


def test_labels_become_small_numbers():
    label = np.array([[7.0, NAN, 16_000_001.0], [NAN, 7.0, 9.0]])
    np.testing.assert_array_equal(numbered(label), [[0.0, NAN, 2.0], [NAN, 0.0, 1.0]])
    assert np.isnan(numbered(np.full((2, 2), NAN))).all()
