"""A recognised name is believed only if the values can be what it means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.field import bars, counts, imported

from gogooku.core.errors import DataError
from gogooku.ingest.imports.plausible import Units

PRICES = ("open", "high", "low", "close")


def valued(frame: pl.DataFrame) -> pl.DataFrame:
    middle = (pl.col("high") + pl.col("low")) / 2
    return frame.with_columns(turnover_value=middle * pl.col("volume"))


@pytest.mark.parametrize(
    ("column", "by"),
    [
        *(("turnover_value", by) for by in (1e-3, 1e-4, 1e-6, 1e-8)),
        *(("volume", by) for by in (1e-2, 1e-3, 1e-6)),
    ],
)
def test_units_are_read_from_the_prices(tmp_path: Path, column: str, by: float) -> None:
    frame = valued(bars())
    wanted = imported(frame, tmp_path).frames.quotes
    reading = imported(frame.with_columns(pl.col(column) * by), tmp_path)
    stored = {"volume": "volume_shares"}.get(column, column)
    assert reading.frames.quotes[stored].to_list() == pytest.approx(wanted[stored].to_list())
    name = {"turnover_value": "value"}.get(column, column)
    assert reading.frames.facts["units"][name] == pytest.approx(1 / by)
    assert f"{column} x{1 / by:g}" in reading.units


def test_a_rate_is_no_traded_value(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    frame = bars()
    rate = frame.with_columns(turnover=pl.Series(rng.uniform(0.1, 5.0, frame.height)))
    with pytest.raises(DataError, match=r"on only 0%.*--map turnover_value="):
        imported(rate, tmp_path)
    assert imported(rate, tmp_path, columns={"turnover_value": ""}).frames.quotes.height > 0


def test_without_a_range_the_close_stands_for_it(tmp_path: Path) -> None:
    frame = valued(bars()).select("date", "code", "close", "volume", "turnover_value")
    assert imported(frame, tmp_path).units == ""


@pytest.mark.parametrize("kind", ["percent", "gross", "log"])
def test_returns_are_no_prices(tmp_path: Path, kind: str) -> None:
    frame = bars().sort("code", "date")
    ret = pl.col("close").pct_change().over("code")
    form = {"percent": ret * 100, "gross": 1 + ret, "log": (1 + ret).log()}[kind]
    frame = frame.with_columns(close=form).drop("open", "high", "low").drop_nulls("close")
    with pytest.raises(DataError, match="look like returns|are these returns"):
        imported(frame.sort("date", "code"), tmp_path)


def test_small_prices_are_prices(tmp_path: Path) -> None:
    penny = bars().with_columns(pl.col(name) / 3_000 for name in PRICES)
    assert imported(penny, tmp_path, price_basis="back_adjusted").frames.quotes.height == 720


@pytest.mark.parametrize("name", ["open", "high", "low"])
def test_a_flag_is_no_price(tmp_path: Path, name: str) -> None:
    frame = bars().with_columns(pl.lit(1.0).alias(name))
    with pytest.raises(DataError, match=rf"the {name} is usually .* times the close"):
        imported(frame, tmp_path)


def test_columns_of_two_kinds_are_refused(tmp_path: Path) -> None:
    adjusted = bars().with_columns(close=pl.col("close") * 0.9)
    with pytest.raises(DataError, match=r"lies outside \[low, high\] on .* of two kinds"):
        imported(adjusted, tmp_path)


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (pl.col("date").rank("dense").cast(pl.Float64), "goes up by 1 on every date"),
        (pl.lit(100.0), "never moves"),
        (pl.col("date").rank("dense").cast(pl.Float64) * 10 + 5, "goes up by 10"),
        (1 + pl.col("date").hash(3) % 1000 / 1e5, "as returns have"),
    ],
)
def test_a_counter_is_no_market_index(tmp_path: Path, index: pl.Expr, text: str) -> None:
    with pytest.raises(DataError, match=text):
        imported(bars().with_columns(topix=index), tmp_path)


def test_an_index_is_one(tmp_path: Path) -> None:
    frame = bars().with_columns(topix=pl.col("close").mean().over("date").round(2))
    assert imported(frame, tmp_path).frames.indices.height == 60


def test_a_handful_of_rows_is_not_judged(tmp_path: Path) -> None:
    few = bars(1, 5).with_columns(high=pl.col("close") * 3, turnover=pl.lit(2.0))
    assert imported(few, tmp_path).frames.quotes.height == 5


def test_ordinary_bars_have_no_defect(tmp_path: Path) -> None:
    assert counts(imported(valued(bars()), tmp_path)) == {}


def test_units_in_words() -> None:
    assert Units().text == ""
    assert Units(value=1e3).text == "turnover_value x1000"
    assert Units(volume=100.0).text == "volume x100"
