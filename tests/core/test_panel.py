"""The panel: what it refuses, dense arrays, windows with their past, bars before a correction."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import Clock
from gogooku.core.errors import DataError
from gogooku.core.panel import NO_PAST, PANEL_SCHEMA, Panel, Past, Superseded

DAYS = [date(2024, 1, 4), date(2024, 1, 5), date(2024, 1, 9), date(2024, 1, 10)]
SESSIONS = np.array(DAYS, dtype="datetime64[D]")


def panel_of(frame, **changes):
    made = {
        "frame": frame,
        "sessions": SESSIONS,
        "codes": ("a", "b"),
        "market": None,
        "clock": Clock.EVENING,
        "slack_seconds": {},
        "decisions": SESSIONS + np.timedelta64(11, "h"),
    }
    return Panel(**(made | changes))


def panel_rows(*keys, **columns):
    rows = [{"date": day, "code": code, "adjustment_factor": 1.0} for day, code in keys]
    frame = pl.DataFrame(rows, schema=dict(PANEL_SCHEMA))
    return frame.with_columns(
        pl.Series(name, values, dtype=PANEL_SCHEMA[name]) for name, values in columns.items()
    )


ALL = [(day, code) for day in DAYS for code in "ab"]


def test_panel_refuses_duplicates_disorder_and_strangers():
    assert panel_of(panel_rows((DAYS[0], "a"), (DAYS[0], "b"))).shape == (4, 2)
    with pytest.raises(DataError, match="1 rows repeat"):
        panel_of(panel_rows((DAYS[0], "a"), (DAYS[0], "a")))
    with pytest.raises(DataError, match="out of order"):
        panel_of(panel_rows((DAYS[1], "a"), (DAYS[0], "a")))
    with pytest.raises(DataError, match="off the sessions"):
        panel_of(panel_rows((date(2024, 1, 8), "a")))
    with pytest.raises(DataError, match="columns are"):
        panel_of(panel_rows((DAYS[0], "a")).with_columns(extra=1))
    with pytest.raises(DataError, match="before they were known"):
        Panel(
            frame=panel_rows((DAYS[0], "a")),
            sessions=SESSIONS,
            codes=("a",),
            market=None,
            clock=Clock.EVENING,
            slack_seconds={"quotes": -1.0},
        )


def test_a_code_off_the_axis_is_refused():
    with pytest.raises(pl.exceptions.InvalidOperationError):
        panel_of(panel_rows((DAYS[0], "c")))


def test_dense_arrays_have_nan_where_null_or_not_listed():
    keys = [(DAYS[0], "a"), (DAYS[0], "b"), (DAYS[2], "b"), (DAYS[3], "a")]
    panel = panel_of(
        panel_rows(*keys, close=[1.0, 2.0, None, 4.0], limit_up=[True, False, None, True])
    )
    nan = np.nan
    assert panel.listed().tolist() == [[True, True], [False, False], [False, True], [True, False]]
    np.testing.assert_array_equal(
        panel.dense("close"), [[1.0, 2.0], [nan, nan], [nan, nan], [4.0, nan]]
    )
    np.testing.assert_array_equal(
        panel.dense("limit_up"), [[1.0, 0.0], [nan, nan], [nan, nan], [1.0, nan]]
    )


def test_labels_are_numbered_by_first_session_and_known_ones_keep_their_number():
    panel = panel_of(
        panel_rows(*ALL, sector=["z", "y", "z", "x", None, "w", "z", "x"]),
    )
    numbers, names = panel.dense_labels("sector")
    assert names == ("y", "z", "x", "w")
    assert numbers.tolist() == [[1, 0], [1, 2], [-1, 3], [1, 2]]
    numbers, names = panel.dense_labels("sector", known=("x", "v"))
    assert names == ("x", "v", "y", "z", "w")
    assert numbers.tolist() == [[3, 2], [3, 0], [-1, 4], [3, 0]]


PAST = Past(
    sessions=np.arange("2023-12-01", "2023-12-07", dtype="datetime64[D]"),
    decisions=np.arange("2023-12-01", "2023-12-07", dtype="datetime64[D]").astype("datetime64[us]"),
    split_n=np.array([0, 0, 2]),
    split_session=np.array([1, 4, 3]),
    split_growth=np.array([0.5, 0.25, 2.0]),
)


@pytest.mark.parametrize(
    ("name", "session", "growth"),
    [
        (0, -3, 1.0),
        (0, 0, 1.0),
        (0, 1, 0.5),
        (0, 3, 0.5),
        (0, 4, 0.25),
        (0, 5, 0.25),
        (1, 5, 1.0),
        (2, 2, 1.0),
        (2, 3, 2.0),
    ],
)
def test_growth_is_the_product_of_the_factors_so_far(name, session, growth):
    assert PAST.growth(np.array([name]), np.array([session])).tolist() == [growth]
    assert NO_PAST.growth(np.array([name]), np.array([session])).tolist() == [1.0]


def test_a_window_keeps_what_is_needed_of_the_sessions_before_it():
    factors = [1.0, 1.0, 0.5, 1.0, 1.0, 2.0, 0.1, 1.0]  # a splits on the 5th and 10th, b on the 9th
    market = pl.DataFrame({"date": DAYS, "close": [1.0, 2.0, 3.0, 4.0]})
    panel = panel_of(panel_rows(*ALL, adjustment_factor=factors), market=market)
    late = panel.window(2, 4)
    assert (late.shape, late.seen_at) == ((2, 2), 1)
    assert late.market["close"].to_list() == [3.0, 4.0]
    assert late.past.sessions.tolist() == DAYS[:2]
    assert late.past.decisions.tolist() == panel.decisions[:2].tolist()
    names, until = np.array([0, 1]), np.array([1, 1])
    assert late.past.growth(names, until).tolist() == [0.5, 1.0]
    later = late.window(1, 2)
    assert later.past.sessions.tolist() == DAYS[:3]
    assert later.past.growth(names, until + 1).tolist() == [0.5, 2.0]
    assert later.dense("adjustment_factor").tolist() == [[0.1, 1.0]]
    at_once = panel.window(3, 4)
    for held in ("sessions", "decisions", "split_n", "split_session", "split_growth"):
        np.testing.assert_array_equal(getattr(later.past, held), getattr(at_once.past, held))


def test_growth_goes_on_from_the_past():
    """A name with a past factor of 0.25 that halves again stands at 0.125."""
    factors = [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    panel = replace(panel_of(panel_rows(*ALL, adjustment_factor=factors)), past=PAST)
    past = panel.window(1, 4).past
    assert len(past) == 7
    growth = past.growth(np.array([0, 0, 1]), np.array([5, 6, 6]))
    assert growth.tolist() == [0.25, 0.125, 1.0]


SUPERSEDED = Superseded(
    t=np.array([1, 0, 1]),
    n=np.array([0, 1, 0]),
    until=np.array([3, 3, 2]),
    values={"close": np.array([9.0, 7.0, 8.0])},
)
"""The bar of a on the 5th was 8, known as 9 from the 9th on, and corrected on the 10th."""


def test_bars_are_those_that_the_looking_session_knew():
    closes = [10.0, 20.0, 11.0, 21.0, 12.0, 22.0, 13.0, 23.0]
    panel = panel_of(panel_rows(*ALL, close=closes), superseded=SUPERSEDED)
    truth = np.reshape(closes, (4, 2))
    np.testing.assert_array_equal(panel.dense("close"), truth)
    np.testing.assert_array_equal(panel.window(0, 4).dense("close"), truth)
    np.testing.assert_array_equal(panel.window(0, 3).dense("close"), [[10, 7], [9, 21], [12, 22]])
    np.testing.assert_array_equal(panel.window(0, 2).dense("close"), [[10, 7], [8, 21]])
    np.testing.assert_array_equal(panel.window(1, 3).dense("close"), [[9, 21], [12, 22]])
    np.testing.assert_array_equal(panel.window(2, 3).dense("close"), [[12, 22]])
    assert np.isnan(panel.window(0, 2).dense("open")).all(), "other columns are as they are"
