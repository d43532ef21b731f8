"""Figures of the last sessions, by hand."""

import numpy as np
import pytest

from gogooku.portfolio.trailing import mean_traded_value, return_spread


def test_a_session_without_trade_counts_as_zero_value():
    volume, close = np.array([[2.0, 0.0], [4.0, np.nan]]), np.array([[10.0, 5.0], [20.0, np.nan]])
    assert mean_traded_value(volume, close).tolist() == [50.0, 0.0]


def test_the_spread_is_of_the_returns_that_are_known():
    returns = np.array([[0.01, 0.02], [np.nan, np.nan], [0.03, np.nan]])
    spread = return_spread(returns, fewest=2)
    assert spread[0] == pytest.approx(np.std([0.01, 0.03], ddof=1))
    assert np.isnan(spread[1])
    assert np.isnan(return_spread(returns, fewest=3)[0])
