"""A row without a trade has no price, whoever filled it in."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.field import bars, counts, first, imported

from gogooku.ingest.imports.by_code import ByCode
from gogooku.ingest.imports.untraded import SILENT_ROWS, ends_untraded

DAYS = (date(2024, 1, 25), date(2024, 1, 31))
PRICES = ("open", "high", "low", "close")


def filled(frame: pl.DataFrame, *, volume: float | None, only_close: bool = False) -> pl.DataFrame:
    """Name 13010 suspended over `DAYS`, its days filled in with the last close."""
    here = (pl.col("code") == "13010") & pl.col("date").is_between(*DAYS)
    last = frame.filter((pl.col("code") == "13010") & (pl.col("date") < DAYS[0]))
    price = float(last.sort("date")["close"][-1])
    given = [name for name in PRICES if name in frame.columns]
    for name in given:
        value = price if name == "close" or not only_close else None
        frame = frame.with_columns(
            pl.when(here).then(pl.lit(value, dtype=pl.Float64)).otherwise(name).alias(name)
        )
    silent = pl.lit(volume, dtype=pl.Float64)
    return frame.with_columns(pl.when(here).then(silent).otherwise("volume").alias("volume"))


@pytest.mark.parametrize(
    ("volume", "only_close", "columns"),
    [
        (0.0, False, PRICES),
        (None, False, PRICES),
        (0.0, True, PRICES),
        (0.0, False, ("close",)),
    ],
)
def test_filled_in_days_become_days_without_a_price(
    tmp_path: Path, volume: float | None, only_close: bool, columns: tuple[str, ...]
) -> None:
    frame = bars().select("date", "code", *columns, "volume")
    reading = imported(filled(frame, volume=volume, only_close=only_close), tmp_path)
    quotes = reading.frames.quotes
    here = (quotes["code"] == "13010") & quotes["date"].is_between(*DAYS)
    assert counts(reading)["no_trade"] == int(here.sum()) == 5
    for name in columns:
        assert quotes.filter(here)[name].null_count() == 5
        assert quotes.filter(~here)[name].null_count() == 0
    assert first(reading, "no_trade").startswith("2024-01-25 13010")


def test_the_prices_are_kept_beside(tmp_path: Path) -> None:
    frame = filled(bars(), volume=0.0)
    defects = imported(frame, tmp_path).frames.extras["defects"]
    rows = defects.filter(pl.col("defect") == "no_trade")
    assert rows.height == 20
    here = frame.filter((pl.col("code") == "13010") & pl.col("date").is_between(*DAYS))
    assert sorted(rows["value"].unique()) == sorted(here["close"].unique())


def test_a_base_price_set_anew_without_a_trade_is_no_trade(tmp_path: Path) -> None:
    frame = filled(bars(), volume=0.0)
    here = (pl.col("code") == "13010") & (pl.col("date") == DAYS[1])
    frame = frame.with_columns(
        pl.when(here).then(pl.col(n) * 0.5).otherwise(n).alias(n) for n in PRICES
    )
    assert counts(imported(frame, tmp_path))["no_trade"] == 5


def test_a_session_that_moves_without_a_volume_lacks_its_volume(tmp_path: Path) -> None:
    here = (pl.col("code") == "13010") & (pl.col("date") == DAYS[0])
    frame = bars().with_columns(volume=pl.when(here).then(0.0).otherwise("volume"))
    reading = imported(frame, tmp_path)
    assert counts(reading) == {"zero_volume": 1}


def test_a_flat_session_with_a_volume_is_a_trade(tmp_path: Path) -> None:
    assert "no_trade" not in counts(imported(filled(bars(), volume=100.0), tmp_path))


def test_a_row_filled_forward_with_its_volume_is_no_trade(tmp_path: Path) -> None:
    frame = bars().sort("code", "date")
    here = (pl.col("code") == "13010") & pl.col("date").is_between(*DAYS)
    names = (*PRICES, "volume")
    gone = frame.with_columns(pl.when(~here).then(pl.col(name)).alias(name) for name in names)
    forward = gone.with_columns(pl.col(name).forward_fill().over("code") for name in names)
    reading = imported(forward.sort("date", "code"), tmp_path)
    assert counts(reading)["no_trade"] == 5
    assert reading.frames.quotes.filter(here)["close"].null_count() == 5


def test_a_name_without_any_volume_says_nothing_of_its_trades(tmp_path: Path) -> None:
    frame = bars().with_columns(
        volume=pl.when(pl.col("code") == "13010").then(0.0).otherwise("volume")
    )
    frame = frame.with_columns(open=pl.col("close"), high=pl.col("close"), low=pl.col("close"))
    assert "no_trade" not in counts(imported(frame, tmp_path))


def test_a_file_without_volumes_says_nothing(tmp_path: Path) -> None:
    frame = filled(bars(), volume=0.0).drop("volume")
    assert "no_trade" not in counts(imported(frame, tmp_path))
    rare = filled(bars(), volume=None).with_columns(
        volume=pl.when(pl.col("code") == "13110").then("volume")
    )
    assert "no_trade" not in counts(imported(rare, tmp_path))


def test_a_code_filled_in_to_the_end_is_counted(tmp_path: Path) -> None:
    frame = bars()
    gone = (pl.col("code") == "13110") & (pl.col("date") >= date(2024, 2, 20))
    last = frame.filter((pl.col("code") == "13110") & (pl.col("date") < date(2024, 2, 20)))
    price = float(last.sort("date")["close"][-1])
    frame = frame.with_columns(
        *(pl.when(gone).then(price).otherwise(n).alias(n) for n in PRICES),
        pl.when(gone).then(0.0).otherwise("volume").alias("volume"),
    )
    reading = imported(frame, tmp_path)
    assert counts(reading)["ends_untraded"] == 1
    assert "13110" in first(reading, "ends_untraded")


@pytest.mark.parametrize(("silent", "found"), [(SILENT_ROWS - 1, False), (SILENT_ROWS, True)])
def test_the_end_of_a_code_is_marked(silent: int, found: bool) -> None:
    close = np.array([10.0] * 5 + [np.nan] * silent + [10.0] * 3)
    codes = pl.Series("code", ["A"] * (5 + silent) + ["B"] * 3, dtype=pl.Enum(["A", "B"]))
    marked = ends_untraded(close, ByCode.of(codes.to_frame()))
    assert np.flatnonzero(marked).tolist() == ([4 + silent] if found else [])
