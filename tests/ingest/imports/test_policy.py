"""The policy table: each defect has its fate, and nothing good is lost."""

from __future__ import annotations

import math
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from gogooku.core.errors import DataError
from gogooku.ingest.imports.assemble import Reading
from gogooku.ingest.imports.config import ImportConfig
from gogooku.ingest.imports.defects import restore
from gogooku.ingest.imports.files import read_frames
from gogooku.ingest.imports.policy import POLICY_TABLE, Policy

US = ImportConfig(exchange="new_york")
NUMBERS = ("open", "high", "low", "close", "volume", "adjustment_factor")
DAY = date(2024, 5, 7)


def reading_of(frame: pl.DataFrame, config: ImportConfig = US) -> Reading:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prices.parquet"
        frame.write_parquet(path)
        return read_frames([path], config)


def bar(**cells: float | None) -> pl.DataFrame:
    values: dict[str, Any] = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 5.0}
    good = {"date": DAY + timedelta(1), "code": "A", **values}
    return pl.DataFrame([{"date": DAY, "code": "A", **values, **cells}, good])


CELLS = [
    ({"open": 0.0}, {"open": "zero_open"}),
    ({"high": 0.0}, {"high": "zero_high"}),
    ({"low": 0.0}, {"low": "zero_low"}),
    ({"close": 0.0}, {"close": "zero_close"}),
    ({"volume": 0.0}, {"volume": "zero_volume"}),
    ({"close": math.nan}, {"close": "non_finite"}),
    ({"high": math.inf}, {"high": "non_finite"}),
    ({"high": 8.0}, {"high": "high_below_low", "low": "high_below_low"}),
    ({"close": 11.5}, {"high": "close_above_high"}),
    ({"close": 8.5}, {"low": "close_below_low"}),
    ({"open": 11.5}, {"high": "open_above_high"}),
    ({"open": 8.5}, {"low": "open_below_low"}),
    ({"open": 40.0}, {"open": "open_far_from_range"}),
    ({"open": 2.0}, {"open": "open_far_from_range"}),
    ({"close": 40.0}, {"close": "close_far_from_range"}),
    ({"close": 2.0}, {"close": "close_far_from_range"}),
    ({"close": 11.0 * (1 + 1e-7)}, {}),
    ({"open": None, "high": None, "low": None, "close": None, "volume": None}, {}),
]


@pytest.mark.parametrize(("cells", "nulled"), CELLS)
def test_cell_becomes_null_and_is_kept_beside(
    cells: dict[str, float | None], nulled: dict[str, str]
) -> None:
    reading = reading_of(bar(**cells))
    defects = reading.frames.extras["defects"]
    assert dict(defects.select("column", "defect").rows()) == nulled
    row = reading.frames.quotes.rename({"volume_shares": "volume"}).row(0, named=True)
    for column in ("open", "high", "low", "close", "volume"):
        before = bar(**cells).row(0, named=True)[column]
        assert row[column] == (None if column in nulled else before)
    table = {line.defect: line for line in reading.table}
    for key in set(nulled.values()):
        assert table[key].count == 1
        assert table[key].first.startswith("2024-05-07 A")
    assert sum(line.cells for line in reading.table) == len(nulled)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"date": None}, "no_date"),
        ({"code": None}, "no_code"),
        ({"date": date(2204, 5, 7)}, "date_out_of_range"),
        ({"volume": -1.0}, "negative_volume"),
    ],
)
def test_row_is_quarantined_whole(cells: dict[str, Any], reason: str) -> None:
    frame = bar(**cells)
    reading = reading_of(frame)
    out = reading.frames.extras["quarantine"]
    assert out.get_column("reason").to_list() == [reason]
    assert_frame_equal(out.drop("reason", "row"), frame.head(1))
    assert reading.frames.quotes.height == 1


def whole_market(count: int) -> pl.DataFrame:
    rows = [
        (DAY + timedelta(d), f"{c:03}", 10.0 + d / 100, 7.0)
        for d in range(count)
        for c in range(120)
    ]
    return pl.DataFrame(rows, schema=["date", "code", "close", "volume"], orient="row")


def test_holiday_filled_by_the_vendor_and_stray_date() -> None:
    frame = whole_market(5).with_columns(
        volume=pl.when(pl.col("date") == DAY + timedelta(2)).then(0.0).otherwise(pl.col("volume"))
    )
    stray = frame.head(1).with_columns(date=pl.lit(DAY + timedelta(40)))
    reading = reading_of(pl.concat([frame, stray]))
    counts = {line.defect: line.count for line in reading.table}
    assert counts["date_without_trade"] == 120
    assert counts["sparse_date"] == 1
    assert counts["zero_volume"] == 120
    assert reading.frames.extras["quarantine"].height == 121
    assert reading.frames.extras["defects"].is_empty()


def test_a_handful_of_stocks_may_all_rest() -> None:
    reading = reading_of(bar(volume=0.0))
    assert reading.frames.quotes.height == 2


def test_tokyo_checks_its_calendar() -> None:
    frame = whole_market(3).with_columns(
        date=pl.col("date").replace({DAY + timedelta(2): date(2024, 5, 11)})
    )
    reading = reading_of(frame, ImportConfig())
    assert {line.defect: line.count for line in reading.table}["not_a_session"] == 120
    with pytest.raises(DataError, match="exchange=new_york"):
        reading_of(whole_market(30), ImportConfig())


def test_missing_factor_is_one_and_recorded() -> None:
    halved = bar().with_columns(
        *(pl.col(name) * pl.Series([1.0, 0.5]) for name in ("open", "high", "low", "close")),
        AdjFactor=pl.Series([None, 0.5]),
    )
    reading = reading_of(halved)
    assert reading.frames.quotes.get_column("adjustment_factor").to_list() == [1.0, 0.5]
    assert reading.frames.extras["defects"].get_column("defect").to_list() == ["no_factor"]


def test_only_unusable_rows_is_refused() -> None:
    with pytest.raises(DataError, match=r"every row is unusable: \{'negative_volume': 2\}"):
        reading_of(bar().with_columns(volume=pl.lit(-1.0)))
    with pytest.raises(DataError, match="none of 2 rows has a close"):
        reading_of(bar().with_columns(close=pl.lit(0.0)))


cell = st.one_of(
    st.none(),
    st.sampled_from([0.0, math.nan, math.inf, 1.0, 2.0, 3.0, 40.0]),
    st.floats(0.01, 100.0, allow_nan=False),
)
bars = st.fixed_dictionaries(
    {
        "date": st.one_of(st.none(), st.dates(DAY, DAY + timedelta(6)), st.just(date(1700, 1, 1))),
        "code": st.sampled_from([None, "A", "B", "0C"]),
        **dict.fromkeys(("open", "high", "low", "close"), cell),
        "volume": st.one_of(cell, st.floats(-5.0, -0.5)),
        "adjustment_factor": st.one_of(st.none(), st.sampled_from([math.nan, 1.0, 0.5])),
    }
)
keyed = st.lists(
    bars,
    min_size=1,
    max_size=25,
    unique_by=lambda row: (row["date"], row["code"]) if row["date"] and row["code"] else id(row),
)


@settings(max_examples=80, deadline=None)
@given(rows=keyed)
def test_cleaned_and_defects_and_quarantine_are_the_input(rows: list[dict[str, Any]]) -> None:
    schema: dict[str, Any] = {"date": pl.Date, "code": pl.String}
    frame = pl.DataFrame(rows, schema=schema | dict.fromkeys(NUMBERS, pl.Float64))
    try:
        frames = reading_of(frame).frames
    except DataError as fault:
        assume("unusable" not in str(fault) and "has a close" not in str(fault))
        assume("does not fit the close" not in str(fault))
        raise
    kept = frames.quotes.rename({"volume_shares": "volume"}).select("date", "code", *NUMBERS)
    restored = restore(kept, frames.extras["defects"])
    quarantined = frames.extras["quarantine"].select(restored.columns)
    assert_frame_equal(
        pl.concat([restored, quarantined]).sort(restored.columns),
        frame.sort(frame.columns),
        check_exact=True,
    )
    for column in NUMBERS:
        values = kept.get_column(column).drop_nulls()
        assert values.is_finite().all()
        assert (values > 0).all()
    assert (kept.get_column("high") >= kept.get_column("low") * (1 - 2e-6)).drop_nulls().all()


def test_policy_table_is_whole_and_documented() -> None:
    keys = [rule.key for rule in POLICY_TABLE]
    assert len(set(keys)) == len(keys)
    assert {rule.policy for rule in POLICY_TABLE} == set(Policy)
    lines = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    for rule in POLICY_TABLE:
        assert f"| `{rule.key}` | {rule.rule} | {rule.policy} | {rule.meaning} |" in lines


def test_a_vendor_that_stops_sending_volumes_closes_no_market() -> None:
    frame = whole_market(6).with_columns(
        volume=pl.when(pl.col("date") < DAY + timedelta(3)).then(pl.col("volume"))
    )
    reading = reading_of(frame)
    assert reading.frames.quotes["date"].n_unique() == 6
    assert "date_without_trade" not in {row.defect for row in reading.table if row.count}
