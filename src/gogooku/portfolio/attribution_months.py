"""The months of a backtest, a record each: what it earned, paid and traded, by whom, and events.

Contributions are linked, so that those of all names, what trading earned and what it cost add up to
the return of the month (Carino 1999, as in `gogooku.portfolio.attribution`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray
from gogooku.portfolio.attribution import by_sector, link_factors, sector_places
from gogooku.portfolio.book import Reason, Side
from gogooku.portfolio.positions import Positions


@dataclass(frozen=True)
class Months:
    """Months, and what each is made of.

    Attributes
    ----------
    months : polars.DataFrame
        month (its first day), sessions, portfolio, benchmark, excess, then the parts of the
        portfolio's return: holdings, cost (negative), dividends and trading (what those leave
        open); turnover (sum), worst_day, worst_day_return, trades, unfilled, splits, delistings.
    contributors : polars.DataFrame
        month, code, contribution, mean_weight, side (``top`` or ``worst``), rank.
    sectors : polars.DataFrame
        month, sector, contribution, mean_weight; empty where the market has no sectors.
    events : polars.DataFrame
        date, month, code, what (``unfilled``, ``split``, ``delisted``), detail.
    """

    months: pl.DataFrame
    contributors: pl.DataFrame
    sectors: pl.DataFrame
    events: pl.DataFrame


def months_of(
    positions: Positions, ledger: pl.DataFrame, unfilled: pl.DataFrame, *, names: int = 5
) -> Months:
    """The deep dive into each month.

    Parameters
    ----------
    positions : Positions
    ledger, unfilled : polars.DataFrame
        Of the backtest.
    names : int
        Contributors listed on either side.

    Raises
    ------
    DataError
        The backtest has one session only: no month has a return.
    """
    if len(positions.sessions) < 2:
        raise DataError("months: the backtest has one session, and no return")
    events = _events(ledger, unfilled)
    trades = ledger.filter(pl.col("decided").is_not_null())
    month = positions.sessions[1:].astype("datetime64[M]")
    places = None if positions.history.sector is None else sector_places(positions)
    records: list[dict[str, Any]] = []
    contributors: list[tuple[Any, ...]] = []
    sectors: list[tuple[Any, ...]] = []
    for start in np.unique(month).tolist():
        inside = np.flatnonzero(month == np.datetime64(start, "M")) + 1
        own = contributions(positions, inside)
        records.append(_record(positions, inside, start, own) | _happened(start, trades, events))
        weight = positions.weights[inside - 1].mean(axis=0)
        contributors += [(start, *row) for row in _extremes(positions, own.names, weight, names)]
        sectors += [(start, *row) for row in _by_sector(positions, inside, own.by_session, places)]
    return Months(
        months=pl.DataFrame(records),
        contributors=_frame(
            ("month", "code", "contribution", "mean_weight", "side", "rank"), contributors
        ),
        sectors=_frame(("month", "sector", "contribution", "mean_weight"), sectors),
        events=events,
    )


_TYPES: dict[str, type[pl.DataType]] = {
    "month": pl.Date,
    "code": pl.String,
    "sector": pl.String,
    "side": pl.String,
    "rank": pl.Int64,
}


def _frame(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    schema = {name: _TYPES.get(name, pl.Float64) for name in columns}
    return pl.DataFrame(rows, schema=schema, orient="row")


@dataclass(frozen=True)
class Contributions:
    """Linked parts of the return of a period, which is their sum: by name [N], and the rest.

    ``by_session`` [s, N] are the parts of names before they are summed over sessions.
    """

    by_session: FloatArray
    cost: float
    dividends: float
    trading: float

    @property
    def names(self) -> FloatArray:
        """Part of each name."""
        return np.asarray(self.by_session.sum(axis=0))


def contributions(positions: Positions, inside: np.ndarray) -> Contributions:
    """What each name added to the compounded return over some rows, costs and trading apart."""
    returns = positions.portfolio[inside]
    factor = link_factors(returns, np.zeros_like(returns))
    earned = positions.earned[inside]
    cost, paid = positions.cost[inside], positions.dividends[inside]
    rest = returns + cost - paid - earned.sum(axis=1)
    return Contributions(
        by_session=factor[:, None] * earned,
        cost=-float(factor @ cost),
        dividends=float(factor @ paid),
        trading=float(factor @ rest),
    )


def _record(
    positions: Positions, inside: np.ndarray, month: date, own: Contributions
) -> dict[str, Any]:
    returns, bench = positions.portfolio[inside], positions.benchmark[inside]
    whole, other = (float(np.prod(1.0 + one) - 1.0) for one in (returns, bench))
    worst = int(np.argmin(returns))
    return {
        "month": month,
        "sessions": len(inside),
        "portfolio": whole,
        "benchmark": other,
        "excess": whole - other,
        "holdings": float(own.by_session.sum()),
        "cost": own.cost,
        "dividends": own.dividends,
        "trading": own.trading,
        "turnover": float(positions.turnover[inside].sum()),
        "worst_day": positions.sessions[inside[worst]].item(),
        "worst_day_return": float(returns[worst]),
    }


def _happened(month: date, trades: pl.DataFrame, events: pl.DataFrame) -> dict[str, int]:
    there = events.filter(pl.col("month") == month).get_column("what")
    counts = {name: int((there == what).sum()) for name, what in _EVENTS.items()}
    return {
        "trades": trades.filter(pl.col("date").dt.truncate("1mo") == month).height,
        **counts,
    }


_EVENTS = {"unfilled": "unfilled", "splits": "split", "delistings": "delisted"}


def _extremes(
    positions: Positions, parts: FloatArray, weight: FloatArray, names: int
) -> list[tuple[Any, ...]]:
    """Code, contribution, mean weight, side and rank of those that added and took most."""
    order = np.argsort(parts, kind="stable")
    top = [n for n in order[::-1][:names].tolist() if parts[n] > 0.0]
    worst = [n for n in order[:names].tolist() if parts[n] < 0.0]
    return [
        (positions.codes[n], float(parts[n]), float(weight[n]), side, rank)
        for side, found in (("top", top), ("worst", worst))
        for rank, n in enumerate(found, start=1)
    ]


def _by_sector(
    positions: Positions,
    inside: np.ndarray,
    parts: FloatArray,
    places: tuple[IntArray, tuple[str, ...]] | None,
) -> list[tuple[Any, ...]]:
    if places is None:
        return []
    sector, names = places
    before = sector[inside - 1]
    total = by_sector(parts, before, len(names)).sum(axis=0)
    weight = by_sector(positions.weights[inside - 1], before, len(names)).mean(axis=0)
    return [
        (name, float(total[n]), float(weight[n]))
        for n, name in enumerate(names)
        if weight[n] or total[n]
    ]


def _events(ledger: pl.DataFrame, unfilled: pl.DataFrame) -> pl.DataFrame:
    """Orders that the market did not fill, splits and delistings of what was held, by date.

    What the account itself could not pay is no event: it is in `unfilled` like the rest.
    """
    columns = ("date", "code", "what", "detail")
    own = [Reason.CASH.value, Reason.GROSS.value]
    refused = unfilled.filter(~pl.col("reason").is_in(own)).select(
        "date",
        "code",
        pl.lit("unfilled").alias("what"),
        pl.format("{} {}: {}", "side", "shares", "reason").alias("detail"),
    )
    splits = ledger.filter(pl.col("side") == Side.SPLIT.value).select(
        "date",
        "code",
        pl.lit("split").alias("what"),
        pl.format("{} shares more", "shares").alias("detail"),
    )
    gone = ledger.filter(pl.col("reason") == Reason.DELISTED.value).select(
        "date",
        "code",
        pl.lit("delisted").alias("what"),
        pl.format("{} shares at {}", "shares", "price").alias("detail"),
    )
    frame = pl.concat([part.select(columns) for part in (refused, splits, gone)])
    month = pl.col("date").dt.truncate("1mo").alias("month")
    return frame.sort("date", "code", "what", maintain_order=True).select(
        "date", month, "code", "what", "detail"
    )
