"""Tests of forecasts of risk against worked numbers, likelihoods by hand and planted mistakes."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from gogooku.core.errors import ConfigError, DataError
from gogooku.portfolio.risk_tests import (
    conditional_coverage,
    independence,
    shortfall_test,
    unconditional_coverage,
)


def returns_with(hits):
    """Returns of which those marked lose 5 %, and a VaR of 2 %."""
    returns = np.where(hits, -0.05, 0.001)
    return returns, np.full(len(returns), 0.02)


@pytest.mark.parametrize(
    ("share", "accepted"),
    [
        (0.01, {255: (1, 6), 510: (2, 10), 1000: (5, 16)}),
        (0.025, {255: (3, 11), 510: (7, 20), 1000: (16, 35)}),
        (0.05, {255: (7, 20), 510: (17, 35), 1000: (38, 64)}),
        (0.10, {255: (17, 35), 510: (39, 64), 1000: (82, 119)}),
    ],
)
def test_the_numbers_that_are_accepted_are_those_of_kupiec(share, accepted):
    """Kupiec (1995), table 5: numbers of failures that are not rejected at 5 %.

    Its "fewer than 7" of 255 at 1 % holds from 1 on: none has a likelihood ratio of 5.13.
    """
    for n, (lowest, highest) in accepted.items():
        kept = []
        for beyond in range(highest + 4):
            made = unconditional_coverage(*returns_with(np.arange(n) < beyond), level=1.0 - share)
            kept += [beyond] if made.p_value >= 0.05 else []
        assert (kept[0], kept[-1]) == (lowest, highest)


def test_the_number_beyond_by_hand():
    made = unconditional_coverage(*returns_with(np.arange(255) < 7), level=0.99)
    by_hand = 2.0 * (stats.binom.logpmf(7, 255, 7 / 255) - stats.binom.logpmf(7, 255, 0.01))
    assert made.statistic == pytest.approx(by_hand, abs=1e-8)
    assert made.p_value == pytest.approx(stats.chi2.sf(by_hand, 1), abs=1e-10)
    assert (made.beyond, made.n) == (7, 255)
    assert made.expected == pytest.approx(2.55)
    none = unconditional_coverage(*returns_with(np.zeros(255, dtype=bool)), level=0.99)
    assert none.statistic == pytest.approx(-2.0 * 255 * math.log(0.99))


def test_memory_by_hand():
    hits = np.array([0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0], dtype=bool)
    # from inside: 7 to inside, 3 to beyond; from beyond: 3 to inside, 3 to beyond, less one
    pairs = list(itertools.pairwise(hits))
    n00, n01 = pairs.count((False, False)), pairs.count((False, True))
    n10, n11 = pairs.count((True, False)), pairs.count((True, True))
    p01, p11, p = n01 / (n00 + n01), n11 / (n10 + n11), (n01 + n11) / 15
    two = (1 - p01) ** n00 * p01**n01 * (1 - p11) ** n10 * p11**n11
    one = (1 - p) ** (n00 + n10) * p ** (n01 + n11)
    made = independence(*returns_with(hits))
    assert made.statistic == pytest.approx(-2 * math.log(one / two), abs=1e-10)
    both = conditional_coverage(*returns_with(hits), level=0.9)
    alone = unconditional_coverage(*returns_with(hits), level=0.9)
    assert both.statistic == pytest.approx(made.statistic + alone.statistic)
    assert both.p_value == pytest.approx(math.exp(-both.statistic / 2.0))  # two degrees


def test_clusters_are_found():
    clustered = np.arange(500) % 100 < 5
    spread = np.arange(500) % 20 == 0
    assert independence(*returns_with(clustered)).p_value < 1e-6
    assert independence(*returns_with(spread)).p_value > 0.01
    assert unconditional_coverage(*returns_with(clustered), level=0.95).p_value > 0.9
    assert conditional_coverage(*returns_with(clustered), level=0.95).p_value < 1e-6


def test_none_beyond_is_no_memory():
    made = independence(*returns_with(np.zeros(300, dtype=bool)))
    assert made.statistic == 0.0
    assert made.p_value == 1.0


def test_the_shortfall_by_hand():
    returns, var = returns_with(np.arange(400) % 20 == 0)
    made = shortfall_test(returns, var, np.full(400, 0.05), level=0.95, seed=0)
    assert made.statistic == pytest.approx(0.0, abs=1e-12)  # 20 losses of 0.05 of 20 expected
    assert 0.2 < made.p_value < 0.8
    low = shortfall_test(returns, var, np.full(400, 0.025), level=0.95, seed=0)
    assert low.statistic == pytest.approx(-1.0)
    assert low.p_value == pytest.approx(1 / 2001)
    high = shortfall_test(returns, var, np.full(400, 0.1), level=0.95, seed=0)
    assert high.statistic == pytest.approx(0.5)
    assert high.p_value > 0.9
    assert made == shortfall_test(returns, var, np.full(400, 0.05), level=0.95, seed=0)


def test_sessions_without_a_forecast_are_left_out():
    returns, var = returns_with(np.arange(400) % 20 == 0)
    later = np.concatenate([np.full(50, np.nan), var])
    longer = np.concatenate([np.full(50, -0.9), returns])
    for test in (unconditional_coverage, conditional_coverage):
        assert test(longer, later, level=0.95) == test(returns, var, level=0.95)
    made = shortfall_test(longer, later, 2.0 * later, level=0.95, seed=0)
    assert made == shortfall_test(returns, var, 2.0 * var, level=0.95, seed=0)


def test_what_cannot_be_tested_has_no_p_value():
    empty = np.full(30, np.nan)
    assert math.isnan(unconditional_coverage(empty, empty, level=0.95).p_value)
    assert math.isnan(independence(empty, empty).p_value)
    assert math.isnan(conditional_coverage(empty, empty, level=0.95).p_value)
    assert math.isnan(shortfall_test(empty, empty, empty, level=0.95, seed=0).p_value)


def test_what_does_not_fit_is_refused():
    returns, var = returns_with(np.arange(40) % 20 == 0)
    with pytest.raises(DataError, match="40"):
        independence(returns, var[1:])
    with pytest.raises(DataError, match="40"):
        shortfall_test(returns, var, var[1:], level=0.95, seed=0)
    with pytest.raises(DataError, match="40 of 40 CVaR"):
        shortfall_test(returns, var, 0.5 * var, level=0.95, seed=0)
    with pytest.raises(ConfigError, match="level"):
        unconditional_coverage(returns, var, level=0.05)
