"""What a dataset knows of its names, where a result came from, and what stands beside it."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.config import resolve
from gogooku.core.errors import DataError
from gogooku.portfolio import stress
from gogooku.portfolio.attribution import PARTS
from gogooku.portfolio.backtest import TradeConfig, run_backtest
from gogooku.portfolio.config import PortfolioConfig
from gogooku.portfolio.measures import backtest_report
from gogooku.portfolio.stress import Stress
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
    assert "index" in there
    assert set(traded.written["baselines"]) == there
    decisions = traded.frame("decisions")
    assert decisions.get_column("seats").max() == 8
    assert traded.facts["attribution"]["left_out"].keys() <= {"factors", "sectors among factors"}


def test_named_windows_are_those_that_the_account_covers(home, ridge, monkeypatch):
    days = traded_run(home, ridge).frame("daily").get_column("date").to_list()
    made = (Stress("whole", days[2], days[9]), Stress("cut", days[-3], days[-1] + timedelta(9)))
    monkeypatch.setattr(stress, "STRESSES", made)
    windows = traded_run(home, ridge, "portfolio.exit_margin=1").frame("named_windows")
    assert windows.select("window", "sessions", "first", "last").rows() == [
        ("whole", 8, days[2], days[9])
    ]


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


def on_made_index(home, ridge):
    """What is traded, with an index that rises every session, and the result of it."""
    dataset = ridge.dataset(home)
    bars = market_bars(dataset)
    indices, scores = ridge.scores("test", dataset)
    level = np.linspace(1000.0, 1500.0, len(bars.sessions))
    history = replace(history_of(dataset, bars), index_close=level)
    settings = TradeConfig(portfolio={"top_k": 8, "max_weight": 0.2})
    result = run_backtest(bars, scores[:, :, 1].astype(float), indices, config=settings)
    return bars, history, indices, result, settings


def test_an_index_stands_beside_where_there_is_one(home, ridge):
    bars, history, indices, result, settings = on_made_index(home, ridge)
    made = baselines_beside(bars, history, indices, config=settings, daily=result.daily)
    index = made.daily.filter(pl.col("baseline") == "index").get_column("equity").to_numpy()
    assert index[0] == settings.initial_cash
    assert (np.diff(index) > 0.0).all()
    days = made.daily.filter(pl.col("baseline") == "index").get_column("date")
    assert days.equals(result.daily.get_column("date"))
    bench = result.daily.get_column("benchmark").to_numpy()
    excess = np.diff(index) / index[:-1] - np.diff(bench) / bench[:-1]
    found = made.metrics["index"]["portfolio.excess_return"]["value"]
    assert found == pytest.approx(excess.mean() * SESSIONS_PER_YEAR)
    assert made.metrics["index"]["portfolio.turnover"]["value"] == 0.0


@pytest.mark.parametrize("gap", [True, False])
def test_an_index_with_a_gap_or_none_is_left_out_and_said_to_be(home, ridge, gap):
    bars, history, indices, result, settings = on_made_index(home, ridge)
    level = history.index_close.copy()
    level[indices[3]] = np.nan
    other = replace(history, index_close=level if gap else None)
    made = baselines_beside(bars, other, indices, config=settings, daily=result.daily)
    words = "no level on 1 of" if gap else "the dataset has no index"
    assert words in made.left_out["index"]
    assert "index" not in made.metrics
    assert "momentum" in made.metrics or "momentum" in made.left_out


def test_a_baseline_that_cannot_be_traded_takes_nothing_along(home, ridge, monkeypatch):
    def refuses(bars, scores, decisions, **given):
        raise DataError("no trade in 9 sessions")

    monkeypatch.setattr(attribution, "run_backtest", refuses)
    dataset = ridge.dataset(home)
    bars = market_bars(dataset)
    indices, _ = ridge.scores("test", dataset)
    history = replace(history_of(dataset, bars), index_close=None)
    config = TradeConfig()
    days = bars.sessions[indices]
    daily = pl.DataFrame({"date": days, "equity": np.ones(len(days))})
    beside = baselines_beside(bars, history, indices, config=config, daily=daily)
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
