"""Every kernel against the plainest loop, and its exactness in its window."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m

WINDOWS = (1, 2, 3, 5, 20, 26)


def holes(seed=0, shape=(90, 3), share=0.15):
    rng = np.random.default_rng(seed)
    values = rng.normal(0.001, 0.02, shape)
    values[rng.random(shape) < share] = np.nan
    return values


def by_window(values, window, function, *, need=None):
    """Apply a function of the list of valid values, newest first, to every window."""
    need = k.fewest(window) if need is None else need
    out = np.full(values.shape, np.nan)
    for t in range(values.shape[0]):
        for n in range(values.shape[1]):
            known = [x for x in values[max(t - window + 1, 0) : t + 1, n][::-1] if x == x]
            if len(known) >= max(need, 1):
                out[t, n] = function(known)
    return out


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("ndim", [1, 2])
def test_mean_sum_extremes(window, ndim):
    values = holes()
    given_ = values[:, 0] if ndim == 1 else values
    cut = (slice(None), 0) if ndim == 1 else slice(None)
    for made, function in (
        (k.rolling_mean(given_, window), statistics.fmean),
        (k.rolling_sum(given_, window), lambda x: window * statistics.fmean(x)),
        (k.rolling_extreme(given_, window, kind="max"), max),
        (k.rolling_extreme(given_, window, kind="min"), min),
    ):
        np.testing.assert_allclose(made, by_window(values, window, function)[cut], rtol=1e-12)


@pytest.mark.parametrize("window", [2, 5, 20])
def test_variances_agree_with_the_two_pass_formula(window):
    values = holes()
    expected = by_window(values, window, statistics.variance)
    np.testing.assert_allclose(m.rolling_var(values, window), expected, rtol=1e-9, atol=1e-17)
    mean, variance = m.rolling_mean_var(values, window)
    np.testing.assert_allclose(variance, expected, rtol=1e-10)
    np.testing.assert_allclose(mean, by_window(values, window, statistics.fmean), rtol=1e-12)


def test_merged_variance_keeps_its_digits_at_a_high_level():
    values = holes()
    level = 1e6
    _, near = m.rolling_mean_var(values, 20)
    _, far = m.rolling_mean_var(values + level, 20)
    np.testing.assert_allclose(far, near, rtol=1e-6)


def test_a_flat_series_has_no_z():
    flat = np.full((40, 2), 7.3)
    assert np.isnan(m.zscore(flat, 20)).all()
    assert np.isnan(k.ratio(flat, m.rolling_sd(flat * 0, 20), floor=k.FLAT)).all()


def test_higher_moments():
    values = holes(share=0.1)
    skew, kurtosis = m.rolling_moments(values, 20)

    def central(x, power):
        mean = statistics.fmean(x)
        return statistics.fmean((v - mean) ** power for v in x)

    want_skew = by_window(values, 20, lambda x: central(x, 3) / central(x, 2) ** 1.5)
    want_kurt = by_window(values, 20, lambda x: central(x, 4) / central(x, 2) ** 2 - 3)
    np.testing.assert_allclose(skew, want_skew, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(kurtosis, want_kurt, rtol=1e-8, atol=1e-8)


def test_pairs_use_jointly_valid_sessions():
    x, y = holes(1), holes(2)
    y[:, 2] = x[:, 2] * 2.0
    slope, corr = m.rolling_beta(x, y, 20), m.rolling_corr(x, y, 20)
    for t in range(len(x)):
        for n in range(3):
            a, b = x[max(t - 19, 0) : t + 1, n], y[max(t - 19, 0) : t + 1, n]
            both = ~np.isnan(a) & ~np.isnan(b)
            if both.sum() < 16:
                assert np.isnan(slope[t, n])
                continue
            want = np.cov(a[both], b[both])
            assert slope[t, n] == pytest.approx(want[0, 1] / want[1, 1], rel=1e-9)
            assert corr[t, n] == pytest.approx(
                want[0, 1] / math.sqrt(want[0, 0] * want[1, 1]), rel=1e-9
            )


def test_a_common_series_serves_every_name():
    x, common = holes(1), holes(2)[:, 0]
    np.testing.assert_array_equal(
        m.rolling_beta(x, common, 20), m.rolling_beta(x, np.tile(common[:, None], 3), 20)
    )


def test_exponential_mean_is_a_truncated_weighted_mean():
    values = holes()
    made = k.ewm_mean(values, decay=0.9, length=23)
    for t in range(len(values)):
        for n in range(3):
            back = values[max(t - 22, 0) : t + 1, n][::-1]
            weights = 0.9 ** np.arange(len(back))
            known = ~np.isnan(back)
            share = weights[known].sum() / (0.9 ** np.arange(23)).sum()
            if share <= 0.5:
                assert np.isnan(made[t, n])
            else:
                want = np.average(back[known], weights=weights[known])
                assert made[t, n] == pytest.approx(want, rel=1e-11)


@pytest.mark.parametrize("window", [2, 7, 26])
@pytest.mark.parametrize("kind", ["max", "min"])
def test_sessions_since_extreme_counts_the_newest_of_equals(window, kind):
    values = np.round(holes() * 100)
    made = k.sessions_since_extreme(values, window, kind=kind)
    for t in range(len(values)):
        for n in range(3):
            back = values[max(t - window + 1, 0) : t + 1, n][::-1]
            known = [x for x in back if x == x]
            if len(known) < k.fewest(window):
                assert np.isnan(made[t, n])
            else:
                best = max(known) if kind == "max" else min(known)
                assert made[t, n] == list(back).index(best)


def test_runs_fills_and_shifts():
    signs = np.array([1, 1, -1, -1, -1, 0, 1, np.nan, 1, 1.0])[:, None]
    want = [1, 2, -1, -2, -3, 0, 1, np.nan, 1, 2]
    np.testing.assert_array_equal(k.run_length(signs, 10)[:, 0], want)
    np.testing.assert_array_equal(k.run_length(signs, 2)[4, 0], -2)
    column = np.array([1.0, np.nan, np.nan, np.nan, 5.0])
    np.testing.assert_array_equal(k.forward_fill(column, 2), [1, 1, 1, np.nan, 5])
    np.testing.assert_array_equal(k.shift(column, 9), np.full(5, np.nan))
    with pytest.raises(ValueError, match="look ahead"):
        k.shift(column, -1)
    with pytest.raises(ValueError, match="below 1"):
        k.window_sum(column, 0)


@pytest.mark.parametrize("limit", [1, 4, 20])
def test_a_fill_reaches_exactly_its_limit(limit):
    column = np.full(60, np.nan)
    column[3] = 2.0
    filled = np.flatnonzero(~np.isnan(k.forward_fill(column, limit)))
    np.testing.assert_array_equal(filled, np.arange(3, 4 + limit))


@given(window=st.integers(1, 70), start=st.integers(0, 40), seed=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_windows_do_not_remember(window, start, seed):
    """Bit for bit the same from the window alone, whatever huge values came before it."""
    values = holes(seed, shape=(120, 2))
    spoiled = values.copy()
    end = min(start + window, 120)
    spoiled[:start] *= 1e12
    spoiled[end:] *= -1e12
    for function in (
        lambda x: k.rolling_mean(x, window),
        lambda x: m.rolling_var(x, max(window, 2)),
        lambda x: m.rolling_mean_var(x, max(window, 2))[1],
        lambda x: k.ewm_mean(x, decay=0.95, length=window),
        lambda x: k.rolling_extreme(x, window, kind="max"),
    ):
        if end - start < max(window, 2):
            continue
        np.testing.assert_array_equal(function(spoiled)[end - 1], function(values[start:end])[-1])


@pytest.mark.parametrize("length", [1, 3, 10])
def test_windows_longer_than_the_data_are_short_not_wrong(length):
    values = holes(share=0.0)[:length]
    assert np.isnan(k.rolling_mean(values, 60)).all()
    assert np.isnan(k.ema(values, 60)).all()
    assert np.isnan(k.rolling_extreme(values, 60, kind="min")).all()
    assert np.isnan(k.sessions_since_extreme(values, 60, kind="min")).all()
    np.testing.assert_array_equal(k.forward_fill(values), values)
