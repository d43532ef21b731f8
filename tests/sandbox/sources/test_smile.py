"""Black's formula against its textbook values, and the shape of the volatility surface."""

import numpy as np
import pytest
from scipy.stats import norm

from gogooku.sandbox.sources.smile import (
    CURVATURE,
    PIVOT_YEARS,
    SKEW,
    Curve,
    Terms,
    black,
    forward,
    hashed,
    moneyness,
    smile,
    term_level,
    trailing_level,
    wandering,
)


def terms(strike, *, years=1.0, rate=0.0, call=True):
    strike = np.atleast_1d(np.array(strike, dtype=float))
    return Terms(
        strike,
        np.full(strike.shape, years),
        np.full(strike.shape, rate),
        np.broadcast_to(call, strike.shape),
    )


def test_prices_of_hulls_example():
    """Hull, Options, Futures and Other Derivatives: 42, strike 40, 10 %, 20 %, half a year."""
    spot, volatility = np.array([42.0]), np.array([0.2])
    assert black(spot, terms(40, years=0.5, rate=0.1), volatility=volatility) == pytest.approx(
        4.76, abs=0.005
    )
    put = black(spot, terms(40, years=0.5, rate=0.1, call=False), volatility=volatility)
    assert put == pytest.approx(0.81, abs=0.005)


def test_at_the_forward_a_price_is_a_spread_of_normals():
    volatility = np.array([0.25])
    price = black(np.array([100.0]), terms(100, years=4.0), volatility=volatility)
    assert price == pytest.approx(100 * (2 * norm.cdf(0.25) - 1))


def test_puts_and_calls_keep_their_parity():
    spot, strikes = np.full(5, 100.0), [60, 90, 100, 110, 160]
    volatility = np.array([0.4, 0.3, 0.2, 0.25, 0.3])
    calls = terms(strikes, years=0.7, rate=0.03)
    puts = terms(strikes, years=0.7, rate=0.03, call=False)
    gap = black(spot, calls, volatility=volatility) - black(spot, puts, volatility=volatility)
    ahead = forward(spot, calls)
    np.testing.assert_allclose(ahead, 100 * np.exp(0.021))
    np.testing.assert_allclose(gap, np.exp(-0.021) * (ahead - strikes))


def test_the_term_structure_goes_from_the_level_to_the_long_run():
    flat = Curve(np.array([0.4]), np.array([0.2]), np.array([0.0]))
    near, far = term_level(flat, np.array([1e-9])), term_level(flat, np.array([20.0]))
    assert (near[0], far[0]) == (pytest.approx(0.4), pytest.approx(0.2))
    assert term_level(flat, np.array([np.log(2) / 1.5]))[0] == pytest.approx(0.3), "half way"
    steep = Curve(np.array([0.2]), np.array([0.2]), np.array([0.1]))
    assert term_level(steep, np.array([PIVOT_YEARS]))[0] == pytest.approx(0.2)
    assert term_level(steep, np.array([PIVOT_YEARS * np.e]))[0] == pytest.approx(0.2 * np.exp(0.1))
    for years in (PIVOT_YEARS * np.e**2, PIVOT_YEARS * np.e**3):  # the slope goes no further
        assert term_level(steep, np.array([years]))[0] == pytest.approx(0.2 * np.exp(0.2))


def test_moneyness_counts_standard_deviations_up_to_four():
    level = np.array([0.2, 0.2, 0.2])
    strikes = 100 * np.exp([0.1, -0.1, 3.0])
    made = moneyness(np.full(3, 100.0), terms(strikes, years=0.25), level=level)
    np.testing.assert_allclose(made, [1.0, -1.0, 4.0])


def test_low_strikes_are_dearer_and_no_volatility_falls_too_far():
    one = np.ones(4)
    x = np.array([-1.0, 0.0, 1.0, 4.0])
    made = smile(0.2 * one, x, skew=one, twist=0.01 * one)
    wanted = 1 + SKEW * x + CURVATURE * x**2 + 0.01 * x**3
    np.testing.assert_allclose(made, 0.2 * wanted)
    assert made[0] > made[1] > made[2]
    assert smile(0.2 * one, x, skew=20 * one, twist=0 * one)[2] == pytest.approx(0.08)


def test_the_level_is_that_of_trailing_squares_and_knows_nothing_of_later_closes():
    start = np.array([0.2])
    closes = np.array([[100.0], [102.0], [101.0], [150.0]])
    made = trailing_level(closes, start=start)
    variance = 0.04 / 250
    wanted = [1.1 * 0.2 + 0.01]
    for change in (np.log(1.02), np.log(101 / 102)):
        variance = 0.95 * variance + 0.05 * change**2
        wanted.append(1.1 * np.sqrt(250 * variance) + 0.01)
    np.testing.assert_allclose(made[:3, 0], wanted)
    np.testing.assert_array_equal(trailing_level(closes[:3], start=start), made[:3])
    assert made[3, 0] == pytest.approx(1.0), "five times the start at most"


def test_waves_have_unit_variance_and_a_fortnights_memory():
    waves = wandering((4_000, 20), rng=np.random.default_rng(1))
    assert waves.std() == pytest.approx(1.0, abs=0.05)
    correlation = np.mean(waves[1:] * waves[:-1]) / np.mean(waves**2)
    assert correlation == pytest.approx(0.93, abs=0.01)


def test_hashed_numbers_are_uniform_and_depend_on_their_keys_alone():
    keys = np.arange(50_000)
    made = hashed(7, keys, keys * 0 + 3)
    assert 0.0 < made.min() < made.max() < 1.0
    assert np.histogram(made, 10, range=(0, 1))[0] == pytest.approx(5_000, abs=300)
    assert abs(np.corrcoef(made[1:], made[:-1])[0, 1]) < 0.02
    np.testing.assert_array_equal(hashed(7, keys[::-1], keys * 0 + 3), made[::-1])
    assert (hashed(8, keys, keys * 0 + 3) != made).all()
    assert (hashed(7, keys * 0 + 3, keys)[4:] != made[4:]).all(), "the order of keys matters"
