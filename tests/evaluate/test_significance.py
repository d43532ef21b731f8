"""Tests of means against references and by their rejection rates."""

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.tsa.stattools import diebold_mariano_test

from gogooku.core.cosines import cosine_spread
from gogooku.core.errors import DataError, UsageError
from gogooku.core.metrics import newey_west_error
from gogooku.evaluate.compare import COMPARISON_SCHEMA, compare_runs
from gogooku.evaluate.many_tests import holm
from gogooku.evaluate.significance import mean_test, paired_difference


def overlapping(rng, n, horizon):
    """A series whose neighbours share all but one of ``horizon`` shocks."""
    shocks = rng.normal(size=n + horizon)
    return np.convolve(shocks, np.ones(horizon), mode="valid")[:n] / horizon


def test_without_autocorrelation_it_is_close_to_students_t():
    series = np.random.default_rng(0).normal(0.1, 1.0, size=400)
    ours = mean_test(series, horizon=1)
    reference = stats.ttest_1samp(series, 0.0)
    assert ours.p_value == pytest.approx(reference.pvalue, abs=0.05)
    assert ours.estimate.n == 400
    assert ours.sigmas == pytest.approx(ours.estimate.t_stat, rel=0.15)


def test_the_small_sample_correction():
    series = np.random.default_rng(1).normal(size=100).cumsum()
    test = mean_test(series, horizon=5)
    lags = test.estimate.lags
    assert lags == 8
    raw = newey_west_error(series, lags)
    assert test.estimate.error == pytest.approx(raw / math.sqrt(1 - 0.09))
    assert test.half_width() == pytest.approx(cosine_spread(series, horizon=5).half_width(0.95))
    assert test.estimate.high - test.estimate.value == pytest.approx(test.half_width())


@pytest.mark.parametrize(("n", "lags"), [(3, 0), (50, 4), (300, 38), (40, 39)])
def test_the_error_is_that_of_statsmodels(n, lags):
    series = np.random.default_rng(n).standard_t(4, size=n).cumsum() * 0.01
    reference = OLS(series, np.ones(n)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    assert newey_west_error(series, lags) == pytest.approx(reference.bse[0], abs=1e-8)


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_a_paired_difference_is_that_of_diebold_and_mariano(horizon):
    """Before the corrections for small samples, which differ: see `paired_difference`."""
    rng = np.random.default_rng(horizon)
    a, b = overlapping(rng, 300, horizon), overlapping(rng, 300, horizon) + 0.01
    ours = paired_difference(a, b, horizon=horizon)
    lags = ours.estimate.lags
    theirs = diebold_mariano_test(
        np.zeros(300), a, b, lags=lags, criterion=lambda _, forecast: forecast, horizon=horizon
    )
    share = (lags + 1) / 300
    assert ours.estimate.t_stat / math.sqrt(1.0 - share) == pytest.approx(
        theirs.statistic, abs=1e-8
    )


@pytest.mark.parametrize(("n", "horizon"), [(200, 1), (200, 5), (120, 20), (400, 20)])
def test_true_nulls_are_rejected_as_often_as_stated(n, horizon):
    """Of 1,500 markets, within three binomial errors of 5 %; by Newey-West 8 to 11 %."""
    rng = np.random.default_rng(2)
    rejected = [
        mean_test(overlapping(rng, n, horizon), horizon=horizon).p_value < 0.05 for _ in range(1500)
    ]
    assert 0.033 < np.mean(rejected) < 0.067


def test_a_difference_is_paired():
    rng = np.random.default_rng(3)
    common, noise = rng.normal(size=300), 0.05 * rng.normal(size=300)
    test = paired_difference(common + 0.02 + noise, common, horizon=1)
    assert test.p_value < 1e-4
    assert test.sigmas > 3.0
    assert mean_test(common + 0.02, horizon=1).p_value > 0.05
    assert paired_difference(common, common + 0.02 + noise, horizon=1).sigmas < -3.0
    with pytest.raises(DataError):
        paired_difference(common, common[1:], horizon=1)


@pytest.mark.parametrize("series", [np.array([0.1, 0.2]), np.ones(50), np.full(9, np.nan)])
def test_what_cannot_be_tested_has_no_p_value(series):
    test = mean_test(series, horizon=5)
    assert math.isnan(test.p_value)
    assert math.isnan(test.sigmas)


def run_frame(seed, shift, horizons=(1, 5), n=150):
    common = np.random.default_rng(0).normal(size=n)
    rng = np.random.default_rng(seed)
    dates = np.arange("2022-01-01", "2030-01-01", dtype="datetime64[D]")[:n]
    return pl.concat(
        pl.DataFrame(
            {
                "date": dates,
                "horizon": pl.Series([h] * n, dtype=pl.Int32),
                "rank_ic": 0.1 * common + 0.02 * rng.normal(size=n) + shift,
            }
        )
        for h in horizons
    )


def test_compare_pairs_every_two_runs_on_shared_sessions():
    better = run_frame(1, 0.02).slice(10)
    table = compare_runs({"a": better, "b": run_frame(2, 0.0), "c": run_frame(3, 0.0)})
    assert dict(table.schema) == {
        k: v() if callable(v) else v for k, v in COMPARISON_SCHEMA.items()
    }
    assert table.select("a", "b", "horizon").rows() == [
        ("a", "b", 1), ("a", "b", 5), ("a", "c", 1), ("a", "c", 5), ("b", "c", 1), ("b", "c", 5),
    ]  # fmt: skip
    assert table["n"].to_list() == [140, 150, 140, 150, 150, 150]
    first, last = table.row(0, named=True), table.row(5, named=True)
    assert first["difference"] == pytest.approx(first["mean_a"] - first["mean_b"])
    assert first["low"] < first["difference"] < first["high"]
    assert first["p_holm"] < 0.01
    assert first["low"] > 0.0
    assert last["p_holm"] > 0.05
    assert table["p_holm"].to_list() == pytest.approx(holm(table["p_value"].to_list()))


def test_compare_refuses_what_it_cannot_compare():
    frame = run_frame(1, 0.0)
    with pytest.raises(UsageError, match="two runs"):
        compare_runs({"a": frame})
    with pytest.raises(UsageError, match="rank_ic"):
        compare_runs({"a": frame, "b": frame}, metric="precision_at_k")
    later = frame.with_columns(pl.col("date") + pl.duration(days=4000))
    with pytest.raises(DataError, match="share no session"):
        compare_runs({"a": frame, "b": later})
