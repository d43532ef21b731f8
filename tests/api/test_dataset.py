"""A dataset as frames: each value is that of the files, and bad questions are refused."""

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from gogooku.api import dataset as module
from gogooku.api.dataset import Dataset
from gogooku.api.dates import day_of
from gogooku.core.errors import DataError, UsageError
from gogooku.dataset.home import labels_of, read_bars, read_values


@pytest.fixture(scope="module")
def data(made_by_api):
    return made_by_api.dataset()


def dense(frame, data, column):
    """A column of a frame on the axes of the dataset."""
    stored = data.stored
    out = np.full((len(stored.sessions), len(stored.codes)), np.nan)
    t = np.searchsorted(stored.sessions, frame.get_column("date").to_numpy())
    n = [stored.codes.index(code) for code in frame.get_column("code")]
    out[t, n] = frame.get_column(column).cast(pl.Float64).fill_null(np.nan).to_numpy()
    return out


def test_features_are_those_of_the_files(data):
    frame = data.frame()
    assert frame.columns == ["date", "code", "in_universe", *data.features]
    assert frame.select("date", "code").equals(frame.select("date", "code").sort("date", "code"))
    values = read_values(data.stored, ["rsi_14"])[0]
    np.testing.assert_array_equal(dense(frame, data, "rsi_14"), values)
    np.testing.assert_array_equal(
        np.nan_to_num(dense(frame, data, "in_universe")), data.stored.valid_TN
    )
    assert frame.get_column("rsi_14").null_count() > 0
    assert frame.get_column("rsi_14").is_nan().sum() == 0


def test_a_market_feature_stands_at_every_name(data):
    frame = data.frame(["uni_ret_20d", "ret_prev_5d"], since=date(2021, 6, 1))
    by_day = frame.group_by("date").agg(pl.col("uni_ret_20d").n_unique())
    assert by_day.get_column("uni_ret_20d").unique().to_list() == [1]
    place = data.market_features.index("uni_ret_20d")
    last = data.stored.market_TM[-1, place]
    assert frame.item(-1, "uni_ret_20d") == last


def test_labels_are_those_of_the_files(data):
    labels, frame = labels_of(data.stored), data.labels([5])
    for name in ("raw", "excess", "residual"):
        np.testing.assert_array_equal(
            dense(frame, data, name), labels.variant(name)[:, :, 1].astype(float)
        )
    known = frame.drop_nulls("raw").filter(pl.col("outcome") == "normal")
    days = {day: place for place, day in enumerate(data.sessions)}
    late = [days[b] - days[a] for a, b in known.select("date", "known_on").iter_rows()]
    assert set(late) == {6}
    assert frame.filter(pl.col("raw").is_null()).get_column("known_on").count() == 0
    assert data.labels().get_column("horizon").unique().sort().to_list() == [1, 5, 10, 20]


def test_bars_are_those_of_the_files(data):
    bars = data.bars()
    np.testing.assert_array_equal(dense(bars, data, "close"), read_bars(data.stored)["close"])
    assert bars.schema["limit_up"] == pl.Boolean


def test_dates_and_codes_choose(data):
    some = data.codes[3:5]
    frame = data.frame(["rsi_14"], "2021-03-01", "2021-03-31", some[::-1])
    assert frame.get_column("code").unique().sort().to_list() == some
    assert frame.item(0, "date") == date(2021, 3, 1)
    assert frame.item(-1, "date") == date(2021, 3, 31)


def test_bad_questions_are_refused(data):
    for asked, fault, said in (
        (lambda: data.frame(["rsi14"]), UsageError, "no feature 'rsi14'; did you mean rsi_14"),
        (lambda: data.frame("rsi_14"), UsageError, r"expected a list of names"),
        (lambda: data.frame(["rsi_14"] * 2), UsageError, "asked for 2 times"),
        (lambda: data.frame(since="2031-01-01"), DataError, "no session from 2031"),
        (lambda: data.bars("2021-06-02", "2021-06-01"), UsageError, "is after until"),
        (lambda: data.bars(codes=["99999"]), DataError, "1 of 1 codes are not in dataset"),
        (lambda: data.bars(since="June"), UsageError, "since='June': expected a date"),
        (lambda: data.labels([3]), UsageError, "no labels at horizon 3"),
    ):
        with pytest.raises(fault, match=said):
            asked()


def test_pandas_is_optional(data, monkeypatch):
    table = data.to_pandas(["rsi_14"])
    assert type(table).__module__.startswith("pandas")
    assert len(table) == data.frame(["rsi_14"]).height
    for lacking in ("pandas", "pyarrow"):
        monkeypatch.setattr(
            module, "find_spec", lambda name, lacking=lacking: name != lacking or None
        )
        with pytest.raises(UsageError, match="pip install pandas pyarrow"):
            data.to_pandas()


def test_days():
    assert day_of(None, "since") is None
    assert day_of(datetime(2024, 1, 4, 9), "since") == date(2024, 1, 4)
    with pytest.raises(UsageError, match="day=20240104"):
        day_of(20240104, "day")


def test_examples(examples):
    assert examples(Dataset) >= 10
    assert examples(day_of) == 3
