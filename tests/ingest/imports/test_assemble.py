"""What a delivery holds beside its rows: basis, biases, listing dates of quarantined rows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from tests.support.field import bars, counts, imported, split

from gogooku.ingest.imports.assemble import Reading
from gogooku.ingest.imports.defects import restore

DAY = date(2024, 2, 1)


@pytest.mark.parametrize(
    ("columns", "settings", "text"),
    [
        ({}, {}, "none: no factors and no adjusted close, so every split would be a return"),
        ({}, {"price_basis": "back_adjusted"}, "none: the prices are adjusted already"),
        ({"adj_close": pl.col("close")}, {}, "adjusted close: no event, all factors are 1"),
        ({"adj_factor": pl.lit(1.0)}, {}, "factors of the file: no event, all factors are 1"),
    ],
)
def test_the_basis_of_adjustment_is_said(
    tmp_path: Path, columns: dict[str, pl.Expr], settings: dict[str, str], text: str
) -> None:
    reading: Reading = imported(bars().with_columns(**columns), tmp_path, **settings)
    assert reading.adjustment.startswith(text)
    assert reading.frames.facts["adjustment_basis"] == reading.adjustment


def test_listing_dates_on_quarantined_rows_count(tmp_path: Path) -> None:
    frame = bars()
    first, last = frame["date"].min(), date(2024, 12, 30)
    told = (pl.col("code") == "13010") & (pl.col("date") == DAY)
    frame = frame.with_columns(
        listed_from=pl.when(told).then(pl.lit(first)),
        listed_to=pl.when(told).then(pl.lit(last)),
        volume=pl.when(told).then(-1.0).otherwise("volume"),
    )
    reading = imported(frame, tmp_path)
    assert counts(reading) == {"negative_volume": 1}
    row = reading.frames.listings.row(by_predicate=pl.col("code") == "13010", named=True)
    assert (row["listed_from"], row["listed_to"]) == (first, last)
    other = reading.frames.listings.row(by_predicate=pl.col("code") == "13110", named=True)
    assert other["listed_to"] is None


def test_texts_on_quarantined_rows_count_where_there_are_no_others(tmp_path: Path) -> None:
    here = (pl.col("code") == "13010") & (pl.col("date") == DAY)
    other = (pl.col("code") == "13110") & (pl.col("date") == DAY)
    frame = bars().with_columns(
        sector=pl.when(here | other)
        .then(pl.lit("Foods"))
        .when(pl.col("code") == "13110")
        .then(pl.lit("Banks")),
        volume=pl.when(here | other).then(-1.0).otherwise("volume"),
    )
    sectors = dict(imported(frame, tmp_path).frames.listings.select("code", "sector").rows())
    assert (sectors["13010"], sectors["13110"], sectors["13210"]) == ("Foods", "Banks", None)


@pytest.mark.parametrize("settings", [{"missing_splits": "adjust"}, {"missing_splits": "keep"}])
def test_changed_factors_are_restored(tmp_path: Path, settings: dict[str, str]) -> None:
    here = (pl.col("code") == "13110") & (pl.col("date") == DAY)
    wrong = (pl.col("code") == "13210") & (pl.col("date") == DAY)
    frame = split(bars(), "13010", DAY, 0.5)
    for n in (4, 5, 6, 7, 8):
        frame = split(frame, str(13010 + 100 * n), DAY, 0.2)
        here |= (pl.col("code") == str(13010 + 100 * n)) & (pl.col("date") == DAY)
    frame = frame.with_columns(
        adjustment_factor=pl.when(wrong)
        .then(0.5)
        .when(here & (pl.col("code") != "13110"))
        .then(0.2)
        .otherwise(1.0)
    )
    reading = imported(frame, tmp_path, **settings)
    assert counts(reading)["factor_contradicted"] == 1
    assert counts(reading)["missing_split"] == 1
    quotes = reading.frames.quotes
    restored = restore(
        quotes.select("date", "code", "adjustment_factor"), reading.frames.extras["defects"]
    )
    assert restored["adjustment_factor"].to_list() == frame["adjustment_factor"].to_list()
    adjusted = quotes.filter(pl.col("adjustment_factor") != 1.0).height
    assert adjusted == (6 if settings["missing_splits"] == "adjust" else 5)
