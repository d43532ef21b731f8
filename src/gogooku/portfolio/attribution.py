"""Where the excess return came from: sectors (Brinson), costs, trading; linked over time.

Daily parts add up to the daily excess return, linked parts to the excess of the compounded returns;
both are identities up to rounding.

References
----------
G. Brinson, N. Fachler, "Measuring non-US equity portfolio performance", Journal of Portfolio
Management, 1985. D. Carino, "Combining attribution effects over time", Journal of Performance
Measurement, 1999.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from gogooku.core.errors import ContractError, DataError
from gogooku.core.metrics import UNKNOWN, FloatArray
from gogooku.core.types import IntArray
from gogooku.portfolio.positions import Positions

CASH = "cash"
"""The sector of what is not held in names."""
PARTS = ("allocation", "selection", "interaction", "cost", "dividends", "trading")
"""What the excess return is the sum of."""
_NOTHING = 1e-12
"""A weight of a sector below which its own return has no meaning."""


def sector_places(positions: Positions) -> tuple[IntArray, tuple[str, ...]]:
    """Sector of each name in each session [S, N], and the names of the sectors, unknown last.

    Raises
    ------
    DataError
        The market has no sectors.
    """
    history = positions.history
    if history.sector is None:
        raise DataError("attribution: the dataset has no sectors; leave out what is by sector")
    names = (*history.sector_names, UNKNOWN)
    sector = history.sector[positions.rows]
    return np.where(sector < 0, len(names) - 1, sector).astype(np.int64), names


def by_sector(values: FloatArray, sector: IntArray, count: int) -> FloatArray:
    """Sums over the names of each sector: [S, N] to [S, G]."""
    sessions = len(values)
    place = sector + count * np.arange(sessions)[:, None]
    total = np.bincount(place.ravel(), weights=values.ravel(), minlength=sessions * count)
    return np.asarray(total.reshape(sessions, count))


def brinson(positions: Positions) -> pl.DataFrame:
    """Allocation, selection and interaction by session and sector, cash among them.

    ``allocation`` is (portfolio weight - benchmark weight) x (the benchmark's return in the sector
    - that of the benchmark), ``selection`` the benchmark weight x (the portfolio's return in the
    sector - the benchmark's), ``interaction`` the difference of weights x that difference of
    returns. A sector that the benchmark lacks has the return of the benchmark, cash has none. Where
    what is bought and what is sold short nearly cancel in a sector, its own return means little:
    read selection and interaction together.

    Returns
    -------
    polars.DataFrame
        date, sector, portfolio_weight, benchmark_weight (both at the close before),
        portfolio_return, benchmark_return (of the sector, null where it has no weight),
        allocation, selection, interaction. They add up, over the sectors of a session, to what the
        weights of the portfolio earned less what those of the benchmark did.
    """
    sector, names = sector_places(positions)
    groups = len(names)
    # What is earned in s is grouped by the sector at the close of s - 1, as the weights are.
    before = sector[:-1]
    weight = by_sector(positions.weights[:-1], before, groups)
    bench = by_sector(positions.benchmark_weights[:-1], before, groups)
    earned = by_sector(positions.earned[1:], before, groups)
    bench_earned = by_sector(positions.benchmark_earned[1:], before, groups)
    whole = bench_earned.sum(axis=1, keepdims=True)
    weight = np.column_stack([weight, 1.0 - weight.sum(axis=1)])
    invested = bench.sum(axis=1)
    bench = np.column_stack([bench, np.where(invested > 0.0, 1.0 - invested, 1.0)])
    none = np.zeros((len(weight), 1))
    earned, bench_earned = np.hstack([earned, none]), np.hstack([bench_earned, none])
    there, bench_there = np.abs(weight) > _NOTHING, bench > _NOTHING
    bench_return = np.where(bench_there, bench_earned / np.where(bench_there, bench, 1.0), whole)
    bench_return[:, -1] = 0.0
    own = np.where(there, earned / np.where(there, weight, 1.0), bench_return)
    selection = bench * (own - bench_return)
    both = earned - weight * bench_return
    return _long_frame(
        positions,
        (*names, CASH),
        {
            "portfolio_weight": weight,
            "benchmark_weight": bench,
            "portfolio_return": np.where(there, own, np.nan),
            "benchmark_return": np.where(bench_there, bench_return, np.nan),
            "allocation": (weight - bench) * (bench_return - whole),
            "selection": selection,
            "interaction": both - selection,
        },
    )


def _long_frame(
    positions: Positions, sectors: tuple[str, ...], columns: dict[str, FloatArray]
) -> pl.DataFrame:
    sessions = len(positions.sessions) - 1
    dates = np.repeat(positions.sessions[1:], len(sectors))
    frame = pl.DataFrame(
        {
            "date": pl.Series(dates.astype("datetime64[D]"), dtype=pl.Date),
            "sector": pl.Series(list(sectors) * sessions, dtype=pl.String),
            **{name: pl.Series(values.ravel()) for name, values in columns.items()},
        }
    )
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def daily_parts(positions: Positions, sectors: pl.DataFrame) -> pl.DataFrame:
    """The parts of each session's excess return, which is their sum.

    Parameters
    ----------
    positions : Positions
    sectors : polars.DataFrame
        What `brinson` gave for the positions.

    Returns
    -------
    polars.DataFrame
        date, portfolio, benchmark, excess, and the columns of `PARTS`; ``cost`` is negative.
    """
    sums = sectors.group_by("date", maintain_order=True).agg(pl.col(list(PARTS[:3])).sum())
    own = pl.DataFrame(
        {
            "date": positions.date_column(),
            "portfolio": positions.portfolio[1:],
            "benchmark": positions.benchmark[1:],
            "excess": positions.excess[1:],
            "cost": -positions.cost[1:],
            "dividends": positions.more_dividends[1:],
            "trading": positions.trading[1:],
        }
    )
    return own.join(sums, on="date", how="left", validate="1:1", maintain_order="left").select(
        "date", "portfolio", "benchmark", "excess", *PARTS
    )


def link_factors(portfolio: FloatArray, benchmark: FloatArray) -> FloatArray:
    """What each session's parts are multiplied with, so that they add up over a period (Carino).

    The sum of ``factor x (portfolio - benchmark)`` is the difference of the compounded returns.

    Raises
    ------
    DataError
        A return is -100 % or worse.
    """
    if (np.minimum(portfolio, benchmark) <= -1.0).any():
        raise DataError("attribution: a return of -100 % or worse cannot be linked")
    whole = [float(np.prod(1.0 + one) - 1.0) for one in (portfolio, benchmark)]
    daily = _log_ratio(portfolio, benchmark)
    return np.asarray(daily / _log_ratio(np.array(whole[:1]), np.array(whole[1:])))


def _log_ratio(a: FloatArray, b: FloatArray) -> FloatArray:
    """``(log(1 + a) - log(1 + b)) / (a - b)``, and its limit where the two are the same."""
    relative = (a - b) / (1.0 + b)
    same = np.abs(relative) < 1e-8
    safe = np.where(same, 1.0, relative)
    return np.asarray(np.where(same, 1.0 - relative / 2.0, np.log1p(safe) / safe) / (1.0 + b))


def linked(parts: pl.DataFrame, *, every: str = "1mo") -> pl.DataFrame:
    """Parts of the compounded excess return of each period: the sums of `daily_parts`, linked.

    Parameters
    ----------
    parts : polars.DataFrame
        date, portfolio, benchmark, and any columns that are parts of the excess.
    every : str
        ``1mo``, ``1y`` or any period of Polars; one for everything is ``all``.

    Returns
    -------
    polars.DataFrame
        period (its first day), sessions, portfolio, benchmark, excess, and each part.
    """
    if not parts.height:
        raise ContractError("attribution: no session to link")
    names = [c for c in parts.columns if c not in ("date", "portfolio", "benchmark", "excess")]
    first = pl.lit(parts.get_column("date")[0])
    period = first if every == "all" else pl.col("date").dt.truncate(every)
    rows = []
    for (start,), group in parts.group_by(period.alias("period"), maintain_order=True):
        returns = [group.get_column(c).to_numpy() for c in ("portfolio", "benchmark")]
        factor = link_factors(*returns)
        whole = [float(np.prod(1.0 + one) - 1.0) for one in returns]
        sums = {c: float(group.get_column(c).to_numpy() @ factor) for c in names}
        rows.append(
            {
                "period": start,
                "sessions": group.height,
                "portfolio": whole[0],
                "benchmark": whole[1],
                "excess": whole[0] - whole[1],
                **sums,
            }
        )
    return pl.DataFrame(rows)
