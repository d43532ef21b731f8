"""Scores of names: rows and arrays are the same thing, and no row is lost between them."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.errors import ContractError, DataError
from gogooku.core.forecast import FORECAST_SCHEMA, Forecast, Places, joined, long_form

SESSIONS = tokyo_sessions(date(2021, 1, 1), date(2021, 3, 31))
CODES = ("30000", "10000", "20000")
HORIZONS = (1, 5, 20)
BEFORE = dict.fromkeys(HORIZONS, date(2020, 12, 1))


def random_scores(seed, shape=(4, 3, 3)):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=shape).astype(np.float32)
    scores[rng.random(shape) < 0.4] = np.nan
    scores[:, 0, 0] = 1.0  # no session without a score
    return scores


def test_rows_are_sorted_and_missing_scores_left_out():
    scores = np.array([[[1.0, 2.0], [np.nan, 3.0]]], dtype=np.float32)
    frame = long_form(scores, SESSIONS[:1], ("b", "a"), horizons=(1, 5))
    day = SESSIONS[0].item()
    assert frame.rows() == [(day, "a", 5, 3.0), (day, "b", 1, 1.0), (day, "b", 5, 2.0)]
    assert dict(frame.schema) == dict(FORECAST_SCHEMA)


def test_several_arrays_become_columns_of_the_same_rows():
    low = np.array([[[1.0, 2.0], [np.nan, 3.0]]], dtype=np.float32)
    high = np.array([[[5.0, np.nan], [6.0, 7.0]]], dtype=np.float32)
    frame = joined({"low": low, "high": high}, SESSIONS[:1], ("b", "a"), horizons=(1, 5))
    day = SESSIONS[0].item()
    assert frame.columns == ["date", "code", "horizon", "low", "high"]
    assert frame.rows() == [
        (day, "a", 5, 3.0, 7.0),
        (day, "b", 1, 1.0, 5.0),
        (day, "b", 5, 2.0, None),
    ]


@given(st.integers(0, 10_000), st.permutations(range(4)))
@settings(max_examples=30, deadline=None)
def test_there_and_back_is_the_same_bits(seed, order):
    scores, days = random_scores(seed), np.array([2, 3, 11, 40])
    frame = long_form(scores, SESSIONS[days], CODES, horizons=HORIZONS)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=order[0])
    places = Places.of(shuffled, SESSIONS, CODES, horizons=HORIZONS)
    assert places.indices.tolist() == days.tolist()
    assert places.dense(shuffled.get_column("score")).tobytes() == scores.tobytes()


def test_other_columns_are_placed_too_and_null_is_nan():
    frame = pl.DataFrame(
        {
            "date": [SESSIONS[1].item(), SESSIONS[5].item()],
            "code": ["20000", "30000"],
            "horizon": [5, 1],
            "expectation": [0.25, None],
        }
    )
    places = Places.of(frame, SESSIONS, CODES, horizons=HORIZONS)
    made = places.dense(frame.get_column("expectation"), np.float64)
    assert made.dtype == np.float64
    assert made.shape == (2, 3, 3)
    assert made[0, 2, 1] == 0.25
    assert np.isfinite(made).sum() == 1


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("date", date(2021, 1, 2), "1 dates"),
        ("date", date(2031, 1, 6), "1 dates"),
        ("code", "99990", "1 codes"),
        ("horizon", 7, "1 horizons"),
        ("horizon", 40, "1 horizons"),
    ],
)
def test_rows_off_the_axes_are_refused(column, value, words):
    frame = long_form(random_scores(1), SESSIONS[:4], CODES, horizons=HORIZONS)
    first = pl.int_range(pl.len()) == 0
    strange = frame.with_columns(
        pl.when(first).then(pl.lit(value)).otherwise(column).alias(column)
    ).cast({"horizon": pl.Int32})
    with pytest.raises(ContractError, match=words):
        Places.of(strange, SESSIONS, CODES, horizons=HORIZONS)


def test_a_forecast_in_columns():
    scores = random_scores(3)
    scores[1, 2] = np.nan
    forecast = Forecast.of(scores, SESSIONS[:4], CODES, horizons=HORIZONS, trained_through=BEFORE)
    wide = forecast.wide()
    assert wide.columns == ["date", "code", "score_1", "score_5", "score_20"]
    assert wide.select("date", "code").rows() == sorted(wide.select("date", "code").rows())
    assert (SESSIONS[1].item(), "20000") not in wide.select("date", "code").rows()
    for row in wide.iter_rows(named=True):
        t = SESSIONS.tolist().index(row["date"])
        mine = scores[t, CODES.index(row["code"])]
        for place, horizon in enumerate(HORIZONS):
            value = row[f"score_{horizon}"]
            same = np.isnan(mine[place]) if value is None else np.float32(value) == mine[place]
            assert same


def test_an_empty_forecast_has_no_rows():
    nothing = np.full((1, 3, 3), np.nan, dtype=np.float32)
    forecast = Forecast.of(nothing, SESSIONS[:1], CODES, horizons=HORIZONS, trained_through=BEFORE)
    assert forecast.frame.is_empty()
    assert forecast.wide().is_empty()


def test_what_a_forecast_refuses():
    frame = long_form(random_scores(2), SESSIONS[:4], CODES, horizons=HORIZONS)
    Forecast(frame=frame, trained_through=BEFORE)
    late = {**BEFORE, 5: SESSIONS[0].item()}
    for wrong, through, words in (
        (frame.drop("score"), BEFORE, "schema"),
        (pl.concat([frame, frame[:1]]), BEFORE, "2 rows repeat"),
        (frame.with_columns(score=pl.lit(None, pl.Float32)), BEFORE, "scores are missing"),
        (frame, {1: BEFORE[1], 5: BEFORE[5]}, "no trained_through for horizon 20"),
        (frame, late, "horizon 5 is scored from"),
    ):
        with pytest.raises(DataError, match=words):
            Forecast(frame=wrong, trained_through=through)
