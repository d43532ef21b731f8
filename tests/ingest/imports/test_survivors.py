"""Files of survivors only."""

from datetime import date, timedelta

import polars as pl
import pytest

from gogooku.core.frames import LISTINGS_SCHEMA
from gogooku.ingest.imports.survivors import survivors_only


def delivery(names, sessions, left, *, ends=10):
    first = date(2015, 1, 5)
    days = [first + timedelta(days=n) for n in range(sessions)]
    made = [
        (f"A{n}", None, None, None, first, days[ends] if n < left else None) for n in range(names)
    ]
    return pl.DataFrame({"date": days}), pl.DataFrame(
        made, schema=dict(LISTINGS_SCHEMA), orient="row"
    )


@pytest.mark.parametrize(
    ("names", "sessions", "left", "said"),
    [
        (60, 400, 0, "none of 60 names left in 400 sessions"),
        (60, 400, 1, None),
        (50, 400, 0, None),
        (60, 250, 0, None),
        (4000, 2450, 3, "only 3 of 4,000 names left"),
        (4000, 2450, 90, None),
    ],
)
def test_nobody_or_next_to_nobody_leaves(names, sessions, left, said):
    found = survivors_only(*delivery(names, sessions, left))
    assert (said is None and found == []) or said in found[0]


def test_an_end_on_the_last_session_or_later_is_no_leaving():
    assert survivors_only(*delivery(60, 400, 60, ends=399)) != []
