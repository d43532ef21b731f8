"""Means over groups of names within a session, against plain loops."""

import math

import numpy as np

from gogooku.features.engine.groups import FEWEST_MEMBERS, grouped, numbered, others_mean

NAN = math.nan


def test_means_of_groups(grouped_panel, members):
    values, _, _ = grouped_panel
    found = grouped(*grouped_panel)
    of_names = found.of_names(found.means())
    few = 0
    for t, n in np.ndindex(values.shape):
        inside = members(t, n)
        enough = len(inside) >= FEWEST_MEMBERS
        few += 0 < len(inside) < FEWEST_MEMBERS
        want = math.fsum(values[t, inside]) / len(inside) if enough else NAN
        np.testing.assert_allclose(of_names[t, n], want, rtol=1e-9, atol=1e-12)
    assert few > 5


def test_means_of_the_others(grouped_panel, members):
    values, _, _ = grouped_panel
    got = others_mean(*grouped_panel)
    for t, n in np.ndindex(values.shape):
        others = [m for m in members(t, n) if m != n]
        enough = len(others) >= FEWEST_MEMBERS - 1
        want = math.fsum(values[t, others]) / len(others) if enough else NAN
        np.testing.assert_allclose(got[t, n], want, rtol=1e-9, atol=1e-12)


def test_without_a_group_nobody_has_a_mean(grouped_panel):
    values, _, universe = grouped_panel
    assert np.isnan(others_mean(values, np.full(values.shape, NAN), universe)).all()


def test_labels_become_small_numbers():
    label = np.array([[7.0, NAN, 16_000_001.0], [NAN, 7.0, 9.0]])
    np.testing.assert_array_equal(numbered(label), [[0.0, NAN, 2.0], [NAN, 0.0, 1.0]])
    assert np.isnan(numbered(np.full((2, 2), NAN))).all()
