"""Long frames of a dataset; tests/api/test_dataset.py holds their values against the files."""

from datetime import date

import pytest

from gogooku.core.errors import DataError, UsageError
from gogooku.dataset.frames import Part, bar_frame, feature_frame, label_frame
from gogooku.dataset.home import current_dataset


@pytest.fixture(scope="module")
def dataset(built_home):
    return current_dataset(built_home)


def test_a_part_is_sessions_and_names(dataset):
    day = dataset.sessions[10].item()
    part = Part.of(dataset, since=day, until=day, codes=dataset.codes[:1])
    assert (part.first, part.stop) == (10, 11)
    assert part.codes(dataset) == [dataset.codes[0]]
    assert feature_frame(dataset, part).height == bar_frame(dataset, part).height == 1
    assert label_frame(dataset, part).height == 4


def test_what_is_not_there_is_refused(dataset):
    with pytest.raises(DataError, match="no session from 1999-01-04"):
        Part.of(dataset, since=date(1999, 1, 4), until=date(1999, 1, 5))
    with pytest.raises(DataError, match="1 of 2 codes are not in dataset"):
        Part.of(dataset, codes=[dataset.codes[0], "none"])
    with pytest.raises(UsageError, match="is after until"):
        Part.of(dataset, since=date(2021, 2, 1), until=date(2021, 1, 1))
