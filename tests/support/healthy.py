"""Files of prices as healthy vendors send them, in several shapes: nothing in them is wrong."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from gogooku.core.calendar import next_tokyo_sessions

NAMES, SESSIONS = 60, 400


def weekdays(first: date, count: int) -> list[date]:
    days = [first + timedelta(days=n) for n in range(2 * count)]
    return [day for day in days if day.weekday() < 5][:count]


def prices(
    *,
    names: int = NAMES,
    sessions: int = SESSIONS,
    first: date = date(2022, 6, 1),
    exchange: str = "tokyo",
    seed: int = 1,
    level: float = 1500.0,
) -> pl.DataFrame:
    """A market of names that go their way: date, code, the four prices, volume; sorted.

    A few names leave early, a few come late, and a few split.
    """
    rng = np.random.default_rng(seed)
    days = (
        next_tokyo_sessions(first, sessions).astype("datetime64[D]").tolist()
        if exchange == "tokyo"
        else weekdays(first, sessions)
    )
    step = rng.normal(0.0, 0.011, (sessions, 1)) + rng.normal(0.0, 0.018, (sessions, names))
    close = level * np.exp(rng.normal(0.0, 0.5, names) + np.cumsum(step, axis=0))
    before = np.vstack([close[:1], close[:-1]])
    opened = before * np.exp(rng.normal(0.0, 0.006, close.shape))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0.0, 0.006, close.shape)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0.0, 0.006, close.shape)))
    base = 300_000.0 * np.exp(rng.normal(0.0, 0.5, names))
    volume = (base * np.exp(rng.normal(0.0, 0.4, close.shape)) / 100.0).round() * 100.0
    codes = [f"{1301 + 10 * n}0" if exchange == "tokyo" else f"A{n:03d}" for n in range(names)]
    there = np.ones(close.shape, dtype=bool)
    there[sessions // 2 :, :2] = False
    there[: sessions // 3, 2:4] = False
    at_t, at_n = np.nonzero(there)
    grids = {"open": opened, "high": high, "low": low, "close": close}
    return pl.DataFrame(
        {
            "date": pl.Series([days[t] for t in at_t], dtype=pl.Date),
            "code": pl.Series([codes[n] for n in at_n]),
            **{name: grid[there].round(2) for name, grid in grids.items()},
            "volume": volume[there],
        }
    )


def with_index(frame: pl.DataFrame) -> pl.DataFrame:
    """The same with a market index on every row of a date."""
    rng = np.random.default_rng(7)
    days = frame.get_column("date").unique().sort()
    level = 2000.0 * np.exp(np.cumsum(rng.normal(0.0003, 0.01, len(days))))
    index = pl.DataFrame({"date": days, "topix": level.round(2)})
    return frame.join(index, on="date", how="left", maintain_order="left")


def with_sector(frame: pl.DataFrame, *, count: int = 6) -> pl.DataFrame:
    """The same with a sector of each code."""
    codes = frame.get_column("code").unique().sort()
    sectors = [f"sector {n % count}" for n in range(len(codes))]
    return frame.join(
        pl.DataFrame({"code": codes, "sector": sectors}),
        on="code", how="left", maintain_order="left",
    )  # fmt: skip


def back_adjusted(frame: pl.DataFrame) -> pl.DataFrame:
    """The same after a split of three names that came later than the file ends."""
    codes = frame.get_column("code").unique().sort()[10:13].implode()
    split = pl.col("code").is_in(codes)
    return frame.with_columns(
        *(pl.when(split).then((pl.col(name) / 2).round(2)).otherwise(name).alias(name)
          for name in ("open", "high", "low", "close")),
        pl.when(split).then(pl.col("volume") * 2).otherwise("volume").alias("volume"),
    )  # fmt: skip
