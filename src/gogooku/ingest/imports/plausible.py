"""Whether the values of a column can be what its name says; refused by name where they cannot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gogooku.core.errors import DataError

FEWEST = 20
"""Values from which a share of them means something."""

OFF = 0.5
"""Log of open, high or low over close beyond which, in the median, it is another quantity."""

OUTSIDE = 0.2
"""Share of rows whose close lies outside [low, high], from which the columns are of two kinds."""

INSIDE = 0.5
"""Share of rows whose value over volume is a price of the session, from which the value is one."""

SLACK = 0.02
"""Relative slack of value over volume against [low, high]: rounding, and trades off the book."""

UNITS = (1e-8, 1e-6, 1e-4, 1e-3, 1e2, 1e3, 1e4, 1e6)
"""Value over volume and price, where the value is in 100 millions, millions, ten thousands or
thousands, or the volume in hundreds to millions of shares."""

UNRELATED = 0.35
"""Squared step over twice the variance: 1 for numbers without memory, near 0 for prices."""

COUNTER_STEPS = 0.9
"""Share of equal whole steps from which a market index is a counter."""

SAMPLE = 200_000
"""Rows that are looked at, evenly spread over the file."""


@dataclass(frozen=True)
class Units:
    """What a value and a volume must be multiplied by to be currency and shares."""

    value: float = 1.0
    volume: float = 1.0

    @property
    def text(self) -> str:
        """In words, for the printed result; empty where nothing was multiplied."""
        parts = [("turnover_value", self.value), ("volume", self.volume)]
        return ", ".join(f"{name} x{by:g}" for name, by in parts if by != 1.0)


def refuse_implausible(rows: pl.DataFrame) -> None:
    """Refuse a delivery one of whose columns cannot be what it was taken for.

    Parameters
    ----------
    rows : polars.DataFrame
        Sorted by (date, code); prices of zero are missing ones.

    Raises
    ------
    DataError
        A close that is a return, an open, high or low that is no price near the close, a close
        that mostly lies outside its range, a market index that counts rows or never moves.
    """
    some = _sample(rows)
    if _maybe_returns(some):
        _refuse_returns(rows)
    _refuse_far_prices(some)
    _refuse_closes_outside(some)
    _refuse_no_index(rows)


def _sample(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.gather_every(max(rows.height // SAMPLE, 1))


def _maybe_returns(some: pl.DataFrame) -> bool:
    close = some.get_column("close")
    small = ((close < 0.5) | ((close - 1.0).abs() < 0.2)).fill_null(value=False)
    return int(small.sum()) > 0.2 * some.height


def _refuse_returns(rows: pl.DataFrame) -> None:
    """Prices remember where they were; returns do not."""
    close = pl.col("close")
    table = (
        rows.filter(close > 0)
        .group_by("code")
        .agg(
            n=pl.len(),
            step=(close.diff() ** 2).mean(),
            spread=close.var(),
            middle=close.median(),
        )
        .filter((pl.col("n") >= FEWEST) & (pl.col("spread") > 0))
    )
    if table.is_empty():
        return
    memory = (table["step"] / (2 * table["spread"])).to_numpy()
    middle = table["middle"].to_numpy()
    unrelated = (memory > UNRELATED) & ((middle < 0.5) | (np.abs(middle - 1.0) < 0.1))
    if unrelated.mean() > 0.5:
        raise DataError(
            f"prices: the closes of {int(unrelated.sum()):,} of {table.height:,} codes lie near "
            f"{np.median(middle):.3g} and have nothing to do with the close before: they look like "
            "returns, not prices. Import the prices themselves: --map close=COLUMN"
        )


def _refuse_far_prices(some: pl.DataFrame) -> None:
    for name in ("open", "high", "low"):
        if name not in some.columns:
            continue
        both = some.filter((pl.col(name) > 0) & (pl.col("close") > 0))
        if both.height < FEWEST:
            continue
        ratio = float(both.select((pl.col(name) / pl.col("close")).median()).item())
        if abs(np.log(ratio)) > OFF:
            raise DataError(
                f"prices: the {name} is usually {ratio:.3g} times the close, so it is no {name} of "
                f"this close. Name the right column (--map {name}=COLUMN) or leave it out: "
                f"--map {name}="
            )


def _refuse_closes_outside(some: pl.DataFrame) -> None:
    if not {"high", "low"} <= set(some.columns):
        return
    whole = pl.all_horizontal(pl.col(name) > 0 for name in ("high", "low", "close"))
    outside = (pl.col("close") > pl.col("high") * 1.0001) | (
        pl.col("close") < pl.col("low") * 0.9999
    )
    count, bad = some.select(count=whole.sum(), bad=(whole & outside).sum()).row(0)
    if count >= FEWEST and bad > OUTSIDE * count:
        raise DataError(
            f"prices: the close lies outside [low, high] on {bad:,} of {count:,} rows "
            f"({bad / count:.0%}), so the columns are of two kinds: perhaps one is adjusted and "
            "the others are not. Name columns of one kind (--map close=COLUMN), or leave the range "
            "out: --map high= --map low= --map open="
        )


def _refuse_no_index(rows: pl.DataFrame) -> None:
    if "index_close" not in rows.columns:
        return
    daily = (
        rows.group_by("date").agg(pl.col("index_close").min()).sort("date")["index_close"]
    ).drop_nulls()
    if len(daily) < 3:
        return
    values = daily.to_numpy()
    steps = np.diff(values)
    size, count = np.unique(steps, return_counts=True)
    most = int(count.argmax())
    whole = float(size[most]).is_integer() and float(values[0]).is_integer()
    spread = float(values.var(ddof=1))
    if whole and count[most] >= COUNTER_STEPS * len(steps):
        what = "never moves" if size[most] == 0 else f"goes up by {size[most]:g} on every date"
    elif len(values) >= FEWEST and spread > 0 and (steps**2).mean() > 2 * UNRELATED * spread:
        what = "has nothing to do with its value on the date before, as returns have"
    else:
        return
    raise DataError(
        f"prices: the market index {what} ({values[0]:g}, {values[1]:g}, {values[2]:g}, ...), so "
        "it is something else. Leave it out (--map index_close=) or name the right column "
        "(--map index_close=COLUMN)."
    )


def units_of(rows: pl.DataFrame) -> Units:
    """Find the units of a traded value and a volume from the prices between which they must lie.

    Raises
    ------
    DataError
        Value over volume is no price of the session, in no usual unit.
    """
    if not {"turnover_value", "volume"} <= set(rows.columns):
        return Units()
    low = pl.min_horizontal([c for c in ("low", "close") if c in rows.columns]).alias("low")
    high = pl.max_horizontal([c for c in ("high", "close") if c in rows.columns]).alias("high")
    some = (
        _sample(rows)
        .filter((pl.col("turnover_value") > 0) & (pl.col("volume") > 0) & (low > 0) & (high > 0))
        .select(low, high, "close", mean=pl.col("turnover_value") / pl.col("volume"))
    )
    if some.height < FEWEST:
        return Units()
    inside = {unit: _inside(some, unit) for unit in (1.0, *UNITS)}
    if inside[1.0] >= INSIDE:
        return Units()
    best = max(inside, key=lambda unit: inside[unit])
    if inside[best] >= INSIDE:
        return Units(value=float(f"{1 / best:g}")) if best < 1 else Units(volume=best)
    ratio = float(some.select((pl.col("mean") / pl.col("close")).median()).item())
    raise DataError(
        f"prices: traded value over volume is a price of the session on only {inside[1.0]:.0%} of "
        f"{some.height:,} rows (in the median {ratio:.3g} times the close), in no usual unit "
        "either, so one of the two is something else: a turnover rate, perhaps. Leave it out: "
        "--map turnover_value= or --map volume="
    )


def _inside(some: pl.DataFrame, unit: float) -> float:
    price = pl.col("mean") / unit
    within = (price >= pl.col("low") * (1 - SLACK)) & (price <= pl.col("high") * (1 + SLACK))
    return float(some.select(within.mean()).item())
