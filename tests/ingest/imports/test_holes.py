"""Holes are counted, and bars that are not daily are refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from tests.support.field import bars, counts, first, imported

from gogooku.core.errors import DataError
from gogooku.ingest.imports.holes import Calendar, missing_weekdays, refuse_sparse_bars


@pytest.mark.parametrize(
    ("every", "kind"), [("1w", "weekly bars"), ("1mo", "monthly bars"), ("3d", "no daily bars")]
)
@pytest.mark.parametrize("exchange", ["tokyo", "new_york"])
def test_bars_that_are_not_daily_are_refused(
    tmp_path: Path, every: str, kind: str, exchange: str
) -> None:
    frame = bars(6, 240)
    group = pl.col("date").dt.truncate(every)
    thin = frame.filter(pl.col("date") == pl.col("date").min().over(group))
    with pytest.raises(DataError, match=f"these look like {kind}"):
        imported(thin, tmp_path, exchange=exchange)


def test_weekly_bars_dated_on_sundays_are_weekly_bars(tmp_path: Path) -> None:
    frame = bars(6, 120)
    thin = frame.with_columns(week=pl.col("date").dt.truncate("1w")).filter(
        pl.col("date") == pl.col("date").min().over("week")
    )
    sundays = thin.with_columns(date=pl.col("week") - pl.duration(days=1)).drop("week")
    with pytest.raises(DataError, match="weekly bars"):
        imported(sundays, tmp_path)


def test_weekly_codes_among_daily_ones_are_counted_and_most_refused(tmp_path: Path) -> None:
    frame = bars(6, 120)
    first_of_week = pl.col("date") == pl.col("date").min().over(pl.col("date").dt.truncate("1w"))
    one = frame.filter((pl.col("code") != "13010") | first_of_week)
    reading = imported(one, tmp_path, missing_splits="keep")
    assert counts(reading)["sparse_code"] == 1
    assert "13010" in first(reading, "sparse_code")
    most = frame.filter((pl.col("code") == "13010") | first_of_week)
    with pytest.raises(DataError, match="5 of 6 codes have rows on fewer than 50%"):
        imported(most, tmp_path, missing_splits="keep")


def test_sessions_without_any_row_are_counted(tmp_path: Path) -> None:
    frame = bars(6, 60)
    gone = pl.col("date").is_between(date(2024, 1, 22), date(2024, 1, 26))
    reading = imported(frame.filter(~gone), tmp_path)
    assert counts(reading)["missing_session"] == 5
    assert first(reading, "missing_session") == "2024-01-22"
    abroad = imported(frame.filter(~gone), tmp_path, exchange="new_york")
    assert counts(abroad)["missing_session"] == 1
    assert first(abroad, "missing_session") == "2024-01-22"
    assert "missing_session" not in counts(imported(frame, tmp_path))


def test_a_gap_of_a_code_is_counted_from_twenty_sessions_on(tmp_path: Path) -> None:
    frame = bars(6, 60)
    days = frame["date"].unique().sort().to_list()
    for length, found in ((19, 0), (20, 1)):
        gone = (pl.col("code") == "13110") & pl.col("date").is_between(days[10], days[9 + length])
        reading = imported(frame.filter(~gone), tmp_path, missing_splits="keep")
        assert counts(reading).get("code_gap", 0) == found
    text = first(reading, "code_gap")
    assert text.startswith(f"13110: no row for 20 sessions between {days[9]} and {days[30]}")
    assert f"other_company=13110:{days[30]}" in text


def test_sessions_that_all_lack_are_no_gap_of_a_code(tmp_path: Path) -> None:
    frame = bars(6, 80)
    days = frame["date"].unique().sort().to_list()
    gone = pl.col("date").is_between(days[10], days[39])
    reading = imported(frame.filter(~gone), tmp_path, missing_splits="keep")
    assert "code_gap" not in counts(reading)
    assert counts(reading)["missing_session"] == 30


@pytest.mark.parametrize("lost", ["rows", "closes"])
def test_a_date_that_is_nearly_empty_is_counted(tmp_path: Path, lost: str) -> None:
    frame = bars(40, 30)
    day = frame["date"].unique().sort()[-1]
    most = (pl.col("date") == day) & (pl.col("code") > "13500")
    if lost == "rows":
        frame = frame.filter(~most)
    else:
        frame = frame.with_columns(
            pl.when(~most).then(pl.col(name)).alias(name)
            for name in ("open", "high", "low", "close", "volume")
        )
    reading = imported(frame, tmp_path)
    assert counts(reading)["partial_date"] == 1
    assert first(reading, "partial_date") == f"{day}: 5 closes, usually 40"


def test_a_market_that_grows_has_no_partial_date(tmp_path: Path) -> None:
    frame = bars(60, 90)
    start = pl.col("code").str.to_integer() - 13010
    grown = frame.filter((pl.col("date") - date(2024, 1, 4)).dt.total_days() * 100 >= start)
    assert "partial_date" not in counts(imported(grown, tmp_path))


def test_another_company_needs_rows_on_both_sides(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has 0 row"):
        imported(bars(), tmp_path, other_company="13010:2020-01-01")
    with pytest.raises(DataError, match="has 0 row"):
        imported(bars(), tmp_path, other_company=["99990:2024-02-01"])


def test_union_calendars(tmp_path: Path) -> None:
    """Tokyo names with rows on Tokyo's holidays, empty or filled forward, beside trading days."""
    frame = bars(6, 120)
    days = pl.date_range(date(2024, 1, 4), frame["date"].max(), eager=True)
    weekdays = days.filter(days.dt.weekday() <= 5).rename("date")
    union = weekdays.to_frame().join(frame.select("code").unique(), how="cross")
    union = union.join(frame, on=["date", "code"], how="left").sort("code", "date")
    closed = union["date"].n_unique() - frame["date"].n_unique()
    assert closed >= 5
    for empty in (
        union,
        union.with_columns(pl.col("close").forward_fill().over("code")),
        union.with_columns(pl.col("close").forward_fill().over("code")).drop("volume"),
        union.with_columns(
            pl.col(name).forward_fill().over("code")
            for name in ("open", "high", "low", "close", "volume")
        ),
    ):
        reading = imported(empty.sort("date", "code"), tmp_path)
        assert counts(reading) == {"not_a_session": 6 * closed}
    traded = union.with_columns(
        pl.when((pl.col("code") == "13010") & pl.col(n).is_null())
        .then(pl.col(n).forward_fill().over("code") * 1.001)
        .otherwise(n)
        .alias(n)
        for n in ("open", "high", "low", "close", "volume")
    )
    with pytest.raises(DataError, match=r"1 of 6 codes trade on them \(first 13010\), 5 never do"):
        imported(traded.sort("date", "code"), tmp_path)
    shifted = frame.with_columns(date=pl.col("date") + pl.duration(days=1))
    with pytest.raises(DataError, match="6 of 6 codes look like Tokyo's"):
        imported(shifted, tmp_path)


def test_few_dates_are_not_judged() -> None:
    days = pl.date_range(date(2024, 1, 5), date(2024, 2, 2), "1w", eager=True)
    refuse_sparse_bars(days)
    with pytest.raises(DataError, match="weekly"):
        refuse_sparse_bars(pl.date_range(date(2024, 1, 5), date(2024, 2, 9), "1w", eager=True))


def test_a_long_weekend_is_no_hole() -> None:
    dates = pl.Series([date(2001, 9, 7), date(2001, 9, 10), date(2001, 9, 17)])
    calendar = Calendar.of(dates, exchange="new_york")
    assert [str(day) for day in missing_weekdays(calendar.dates)] == ["2001-09-11"]
    christmas = pl.Series([date(2024, 12, 24), date(2024, 12, 26), date(2024, 12, 30)])
    assert len(missing_weekdays(Calendar.of(christmas, exchange="new_york").dates)) == 0
    tokyo = Calendar.of(pl.Series([date(2024, 1, 4), date(2024, 1, 9)]), exchange="tokyo")
    assert [str(day) for day in tokyo.missing] == ["2024-01-05"]


@pytest.mark.parametrize("stray", [date(2030, 1, 10), date(2002, 2, 4)])
def test_a_date_typed_wrongly_stretches_no_calendar(tmp_path: Path, stray: date) -> None:
    frame = bars(12, 60)
    wrong = frame.with_columns(
        date=pl.when((pl.col("code") == "13010") & (pl.col("date") == date(2024, 2, 1)))
        .then(pl.lit(stray))
        .otherwise("date")
    )
    reading = imported(wrong, tmp_path)
    assert counts(reading) == {"sparse_date": 1}
    assert first(reading, "sparse_date") == f"{stray} 13010"
