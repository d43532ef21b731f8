"""Groups of a cross-validation: purged on both sides, tested as often as the theory says."""

import itertools
import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.errors import ConfigError
from gogooku.core.types import PURGE_SESSIONS
from gogooku.evaluate.cross_split import (
    CombinatorialSplit,
    PurgedKFoldSplit,
    cross_folds,
    last_usable,
    num_paths,
)
from gogooku.evaluate.split import FractionSplit, SplitConfig, WalkForwardSplit, make_folds

SESSIONS = tokyo_sessions(date(2017, 1, 1), date(2023, 12, 31))


def too_near(mine, there, *, purge, embargo):
    """Sessions that lie within a purge before, or a purge and an embargo after, another part."""
    gap = mine[:, None] - there[None, :]
    return ((gap >= -purge) & (gap <= purge + embargo)).any(axis=1)


def check(config, count, first):
    """Every promise of the splits of a config, by brute force."""
    groups, tested = (
        (config.num_folds, 1)
        if isinstance(config, PurgedKFoldSplit)
        else (config.num_groups, config.num_tested)
    )
    folds = make_folds(config, SESSIONS[:count], first=first)
    assert len(folds) == math.comb(groups, tested)
    times = np.zeros(count, dtype=int)
    for fold in folds:
        assert not fold.out_of_time
        parts = {part: fold.indices(part) for part in ("train", "valid", "test")}
        times[parts["test"]] += 1
        room = {"purge": config.purge, "embargo": config.embargo}
        assert not too_near(parts["train"], parts["test"], **room).any()
        assert not too_near(parts["valid"], parts["test"], **room).any()
        assert not too_near(parts["train"], parts["valid"], **room).any()
        assert all((np.diff(part) > 0).all() and len(part) >= 2 for part in parts.values())
        # nothing is left out without a reason
        left = np.setdiff1d(np.arange(first, count), np.concatenate(list(parts.values())))
        reasons = too_near(left, parts["test"], **room) | too_near(left, parts["valid"], **room)
        assert reasons.all()
        again = fold.refit_indices()
        assert set(np.concatenate([parts["train"], parts["valid"]])) <= set(again.tolist())
        assert not too_near(again, parts["test"], **room).any()
    assert (times[first:] == math.comb(groups - 1, tested - 1)).all()
    assert not times[:first].any()
    assert num_paths(config) == math.comb(groups - 1, tested - 1)
    for path in range(num_paths(config)):
        mine = np.sort(np.concatenate([fold.path_indices(path) for fold in folds]))
        np.testing.assert_array_equal(mine, np.arange(first, count))


@settings(deadline=None, max_examples=40)
@given(
    st.integers(200, 1700),
    st.integers(3, 8),
    st.integers(PURGE_SESSIONS, 40),
    st.integers(0, 40),
    st.integers(0, 60),
)
def test_every_group_is_tested_once(count, num_folds, purge, embargo, first):
    config = PurgedKFoldSplit(num_folds=num_folds, purge=purge, embargo=embargo)
    try:
        cross_folds(config, SESSIONS[:count], first=first)
    except ConfigError:
        assert (count - first) / num_folds < 3 * (purge + embargo)
        return
    check(config, count, first)


@settings(deadline=None, max_examples=25)
@given(st.integers(500, 1700), st.integers(4, 7), st.integers(2, 4), st.integers(0, 30))
def test_every_choice_of_groups_is_tested(count, num_groups, num_tested, embargo):
    config = CombinatorialSplit(num_groups=num_groups, num_tested=num_tested, embargo=embargo)
    try:
        cross_folds(config, SESSIONS[:count], first=20)
    except ConfigError:
        short = (count - 20) / num_groups < 3 * (config.purge + embargo)
        assert short or num_groups - num_tested < 2
        return
    check(config, count, 20)


def test_the_groups_and_paths_are_those_of_skfolio():
    from skfolio.model_selection import CombinatorialPurgedCV

    days = np.zeros((1200, 1))
    theirs = CombinatorialPurgedCV(
        n_folds=6, n_test_folds=2, purged_size=PURGE_SESSIONS, embargo_size=10
    )
    ours = cross_folds(CombinatorialSplit(num_groups=6, num_tested=2, embargo=10), SESSIONS[:1200])
    assert theirs.n_test_paths == num_paths(CombinatorialSplit())
    for fold, (train, tests), paths in zip(
        ours, theirs.split(days), theirs.get_path_ids(), strict=True
    ):
        np.testing.assert_array_equal(fold.indices("test"), np.concatenate(tests))
        assert fold.paths == tuple(paths.tolist())
        # theirs has no validation part: ours is theirs less that part and what lies near it
        beside = too_near(train, fold.indices("valid"), purge=PURGE_SESSIONS, embargo=10)
        np.testing.assert_array_equal(fold.indices("train"), train[~beside])


def test_the_train_part_is_that_of_purgedcv_less_what_lies_near_the_validation():
    from purgedcv import PurgedKFold

    count, embargo = 1000, 10
    at = SESSIONS[:count].astype("datetime64[ns]")
    ends = SESSIONS[PURGE_SESSIONS : count + PURGE_SESSIONS].astype("datetime64[ns]")
    theirs = PurgedKFold(
        5,
        prediction_times=at,
        evaluation_times=ends,
        embargo_observations=PURGE_SESSIONS + embargo,  # theirs counts from the last tested session
    )
    ours = cross_folds(PurgedKFoldSplit(embargo=embargo), SESSIONS[:count])
    for fold, (train, test) in zip(ours, theirs.split(np.zeros((count, 1))), strict=True):
        np.testing.assert_array_equal(fold.indices("test"), test)
        beside = too_near(train, fold.indices("valid"), purge=PURGE_SESSIONS, embargo=embargo)
        np.testing.assert_array_equal(fold.indices("train"), train[~beside])


def test_too_few_sessions_or_groups_are_refused():
    with pytest.raises(ConfigError, match="use a longer sample, fewer groups"):
        cross_folds(PurgedKFoldSplit(num_folds=8), SESSIONS[:160])
    with pytest.raises(ConfigError, match=r"lower split\.num_tested"):
        cross_folds(CombinatorialSplit(num_groups=4, num_tested=3), SESSIONS)
    with pytest.raises(ValidationError):
        PurgedKFoldSplit(embargo=-1)
    with pytest.raises(ValidationError):
        CombinatorialSplit(purge=PURGE_SESSIONS - 1)


@pytest.mark.parametrize("kind", ["purged_kfold", "combinatorial"])
def test_kind_chooses_the_config(kind):
    made: BaseModel = TypeAdapter(SplitConfig).validate_python({"kind": kind})
    assert made.kind == kind
    assert len(make_folds(made, SESSIONS)) == {"purged_kfold": 5, "combinatorial": 15}[kind]


@pytest.mark.parametrize(
    "kind", [FractionSplit, WalkForwardSplit, PurgedKFoldSplit, CombinatorialSplit]
)
def test_nothing_after_the_end_is_used(kind):
    end = date(2021, 6, 30)
    folds = make_folds(kind(end=end), SESSIONS)
    last = max(fold.indices(part).max() for fold in folds for part in ("train", "valid", "test"))
    assert SESSIONS[last] == np.datetime64(end)
    cut = SESSIONS[: last_usable(SESSIONS, end)]
    for one, other in itertools.zip_longest(folds, make_folds(kind(), cut)):
        np.testing.assert_array_equal(one.indices("test"), other.indices("test"))
    with pytest.raises(ConfigError, match=r"change split\.end"):
        make_folds(kind(end=date(2010, 1, 1)), SESSIONS)
