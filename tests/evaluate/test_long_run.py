"""The long-run covariance against arch and against a process whose covariance is known."""

import numpy as np
import pytest
from arch.covariance.kernel import Parzen

from gogooku.evaluate import long_run
from gogooku.evaluate.long_run import long_run_covariance


def test_without_prewhitening_it_is_arch(monkeypatch):
    """`arch` divides lags by the bandwidth and one, and never by less than n."""
    rng = np.random.default_rng(0)
    shocks = rng.normal(size=(401, 3))
    series = shocks[1:] + 0.6 * shocks[:-1]
    centred = series - series.mean(axis=0)
    monkeypatch.setattr(long_run, "_LONGEST_MEMORY", 0.0)
    monkeypatch.setattr(long_run, "_curvature", lambda white: (7.0 / 2.6614) ** 5 / len(white))
    theirs = Parzen(centred[1:], bandwidth=6.0, center=False, force_int=True).cov.long_run
    assert long_run_covariance(centred) * (396 / 399) == pytest.approx(theirs, abs=1e-8)


@pytest.mark.parametrize("memory", [0.0, 0.3, 0.6])
def test_an_autoregression_has_its_known_covariance(memory):
    rng = np.random.default_rng(1)
    shocks = rng.normal(size=(60_000, 2))
    series = np.zeros_like(shocks)
    for t in range(1, len(shocks)):
        series[t] = memory * series[t - 1] + shocks[t]
    made = long_run_covariance(series - series.mean(axis=0))
    expected = np.eye(2) / (1.0 - memory) ** 2
    assert made == pytest.approx(expected, abs=0.06 * expected[0, 0])
