"""A fold refuses whatever would let a label be seen twice."""

from datetime import date

import numpy as np
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.errors import ConfigError
from gogooku.core.folds import PURGE_SESSIONS, CrossFold, Fold

SESSIONS = tokyo_sessions(date(2019, 1, 1), date(2021, 12, 31))


def span(low, high):
    return (SESSIONS[low].item(), SESSIONS[high].item())


def cross(train, valid=((300, 360),), test=((150, 250),), **more):
    spans = {"train": train, "valid": valid, "test": test}
    made = {part: [span(*one) for one in found] for part, found in spans.items()}
    return CrossFold.of(SESSIONS, made, **more)


def test_training_on_both_sides_of_the_test_part():
    fold = cross([(0, 128), (400, 500)], embargo=10)
    assert not fold.out_of_time
    np.testing.assert_array_equal(fold.indices("train"), np.r_[0:129, 400:501])
    assert fold.to_json()["train"] == [
        [str(day) for day in span(0, 128)],
        [str(day) for day in span(400, 500)],
    ]
    # once nothing is selected any more, only the test part must not be touched
    np.testing.assert_array_equal(fold.refit_indices(), np.r_[0:129, 282:501])


def test_a_label_must_be_known_before_the_next_session_of_another_part():
    fold = cross([(0, 128), (400, 500)])
    np.testing.assert_array_equal(
        fold.closes(np.array([5, 128, 310, 450]), ("valid", "test")),
        [150, 150, 311, len(SESSIONS)],
    )
    ordered = Fold(SESSIONS, span(0, 100), span(122, 150), span(172, 200))
    assert set(ordered.closes(ordered.indices("train"), ("valid", "test")).tolist()) == {122}
    np.testing.assert_array_equal(ordered.refit_indices(), np.arange(151))


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ([(0, 129)], "1 sessions of train lie within 21 before or 31 after a session of test"),
        ([(0, 100), (272, 278)], "7 sessions of train"),
        ([(0, 100), (391, 420)], "train lie within 21 before or 31 after a session of valid"),
        ([(0, 160)], "11 sessions lie in two parts"),
        ([], "train has no sessions"),
    ],
)
def test_what_touches_is_refused(train, said):
    with pytest.raises(ConfigError, match=said):
        cross(train, embargo=10)


def test_the_nearest_sessions_that_are_allowed():
    fold = cross([(0, 128), (392, 420)], valid=[(282, 360)], embargo=10)
    assert fold.indices("test")[0] - 128 - 1 == PURGE_SESSIONS
    assert 282 - fold.indices("test")[-1] - 1 == PURGE_SESSIONS + 10


def test_an_empty_part_a_short_purge_and_a_negative_embargo_are_refused():
    with pytest.raises(ConfigError, match="valid has no sessions"):
        cross([(0, 100)], valid=())
    weekend = (date(2020, 1, 4), date(2020, 1, 5))
    with pytest.raises(ConfigError, match="test 2020-01-04 to 2020-01-05 has no sessions"):
        CrossFold.of(
            SESSIONS, {"train": [span(0, 50)], "valid": [span(100, 150)], "test": [weekend]}
        )
    with pytest.raises(ConfigError, match="purge 20 is shorter"):
        cross([(0, 100)], purge=20)
    with pytest.raises(ConfigError, match="embargo -1"):
        cross([(0, 100)], embargo=-1)
    with pytest.raises(ConfigError, match="2 paths for 1 test spans"):
        cross([(0, 100)], paths=(0, 1))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            ((0, 100), (90, 150), (180, 220)),
            r"train \(2.* to 2.*\) and valid \(.*\) share 11 sessions; valid must begin more than "
            r"21 sessions after train ends: set split.train or split.valid",
        ),
        (((0, 100), (122, 150), (40, 60)), "valid .* and test .* are in the wrong order"),
        (((0, 100), (110, 150), (180, 220)), r"9 sessions between train \(ends .*split.valid"),
        (((0, 100), (150, 122), (180, 220)), r"valid .* ends before it begins; the dataset has \d"),
    ],
)
def test_parts_that_overlap_or_are_empty_are_said_with_what_to_set(parts, said):
    with pytest.raises(ConfigError, match=said):
        Fold(SESSIONS, *(span(*one) for one in parts))
