"""A fold measured anew: on data whose answer is known, and on a real run."""

import numpy as np
import polars as pl
import pytest

from gogooku.learn.targets import fold_labels
from gogooku.runs.diagnose.measure import measured_folds, related
from gogooku.runs.find import open_run
from support.learning import changed, make_dataset, make_fold, make_labels, small_config
from support.seals import reseal

DATASET = make_dataset(sessions=200)
FOLD = make_fold(DATASET, train=100)


def relation(ic, dataset=DATASET):
    labels = make_labels(dataset, ic=ic)
    return related(dataset, fold_labels(dataset, labels, FOLD, config=small_config()))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_feature_that_was_planted_is_found_whichever_its_sign(sign):
    found = relation(0.3 * sign)
    assert found.feature == "alpha"
    assert found.measure.value == pytest.approx(0.3 * sign, abs=0.06)
    assert found.is_there
    assert found.tried == 5 * 4


def test_of_noise_the_closest_feature_is_within_chance():
    found = relation(0.0)
    assert not found.is_there
    assert 3.0 < found.limit < 4.0


def test_a_feature_that_never_varies_is_related_to_nothing():
    x = np.array(DATASET.x_TNF)
    x[:, :, 0] = 0.0
    found = relation(0.3, changed(DATASET, x_TNF=x))
    assert found.feature != "alpha"
    assert not found.is_there


def test_a_real_run_is_what_was_stored(tour_home):
    run = open_run(tour_home, "ridge")
    (fold,) = measured_folds(run, run.dataset(tour_home))
    assert fold.differing == 0
    assert fold.largest == 0.0
    assert fold.rescored > 6 * 20 * 4
    assert set(fold.valid) == {1, 5, 10, 20}
    assert min(fold.own_scores.values()) > 0.9
    assert min(fold.spread.values()) > 0.0
    assert 10 < fold.names <= 40
    assert fold.train_rows == pytest.approx(fold.names * fold.train_sessions, rel=0.1)
    assert fold.valid_sessions == 20


def test_scores_that_were_changed_or_lost_since_are_counted(home, ridge):
    path = ridge.folder / "predictions.parquet"
    frame = pl.read_parquet(path)
    day = frame.filter(pl.col("part") == "test").get_column("date").max()
    first = frame.get_column("code").min()
    last = pl.col("date") == day
    moved = pl.when(last & (pl.col("horizon") == 5)).then(pl.col("score") + 1.0)
    lost = last & (pl.col("horizon") == 1) & (pl.col("code") == first)
    frame.with_columns(moved.otherwise(pl.col("score"))).filter(~lost).write_parquet(path)
    reseal(ridge.folder)
    run = open_run(home, ridge.run_id)
    (fold,) = measured_folds(run, run.dataset(home))
    names = frame.filter(last & (pl.col("horizon") == 5) & (pl.col("part") == "test")).height
    assert fold.differing == names + 1
    assert fold.largest > 1.0
