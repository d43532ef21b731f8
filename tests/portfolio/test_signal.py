"""Smoothing looks back only; neutral scores have no bet left; expected returns are Grinold's."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gogooku.core.errors import DataError
from gogooku.portfolio.config import NeutralConfig, PortfolioConfig
from gogooku.portfolio.construct import build_portfolio
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.decide import History
from gogooku.portfolio.signal import (
    expected_returns,
    neutralised,
    signal_of,
    smoothed,
    standardised,
)
from support.portfolios import decision, known_decision


def test_standard_scores_are_clipped_and_one_number_is_zero():
    z = standardised(np.array([1.0, 2.0, np.nan, 3.0]))
    np.testing.assert_allclose(z[[0, 1, 3]], [-np.sqrt(1.5), 0.0, np.sqrt(1.5)])
    assert np.isnan(z[2])
    assert standardised(np.full(3, 7.1)).tolist() == [0.0, 0.0, 0.0]
    assert standardised(np.r_[np.zeros(99), 1e9]).max() == 3.0


def test_a_half_life_halves_the_weight():
    rows = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    older, newer = (standardised(row) for row in rows)
    np.testing.assert_allclose(smoothed(rows, 1.0), (older + 2.0 * newer) / 3.0)


def test_sessions_without_a_score_do_not_count():
    rows = np.array([[1.0, 2.0, 3.0, np.nan], [np.nan, 1.0, 3.0, np.nan]])
    found = smoothed(rows, 5.0)
    assert found[0] == pytest.approx(standardised(rows[0])[0])
    assert np.isnan(found[3])


def test_what_is_left_out_of_a_long_past_weighs_little():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 30))
    whole = 0.5 ** (np.arange(399, -1, -1) / 5.0)
    expected = whole @ standardised(rows) / whole.sum()
    np.testing.assert_allclose(smoothed(rows, 5.0), expected, atol=0.02)


@given(
    st.integers(0, 2**32 - 1),
    st.builds(NeutralConfig, sector=st.booleans(), beta=st.booleans()),
)
def test_neutral_scores_are_orthogonal_to_what_is_taken_out(seed, neutral):
    rng = np.random.default_rng(seed)
    names, sessions = 30, 70
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, (sessions, names)), axis=0))
    sector = rng.integers(-1, 3, names)
    past = History(
        close=close,
        adjustment_factor=np.ones_like(close),
        universe=np.ones(close.shape, dtype=bool),
        sector=np.tile(sector, (sessions, 1)),
        sector_names=("a", "b", "c"),
    ).until(sessions - 1)
    made = decision(np.where(rng.random(names) < 0.1, np.nan, rng.normal(size=names)), past=past)
    signal = signal_of(made, PortfolioConfig(neutral=neutral))
    inside = np.isfinite(made.score_N)
    assert (np.isfinite(signal) == inside).all()
    if neutral.sector:
        sums = [signal[inside & (sector == group)].sum() for group in range(-1, 3)]
        np.testing.assert_allclose(sums, 0.0, atol=1e-9)
    if neutral.beta:
        assert abs(signal[inside] @ past.beta[inside]) < 1e-9
    if not neutral.anything:
        np.testing.assert_array_equal(signal, made.score_N)


def test_neutral_scores_are_the_residuals_of_least_squares():
    rng = np.random.default_rng(3)
    score, traits = rng.normal(size=40), rng.normal(size=(40, 2))
    design = np.column_stack([np.ones(40), traits])
    expected = score - design @ np.linalg.solve(design.T @ design, design.T @ score)
    np.testing.assert_allclose(neutralised(score, traits), expected, atol=1e-12)


def test_scores_that_are_nothing_but_a_trait_leave_zero():
    beta = np.linspace(0.5, 1.5, 20)
    assert neutralised(3.0 * beta + 1.0, beta[:, None]).tolist() == [0.0] * 20


def test_size_without_capitalisations_is_an_error_that_names_the_session():
    made = decision([1.0, 2.0])
    config = PortfolioConfig(neutral=NeutralConfig(size=True))
    with pytest.raises(DataError, match="no volume"):
        signal_of(made, config)
    flat = np.ones((1, 2))
    unknown = History(
        close=flat, adjustment_factor=flat, universe=flat > 0, market_cap=np.nan * flat
    )
    with pytest.raises(DataError, match="2024-05-07: no name of the universe has a size"):
        signal_of(replace(made, past=unknown.until(0)), config)


def test_size_is_traded_value_where_no_capitalisations_are_known_and_that_is_said():
    made = known_decision(1)
    bare = replace(made.past._history, market_cap=None)
    made = replace(made, past=bare.until(len(bare.close) - 1))
    config = PortfolioConfig(neutral=NeutralConfig(size=True))
    signal = signal_of(made, config)
    inside = np.isfinite(signal)
    assert abs(signal[inside] @ np.log(made.past.traded_value()[inside])) < 1e-9
    built = build_portfolio(made, config=config, costs=CostConfig())
    assert built.notes == ("no market capitalisations: size is the mean traded value",)


def test_expected_returns_are_ic_times_volatility_times_score():
    found = expected_returns(
        np.array([-1.0, 0.0, 1.0, np.nan]), np.array([0.01, 0.02, 0.03, 0.04]), ic=0.05, horizon=4
    )
    z = np.sqrt(1.5)
    np.testing.assert_allclose(found[:3], [-0.05 * 0.02 * z, 0.0, 0.05 * 0.06 * z])
    assert np.isnan(found[3])


def test_later_scores_do_not_reach_an_earlier_signal():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(30, 8))
    config = PortfolioConfig(smoothing=3.0)
    early = decision(scores[19], scores_LN=scores[:20])
    scores[20:] = 9.0
    again = decision(scores[19], scores_LN=scores[:20])
    np.testing.assert_array_equal(signal_of(early, config), signal_of(again, config))
