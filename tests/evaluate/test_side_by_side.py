"""Runs side by side: paired on shared sessions, with the price of having tried many."""

import math
from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy import stats

from gogooku.core.errors import DataError, UsageError
from gogooku.core.metrics import ratio_estimate
from gogooku.evaluate.definitions import definition_of
from gogooku.evaluate.many_tests import (
    model_confidence_set,
    stepwise_superior,
    superior_ability,
)
from gogooku.evaluate.overfitting import backtest_overfitting
from gogooku.evaluate.side_by_side import COLUMNS, Tries, side_by_side
from gogooku.evaluate.significance import paired_difference

EVERY = pl.date_range(date(2023, 1, 2), date(2023, 12, 29), eager=True)
DAYS = EVERY.filter(EVERY.dt.weekday() <= 5)


def daily(values, *, horizon=5, days=DAYS, **more):
    return pl.DataFrame(
        {
            "date": days,
            "horizon": pl.Series([horizon] * len(days), dtype=pl.Int32),
            "num_names": pl.Series([40] * len(days), dtype=pl.Int64),
            "rank_ic": pl.Series(values, nan_to_null=True),
            **more,
        }
    )


def series(seed, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 0.1, len(DAYS))


@pytest.fixture
def runs():
    return {"a": daily(series(1)), "b": daily(series(2, 0.05)), "c": daily(series(3))}


ONE = Tries(count=1)
LOWER = "turnover_50"


def test_each_run_is_paired_with_the_first(runs):
    made = side_by_side(runs, tries=ONE)
    a, b = (runs[name]["rank_ic"].to_numpy() for name in ("a", "b"))
    test = paired_difference(b, a, horizon=5)
    row = made.differences.row(0, named=True)
    assert (row["run"], row["n"]) == ("b", len(DAYS))
    assert row["difference"] == pytest.approx(test.estimate.value)
    assert row["p_value"] == pytest.approx(test.p_value)
    assert row["high"] - row["low"] == pytest.approx(2 * test.half_width())
    other = made.differences.row(1, named=True)["p_value"]
    assert row["p_holm"] == pytest.approx(min(1.0, 2 * row["p_value"]))
    assert other > row["p_value"]
    table = np.stack([b, runs["c"]["rank_ic"].to_numpy()], axis=1)
    expected = superior_ability(a, table, horizon=5, seed=1)
    assert made.at[5].superior == expected.p_value
    found = stepwise_superior(a, table, horizon=5, seed=1)
    assert 0 in found
    assert made.at[5].better == tuple("bc"[place] for place in found)
    best = model_confidence_set(np.column_stack([a, table]), horizon=5, seed=1).best
    assert made.at[5].among_best == tuple("abc"[place] for place in best)
    assert row["p_value"] <= row["p_bh"] <= row["p_holm"]


def test_the_deflated_figure_counts_the_tries(runs):
    ratio = ratio_estimate(runs["b"]["rank_ic"].to_numpy(), horizon=5)

    def of(tries):
        return side_by_side(runs, tries=tries).runs.filter(run="b")["deflated"][0]

    assert of(ONE) == pytest.approx(stats.norm.cdf(ratio.value / ratio.error))
    ratios = [0.1, 0.0, -0.1, ratio.value]
    few, many = (of(Tries(count=n, ratios={5: ratios})) for n in (4, 400))
    assert 0.0 < many < few < of(ONE)
    euler, n = float(np.euler_gamma), 4
    best = np.std(ratios, ddof=1) * (
        (1 - euler) * stats.norm.ppf(1 - 1 / n) + euler * stats.norm.ppf(1 - 1 / (n * math.e))
    )
    assert few == pytest.approx(stats.norm.cdf((ratio.value - best) / ratio.error))
    assert of(Tries(count=9)) is None, "tries without ratios tell no variance"
    hits = {name: frame.with_columns(hit_rate=pl.col("rank_ic")) for name, frame in runs.items()}
    assert side_by_side(hits, tries=ONE, metric="hit_rate").runs["deflated"].to_list() == [None] * 3


def test_overfitting_is_over_the_tries_that_have_every_session(runs):
    tries = {str(seed): daily(series(seed)) for seed in range(10, 15)}
    tries["short"] = daily(series(20), days=DAYS).head(50)
    tries["still"] = daily(np.zeros(len(DAYS)))
    made = side_by_side(runs, tries=Tries(count=8, daily=tries))
    table = np.stack([series(seed) for seed in range(10, 15)], axis=1)
    expected = backtest_overfitting(table, blocks=10, measure="mean").probability
    assert made.at[5].overfitting == pytest.approx(expected)
    assert made.at[5].tries == 5
    few = side_by_side(runs, tries=Tries(count=8, daily=dict(list(tries.items())[:3])))
    assert math.isnan(few.at[5].overfitting)
    assert few.to_json()["horizons"]["h5"]["overfitting"] is None


def test_only_sessions_that_all_have_count(runs):
    values = series(2, 0.05)
    values[:30] = np.nan
    made = side_by_side({**runs, "b": daily(values)}, tries=ONE)
    assert set(made.runs["n"]) == {len(DAYS) - 30}
    assert made.daily[5].height == len(DAYS) - 30


def test_any_daily_measure_by_its_name(runs):
    with pytest.raises(UsageError, match=r"no measure 'precision_at_k'; it has rank_ic"):
        side_by_side(runs, tries=ONE, metric="precision_at_k")
    with pytest.raises(UsageError, match="no measure 'date'"):
        side_by_side(runs, tries=ONE, metric="date")


def test_runs_that_share_no_session_are_refused(runs):
    early = daily(series(4)[:50], days=DAYS[:50])
    late = daily(series(4)[50:], days=DAYS[50:])
    with pytest.raises(DataError, match=r"share no session .*early 2023-01-02 to 2023-03-10"):
        side_by_side({"early": early, "late": late}, tries=ONE)
    with pytest.raises(UsageError, match="at least two runs, got a"):
        side_by_side({"a": runs["a"]}, tries=ONE)
    with pytest.raises(UsageError, match="no session at horizon 20; they do at 5"):
        side_by_side(runs, tries=ONE, horizon=20)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_run_that_is_called_as_a_column_is_refused_by_name(runs, name):
    with pytest.raises(UsageError, match=f"a run called {name} would be taken for the column"):
        side_by_side({**runs, name: runs["a"]}, tries=ONE)


@pytest.mark.parametrize("name", ["run", "value", "rank_ic", "num_names", "b_right", "len", "<b>"])
def test_any_other_name_changes_no_figure(runs, name):
    plain = side_by_side({"a": runs["a"], "b": runs["b"]}, tries=ONE)
    other = side_by_side({"a": runs["a"], name: runs["b"]}, tries=ONE)
    assert other.differences.drop("run").equals(plain.differences.drop("run"))
    assert other.runs.drop("run").equals(plain.runs.drop("run"))


def test_a_forecast_without_labels_is_no_run_to_compare(runs):
    nothing = daily(np.full(len(DAYS), np.nan))
    with pytest.raises(DataError, match="share no session"):
        side_by_side({**runs, "d": nothing}, tries=ONE)


def test_equal_runs_are_said_to_be_equal(runs):
    made = side_by_side({"a": runs["a"], "twin": runs["a"]}, tries=ONE)
    assert made.at[5].equal == ("twin",)
    assert math.isnan(made.at[5].superior)


def test_where_less_is_better_the_lowest_is_best(runs):
    turned = {name: frame.with_columns(churn=-pl.col("rank_ic")) for name, frame in runs.items()}
    assert definition_of(LOWER).higher_is_better is False
    turned = {name: frame.rename({"churn": LOWER}) for name, frame in turned.items()}
    made, mirrored = (
        side_by_side(turned, tries=ONE, metric=LOWER),
        side_by_side(runs, tries=ONE),
    )
    assert made.at[5].superior == mirrored.at[5].superior
    assert made.at[5].better == mirrored.at[5].better
    assert made.at[5].among_best == mirrored.at[5].among_best


def test_what_is_no_measure_of_skill_is_refused(runs):
    odd = {name: frame.with_columns(weather=1.0) for name, frame in runs.items()}
    with pytest.raises(UsageError, match="weather is no measure of which more or less is better"):
        side_by_side(odd, tries=ONE, metric="weather")


def test_a_run_that_is_another_once_more_is_not_asked_twice(runs):
    made = side_by_side({**runs, "d": runs["b"]}, tries=ONE)
    assert "d" not in made.at[5].among_best
    assert "b" in made.at[5].among_best
    same = side_by_side({"a": runs["a"], "d": runs["a"]}, tries=ONE)
    assert same.at[5].among_best == ("a",)
