"""What a backtest could have lost, from its daily frame."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.portfolio.risk import historical_risk, tail_fit
from gogooku.portfolio.risk_report import LEVELS, risk_report
from gogooku.portfolio.risk_tests import unconditional_coverage


def frame(returns, market=None):
    market = np.zeros(len(returns)) if market is None else market
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(len(returns) + 1)]
    grown = {
        name: np.concatenate([[1.0], np.cumprod(1.0 + values)])
        for name, values in (("equity", returns), ("benchmark", market))
    }
    return pl.DataFrame({"date": days, **grown})


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(4)
    returns = 0.01 * rng.standard_t(4, size=800)
    return returns, risk_report(frame(returns, 0.5 * returns))


def test_values_at_risk_are_those_of_each_method(made):
    returns, report = made
    risk = report.frames["risk"]
    assert risk.height == 4 * len(LEVELS)
    (row,) = risk.filter(method="historical", level=0.99).to_dicts()
    expected = historical_risk(returns, level=0.99)
    assert (row["var"], row["cvar"], row["n"]) == pytest.approx((expected.var, expected.cvar, 800))
    (tail,) = risk.filter(method="peaks_over_threshold", level=0.99).to_dicts()
    assert tail["var"] == pytest.approx(tail_fit(returns).risk(0.99).var)
    assert report.facts["tail"]["shape"] == pytest.approx(tail_fit(returns).shape)
    assert (risk["cvar"] >= risk["var"]).all()


def test_forecasts_are_judged_only_where_there_were_some(made):
    returns, report = made
    tests = report.frames["risk_tests"]
    assert tests.height == 2 * len(LEVELS) * 4
    (row,) = tests.filter(method="historical", level=0.95, test="unconditional_coverage").to_dicts()
    assert row["n"] == 800 - 250
    assert row["expected"] == pytest.approx(0.05 * 550)
    assert 0.0 < row["p_value"] <= 1.0
    var = np.full(800, np.nan)
    var[250:] = [historical_risk(returns[t - 250 : t], level=0.95).var for t in range(250, 800)]
    assert row["beyond"] == unconditional_coverage(returns, var, level=0.95).beyond


def test_falls_and_worst_days_have_their_dates():
    daily = frame(np.array([0.1, -0.2, 0.05, 0.5, -0.1, 0.02]))
    report = risk_report(daily)
    first, second = report.frames["drawdowns"].to_dicts()
    assert (first["start"], first["trough"]) == (date(2024, 1, 2), date(2024, 1, 3))
    assert (first["depth"], first["recovery"]) == (pytest.approx(0.2), date(2024, 1, 5))
    assert (second["depth"], second["recovery"]) == (pytest.approx(0.1), None)
    worst = report.frames["worst_sessions"].to_dicts()[0]
    assert (worst["date"], worst["made"]) == (date(2024, 1, 3), pytest.approx(-0.2))
    assert worst["excess"] == pytest.approx(-0.2)


@pytest.mark.parametrize("returns", [np.zeros(400), np.full(400, 0.001), np.zeros(5)])
def test_an_account_that_never_lost_has_no_tail(returns):
    report = risk_report(frame(returns))
    assert report.frames["drawdowns"].is_empty()
    tail = report.frames["risk"].filter(method="peaks_over_threshold")
    assert tail["var"].null_count() == tail.height
    shortfall = report.frames["risk_tests"].filter(test="expected_shortfall")
    assert shortfall["p_value"].null_count() == shortfall.height
