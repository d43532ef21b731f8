"""A frame of scores: every way to be wrong is said with its column, its rows and the first."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import DataError, UsageError
from gogooku.core.types import HORIZONS
from gogooku.dataset.home import current_dataset
from gogooku.runs.find import open_run
from gogooku.runs.given_scores import given_frame, table_of


@pytest.fixture(scope="module")
def dataset(tour_home):
    return current_dataset(tour_home)


@pytest.fixture(scope="module")
def scores(tour_home):
    """Those of ridge at one horizon, as somebody may have them."""
    made = open_run(tour_home, "ridge").predictions("test").filter(horizon=5)
    return made.select("date", "code", "score")


def checked(frame, dataset, **options):
    return given_frame(frame, dataset, known_horizons=HORIZONS, **options)


def refused(frame, dataset, message, *, kind=DataError, **options):
    with pytest.raises(kind, match=message):
        checked(frame, dataset, **options)


def with_first(frame, column, value):
    """The frame with another value in its first row."""
    first = pl.int_range(pl.len()) == 0
    wide = frame.with_columns(pl.col("score").cast(pl.Float64))
    return wide.with_columns(pl.when(first).then(value).otherwise(pl.col(column)).alias(column))


# -------------------------------------------------------------------------------- what is taken


def test_scores_are_kept_as_they_are(dataset, scores):
    made = checked(scores, dataset)
    assert made.horizons == (5,)
    assert made.frame.select("date", "code", "score").equals(scores.sort("date", "code"))
    assert set(made.left_out.values()) == {0}


@pytest.mark.parametrize(
    "turned",
    [
        lambda one: one.lazy(),
        lambda one: one.to_pandas(),
        lambda one: one.to_arrow(),
        lambda one: one.to_dict(as_series=False),
        lambda one: one.sample(fraction=1.0, shuffle=True, seed=1),
        lambda one: one.with_columns(code=pl.col("code").str.slice(0, 4)),
        lambda one: one.with_columns(code=pl.col("code").str.slice(0, 4) + ".T"),
        lambda one: one.with_columns(code=pl.col("code").cast(pl.Categorical)),
        lambda one: one.with_columns(date=pl.col("date").dt.to_string("%Y-%m-%d")),
        lambda one: one.with_columns(
            pl.col("date").cast(pl.Datetime("ns")).dt.replace_time_zone("Asia/Tokyo")
        ),
        lambda one: one.with_columns(pl.col("score").cast(pl.String)),
        lambda one: one.with_columns(pl.col("score").cast(pl.Float64)),
        lambda one: one.with_columns(horizon=5),
        lambda one: one.with_columns(horizon=pl.lit("5"), more=pl.lit("not looked at")),
        lambda one: one.rename({"date": "日付", "code": "コード", "score": "Score"}),
    ],
)  # fmt: skip
def test_however_they_are_written_they_are_the_same(dataset, scores, turned):
    made, plain = checked(turned(scores), dataset), checked(scores, dataset)
    assert made.frame.equals(plain.frame)
    assert made.content_hash == plain.content_hash


def test_codes_may_be_numbers_where_they_have_no_letters(dataset, scores):
    digits = scores.filter(pl.col("code").str.contains(r"^\d+$"))
    numbers = digits.with_columns(pl.col("code").str.slice(0, 4).cast(pl.Int64))
    assert digits.height > 1_000
    assert checked(numbers, dataset).frame.equals(checked(digits, dataset).frame)


def test_other_scores_are_others(dataset, scores):
    hashes = {
        checked(one, dataset, horizon=horizon).content_hash
        for one, horizon in [
            (scores, 5),
            (scores, 1),
            (with_first(scores, "score", pl.lit(9.0)), 5),
            (scores[1:], 5),
        ]
    }
    assert len(hashes) == 4


def test_a_column_of_the_very_name_is_taken_before_one_that_is_like_it(dataset, scores):
    more = scores.with_columns(ticker=pl.lit("?"), datetime=pl.lit("?"))
    assert checked(more, dataset).frame.equals(checked(scores, dataset).frame)


# ------------------------------------------------------------------------------ what is no frame


def test_what_is_no_frame_is_refused(scores):
    for given in ([1.0], 3, "scores.csv", scores["score"], scores.to_pandas()["score"]):
        with pytest.raises(UsageError, match="expected a frame of polars or pandas"):
            table_of(given)


def test_a_frame_that_polars_cannot_take_over_is_refused():
    with pytest.raises(DataError, match="cannot take over this dict"):
        table_of({"date": [1, 2], "code": [1]})


# ------------------------------------------------------------------------------------- columns


def test_a_column_that_is_missing_is_named_with_the_nearest(dataset, scores):
    refused(
        scores.rename({"score": "scores"}),
        dataset,
        r"no column score \(nearest: scores\) among 3 \(date, code, scores\); rename",
    )
    refused(scores.drop("date", "code"), dataset, r"no column date, code among 1 \(score\); rename")


def test_keys_in_the_index_of_pandas_are_pointed_at(dataset, scores):
    indexed = scores.to_pandas().set_index(["date", "code"])
    refused(indexed, dataset, r"date, code is in the index: give frame.reset_index\(\)")


def test_no_rows_are_refused(dataset, scores):
    refused(scores.clear(), dataset, "the frame has no rows")


# --------------------------------------------------------------------------------------- cells


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("date", pl.lit(None, dtype=pl.Date), "column date: 1 of [0-9,]+ rows have no date"),
        ("code", pl.lit(None, dtype=pl.String), "column code: 1 of [0-9,]+ rows have no code"),
        ("score", pl.lit(None, dtype=pl.Float32), "column score: 1 of [0-9,]+ rows have no score"),
        ("score", pl.lit(float("nan")), r"rows are not finite .*the first nan \(row 1\)"),
        ("score", pl.lit(float("-inf")), r"rows are not finite .*the first -inf \(row 1\)"),
        ("score", pl.lit(1e300, dtype=pl.Float64), "1 of [0-9,]+ scores are too large to be kept"),
        ("date", pl.lit(date(2020, 1, 5)), "are of dates outside of dataset .* build a dataset"),
        ("code", pl.lit("9999x"), "are of 1 codes that dataset .* the first '9999x'"),
    ],
)
def test_one_wrong_cell_is_refused(dataset, scores, column, value, message):
    refused(with_first(scores, column, value), dataset, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"date": pl.col("date").dt.to_string("%Y/%m/%d")}, "no date YYYY-MM-DD, the first '20"),
        ({"date": pl.lit(20240105)}, "column date holds Int32; expected dates"),
        ({"date": pl.col("date").cast(pl.Datetime) + timedelta(hours=15)}, "hold a time of day"),
        ({"code": pl.lit(1.5)}, "column code holds Float64; expected codes"),
        ({"score": pl.lit("high")}, "rows are no number, the first 'high'"),
        ({"score": pl.lit(value=True)}, "column score holds Boolean; expected numbers"),
        ({"horizon": pl.lit(3)}, r"no horizon that the dataset has labels of \(1, 5, 10, 20"),
        ({"horizon": pl.lit(5.5)}, "no horizon that the dataset has labels of"),
        ({"horizon": pl.lit(None, dtype=pl.Int64)}, "no horizon that .* the first nothing"),
        ({"horizon": pl.lit(date(2024, 1, 5))}, "column horizon holds Date"),
    ],
)
def test_a_column_of_another_kind_is_refused(dataset, scores, change, message):
    refused(scores.with_columns(**change), dataset, message)


def test_a_horizon_is_stated_once_and_has_labels(dataset, scores):
    refused(scores, dataset, "horizon 3: the dataset has labels", kind=UsageError, horizon=3)
    refused(scores, dataset, "horizon true: the", kind=UsageError, horizon=True)
    both = scores.with_columns(horizon=5)
    refused(both, dataset, "horizon 5: the frame has a column", kind=UsageError, horizon=5)


# ---------------------------------------------------------------------------------------- rows


def test_dates_that_are_no_sessions_are_refused_whatever_is_asked_for(dataset, scores):
    friday = next(day for day in scores["date"].unique().sort() if day.weekday() == 4)
    moved = scores.with_columns(
        pl.when(pl.col("date") == friday)
        .then(pl.lit(friday + timedelta(days=1)))
        .otherwise(pl.col("date"))
        .alias("date")
    )
    message = rf"are of 1 dates that are no sessions, the first {friday + timedelta(days=1)} \(Sat"
    refused(moved, dataset, message)
    refused(moved, dataset, message, drop_unknown=True)


def test_rows_that_the_dataset_does_not_have_are_left_out_where_that_is_asked_for(dataset, scores):
    more = pl.concat(
        [
            scores,
            pl.DataFrame(
                {
                    "date": [scores["date"][0], date(2000, 1, 4), date(2060, 1, 5)],
                    "code": ["9999x", scores["code"][0], scores["code"][0]],
                    "score": [1.0, 1.0, 1.0],
                },
                schema=scores.schema,
            ),
        ]
    )
    made = checked(more, dataset, drop_unknown=True)
    assert made.frame.equals(checked(scores, dataset).frame)
    assert made.left_out == {"dates_outside": 2, "unknown_codes": 1, "outside_universe": 0}


def test_nothing_that_is_known_is_refused_whatever_is_asked_for(dataset, scores):
    nobody = scores.with_columns(code=pl.lit("x") + pl.col("code"))
    refused(nobody, dataset, "none of [0-9]+ codes is one of dataset", drop_unknown=True)
    never = scores.with_columns(pl.col("date").dt.offset_by("-40y"))
    refused(never, dataset, "rows are of dates outside of dataset .*build a", drop_unknown=True)


def test_a_score_that_is_given_twice_is_refused_in_whatever_spelling(dataset, scores):
    again = scores[:3].with_columns(pl.col("code").str.slice(0, 4))
    refused(pl.concat([scores, again]), dataset, "6 of [0-9,]+ rows repeat a date, code and hor")


def test_days_of_one_score_are_refused_and_days_of_one_name_are_not(dataset, scores):
    day = scores["date"].max()
    flat = scores.with_columns(
        pl.when(pl.col("date") == day).then(0.5).otherwise(pl.col("score")).alias("score")
    )
    refused(flat, dataset, f"on 1 of [0-9]+ days all scores are equal, the first {day} at hor")
    alone = pl.concat([scores.filter(pl.col("date") < day), scores.filter(date=day)[:1]])
    assert checked(alone, dataset).frame.height == alone.height


def test_scores_that_single_precision_does_not_tell_apart_are_refused(dataset, scores):
    close = scores.with_columns(score=1e6 + pl.col("score").rank("ordinal") * 1e-4)
    refused(close, dataset, "seven digits, which leaves [0-9]+ of [0-9]+ different ones on")
    dust = pl.col("score").rank("ordinal").over("date").mod(19) / 19
    signs = pl.int_range(pl.len()).mod(2) * 1e-16
    assert checked(scores.with_columns(score=dust + 1.0 + signs * 3), dataset).frame.height
    tiny = scores.with_columns(pl.col("score").cast(pl.Float64) * 1e-50)
    refused(tiny, dataset, "leaves 1 of [0-9]+ different ones")


def test_names_outside_of_the_universe_are_left_out_and_counted(dataset, scores):
    t, n = (int(one[0]) for one in np.nonzero(~np.asarray(dataset.valid_TN)))
    row = pl.DataFrame(
        {"date": [dataset.sessions[t].item()], "code": [dataset.codes[n]], "score": [1.0]},
        schema=scores.schema,
    )
    made = checked(pl.concat([scores, row]), dataset)
    assert made.left_out["outside_universe"] == 1
    assert made.frame.equals(checked(scores, dataset).frame)
    refused(row, dataset, "none of 1 scores is of a name that was in the universe")


def test_instants_of_pandas_are_dates_where_they_are_midnights(dataset, scores):
    frame = scores.with_columns(pl.col("date").cast(pl.Datetime("ns"))).to_pandas()
    assert str(frame["date"].dtype) == "datetime64[ns]"
    assert checked(frame, dataset).frame.equals(checked(scores, dataset).frame)
    frame["date"] = datetime(2021, 12, 1, 9, 30)
    refused(frame, dataset, "hold a time of day, the first '2021-12-01 09:30:00'")
