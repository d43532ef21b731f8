"""Shares below quantiles against counting by hand."""

import math

import numpy as np
import pytest

from gogooku.core.metrics import MIN_NAMES
from gogooku.evaluate.calibration import calibrated


def flat(level, sessions=4, names=20, horizons=2):
    return np.full((sessions, names, horizons), level, dtype=np.float32)


def came(sessions=4, names=20, horizons=2):
    """0, 1, 2, ... of the names of every session."""
    return np.tile(np.arange(names, dtype=np.float32)[None, :, None], (sessions, 1, horizons))


def test_a_share_is_the_names_strictly_below_the_quantile():
    rows = calibrated({0.1: flat(2.0), 0.9: flat(17.5)}, came(), horizons=(1, 5))
    found = {(row.horizon, row.level): row for row in rows}
    assert set(found) == {(1, 0.1), (1, 0.9), (5, 0.1), (5, 0.9)}
    for horizon in (1, 5):
        low, high = found[horizon, 0.1], found[horizon, 0.9]
        assert (low.share, high.share) == (pytest.approx(0.1), pytest.approx(0.9))
        assert (low.sessions, low.labels) == (4, 80)
        assert low.error == pytest.approx(0.0, abs=1e-12)


def test_a_horizon_has_its_own_quantiles_and_labels():
    quantile, label = flat(10.0), came()
    quantile[:, :, 1], label[:, :, 1] = 5.0, label[:, :, 1] - 100.0
    first, second = calibrated({0.5: quantile}, label, horizons=(1, 5))
    assert (first.share, second.share) == (pytest.approx(0.5), pytest.approx(1.0))


def test_names_without_a_label_or_a_quantile_do_not_count():
    quantile, label = flat(10.0, horizons=1), came(horizons=1)
    label[:, :5] = np.nan
    quantile[:, 15:] = np.nan
    (row,) = calibrated({0.5: quantile}, label, horizons=(5,))
    assert (row.share, row.labels) == (pytest.approx(0.5), 40)


def test_sessions_count_alike_and_those_with_too_few_names_not_at_all():
    label = came(sessions=3, horizons=1)
    label[0, MIN_NAMES - 1 :] = np.nan
    label[1, MIN_NAMES:] = np.nan
    (row,) = calibrated({0.5: flat(5.0, sessions=3, horizons=1)}, label, horizons=(5,))
    assert (row.sessions, row.labels) == (2, MIN_NAMES + 20)
    assert row.share == pytest.approx((0.5 + 0.25) / 2)


def test_nothing_that_came_is_no_share():
    (row,) = calibrated({0.5: flat(5.0, horizons=1)}, flat(np.nan, horizons=1), horizons=(5,))
    assert math.isnan(row.share)
    assert (row.sessions, row.labels) == (0, 0)
