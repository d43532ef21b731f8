"""Every definition against scipy or a naive loop."""

import math

import numpy as np
import pytest
from scipy import stats

from gogooku.core import cross_section, metrics
from gogooku.core.cosines import cosine_spread


def daily(kernel):
    return lambda score, label: cross_section.by_session({"it": kernel}, score, label)["it"]


daily_spread, daily_hit_rate = daily(cross_section.spread), daily(cross_section.hit_rate)
DAILY = [metrics.daily_ic, metrics.daily_rank_ic, daily_spread, daily_hit_rate]


def sample(seed, shape=(12, 60), *, ties=True, holes=True):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=shape)
    label = 0.3 * score + rng.normal(size=shape)
    if ties:
        score = score.round(1)
    if holes:
        score[rng.random(shape) < 0.15] = np.nan
        label[rng.random(shape) < 0.15] = np.nan
    return score, label


def joint_rows(score, label):
    for a, b in zip(score, label, strict=True):
        kept = np.isfinite(a) & np.isfinite(b)
        yield a[kept], b[kept]


def test_daily_measures_do_not_depend_on_blocks(monkeypatch):
    score, label = sample(1)
    before = metrics.daily_rank_ic(score, label)
    monkeypatch.setattr(cross_section, "_BLOCK_VALUES", 1)
    np.testing.assert_array_equal(metrics.daily_rank_ic(score, label), before)


def test_ic_and_rank_ic_equal_scipy():
    score, label = sample(2)
    pairs = list(joint_rows(score, label))
    ic = [stats.pearsonr(a, b).statistic for a, b in pairs]
    rank_ic = [stats.spearmanr(a, b).statistic for a, b in pairs]
    np.testing.assert_allclose(metrics.daily_ic(score, label), ic, atol=1e-12)
    np.testing.assert_allclose(metrics.daily_rank_ic(score, label), rank_ic, atol=1e-12)


def test_hit_rate_and_spread_equal_naive_loops():
    score, label = sample(3, (8, 240))
    hit, spread = [], []
    for a, b in joint_rows(score, label):
        hit.append(np.mean((a > np.median(a)) == (b > np.median(b))))
        position = (stats.rankdata(a) - 0.5) / len(a)
        spread.append(b[position > 0.9].mean() - b[position <= 0.1].mean())
    np.testing.assert_allclose(daily_hit_rate(score, label), hit)
    np.testing.assert_allclose(daily_spread(score, label), spread)


def test_precision_needs_twice_k_names():
    score, label = sample(4, (3, 39), holes=False)
    assert np.isnan(daily(cross_section.precision(20))(score, label)).all()
    assert np.isfinite(daily(cross_section.precision(19))(score, label)).all()


@pytest.mark.parametrize("scale", [1.0, 1e-15, 1e15])
def test_perfect_and_opposite_scores(scale):
    _, label = sample(5, holes=False)
    label = label * scale
    for measure in (metrics.daily_ic, metrics.daily_rank_ic):
        np.testing.assert_allclose(measure(label, label), 1.0)
        np.testing.assert_allclose(measure(-label, label), -1.0)
    np.testing.assert_allclose(daily_hit_rate(label, label), 1.0)
    np.testing.assert_allclose(daily(cross_section.precision(5))(label, label), 1.0)
    assert (daily_hit_rate(-label, label) < 0.05).all()


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9, -3e-9])
def test_a_constant_score_has_no_correlation_and_is_counted_out(value):
    score, label = sample(6, holes=False)
    score[4] = value
    for measure in (metrics.daily_ic, metrics.daily_rank_ic):
        daily = measure(score, label)
        assert np.isnan(daily[4])
        assert np.isfinite(np.delete(daily, 4)).all()
        assert metrics.mean_estimate(daily, horizon=1).n == len(score) - 1


@pytest.mark.parametrize("measure", DAILY)
def test_too_few_joint_names_do_not_count(measure):
    score, label = sample(7, holes=False)
    score[0, metrics.MIN_NAMES - 1 :] = np.nan
    label[1, metrics.MIN_NAMES :] = np.inf
    label[2] = np.nan
    daily = measure(score, label)
    assert np.isnan(daily[[0, 2]]).all()
    assert np.isfinite(daily[1])


def test_rank_ic_is_blind_to_monotone_changes():
    score, label = sample(8)
    np.testing.assert_allclose(
        metrics.daily_rank_ic(np.exp(score), label**3), metrics.daily_rank_ic(score, label)
    )


def independent_newey_west(series, lags):
    """Sum over all pairs of sessions, weighted by their distance."""
    n, centred = len(series), series - np.mean(series)
    total = 0.0
    for i in range(n):
        for j in range(n):
            weight = max(0.0, 1.0 - abs(i - j) / (lags + 1))
            total += weight * centred[i] * centred[j]
    return math.sqrt(max(total, 0.0)) / n


@pytest.mark.parametrize("lags", [0, 1, 5, 38])
def test_newey_west_equals_the_double_sum(lags):
    series = np.random.default_rng(9).normal(size=60).cumsum()
    ours = metrics.newey_west_error(series, lags)
    assert ours == pytest.approx(independent_newey_west(series, lags))


def test_newey_west_of_an_autoregression():
    rng, rho, n = np.random.default_rng(10), 0.6, 20_000
    series = np.zeros(n)
    for t in range(1, n):
        series[t] = rho * series[t - 1] + rng.normal()
    known = 1.0 / (1.0 - rho) / math.sqrt(n)
    assert metrics.newey_west_error(series, 60) == pytest.approx(known, rel=0.1)
    naive = series.std() / math.sqrt(n)
    assert naive < 0.6 * known


def test_newey_west_needs_three_values():
    assert math.isnan(metrics.newey_west_error(np.array([1.0, 2.0]), 1))
    assert metrics.newey_west_error(np.ones(3), 1) == 0.0


def test_lags_cover_the_overlap_and_stay_below_n():
    assert metrics.newey_west_lags(1000, 20) == 38
    assert metrics.newey_west_lags(1000, 1) == 6
    assert metrics.newey_west_lags(10, 20) == 9
    assert metrics.newey_west_lags(0, 20) == 0


def test_mean_estimate_counts_only_finite_sessions():
    estimate = metrics.mean_estimate(np.array([1.0, np.nan, 3.0, np.inf, 2.0]), horizon=1)
    assert (estimate.value, estimate.n) == (2.0, 3)
    assert estimate.low < 2.0 < estimate.high
    half = cosine_spread(np.array([1.0, 3.0, 2.0]), horizon=1).half_width(0.95)
    assert estimate.high - estimate.value == pytest.approx(half)
    twice = estimate.times(2.0)
    assert (twice.value, twice.error, twice.high) == (4.0, 2 * estimate.error, 2 * estimate.high)
    nothing = metrics.mean_estimate(np.array([np.nan]), horizon=5)
    assert math.isnan(nothing.value)
    assert nothing.n == 0
    assert nothing.to_json()["value"] is None


def test_ratio_estimate_has_the_error_of_lo():
    returns = np.random.default_rng(11).normal(0.1, 1.0, size=50_000)
    estimate = metrics.ratio_estimate(returns, horizon=1)
    assert estimate.value == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert estimate.value == metrics.information_ratio(returns)
    lo = math.sqrt((1.0 + estimate.value**2 / 2.0) / len(returns))
    assert estimate.error == pytest.approx(lo, rel=0.05)
    assert math.isnan(metrics.ratio_estimate(np.ones(5), horizon=1).value)


def test_drawdown_is_the_largest_fall_from_a_running_peak():
    assert metrics.max_drawdown(np.array([100, 120, 90, 130, 110.0])) == pytest.approx(0.25)
    assert metrics.max_drawdown(np.array([1.0, 2.0, 3.0])) == 0.0


# ------------------------------------------------------------------------ nothing to measure by

BY_SESSION = {
    "ic": metrics.daily_ic,
    "rank_ic": metrics.daily_rank_ic,
    "spread": daily_spread,
    "hit_rate": daily_hit_rate,
    "p_at_5": daily(cross_section.precision(5)),
}


@pytest.mark.parametrize("name", BY_SESSION)
@pytest.mark.parametrize("level", [0.0, 0.1, 1e-12, 1e12, -7.3])
@pytest.mark.parametrize("rounding", [0, 1, 5])
def test_numbers_that_differ_by_rounding_alone_measure_nothing(name, level, rounding):
    rng = np.random.default_rng(1)
    label = rng.normal(size=(4, 31))
    flat = level * (1 + rounding * np.finfo(float).eps * rng.integers(-1, 2, size=(4, 31)))
    for score, other in ((flat, label), (label, flat), (flat, flat)):
        assert np.isnan(BY_SESSION[name](score, other)).all()


@pytest.mark.parametrize("name", BY_SESSION)
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_scale_of_scores_changes_nothing(name, scale):
    rng = np.random.default_rng(2)
    score, label = rng.normal(size=(2, 6, 40))
    np.testing.assert_allclose(
        BY_SESSION[name](scale * score, label), BY_SESSION[name](score, label)
    )


@pytest.mark.parametrize("value", [0.07, 0.001, 1e-9, -3.0])
def test_a_series_that_never_changes_has_no_ratio(value):
    series = np.full(250, value)
    assert math.isnan(metrics.information_ratio(series))
    assert math.isnan(metrics.sharpe_ratio(series))
    assert math.isnan(metrics.ratio_estimate(series, horizon=5).value)
    assert math.isnan(metrics.mean_estimate(series, horizon=5).t_stat)
    assert not metrics.has_dispersion(series)


def test_the_sharpe_ratio_is_annualised():
    returns = np.random.default_rng(3).normal(0.001, 0.01, 400)
    expected = returns.mean() / returns.std(ddof=1) * math.sqrt(245)
    assert metrics.sharpe_ratio(returns) == pytest.approx(expected)
