"""A fold measured anew: on data whose answer is known, and on a real run."""

import numpy as np
import polars as pl
import pytest

from gogooku.evaluate.split import make_folds
from gogooku.learn.targets import fold_labels
from gogooku.runs.diagnose.measure import measured_folds, related
from gogooku.runs.find import open_run
from gogooku.runs.labels import labelled, run_labels
from support.cli import done, run_cli, sets
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


@pytest.mark.parametrize("kind", ["purged_kfold", "combinatorial", "calendar"])
def test_folds_that_share_sessions_are_each_held_against_their_own_scores(home, kind):
    first = open_run(home, "ridge").dataset(home).sessions[-60]
    split = {
        "purged_kfold": ("split.num_folds=3",),
        "combinatorial": ("split.num_groups=4", "split.embargo=0"),
        "calendar": (f"split.start={first}", "split.every=quarter", "split.valid=60"),
    }[kind]
    done(home, "train", "ridge", *sets(f"split.kind={kind}", "warmup_sessions=20", *split))
    run = open_run(home, "ridge")
    stored = run.files.parquet("predictions.parquet")
    times = stored.group_by("part", "date", "code", "horizon").len()["len"].max()
    assert times == {"purged_kfold": 1, "combinatorial": 3, "calendar": 2}[kind]
    dataset = run.dataset(home)
    labels, folds = run_labels(dataset, run.config), measured_folds(run, dataset)
    cut = make_folds(run.config.split, dataset.sessions, first=run.config.warmup_sessions)
    assert len(folds) == len(run.manifest["folds"]) > 1
    for fold, dates in zip(folds, cut, strict=True):
        assert fold.rescored > 100
        assert (fold.differing, fold.largest) == (0, 0.0)
        assert fold.valid[1].sessions == fold.valid_sessions
        valid = fold_labels(dataset, labels, dates, config=labelled(run.config)).valid.indices
        mine = stored.filter(part="valid", fold=fold.number, horizon=1)
        mine = mine.filter(pl.col("date").is_in(dataset.sessions[valid].tolist()))
        spread = mine.group_by("date").agg(pl.col("score").std(ddof=0))["score"].mean()
        assert fold.spread[1] == pytest.approx(spread, rel=1e-5)
    result = run_cli(home, "doctor", "ridge", "--json")
    assert result.code in (0, 1), result.err
    assert result.json["folds"] == len(folds)


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
