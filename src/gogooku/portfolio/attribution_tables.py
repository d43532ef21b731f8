"""The excess return by year, regime and weekday, and in the worst and in named windows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

import numpy as np
import polars as pl

from gogooku.core.calendar import SESSIONS_PER_YEAR, DateArray
from gogooku.core.errors import ConfigError, DataError
from gogooku.core.metrics import FloatArray, max_drawdown, mean_estimate
from gogooku.core.regimes import VOLATILITY, volatility_regime
from gogooku.core.types import IntArray
from gogooku.portfolio.positions import Positions

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Windows = Mapping[str, tuple[date, date]]
"""First and last date of windows by name, both inclusive."""
STRESS_SESSIONS = (1, 5, 20, 60)
"""Lengths of the windows that are searched for the worst."""


def slices(positions: Positions) -> pl.DataFrame:
    """Mean excess return of a session by year, weekday, regime, and direction of the market.

    ``volatility`` is the regime that was known the evening before (`gogooku.core.regimes`);
    ``market`` is the sign of the benchmark's own return in the session.

    Returns
    -------
    polars.DataFrame
        slice (``year``, ``weekday``, ``volatility``, ``market``), value, n, excess, error
        (Newey-West; null below 3 sessions), annual_excess, portfolio, benchmark (mean returns of a
        session). The ``n`` of a slice add up to all sessions, but for those before a
        volatility is known.
    """
    days = positions.sessions[1:]
    excess = positions.excess[1:]
    groups: list[tuple[str, str, np.ndarray]] = []
    years = days.astype("datetime64[Y]").astype(np.int64) + 1970
    groups += [("year", str(year), years == year) for year in np.unique(years).tolist()]
    weekday = (days.astype("datetime64[D]").astype(np.int64) + 3) % 7
    groups += [("weekday", WEEKDAYS[n], weekday == n) for n in np.unique(weekday).tolist()]
    third = regimes(positions)
    groups += [("volatility", name, third == n) for n, name in enumerate(VOLATILITY)]
    rising = positions.benchmark[1:] >= 0.0
    groups += [("market", "up", rising), ("market", "down", ~rising)]
    rows = []
    for kind, value, inside in groups:
        estimate = mean_estimate(excess[inside], horizon=1)
        means = [_mean(one[1:][inside]) for one in (positions.portfolio, positions.benchmark)]
        yearly = estimate.value * SESSIONS_PER_YEAR
        rows.append((kind, value, estimate.n, estimate.value, estimate.error, yearly, *means))
    numbers = ("excess", "error", "annual_excess", "portfolio", "benchmark")
    schema = {"slice": pl.String, "value": pl.String, "n": pl.Int64}
    frame = pl.DataFrame(
        rows, schema={**schema, **dict.fromkeys(numbers, pl.Float64)}, orient="row"
    )
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else math.nan


def regimes(positions: Positions) -> IntArray:
    """Place in `gogooku.core.regimes.VOLATILITY`, as it was known the evening before each session.

    [S - 1], of each session after the first; -1 where not known.
    """
    return volatility_regime(positions.history.market)[positions.rows[1:] - 1]


def worst_windows(positions: Positions, *, count: int = 3) -> pl.DataFrame:
    """The windows of each length in which the account lost most; those of a length do not overlap.

    Returns
    -------
    polars.DataFrame
        sessions (length), rank (1 the worst), first, last, portfolio, benchmark, excess,
        max_drawdown. Lengths above that of the backtest are not there.
    """
    rows = []
    growth = np.concatenate([[0.0], np.cumsum(np.log1p(positions.portfolio[1:]))])
    for length in STRESS_SESSIONS:
        if length >= len(growth):
            continue
        change = growth[length:] - growth[:-length]
        free = np.ones(len(change), dtype=np.bool_)
        for rank in range(1, count + 1):
            if not free.any():
                break
            start = int(np.argmin(np.where(free, change, np.inf)))
            free[max(0, start - length + 1) : start + length] = False
            rows.append((length, rank, *_window(positions, start + 1, start + length)))
    return _windows({"sessions": pl.Int64, "rank": pl.Int64}, rows)


def named_windows(positions: Positions, windows: Windows) -> pl.DataFrame:
    """The account in windows that are given by name, both dates inclusive.

    Returns
    -------
    polars.DataFrame
        window, sessions, first, last, portfolio, benchmark, excess, max_drawdown; a window that the
        backtest does not touch has 0 sessions and nulls.

    Raises
    ------
    ConfigError
        A window ends before it begins.
    DataError
        A window is only in part within the backtest: its result would bear a name that is not its.
    """
    rows: list[tuple[object, ...]] = []
    days = positions.sessions[1:]
    for name, (first, last) in windows.items():
        if last < first:
            raise ConfigError(f"window {name}: ends {last}, before it begins {first}")
        low, high = np.datetime64(first, "D"), np.datetime64(last, "D")
        inside = np.flatnonzero((days >= low) & (days <= high)) + 1
        if not len(inside):
            rows.append((name, 0, None, None, None, None, None, None))
            continue
        if low < positions.sessions[0] or high > _end(positions.sessions):
            raise DataError(
                f"window {name}: {first} to {last} is only in part within the backtest, "
                f"{positions.sessions[0]} to {positions.sessions[-1]}; give the dates that are"
            )
        found = _window(positions, int(inside[0]), int(inside[-1]))
        rows.append((name, len(inside), *found))
    return _windows({"window": pl.String, "sessions": pl.Int64}, rows)


def _end(sessions: DateArray) -> np.datetime64:
    """The last day that belongs to the last session: a weekend or a holiday may follow."""
    return np.datetime64(sessions[-1] + np.timedelta64(4, "D"))


def _window(positions: Positions, first: int, last: int) -> tuple[object, ...]:
    inside = slice(first, last + 1)
    growth = [np.cumprod(1.0 + one[inside]) for one in (positions.portfolio, positions.benchmark)]
    own, bench = (float(one[-1]) - 1.0 for one in growth)
    days = positions.sessions[[first, last]].tolist()
    fall = max_drawdown(np.concatenate([[1.0], growth[0]]))
    return (*days, own, bench, own - bench, fall)


def _windows(
    begin: Mapping[str, type[pl.DataType]], rows: list[tuple[object, ...]]
) -> pl.DataFrame:
    numbers = ("portfolio", "benchmark", "excess", "max_drawdown")
    days = dict.fromkeys(("first", "last"), pl.Date)
    ends: dict[str, type[pl.DataType]] = {**begin, **days, **dict.fromkeys(numbers, pl.Float64)}
    return pl.DataFrame(rows, schema=ends, orient="row")
