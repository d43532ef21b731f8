"""The small inputs of `../shared/cases`, and made files of prices of the same kinds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import next_tokyo_sessions
from gogooku.ingest.imports.assemble import Reading
from gogooku.ingest.imports.config import ImportConfig
from gogooku.ingest.imports.files import read_frames

CASES = Path(__file__).parents[2].parent / "shared" / "cases"


def case(folder: str, file: str) -> Path:
    """A file of a field case; the test is skipped where the folder is absent."""
    path = CASES / folder / file
    if not path.exists():
        pytest.skip(f"needs ../shared/cases/{folder}/{file}")
    return path


def read_case(folder: str, file: str, **settings: object) -> Reading:
    return read_frames([case(folder, file)], ImportConfig.model_validate(settings))


def counts(reading: Reading) -> dict[str, int]:
    """Kinds of defect that were found, with their rows."""
    return {line.defect: line.count for line in reading.table if line.count}


def first(reading: Reading, defect: str) -> str:
    return next(line.first for line in reading.table if line.defect == defect)


def returns(reading: Reading) -> pl.DataFrame:
    """Split-adjusted returns from close to close, by code and date."""
    return (
        reading.frames.quotes.sort("code", "date")
        .with_columns(level=pl.col("adjustment_factor").cum_prod().over("code"))
        .drop_nulls("close")
        .with_columns(adjusted=pl.col("close") / pl.col("level"))
        .with_columns(ret=pl.col("adjusted") / pl.col("adjusted").shift(1).over("code") - 1)
        .drop_nulls("ret")
        .select("date", "code", "ret")
    )


def bars(
    codes: int = 12, sessions: int = 60, *, seed: int = 1, start: date = date(2024, 1, 4)
) -> pl.DataFrame:
    """Daily bars of Tokyo names, two per cent a day, one row a name and session."""
    rng = np.random.default_rng(seed)
    days = next_tokyo_sessions(start, sessions).tolist()
    moves = rng.normal(0.0, 0.02, (sessions, codes))
    close = np.round(rng.uniform(1_500, 4_000, codes) * np.exp(moves.cumsum(axis=0)), 1)
    open_ = np.round(close * np.exp(rng.normal(0.0, 0.004, close.shape)), 1)
    high = np.round(np.maximum(open_, close) * (1 + rng.uniform(0, 0.01, close.shape)), 1)
    low = np.round(np.minimum(open_, close) * (1 - rng.uniform(0, 0.01, close.shape)), 1)
    volume = rng.integers(500, 5_000, close.shape) * 100.0
    return pl.DataFrame(
        {
            "date": np.repeat(np.array(days, dtype="datetime64[D]"), codes),
            "code": [str(13010 + 100 * n) for _ in days for n in range(codes)],
            "open": open_.ravel(),
            "high": high.ravel(),
            "low": low.ravel(),
            "close": close.ravel(),
            "volume": volume.ravel(),
        }
    )


def split(frame: pl.DataFrame, code: str, day: date, factor: float) -> pl.DataFrame:
    """The same bars with a split of a code on a date: raw prices are multiplied from it on."""
    after = (pl.col("code") == code) & (pl.col("date") >= day)
    prices = [name for name in ("open", "high", "low", "close") if name in frame.columns]
    return frame.with_columns(
        *(
            pl.when(after).then((pl.col(name) * factor).round(1)).otherwise(name).alias(name)
            for name in prices
        ),
        *(
            [pl.when(after).then(pl.col("volume") / factor).otherwise("volume").alias("volume")]
            if "volume" in frame.columns
            else []
        ),
    )


def imported(frame: pl.DataFrame, folder: Path, **settings: object) -> Reading:
    """Frames of a Parquet file with these rows."""
    path = folder / "prices.parquet"
    frame.write_parquet(path)
    return read_frames([path], ImportConfig.model_validate(settings))
