"""Moves that no factor explains: found where they are certain, counted where they are likely."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.field import bars, counts, first, imported, returns, split

from gogooku.core.errors import DataError
from gogooku.core.price_limits import daily_limit_yen
from gogooku.ingest.imports.by_code import ByCode
from gogooku.ingest.imports.moves import RATIOS as USUAL
from gogooku.ingest.imports.moves import Bars, moves_of

DAY = date(2024, 2, 1)
RATIOS = (0.5, 1 / 3, 0.25, 0.2, 0.1, 0.01, 2 / 3, 2.0, 3.0, 5.0, 10.0)


@pytest.mark.parametrize("ratio", RATIOS)
def test_one_split_without_a_factor_is_refused_in_tokyo(tmp_path: Path, ratio: float) -> None:
    with pytest.raises(DataError, match=r"1 close\(s\) on 1 date\(s\).*2024-02-01 13010 x"):
        imported(split(bars(), "13010", DAY, ratio), tmp_path)


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_ratio_is_taken_where_that_is_asked_for(tmp_path: Path, ratio: float) -> None:
    reading = imported(split(bars(), "13010", DAY, ratio), tmp_path, missing_splits="adjust")
    events = reading.frames.quotes.filter(pl.col("adjustment_factor") != 1.0)
    assert events.select("date", "code").rows() == [(DAY, "13010")]
    assert events["adjustment_factor"][0] == pytest.approx(ratio, rel=0.1)
    assert float(returns(reading)["ret"].abs().max()) < 0.2
    assert reading.adjustment == (
        "none in the file; 1 move(s) taken as splits, as asked (missing_splits=adjust)"
    )
    records = reading.frames.extras["defects"]
    assert records.select("date", "code", "column", "value", "defect").rows() == [
        (DAY, "13010", "adjustment_factor", None, "missing_split")
    ]


def test_factors_that_lack_one_split_are_refused_with_its_name(tmp_path: Path) -> None:
    frame = split(split(bars(), "13010", DAY, 0.5), "13110", date(2024, 2, 15), 10.0)
    known = frame.with_columns(
        adjustment_factor=pl.when((pl.col("code") == "13010") & (pl.col("date") == DAY))
        .then(0.5)
        .otherwise(1.0)
    )
    with pytest.raises(DataError, match=r"1 close\(s\).*2024-02-15 13110 x.*near 10\)"):
        imported(known, tmp_path)
    both = imported(known, tmp_path, missing_splits="adjust")
    assert sorted(
        both.frames.quotes.filter(pl.col("adjustment_factor") != 1.0)["adjustment_factor"]
    ) == [0.5, 10.0]
    assert both.adjustment.startswith("factors of the file: 1 event(s)")
    assert both.adjustment.endswith("; 1 move(s) taken as splits, as asked (missing_splits=adjust)")
    assert both.frames.facts["known_bias"] == []


def test_many_jumps_on_one_date_are_certain_anywhere(tmp_path: Path) -> None:
    frame = bars()
    for n in range(3):
        frame = split(frame, str(13010 + 100 * n), DAY, 10.0)
    with pytest.raises(DataError, match=r"3 close\(s\) on 1 date\(s\)"):
        imported(frame, tmp_path, exchange="new_york")
    two = split(split(bars(), "13010", DAY, 10.0), "13110", DAY, 10.0)
    reading = imported(two, tmp_path, exchange="new_york")
    assert counts(reading)["missing_split"] == 2
    assert "13110" in first(reading, "missing_split")
    assert reading.frames.facts["known_bias"]


def test_a_reverse_split_of_a_cheap_name_is_counted_within_the_limit(tmp_path: Path) -> None:
    cheap = bars().with_columns(
        (pl.col(name) / 500).round(2) for name in ("open", "high", "low", "close")
    )
    one = cheap.with_columns(
        pl.when((pl.col("code") == "13010") & (pl.col("date") >= DAY))
        .then(pl.col(name) * 5)
        .otherwise(name)
        .alias(name)
        for name in ("open", "high", "low", "close")
    )
    assert counts(imported(one, tmp_path))["missing_split"] == 1


def test_a_fall_that_goes_on_within_the_session_is_no_split(tmp_path: Path) -> None:
    here = (pl.col("code") == "13010") & (pl.col("date") == DAY)
    fallen = split(bars(), "13010", DAY, 0.5).with_columns(
        open=pl.when(here).then(pl.col("open") * 2).otherwise("open"),
        high=pl.when(here).then(pl.col("high") * 2).otherwise("high"),
    )
    reading = imported(fallen, tmp_path, exchange="new_york")
    assert "missing_split" not in counts(reading)
    tokyo = imported(fallen, tmp_path)
    assert counts(tokyo)["beyond_limit"] == 1
    assert "beyond the daily price limit" in tokyo.frames.facts["known_bias"][0]


def test_a_limit_that_was_widened_is_no_split(tmp_path: Path) -> None:
    frame = bars().sort("code", "date")
    days = frame["date"].unique().sort().to_list()
    at = days.index(DAY)
    before = frame.filter((pl.col("code") == "13010") & (pl.col("date") == days[at - 1]))
    base = before["close"].to_numpy()
    lower = float((base - daily_limit_yen(base))[0])
    for day, price in ((DAY, lower), (days[at + 1], lower * 0.5)):
        here = (pl.col("code") == "13010") & (pl.col("date") == day)
        frame = frame.with_columns(
            pl.when(here).then(price).otherwise(name).alias(name)
            for name in ("open", "high", "low", "close")
        )
    gone = (pl.col("code") == "13010") & (pl.col("date") > days[at + 1])
    reading = imported(frame.filter(~gone).sort("date", "code"), tmp_path)
    assert "beyond_limit" not in counts(reading)
    assert counts(reading)["missing_split"] == 1


def test_a_jump_over_a_long_absence_may_be_anything(tmp_path: Path) -> None:
    frame = split(bars(sessions=90), "13010", date(2024, 4, 1), 0.5)
    away = (pl.col("code") == "13010") & pl.col("date").is_between(DAY, date(2024, 3, 29))
    reading = imported(frame.filter(~away), tmp_path)
    assert "missing_split" not in counts(reading)
    assert first(reading, "code_gap").startswith("13010: no row for 39 sessions")
    assert "then x0." in first(reading, "code_gap")


def test_prices_adjusted_backwards_are_under_no_limit(tmp_path: Path) -> None:
    here = (pl.col("code") == "13010") & (pl.col("date") >= DAY)
    lower = bars().with_columns(
        pl.when(here).then(pl.col(name) * 0.7).otherwise(name).alias(name)
        for name in ("open", "high", "low", "close")
    )
    raw = imported(lower, tmp_path, missing_splits="keep")
    assert counts(raw).keys() & {"beyond_limit", "missing_split"}
    adjusted = imported(lower, tmp_path, price_basis="back_adjusted")
    assert not counts(adjusted).keys() & {"beyond_limit", "missing_split"}


@pytest.mark.parametrize("seed", range(6))
def test_ordinary_markets_have_no_such_moves(tmp_path: Path, seed: int) -> None:
    reading = imported(bars(40, 250, seed=seed), tmp_path)
    assert not counts(reading).keys() & {"beyond_limit", "missing_split", "absurd_jump"}


def test_the_ratio_counts_from_the_last_close_and_over_all_factors_since() -> None:
    codes = pl.Series("code", ["A"] * 5, dtype=pl.Enum(["A"]))
    rows = codes.to_frame().with_columns(close=pl.Series([100.0, None, None, 26.0, 27.0]))
    by_code = ByCode.of(rows)
    bars_ = Bars(
        rows=rows,
        by_code=by_code,
        day=np.arange(5),
        close=by_code.floats(rows["close"]),
        factor=np.array([1.0, 0.5, 1.0, 0.5, 1.0]),
    )
    moves = moves_of(bars_, limits=False)
    expected = [np.nan, np.nan, np.nan, 26 / 25, 27 / 26]
    assert moves.ratio == pytest.approx(expected, nan_ok=True)
    assert not moves.certain.any()


def test_each_usual_ratio_has_its_inverse() -> None:
    assert sorted(1 / USUAL) == pytest.approx(sorted(USUAL))
