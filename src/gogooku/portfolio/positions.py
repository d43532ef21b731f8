"""A backtest on dense axes: what was held, what it earned, and what the benchmark held.

Row s is a session of the backtest; the first is the session of the first decision, before any
trade. What is earned in session s is earned by the weights at the close of s - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.core.errors import ContractError, DataError
from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray
from gogooku.portfolio.decide import History


@dataclass(frozen=True)
class Positions:
    """What a backtest held, session by session.

    Attributes
    ----------
    sessions : datetime64[D] [S]
    codes : tuple of str, length N
    history : History
        The market, on all its sessions.
    rows : int64 [S]
        Place of each session in the history.
    weights : float64 [S, N]
        Signed weights at the close; 0 where nothing is held.
    benchmark_weights : float64 [S, N]
        Those of the equal-weighted universe at the decision of the session, for the session after.
    returns : float64 [S, N]
        Close to close, splits taken out; 0 where there was no trade.
    portfolio, benchmark : float64 [S]
        Returns of the account after costs and of the benchmark; the first is 0.
    cost, dividends : float64 [S]
        Costs paid and dividends received, as shares of the equity of the session before.
    benchmark_dividends : float64 [S]
        What of the benchmark's return were dividends.
    turnover : float64 [S]
    """

    sessions: DateArray
    codes: tuple[str, ...]
    history: History
    rows: IntArray
    weights: FloatArray
    benchmark_weights: FloatArray
    returns: FloatArray
    portfolio: FloatArray
    benchmark: FloatArray
    cost: FloatArray
    dividends: FloatArray
    benchmark_dividends: FloatArray
    turnover: FloatArray

    @property
    def excess(self) -> FloatArray:
        """Return of the account less that of the benchmark [S]."""
        return self.portfolio - self.benchmark

    @cached_property
    def earned(self) -> FloatArray:
        """What the weights of the session before earned by name [S, N]; the first row is 0."""
        return self._by_weights(self.weights)

    @cached_property
    def benchmark_earned(self) -> FloatArray:
        """The same of the benchmark's weights."""
        return self._by_weights(self.benchmark_weights)

    @cached_property
    def trading(self) -> FloatArray:
        """What of the excess return weights at the close, costs and dividends leave open [S].

        Fills away from the close, what a delisting did not pay, and the first session: it is
        entered at the open.
        """
        held = self.earned.sum(axis=1) - self.benchmark_earned.sum(axis=1)
        return np.asarray(self.excess - held + self.cost - self.more_dividends)

    @property
    def more_dividends(self) -> FloatArray:
        """Dividends of the account less those of the benchmark [S]."""
        return self.dividends - self.benchmark_dividends

    def _by_weights(self, weights: FloatArray) -> FloatArray:
        out = np.zeros_like(weights)
        out[1:] = weights[:-1] * self.returns[1:]
        return out

    def date_column(self, first: int = 1) -> pl.Series:
        """Dates of the sessions from row ``first`` on."""
        return pl.Series("date", self.sessions[first:].astype("datetime64[D]"), dtype=pl.Date)


def positions_of(
    daily: pl.DataFrame,
    holdings: pl.DataFrame,
    *,
    history: History,
    sessions: DateArray,
    codes: Sequence[str],
) -> Positions:
    """Put the frames of a backtest on the axes of its market.

    Parameters
    ----------
    daily : polars.DataFrame
        date, equity, benchmark, cost, dividends and benchmark_dividends (in money), turnover; one
        row a session.
    holdings : polars.DataFrame
        date, code, weight.
    history : History
    sessions, codes
        The axes of the history.

    Raises
    ------
    DataError
        A session of the market or a value of the benchmark is missing in ``daily``; holdings on a
        date or a code that is not on the axes.
    ContractError
        The axes are not those of the history.
    """
    if history.close.shape != (len(sessions), len(codes)):
        raise ContractError(
            f"positions: the history is {history.close.shape}, its axes {len(sessions)} sessions "
            f"and {len(codes)} names"
        )
    days = daily.get_column("date").to_numpy().astype("datetime64[D]")
    rows = _rows_of(days, sessions)
    levels = {name: _level(daily, name, days) for name in ("equity", "benchmark")}
    known = _priced(history, rows)
    members = history.universe[rows] & known
    share = members / np.maximum(members.sum(axis=1, keepdims=True), 1)
    share[0] = 0.0
    return Positions(
        sessions=days,
        codes=tuple(codes),
        history=history,
        rows=rows,
        weights=_weights(holdings, days, codes),
        benchmark_weights=share,
        returns=np.nan_to_num(history.returns[rows], nan=0.0),
        portfolio=_change(levels["equity"]),
        benchmark=_change(levels["benchmark"]),
        cost=_share(daily, "cost", levels["equity"]),
        dividends=_share(daily, "dividends", levels["equity"]),
        benchmark_dividends=_share(daily, "benchmark_dividends", levels["benchmark"]),
        turnover=daily.get_column("turnover").to_numpy().astype(np.float64),
    )


def _priced(history: History, rows: IntArray) -> np.ndarray:
    """Whether a name has traded by each of some sessions, [S, N]."""
    last = int(rows[-1]) + 1
    traded = np.stack([np.isfinite(history.traded_close(t)) for t in range(last)])
    return np.asarray(np.logical_or.accumulate(traded, axis=0)[rows])


def _rows_of(days: DateArray, sessions: DateArray) -> IntArray:
    if not len(days):
        raise DataError("positions: the backtest has no session")
    wanted = sessions[(sessions >= days[0]) & (sessions <= days[-1])]
    if len(days) != len(wanted) or (days != wanted).any():
        lost, more = np.setdiff1d(wanted, days), np.setdiff1d(days, wanted)
        what = f"lacks {len(lost)} sessions" if len(lost) else "has days that are no sessions"
        first = (lost if len(lost) else more if len(more) else days)[0]
        raise DataError(
            f"positions: the daily record {what} of the market, first {first}; it must have each "
            "session once, in order"
        )
    return np.searchsorted(sessions, days).astype(np.int64)


def _level(daily: pl.DataFrame, name: str, days: DateArray) -> FloatArray:
    level = daily.get_column(name).cast(pl.Float64).fill_null(np.nan).to_numpy()
    bad = ~(np.isfinite(level) & (level > 0.0))
    if bad.any():
        raise DataError(
            f"positions: {name} has no value above 0 on {int(bad.sum())} of {len(bad)} sessions, "
            f"first {days[bad][0]}; give it a value on each"
        )
    return np.asarray(level, dtype=np.float64)


def _share(daily: pl.DataFrame, name: str, equity: FloatArray) -> FloatArray:
    money = daily.get_column(name).to_numpy().astype(np.float64)
    return np.concatenate([[0.0], money[1:] / equity[:-1]])


def _change(level: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], level[1:] / level[:-1] - 1.0])


def _weights(holdings: pl.DataFrame, days: DateArray, codes: Sequence[str]) -> FloatArray:
    out = np.zeros((len(days), len(codes)))
    if not holdings.height:
        return out
    place = {code: n for n, code in enumerate(codes)}
    row_of: dict[Any, int] = {day: s for s, day in enumerate(days.tolist())}
    held_codes = holdings.get_column("code").to_list()
    held_days = holdings.get_column("date").to_list()
    off = [
        f"{day} {code}"
        for day, code in zip(held_days, held_codes, strict=True)
        if code not in place or day not in row_of
    ]
    if off:
        raise DataError(
            f"positions: {len(off)} of {holdings.height} holdings are on no name or session of the "
            f"market, first {off[0]}; read the market that the backtest was made on"
        )
    at = ([row_of[day] for day in held_days], [place[code] for code in held_codes])
    np.add.at(out, at, holdings.get_column("weight").to_numpy())
    return out
