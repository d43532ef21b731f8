"""Risk measures against other implementations, integrals and rows computed one at a time."""

import math

import empyrical
import numpy as np
import pytest
from pyextremes.models import get_model
from scipy import integrate, stats
from skfolio.measures import cvar, value_at_risk

from gogooku.core.errors import ConfigError, DataError
from gogooku.portfolio.risk import (
    TailFit,
    cornish_fisher_risk,
    drawdowns,
    filtered_path,
    filtered_risk,
    historical_path,
    historical_risk,
    tail_fit,
    worst_sessions,
)

RETURNS = np.random.default_rng(0).standard_t(5, size=777) * 0.01 + 0.0003
CONSTANT = np.full(200, 0.01)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.975, 0.99])
@pytest.mark.parametrize("n", [777, 200, 33])
def test_the_historical_one_is_that_of_skfolio(level, n):
    made = historical_risk(RETURNS[:n], level=level)
    assert made.var == pytest.approx(value_at_risk(RETURNS[:n], beta=level), abs=1e-12)
    assert made.cvar == pytest.approx(cvar(RETURNS[:n], beta=level), abs=1e-12)
    assert made.cvar >= made.var
    assert made.n == n


def test_losses_are_positive_by_hand():
    # of 20 sessions the worst twentieth is the one of -0.2; the next loss is 0.1
    returns = np.concatenate([[-0.2, -0.1], np.full(18, 0.01)])
    made = historical_risk(returns, level=0.95)
    assert (made.var, made.cvar) == pytest.approx((0.1, 0.2))
    assert historical_risk(np.full(20, 0.01)).var == pytest.approx(-0.01)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_expansion_and_its_tail_by_integration(level):
    made = cornish_fisher_risk(RETURNS, level=level)
    skew, excess = stats.skew(RETURNS), stats.kurtosis(RETURNS)

    def quantile(share):
        z = stats.norm.ppf(share)
        w = z + (z**2 - 1) * skew / 6 + (z**3 - 3 * z) * excess / 24
        return w - (2 * z**3 - 5 * z) * skew**2 / 36

    mean, spread, share = RETURNS.mean(), RETURNS.std(ddof=1), 1 - level
    tail = integrate.quad(quantile, 0.0, share, epsabs=1e-13)[0] / share
    assert made.var == pytest.approx(-(mean + spread * quantile(share)), abs=1e-10)
    assert made.cvar == pytest.approx(-(mean + spread * tail), abs=1e-8)


def test_an_expansion_that_falls_is_no_quantile():
    crash = np.concatenate([np.random.default_rng(1).normal(0.001, 0.01, 500), [-0.9]])
    assert math.isnan(cornish_fisher_risk(crash, level=0.95).var)
    normal = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
    assert cornish_fisher_risk(normal).var == pytest.approx(1.645, abs=0.01)
    thin = np.tile([-1.0, 1.0], 300)
    assert math.isnan(cornish_fisher_risk(thin, level=0.95).var)


def test_the_filtered_one_one_session_at_a_time():
    variance = np.mean(RETURNS[:20] ** 2)
    scaled = []
    for value in RETURNS[20:]:
        scaled.append(value / math.sqrt(variance))
        variance = 0.9 * variance + 0.1 * value**2
    made = filtered_risk(RETURNS, level=0.975, decay=0.9)
    expected = historical_risk(np.array(scaled), level=0.975)
    assert made.var == pytest.approx(expected.var * math.sqrt(variance), abs=1e-12)
    assert made.cvar == pytest.approx(expected.cvar * math.sqrt(variance), abs=1e-12)
    stormy = np.concatenate([RETURNS, 5.0 * RETURNS[:30]])
    assert filtered_risk(stormy).var > 2.0 * historical_risk(stormy).var


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_forecasts_know_only_what_was_before(level):
    var_T, cvar_T = historical_path(RETURNS, level=level, window=100)
    assert np.isnan(var_T[:100]).all()
    for t in (100, 345, 776):
        before = historical_risk(RETURNS[t - 100 : t], level=level)
        assert (var_T[t], cvar_T[t]) == pytest.approx((before.var, before.cvar), abs=1e-14)
    var_T, cvar_T = filtered_path(RETURNS, level=level, window=100)
    assert np.isnan(var_T[:120]).all()
    assert np.isfinite(var_T[120:]).all()
    first = filtered_risk(RETURNS[:120], level=level)
    assert (var_T[120], cvar_T[120]) == pytest.approx((first.var, first.cvar), abs=1e-14)
    other = RETURNS.copy()
    other[400:] = -0.3
    for path in (historical_path, filtered_path):
        ours, theirs = (path(one, level=level, window=100)[0] for one in (RETURNS, other))
        assert np.array_equal(ours[:401], theirs[:401], equal_nan=True)
        assert ours[402] != theirs[402]


def test_forecasts_of_too_short_a_series_are_not_known():
    for n in (0, 5, 20, 50):
        for path in (historical_path, filtered_path):
            assert all(np.isnan(one).all() for one in path(RETURNS[:n], window=50))


def test_sessions_without_a_return_are_left_out():
    holes = np.insert(RETURNS, [3, 400], [np.nan, np.inf])
    for measure in (historical_risk, cornish_fisher_risk, filtered_risk, tail_fit):
        assert measure(holes) == measure(RETURNS)


@pytest.mark.parametrize("measure", [cornish_fisher_risk, filtered_risk])
@pytest.mark.parametrize("returns", [CONSTANT, RETURNS[:3], np.full(50, np.nan), np.empty(0)])
def test_what_has_no_risk_measure_has_nan(measure, returns):
    made = measure(returns)
    assert math.isnan(made.var)
    assert math.isnan(made.cvar)
    assert made.n == np.isfinite(returns).sum()
    assert math.isnan(tail_fit(returns).shape)
    assert math.isnan(tail_fit(returns).risk(0.99).var)


# ------------------------------------------------------------------------------------------ tails


def test_the_tail_is_that_of_pyextremes_and_of_scipy():
    import pandas as pd  # noqa: TID251

    made = tail_fit(RETURNS, share=0.1)
    losses = np.sort(-RETURNS)[::-1]
    assert made.threshold == losses[77]
    assert made.excesses == 77
    extremes = pd.Series(losses[:77], index=pd.date_range("2020-01-01", periods=77))
    model = get_model(
        "MLE",
        extremes=extremes,
        distribution="genpareto",
        distribution_kwargs={"floc": made.threshold},
    )
    theirs = model.fit_parameters
    assert made.shape == pytest.approx(theirs["c"], abs=1e-3)
    assert made.scale == pytest.approx(theirs["scale"], rel=1e-3)
    excesses = losses[:77] - made.threshold
    ours = stats.genpareto.logpdf(excesses, made.shape, 0, made.scale).sum()
    other = stats.genpareto.logpdf(excesses, theirs["c"], 0, theirs["scale"]).sum()
    assert ours == pytest.approx(other, abs=1e-5)


def test_risk_beyond_the_threshold_is_the_quantile_and_the_mean_of_the_tail():
    made = tail_fit(RETURNS, share=0.1)
    for level in (0.95, 0.99, 0.999):
        tail = stats.genpareto(made.shape, loc=made.threshold, scale=made.scale)
        reached = (1 - level) / (made.excesses / made.n)
        risk = made.risk(level)
        assert risk.var == pytest.approx(tail.isf(reached), abs=1e-10)
        beyond = integrate.quad(tail.isf, 0.0, reached, epsabs=1e-13)[0] / reached
        assert risk.cvar == pytest.approx(beyond, rel=1e-6)
    planted = stats.genpareto(0.25, scale=0.02).ppf((np.arange(4000) + 0.5) / 4000)
    fitted = tail_fit(np.concatenate([-planted, np.full(16_000, 0.1)]), share=0.199)
    assert fitted.shape == pytest.approx(0.25, abs=0.02)


def test_an_exponential_tail_and_one_without_a_mean():
    flat = TailFit(threshold=0.02, shape=0.0, scale=0.01, excesses=50, n=500)
    assert flat.risk(0.99).var == pytest.approx(0.02 + 0.01 * math.log(10.0))
    assert flat.risk(0.99).cvar == pytest.approx(flat.risk(0.99).var + 0.01)
    heavy = TailFit(threshold=0.02, shape=1.2, scale=0.01, excesses=50, n=500)
    assert math.isinf(heavy.risk(0.99).cvar)
    with pytest.raises(ConfigError, match="before the tail"):
        flat.risk(0.8)


# -------------------------------------------------------------------------------------- drawdowns


def test_drawdowns_by_hand():
    equity = np.array([100.0, 90.0, 95.0, 100.0, 120.0, 60.0, 130.0, 129.0, 117.0])
    first, second, third = drawdowns(equity)
    assert (first.start, first.trough, first.recovery, first.fall, first.length) == (4, 5, 6, 1, 2)
    assert first.depth == pytest.approx(0.5)
    assert (second.start, second.trough, second.recovery) == (0, 1, 3)
    assert (third.start, third.trough, third.recovery, third.length) == (6, 8, None, 2)
    assert third.depth == pytest.approx(0.1)
    assert drawdowns(equity, count=1) == [first]
    assert drawdowns(np.array([1.0, 1.0, 2.0])) == []


def test_the_deepest_one_is_that_of_empyrical_and_none_overlap():
    for seed in range(20):
        returns = np.random.default_rng(seed).normal(0.0005, 0.02, size=300)
        equity = np.cumprod(np.concatenate([[1.0], 1.0 + returns]))
        found = drawdowns(equity, count=1000)
        assert found[0].depth == pytest.approx(-empyrical.max_drawdown(returns), abs=1e-12)
        covered = np.zeros(len(equity), dtype=int)
        for one in found:
            covered[one.start + 1 : one.recovery] += 1
            assert equity[one.trough] == equity[one.start : one.recovery].min()
            if one.recovery is not None:
                assert equity[one.recovery] >= equity[one.start] > equity[one.recovery - 1]
        under = equity < np.maximum.accumulate(equity)
        assert np.array_equal(covered, under.astype(int))


def test_the_worst_sessions():
    returns = np.array([0.01, -0.05, np.nan, -0.02, -0.05])
    assert worst_sessions(returns, count=3) == [1, 4, 3]
    assert worst_sessions(returns) == [1, 4, 3, 0]


# --------------------------------------------------------------------------------- what cannot be


def test_arguments_that_cannot_be():
    for measure in (historical_risk, cornish_fisher_risk, filtered_risk, historical_path):
        with pytest.raises(ConfigError, match="level"):
            measure(RETURNS, level=0.05)
    with pytest.raises(ConfigError, match="window"):
        historical_path(RETURNS, window=5)
    with pytest.raises(ConfigError, match="decay"):
        filtered_path(RETURNS, decay=1.0)
    with pytest.raises(ConfigError, match="share"):
        tail_fit(RETURNS, share=0.5)
    with pytest.raises(DataError, match="1 of 3 returns"):
        filtered_path(np.array([0.1, np.nan, 0.1]))
    with pytest.raises(DataError, match="1 of 3 values of equity .* place 1"):
        drawdowns(np.array([1.0, 0.0, 1.0]))
