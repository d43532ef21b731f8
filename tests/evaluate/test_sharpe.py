"""Sharpe ratios against other implementations, worked numbers and their behaviour at the edges."""

import math

import numpy as np
import purgedcv
import pytest
from scipy import stats
from skfolio.measures import deflated_sharpe_ratio, probabilistic_sharpe_ratio
from skfolio.measures._measures import expected_max_sharpe_ratio

from gogooku.core.errors import ConfigError, DataError
from gogooku.core.metrics import information_ratio, newey_west_error, newey_west_lags
from gogooku.evaluate.sharpe import (
    deflated_sharpe,
    expected_best_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_difference,
)

RNG = np.random.default_rng(0)
FAT = RNG.standard_t(4, size=750) * 0.01 + 0.0006
SKEWED = (RNG.exponential(size=400) - 0.9) * 0.01
CONSTANT = np.full(300, 0.1)


@pytest.mark.parametrize("returns", [FAT, SKEWED, FAT[:30]])
@pytest.mark.parametrize("threshold", [0.0, 0.02, -0.05])
def test_the_probability_is_that_of_skfolio_and_purgedcv(returns, threshold):
    made = probabilistic_sharpe(returns, threshold=threshold)
    reference = probabilistic_sharpe_ratio(returns, benchmark_sharpe_ratio=threshold)
    assert made.probability == pytest.approx(reference, abs=1e-8)
    assert made.n == len(returns)
    # purgedcv has the population deviation and unbiased moments: the same formula with those
    population = returns.mean() / returns.std()
    skew, kurtosis = (
        stats.skew(returns, bias=False),
        stats.kurtosis(returns, bias=False, fisher=False),
    )
    spread = math.sqrt(1.0 - skew * population + (kurtosis - 1.0) / 4.0 * population**2)
    theirs = purgedcv.probabilistic_sharpe_ratio(returns, benchmark_skill=threshold)
    by_hand = stats.norm.cdf((population - threshold) * math.sqrt(made.n - 1) / spread)
    assert theirs == pytest.approx(by_hand, abs=1e-8)
    assert made.probability == pytest.approx(theirs, abs=0.01)


def test_the_worked_example_of_the_deflated_sharpe_ratio():
    """Bailey & Lopez de Prado (2014), section "A numerical example".

    100 trials, their annual Sharpe ratios of variance 1/2, 1,250 daily returns with an annual
    Sharpe ratio of 2.5, skew -3 and kurtosis 10: the threshold is 0.1132 a day and the probability
    0.9004.
    """
    assert expected_best_sharpe(trials=100, variance=0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    sharpe = 2.5 / math.sqrt(250)
    spread = math.sqrt(1.0 + 3.0 * sharpe + 9.0 / 4.0 * sharpe**2)
    distance = (sharpe - 0.1132) * math.sqrt(1249) / spread
    assert stats.norm.cdf(distance) == pytest.approx(0.9004, abs=2e-3)


@pytest.mark.parametrize("trials", [1, 2, 10, 5000])
def test_the_best_of_trials_worth_nothing(trials):
    made = expected_best_sharpe(trials=trials, variance=0.0009)
    assert made == pytest.approx(expected_max_sharpe_ratio(trials, 0.03), abs=1e-12)
    if trials > 5:
        drawn = np.random.default_rng(1).normal(size=(2000, trials)).max(axis=1).mean() * 0.03
        assert made == pytest.approx(drawn, rel=0.03)


def test_the_deflated_one_is_that_of_skfolio_and_purgedcv():
    trials = RNG.normal(0.0, 0.04, size=25)
    made = deflated_sharpe(FAT, trials=25, variance=float(trials.var(ddof=1)))
    assert made.probability == pytest.approx(deflated_sharpe_ratio(FAT, trials), abs=1e-8)
    full = purgedcv.deflated_sharpe_ratio_full(FAT, 25, float(trials.var(ddof=1)))
    assert made.threshold == pytest.approx(full.sr_star, abs=1e-8)
    assert made.probability == pytest.approx(full.dsr, abs=0.01)
    alone = deflated_sharpe(FAT, trials=1, variance=0.0)
    assert alone == probabilistic_sharpe(FAT)
    assert deflated_sharpe(FAT, trials=26, variance=0.01).probability < alone.probability


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_track_record_that_is_needed(level):
    made = minimum_track_record(FAT, threshold=0.001, level=level)
    reference = purgedcv.min_track_record_length(
        observed_sharpe=information_ratio(FAT),
        target_sharpe=0.001,
        alpha=1.0 - level,
        skew=float(stats.skew(FAT)),
        kurtosis=float(stats.kurtosis(FAT, fisher=False)),
    )
    assert made == reference
    assert math.isinf(minimum_track_record(-FAT))


def test_sessions_without_a_value_are_left_out():
    holes = np.concatenate([[np.nan], FAT[:100], [np.nan, np.inf], FAT[100:]])
    assert probabilistic_sharpe(holes) == probabilistic_sharpe(FAT)
    assert minimum_track_record(holes) == minimum_track_record(FAT)


@pytest.mark.parametrize("returns", [FAT[:2], CONSTANT, np.full(40, np.nan), np.empty(0)])
def test_what_cannot_be_judged_is_not_known(returns):
    made = probabilistic_sharpe(returns)
    assert math.isnan(made.probability)
    assert math.isnan(made.error)
    assert math.isnan(deflated_sharpe(returns, trials=3, variance=0.1).probability)
    assert math.isnan(minimum_track_record(returns))
    difference = sharpe_difference(returns, returns, horizon=1, seed=0)
    assert math.isnan(difference.p_value)


def test_arguments_that_cannot_be():
    with pytest.raises(ConfigError, match="trials"):
        deflated_sharpe(FAT, trials=0, variance=0.1)
    with pytest.raises(ConfigError, match="variance"):
        deflated_sharpe(FAT, trials=2, variance=math.nan)
    with pytest.raises(ConfigError, match="threshold"):
        probabilistic_sharpe(FAT, threshold=math.inf)
    with pytest.raises(ConfigError, match="threshold"):
        minimum_track_record(FAT, threshold=math.nan)
    with pytest.raises(ConfigError, match="level"):
        minimum_track_record(FAT, level=0.5)


# ----------------------------------------------------------------------- two series, Ledoit-Wolf


def pair(seed, n=600, shift=0.0):
    rng = np.random.default_rng(seed)
    common = rng.standard_t(5, size=n)
    return (
        0.01 * (common + 0.5 * rng.normal(size=n)) + shift,
        0.02 * (common + 0.5 * rng.normal(size=n)),
    )


def test_the_difference_and_its_independent_error():
    """Without autocorrelation the error is that of Jobson & Korkie with Memmel's correction."""
    rng = np.random.default_rng(3)
    first = rng.normal(0.05, 1.0, size=40_000)
    second = 0.6 * first + 0.8 * rng.normal(0.02, 1.0, size=40_000)
    made = sharpe_difference(first, second, horizon=1, seed=0, method="hac")
    a, b = information_ratio(first), information_ratio(second)
    rho = np.corrcoef(first, second)[0, 1]
    variance = 2.0 - 2.0 * rho + 0.5 * (a * a + b * b - 2.0 * a * b * rho * rho)
    assert made.difference == pytest.approx(a - b, abs=1e-12)
    assert made.error == pytest.approx(math.sqrt(variance / 40_000), rel=0.02)
    assert made.p_value == pytest.approx(2 * stats.norm.sf(abs(a - b) / made.error), abs=1e-12)
    assert made.block == 0


def naive_bootstrap(a, b, block, draws, seed, horizon):
    """Section 3.2.2 as it is written: one series at a time, in whole blocks."""
    n, pieces = len(a), len(a) // block
    rng = np.random.default_rng(seed)
    moments = np.stack([a, b, a * a, b * b], axis=1)

    def sharpe_gap(v):
        return v[0] / math.sqrt(v[2] - v[0] ** 2) - v[1] / math.sqrt(v[3] - v[1] ** 2)

    observed, distances = sharpe_gap(moments.mean(axis=0)), []
    for starts in rng.integers(0, n, size=(draws, pieces)):
        y = np.concatenate([moments[(start + np.arange(block)) % n] for start in starts])
        v = y.mean(axis=0)
        left = (y - v).reshape(pieces, block, 4).sum(axis=1) / math.sqrt(block)
        psi = left.T @ left / pieces
        s1, s2 = v[2] - v[0] ** 2, v[3] - v[1] ** 2
        gradient = np.array(
            [v[2] / s1**1.5, -v[3] / s2**1.5, -v[0] / (2 * s1**1.5), v[1] / (2 * s2**1.5)]
        )
        spread = math.sqrt(gradient @ psi @ gradient / len(y))
        if horizon > 1:
            spread = newey_west_error((y - v) @ gradient, newey_west_lags(n, horizon))
        distances.append(abs(sharpe_gap(v) - observed) / spread)
    return np.array(distances)


@pytest.mark.parametrize("horizon", [1, 7])
def test_the_bootstrap_is_the_one_of_the_paper(horizon):
    a, b = pair(4, n=203, shift=0.001)
    made = sharpe_difference(a, b, horizon=horizon, seed=9, draws=199)
    assert made.block >= horizon
    drawn = naive_bootstrap(a, b, made.block, 199, 9, horizon)
    distance = abs(made.difference) / made.error
    assert made.p_value == pytest.approx((1 + np.sum(drawn >= distance)) / 200, abs=1e-12)
    width = np.sort(drawn)[189] * made.error  # 0.95 of 198 steps, rounded up
    assert made.low == pytest.approx(made.difference - width, abs=1e-8)
    assert made.high == pytest.approx(made.difference + width, abs=1e-8)


def test_a_difference_has_a_direction_and_no_scale():
    a, b = pair(5, shift=0.002)
    made = sharpe_difference(a, b, horizon=1, seed=1)
    other = sharpe_difference(b, 10.0 * a, horizon=1, seed=1)
    assert made.p_value < 0.02
    assert made.difference == pytest.approx(-other.difference, abs=1e-12)
    assert made.p_value == other.p_value
    assert made.low == pytest.approx(-other.high, abs=1e-9)
    holes = np.concatenate([[np.nan, 0.1], a]), np.concatenate([[0.2, np.nan], b])
    assert sharpe_difference(*holes, horizon=1, seed=1) == made


def test_two_series_that_cannot_be_compared():
    a, b = pair(6)
    with pytest.raises(DataError, match="600"):
        sharpe_difference(a, b[1:], horizon=1, seed=0)
    for left, right in [(a, a), (a, 3.0 * a), (a[:19], b[:19]), (a, np.full(600, 0.1))]:
        assert math.isnan(sharpe_difference(left, right, horizon=1, seed=0).p_value)
    for wrong in ({"level": 1.0}, {"draws": 5}, {"horizon": 0}):
        with pytest.raises(ConfigError):
            sharpe_difference(a, b, **{"horizon": 1, "seed": 0} | wrong)


def test_a_drawn_series_without_an_error_is_far_off_and_not_a_warning():
    quiet = np.zeros(60)
    quiet[7], other = 0.01, np.zeros(60)
    other[41] = 0.02
    found = sharpe_difference(quiet, other, horizon=1, seed=1)
    assert 0.0 < found.p_value <= 1.0
    assert not found.low < found.high < np.inf
