"""Folds never touch, and walk-forward blocks move as they say."""

import doctest
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.errors import ConfigError
from gogooku.core.types import PURGE_SESSIONS
from gogooku.evaluate import split
from gogooku.evaluate.split import (
    CalendarSplit,
    DateSplit,
    FractionSplit,
    Growth,
    SplitConfig,
    WalkForwardSplit,
    make_folds,
)

SESSIONS = tokyo_sessions(date(2017, 1, 1), date(2023, 12, 31))


def test_doctest():
    result = doctest.testmod(split)
    assert result.attempted > 0
    assert result.failed == 0


def check_purged(fold, purge):
    train, valid, test = (fold.indices(part) for part in ("train", "valid", "test"))
    assert valid[0] - train[-1] - 1 >= purge
    assert test[0] - valid[-1] - 1 >= purge


@given(
    st.integers(60, 1700),
    st.floats(0.1, 0.8),
    st.floats(0.05, 0.4),
    st.integers(PURGE_SESSIONS, 60),
    st.integers(0, 50),
)
def test_fractions_fill_the_sample(count, train, valid, purge, first):
    config = FractionSplit(train=train, valid=valid, purge=purge)
    sessions = SESSIONS[:count]
    try:
        (fold,) = make_folds(config, sessions, first=first)
    except ConfigError:
        usable = count - first - 2 * purge
        left = usable - int(train * usable) - int(valid * usable)
        assert min(int(train * usable), int(valid * usable), left) < 2
        return
    check_purged(fold, purge)
    parts = [fold.indices(part) for part in ("train", "valid", "test")]
    assert parts[0][0] == first
    assert parts[2][-1] == count - 1
    assert sum(len(part) for part in parts) == count - first - 2 * purge
    assert parts[1][0] - parts[0][-1] - 1 == purge


@given(
    st.integers(200, 1700),
    st.integers(1, 6),
    st.sampled_from(Growth),
    st.floats(0.05, 0.5),
    st.integers(0, 60),
)
def test_walk_forward_moves_by_its_block(count, num_folds, growth, test, first):
    config = WalkForwardSplit(num_folds=num_folds, growth=growth, test=test)
    try:
        folds = make_folds(config, SESSIONS[:count], first=first)
    except ConfigError:
        return
    assert len(folds) == num_folds
    tests = [fold.indices("test") for fold in folds]
    trains = [fold.indices("train") for fold in folds]
    joined = np.concatenate(tests)
    assert (np.diff(joined) == 1).all()
    assert joined[-1] == count - 1
    assert len({len(block) for block in tests}) == 1
    block = len(tests[0])
    assert trains[0][0] == first
    for fold, earlier, later in zip(folds[1:], trains, trains[1:], strict=False):
        assert later[-1] - earlier[-1] == block
        moved = 0 if growth is Growth.EXPANDING else block
        assert later[0] - earlier[0] == moved
        check_purged(fold, config.purge)


def test_dates_are_taken_as_given():
    config = DateSplit(
        train=(date(2018, 1, 1), date(2019, 12, 31)),
        valid=(date(2020, 3, 1), date(2020, 8, 31)),
        test=(date(2020, 11, 1), date(2021, 6, 30)),
    )
    (fold,) = make_folds(config, SESSIONS, first=99)
    assert fold.test == config.test
    assert fold.to_json()["train"] == ["2018-01-01", "2019-12-31"]


def test_dates_too_close_are_refused():
    config = DateSplit(
        train=(date(2018, 1, 1), date(2019, 12, 31)),
        valid=(date(2020, 1, 6), date(2020, 8, 31)),
        test=(date(2020, 11, 1), date(2021, 6, 30)),
    )
    with pytest.raises(ConfigError, match=r"train.*valid"):
        make_folds(config, SESSIONS)


def test_a_short_purge_cannot_be_asked_for():
    with pytest.raises(ValidationError):
        FractionSplit(purge=PURGE_SESSIONS - 1)


def test_too_short_a_sample_says_so():
    with pytest.raises(ConfigError, match="longer sample"):
        make_folds(FractionSplit(), SESSIONS[:45])
    with pytest.raises(ConfigError, match="fewer folds"):
        make_folds(WalkForwardSplit(num_folds=50), SESSIONS[:120])


@pytest.mark.parametrize("kind", ["fractions", "walk_forward"])
def test_kind_chooses_the_config(kind):
    made: BaseModel = TypeAdapter(SplitConfig).validate_python({"kind": kind})
    assert made.kind == kind
    with pytest.raises(ValidationError):
        TypeAdapter(SplitConfig).validate_python({"kind": kind, "gap": 0})


# ---------------------------------------------------------------------------------- by calendar


def days_of(fold, part):
    return SESSIONS[fold.indices(part)]


@pytest.mark.parametrize(("every", "blocks"), [("year", 3), ("half_year", 6), ("quarter", 12)])
@pytest.mark.parametrize("growth", Growth)
def test_calendar_blocks_are_periods_one_after_the_other(every, blocks, growth):
    config = CalendarSplit(start=date(2021, 1, 1), every=every, growth=growth, valid=60)
    folds = make_folds(config, SESSIONS, first=60)
    assert len(folds) == blocks
    tested = np.concatenate([fold.indices("test") for fold in folds])
    np.testing.assert_array_equal(tested, np.flatnonzero(np.datetime64("2021-01-01") <= SESSIONS))
    months = {"year": 12, "half_year": 6, "quarter": 3}[every]
    for fold in folds:
        check_purged(fold, PURGE_SESSIONS)
        assert len(fold.indices("valid")) == 60
        assert fold.indices("test")[0] - fold.indices("valid")[-1] - 1 == PURGE_SESSIONS
        periods = days_of(fold, "test").astype("datetime64[M]").astype(int) // months
        assert len(set(periods.tolist())) == 1
    lengths = [len(fold.indices("train")) for fold in folds]
    if growth is Growth.EXPANDING:
        assert {fold.indices("train")[0] for fold in folds} == {60}
        assert lengths == sorted(lengths)
        assert lengths[-1] > lengths[0]
    else:
        assert len(set(lengths)) == 1


def test_a_calendar_split_may_begin_and_end_inside_a_period():
    config = CalendarSplit(start=date(2021, 3, 10), end=date(2022, 2, 15))
    first, second = make_folds(config, SESSIONS)
    assert first.test[0] == date(2021, 3, 10)
    assert first.test[1].year == 2021
    assert second.test[0].year == 2022
    assert second.test[1] == date(2022, 2, 15)


def test_a_calendar_split_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="no session from 2030-01-01"):
        make_folds(CalendarSplit(start=date(2030, 1, 1)), SESSIONS)
    with pytest.raises(ConfigError, match=r"choose a later split\.start"):
        make_folds(CalendarSplit(start=date(2017, 6, 1)), SESSIONS)


def test_a_warm_up_longer_than_the_sample_is_said():
    with pytest.raises(ConfigError, match=r"warm-up of 9000 sessions leaves none of the \d+ that"):
        make_folds(FractionSplit(), SESSIONS, first=9000)
