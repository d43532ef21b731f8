"""Checks one by one, and what becomes of rows that fail."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from gogooku.tables.checks import (
    REPEATED,
    Check,
    Severity,
    bar_checks,
    between,
    in_key_order,
    judge,
    not_below,
    on_session,
    one_of,
    whole_bar,
)

OLD, NEW = datetime(2026, 6, 5), datetime(2026, 6, 6)


def rows(key, value, fetched=None):
    """Rows of one key column and one value."""
    fetched = [OLD] * len(key) if fetched is None else fetched
    return pl.DataFrame({"key": key, "value": value, "_fetched_at": fetched})


def failing(check, **columns):
    """Places of the rows that fail a check."""
    verdict = judge(pl.DataFrame(columns).with_row_index("row"), [check], key=["row"])
    return np.flatnonzero(verdict.bad.to_numpy()).tolist()


NEGATIVE = Check("value is negative", pl.col("value") < 0)
ODD = Check("value is odd", pl.col("value") % 2 == 1)


def test_reasons_are_joined_in_the_order_of_the_checks_and_counted_apart():
    verdict = judge(rows([1, 2, 3, 4], [-1, 2, 3, None]), [NEGATIVE, ODD], key=["key"])
    assert verdict.bad.to_list() == [True, False, True, False]
    assert verdict.reasons.to_list() == ["value is negative; value is odd", "value is odd"]
    assert verdict.notes == {"value is negative": 1, "value is odd": 2}


def test_a_note_counts_and_keeps_the_row():
    note = Check("value is odd", pl.col("value") % 2 == 1, Severity.NOTE)
    verdict = judge(rows([1, 2], [1, 3]), [note], key=["key"])
    assert (verdict.bad.to_list(), verdict.reasons.to_list()) == ([False, False], [])
    assert verdict.notes == {"kept: value is odd": 2}


def test_no_checks_no_rows():
    assert judge(rows([1, 2], [1, 3]), [], key=["key"]).bad.to_list() == [False, False]
    nothing = judge(rows([1], [1]).clear(), [NEGATIVE], key=["key"])
    assert (nothing.bad.to_list(), nothing.notes) == ([], {})


@pytest.mark.parametrize(
    ("fetched", "kept"),
    [
        ([OLD, NEW, OLD], 1),
        ([NEW, OLD, OLD], 0),
        ([OLD, OLD, OLD], 2),  # of one moment the last that was delivered
    ],
)
def test_of_a_repeated_key_the_newest_row_stays(fetched, kept):
    verdict = judge(rows(["a", "a", "a"], [2, 4, 6], fetched), [NEGATIVE], key=["key"])
    assert verdict.bad.to_list() == [place != kept for place in range(3)]
    assert verdict.reasons.to_list() == [REPEATED, REPEATED]
    assert verdict.notes == {REPEATED: 2}


def test_a_row_that_fails_does_not_repeat_a_key():
    verdict = judge(rows(["a", "a"], [2, -4], [OLD, NEW]), [NEGATIVE], key=["key"])
    assert verdict.bad.to_list() == [False, True]
    assert REPEATED not in verdict.notes


@pytest.mark.parametrize(
    ("first", "second", "ordered"),
    [
        ([1, 1, 2], ["a", "b", "a"], True),
        ([1, 1, 2], ["a", "a", "a"], False),
        ([1, 2, 1], ["a", "a", "b"], False),
        ([1, 1, 2], ["b", "a", "c"], False),
        ([1, None, 2], ["a", "a", "a"], False),
        ([], [], True),
        ([5], ["z"], True),
    ],
)
def test_order_of_a_key_of_two_columns(first, second, ordered):
    schema = {"first": pl.Int64, "second": pl.String}
    frame = pl.DataFrame({"first": first, "second": second}, schema=schema)
    assert in_key_order(frame, ["first", "second"]) is ordered


def test_sessions():
    sessions = np.array(["2026-06-05", "2026-06-08"], dtype="datetime64[D]")
    days = pl.Series(["2026-06-05", "2026-06-06", "2026-06-08", None]).str.to_date()
    assert failing(on_session("day", sessions), day=days) == [1]


def test_bounds_are_included_and_null_passes():
    assert failing(not_below(["a", "b"], 0.0, what="x"), a=[0.0, -1e-9, None], b=[1, 1, -2]) == [
        1,
        2,
    ]
    assert failing(between("a", 0.0, 1.0), a=[0.0, 1.0, 1.1, -0.1, None]) == [2, 3]
    assert not_below(["a"], 0.5, what="a share").reason == "a share is below 0.5"
    assert between("a", 0.0, 10.0).reason == "a is outside 0 to 10"


BARS = {
    "x_open": [10, 10, 10, 13, 0, 10, None],
    "x_high": [12, 11, 12, 14, 12, 12, None],
    "x_low": [9, 9, 9, 12, 0, 11, None],
    "x_close": [11, 12, 11, 13, 11, 11, None],
}


@pytest.mark.parametrize(
    ("place", "failed"),
    [(0, [4]), (1, [1]), (2, [5])],
)
def test_a_bar_is_positive_and_its_high_and_low_hold_the_rest(place, failed):
    assert failing(bar_checks("x_")[place], **BARS) == failed


def test_a_bar_has_all_prices_or_none():
    holes = {name: values[:1] + [None] + values[-1:] for name, values in BARS.items()}
    assert failing(whole_bar("x_"), **holes) == []
    assert failing(whole_bar("x_"), **(holes | {"x_low": [None, 9, None]})) == [0, 1]


def test_words_are_known_or_absent():
    given = ["1", "", "3", None]
    assert failing(one_of("w", ["1", "2"]), w=given) == [2]
    frame = pl.DataFrame({"w": given}).with_row_index("row")
    kept = judge(frame, [one_of("w", ["1", "2"], severity=Severity.NOTE)], key=["row"])
    assert kept.notes == {"kept: w is not a known value": 1}
