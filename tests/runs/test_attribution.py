"""What a dataset knows of its names, where a result came from, and what stands beside it."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from gogooku.core.config import resolve
from gogooku.core.errors import DataError
from gogooku.portfolio.attribution import PARTS
from gogooku.portfolio.backtest import TradeConfig, run_backtest
from gogooku.portfolio.config import PortfolioConfig
from gogooku.portfolio.measures import backtest_report
from gogooku.runs import attribution
from gogooku.runs.attribution import baselines_beside, history_of
from gogooku.runs.trade import backtest, market_bars


def traded_run(home, ridge, *assignments):
    base = ("portfolio.top_k=8", "portfolio.max_weight=0.2", *assignments)
    return backtest(home, ridge, resolve(TradeConfig(), base_name="t", assignments=base))


def test_a_backtest_keeps_its_attribution_and_baselines(home, ridge):
    traded = traded_run(home, ridge)
    months = traded.frame("months")
    growth = np.prod(1.0 + months.get_column("portfolio").to_numpy())
    equity = traded.frame("daily").get_column("equity").to_numpy()
    assert growth == pytest.approx(equity[-1] / equity[0])
    by_month = traded.frame("parts_by_month")
    sums = by_month.select(pl.sum_horizontal(PARTS)).to_series().to_list()
    assert sums == pytest.approx(by_month.get_column("excess").to_list(), abs=1e-10)
    beside = traded.frame("baselines")
    there = set(beside.get_column("baseline"))
    left_out = traded.facts["baselines_left_out"]
    assert there | set(left_out) >= {"universe", "momentum", "low_volatility"}
    assert set(traded.written["baselines"]) == there
    decisions = traded.frame("decisions")
    assert decisions.get_column("seats").max() == 8
    assert traded.facts["attribution"]["left_out"].keys() <= {"factors", "sectors among factors"}


def test_a_baseline_is_a_backtest_at_the_same_costs(home, ridge):
    traded = traded_run(home, ridge)
    dataset = ridge.dataset(home)
    bars = market_bars(dataset)
    indices, _ = ridge.scores("test", dataset)
    settings = resolve(
        TradeConfig(),
        base_name="t",
        assignments=("portfolio.top_k=8", "portfolio.max_weight=0.2"),
    ).config
    history = history_of(dataset, bars)
    calm = np.stack([-history.until(int(t)).volatility for t in indices])
    own = run_backtest(bars, calm, indices, config=settings, history=history)
    kept = traded.frame("baselines").filter(pl.col("baseline") == "low_volatility")
    assert kept.get_column("equity").to_list() == own.daily.get_column("equity").to_list()
    metrics = backtest_report(own.daily).to_json()["metrics"]
    assert traded.written["baselines"]["low_volatility"] == metrics


def test_the_history_has_the_sectors_of_the_dataset(home, ridge):
    dataset = ridge.dataset(home)
    history = history_of(dataset, market_bars(dataset))
    assert history.sector_names == tuple(dataset.manifest["sectors"])
    np.testing.assert_array_equal(history.sector, dataset.sector_TN)


def test_sector_limits_and_optimised_weights_can_be_traded(home, ridge):
    traded = traded_run(
        home, ridge, "portfolio.limits.sector=0.3", "portfolio.weighting.kind=mean_risk"
    )
    sectors = traded.frame("sectors").get_column("portfolio")
    assert sectors.max() < 0.45
    equal = traded_run(home, ridge)
    assert traded.folder != equal.folder


def test_an_index_stands_beside_where_there_is_one(home, ridge):
    dataset = ridge.dataset(home)
    bars = market_bars(dataset)
    indices, _ = ridge.scores("test", dataset)
    level = np.linspace(1000.0, 1500.0, len(bars.sessions))
    history = replace(history_of(dataset, bars), index_close=level)
    settings = TradeConfig(portfolio={"top_k": 8, "max_weight": 0.2})
    made = baselines_beside(bars, history, indices, config=settings)
    index = made.daily.filter(pl.col("baseline") == "index").get_column("equity").to_numpy()
    assert index[0] == settings.initial_cash
    assert (np.diff(index) > 0.0).all()
    assert "index" not in made.metrics


def test_a_baseline_that_cannot_be_traded_takes_nothing_along(home, ridge, monkeypatch):
    def refuses(bars, scores, decisions, **given):
        raise DataError("no trade in 9 sessions")

    monkeypatch.setattr(attribution, "run_backtest", refuses)
    dataset = ridge.dataset(home)
    bars = market_bars(dataset)
    indices, _ = ridge.scores("test", dataset)
    beside = baselines_beside(bars, history_of(dataset, bars), indices, config=TradeConfig())
    assert set(beside.left_out.values()) >= {"no trade in 9 sessions"}
    assert (beside.daily.height, beside.metrics) == (0, {})
    assert beside.daily.columns[:2] == ["baseline", "date"]


def test_decisions_that_hold_nothing_are_counted_by_why(home, ridge):
    """A beta-neutral account in a market that lends nothing, but for its last session."""
    dataset = ridge.dataset(home)
    indices, scores = ridge.scores("test", dataset)
    bars = market_bars(dataset)
    lendable = np.zeros_like(bars.universe)
    lendable[indices[5:]] = True
    portfolio = PortfolioConfig(top_k=5, rebalance_every=1, stance="beta_neutral", max_weight=0.2)
    result = run_backtest(
        replace(bars, lendable=lendable),
        scores[:, :, 0].astype(float),
        indices,
        config=TradeConfig(portfolio=portfolio),
        history=replace(history_of(dataset, bars), lendable=lendable),
    )
    why = "nothing is held: there is no name to sell short that has a beta"
    assert attribution.nothing_held(result) == {why: 5}
    assert attribution.decisions_of(result)["notes"].str.contains(why).sum() == 5
