"""What a trial is worth, from daily measures made by hand."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.evaluate.skill import evaluate_scores
from gogooku.search.config import SearchConfig
from gogooku.search.fits import Fits
from gogooku.search.objective import (
    DAILY_SCHEMA,
    blocks_of,
    excesses,
    measured,
    series_of,
    worth_of,
)


def daily(folds, *, seeds=(1,), horizons=(5,), persistence=0.9, top=3.0):
    """RankIC by fold, the same every session but for a seed's place: its mean is what is given."""
    rows = []
    for fold, values in enumerate(folds):
        for place, value in enumerate(values):
            day = date(2020 + fold, 1, 1) + timedelta(place)
            for shift, seed in enumerate(seeds):
                off = 0.01 * (shift - (len(seeds) - 1) / 2)
                rows += [(fold, seed, day, h, value + off, persistence, top) for h in horizons]
    return pl.DataFrame(rows, schema=dict(DAILY_SCHEMA), orient="row")


def test_the_value_is_the_mean_over_folds_less_their_spread():
    found = worth_of(daily([[0.1] * 30, [0.3] * 10]), SearchConfig(spread_weight=0.5))
    assert found.folds == pytest.approx((0.1, 0.3))
    assert found.value == pytest.approx(0.2 - 0.5 * math.sqrt(0.02))
    assert found.mean.value == pytest.approx(0.15)
    assert found.mean.n == 40


def test_seeds_and_horizons_are_averaged_within_a_session():
    rows = daily([[0.1, 0.2]], seeds=(1, 2, 3), horizons=(1, 5, 10))
    assert series_of(rows, (1, 5)).get_column("rank_ic").to_list() == pytest.approx([0.1, 0.2])
    assert worth_of(rows, SearchConfig(horizons=(1, 10))).mean.n == 2


def test_other_horizons_do_not_count():
    both = pl.concat([daily([[0.1] * 9]), daily([[0.9] * 9], horizons=(20,))])
    assert worth_of(both, SearchConfig(horizons=(5,))).value == pytest.approx(0.1)


def test_a_fold_without_a_session_that_counts_has_no_value():
    rows = daily([[0.1] * 9, [0.2] * 9]).with_columns(
        rank_ic=pl.when(pl.col("fold") == 0).then(pl.col("rank_ic"))
    )
    found = worth_of(rows, SearchConfig())
    assert math.isnan(found.value)
    assert not found.feasible
    assert found.to_json()["value"] is None


def test_limits_that_are_broken_are_named():
    config = SearchConfig(least_persistence=0.95, least_top_bps=1.0)
    found = worth_of(daily([[0.1] * 9]), config)
    assert found.broken == ("rank autocorrelation 0.900 below 0.95",)
    assert not found.feasible
    assert excesses(found, config) == pytest.approx(
        {"least_persistence": 0.05, "least_top_bps": -2.0}
    )
    assert excesses(found, SearchConfig()) == {}


def test_blocks_are_months_and_a_short_rest_joins_the_last():
    values = [float(place // 21) for place in range(50)]
    assert blocks_of(daily([values]), 0, (5,)) == pytest.approx([0.0, (21 * 1 + 8 * 2) / 29])
    assert blocks_of(daily([[0.5] * 4]), 0, (5,)) == pytest.approx([0.5])


def test_a_block_of_sessions_that_do_not_count_is_no_number():
    rows = daily([[0.1] * 42]).with_columns(
        rank_ic=pl.when(pl.col("date") >= date(2020, 1, 22)).then(pl.col("rank_ic"))
    )
    first, second = blocks_of(rows, 0, (5,))
    assert math.isnan(first)
    assert second == pytest.approx(0.1)


def test_measures_are_those_of_the_evaluation(home, plan_of, dataset):
    ground = plan_of().ground
    (job,) = ground.jobs(ground.run, [0], 1)
    done = Fits(home).made([job])[job.stamp.key]
    found = measured(job, done, job.labels)
    indices = job.fold.indices("test")
    whole = evaluate_scores(
        done.scores("test", indices, dataset),
        indices,
        job.labels,
        universe_tN=dataset.valid_TN[indices],
    ).daily.filter(horizon=5)
    mine = found.filter(horizon=5)
    assert mine.get_column("date").to_list() == dataset.sessions[indices].tolist()
    assert np.array_equal(mine["rank_ic"], whole["rank_ic"], equal_nan=True)
    assert dict(found.schema) == dict(DAILY_SCHEMA)
