"""Regimes are known at the time: a value from the future changes none of them."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.regimes import (
    TREND,
    VOLATILITY,
    market_returns,
    trend_regime,
    volatility_regime,
)
from gogooku.core.types import Labels

T, N = 320, 30
SESSIONS = tokyo_sessions(date(2021, 1, 1), date(2022, 12, 31))[:T]


def labels(raw_TN, horizon=1):
    raw = np.stack([raw_TN, raw_TN], axis=-1).astype(np.float32)
    raw[-1 - horizon :, :, 0] = np.nan
    raw[-6:, :, 1] = np.nan
    resolved = np.full((T, 2), np.datetime64("NaT", "D"))
    resolved[: -1 - horizon, 0] = SESSIONS[1 + horizon :]
    resolved[:-6, 1] = SESSIONS[6:]
    return Labels(
        folder=Path("labels"), manifest={}, horizons=(1, 5), sessions=SESSIONS,
        codes=tuple(map(str, range(N))), raw_TNH=raw, excess_TNH=raw, residual_TNH=raw,
        outcome_TNH=np.zeros(raw.shape, np.int8), late_TNH=np.zeros(raw.shape, np.int16),
        tradable_TN=np.ones((T, N), bool), resolved_TH=resolved,
    )  # fmt: skip


def market(seed=0):
    rng = np.random.default_rng(seed)
    size = np.where(np.arange(T) < 200, 0.005, 0.03)
    return rng.normal(size=T) * size


def test_a_return_stands_where_it_was_known():
    returns = np.arange(T, dtype=float)[:, None] + np.zeros(N)
    found = market_returns(labels(returns), np.ones((T, N), bool))
    assert np.isnan(found[:2]).all()
    np.testing.assert_allclose(found[2:], np.arange(T - 2))


def test_names_outside_the_universe_and_late_labels_are_left_out():
    raw = np.zeros((T, N))
    raw[:, 0], raw[:, 1] = 9.0, 7.0
    universe = np.ones((T, N), bool)
    universe[:, 0] = False
    made = labels(raw)
    late = made.late_TNH.copy()
    late[:, 1] = 3
    found = market_returns(replace(made, late_TNH=late), universe)
    np.testing.assert_allclose(found[2:], 0.0)


def test_what_is_later_changes_no_regime():
    returns = market()
    cut = 150
    changed = returns.copy()
    changed[cut + 1 :] *= -50.0
    for regime in (volatility_regime, trend_regime):
        np.testing.assert_array_equal(regime(changed)[: cut + 1], regime(returns)[: cut + 1])


def test_a_volatile_time_is_named_so():
    regime = volatility_regime(market())
    assert (regime[:119] == -1).all()
    assert set(regime[260:]) == {VOLATILITY.index("volatile")}


def test_a_rising_market_is_named_so():
    returns = np.where(np.arange(T) < 160, 0.001, -0.001)
    regime = trend_regime(returns)
    assert (regime[:19] == -1).all()
    assert set(regime[19:160]) == {TREND.index("rising")}
    assert set(regime[185:]) == {TREND.index("falling")}


@pytest.mark.parametrize("regime", [volatility_regime, trend_regime])
def test_an_unknown_return_leaves_the_regime_unknown(regime):
    returns = market()
    returns[250] = np.nan
    assert (regime(returns)[250:260] == -1).all()
