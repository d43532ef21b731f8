"""Order of rows under a key, and spans that begin or end before a window, against plain loops."""

import numpy as np
import pytest

from gogooku.features.engine.spans import last_before, replaced_at, spread


@pytest.mark.parametrize("seed", range(4))
def test_neighbours_under_a_key_equal_loops(seed):
    rng = np.random.default_rng(seed)
    keys = rng.integers(0, 6, 50)
    t = np.sort(rng.integers(-10, 20, 50))
    values = np.where(rng.random(50) < 0.4, np.nan, rng.normal(size=50))
    following, before = replaced_at(t, keys, never=99), last_before(values, keys)
    for i in range(50):
        later = [t[j] for j in range(i + 1, 50) if keys[j] == keys[i]]
        assert following[i] == (later[0] if later else 99)
        seen = [values[j] for j in range(i) if keys[j] == keys[i] and not np.isnan(values[j])]
        np.testing.assert_equal(before[i], seen[-1] if seen else np.nan)


@pytest.mark.parametrize("seed", range(4))
def test_spans_cover_their_cells_and_the_higher_number_stands(seed):
    rng = np.random.default_rng(seed)
    n, first = rng.integers(0, 4, 30), rng.integers(-12, 10, 30)
    last = first + rng.integers(-3, 9, 30)
    expected = np.full((10, 4), -1)
    for i in range(30):
        for t in range(max(first[i], 0), min(last[i], 10)):
            expected[t, n[i]] = i
    np.testing.assert_array_equal(spread((10, 4), n, first, last), expected)
    assert (expected >= 0).any()
    np.testing.assert_array_equal(spread((4, 4), n, first - 6, last - 6), expected[6:])
