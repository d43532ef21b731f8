"""Baselines know the past only and are traded by the same backtest at the same costs."""

from dataclasses import replace

import numpy as np
import pytest

from gogooku.core.errors import DataError
from gogooku.portfolio.backtest import run_backtest
from gogooku.portfolio.baselines import baselines, index_growth, momentum
from gogooku.portfolio.config import PortfolioConfig, Stance
from support.portfolios import account, known_market, random_market


def test_momentum_leaves_the_last_month_out():
    returns = np.full((250, 3), 0.001)
    returns[-20:, 0] = 0.5
    returns[:150, 1] = np.nan
    found = momentum(returns)
    assert found[0] == pytest.approx(230 * np.log1p(0.001)) == pytest.approx(found[2])
    assert np.isnan(found[1])
    assert np.isnan(momentum(returns[:100])).all()


def test_each_knows_only_the_past():
    history = known_market(1, sessions=300)
    at = np.array([200, 260])
    early = baselines(history, at, config=PortfolioConfig())
    close = history.close.copy()
    close[261:] = 1.0
    late = baselines(replace(history, close=close), at, config=PortfolioConfig())
    for one, other in zip(early, late, strict=True):
        np.testing.assert_array_equal(one.scores_tN, other.scores_tN)
    assert [one.name for one in early] == ["universe", "momentum", "low_volatility"]
    np.testing.assert_array_equal(early[2].scores_tN[1], -history.until(260).volatility)


def test_they_hold_as_many_names_and_the_universe_holds_all():
    config = PortfolioConfig(top_k=7, stance=Stance.DOLLAR_NEUTRAL, max_weight=0.2, smoothing=3.0)
    whole, rising, calm = baselines(known_market(1), np.array([100]), config=config)
    for one in (rising, calm):
        assert (one.config.top_k, one.config.stance) == (7, Stance.DOLLAR_NEUTRAL)
        assert one.config.smoothing == 0.0
    assert (whole.config.top_k, whole.config.stance) == (24, Stance.LONG)


def test_the_universe_traded_without_costs_is_near_the_benchmark():
    market, _ = random_market(3, sessions=60, names=12)
    every = np.arange(60)
    settings = account(cash=1e9, bps=0.0, lot=1)
    whole = baselines(market.history(), every, config=settings.portfolio)[0]
    config = settings.model_copy(update={"portfolio": whole.config})
    result = run_backtest(market, whole.scores_tN, every, config=config)
    equity, bench = (result.daily.get_column(c).to_numpy() for c in ("equity", "benchmark"))
    returns = [np.diff(np.log(one)) for one in (equity, bench)]
    assert np.corrcoef(*returns)[0, 1] > 0.8
    assert result.daily.get_column("num_positions").max() > 5


def test_the_index_begins_at_one_and_gaps_are_refused():
    history = known_market(1)
    level = np.linspace(100.0, 200.0, 130)
    rows = np.arange(10, 130)
    found = index_growth(replace(history, index_close=level), rows)
    assert found[0] == 1.0
    assert found[-1] == pytest.approx(200.0 / level[10])
    level[50] = np.nan
    with pytest.raises(DataError, match="no level on 1 of 120 sessions, first at session 50"):
        index_growth(replace(history, index_close=level), rows)
    with pytest.raises(DataError, match="has no index"):
        index_growth(history, rows)


def test_decisions_off_the_history_are_refused():
    with pytest.raises(DataError, match="decisions 5 to 500, and the history has 130 sessions"):
        baselines(known_market(1), np.array([5, 500]), config=PortfolioConfig())
