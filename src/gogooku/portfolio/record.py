"""What a backtest writes down at each close: the account's day and its holdings."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray
from gogooku.core.types import BoolArray, Portfolio
from gogooku.portfolio.broker import Broker, Fills
from gogooku.portfolio.costs import BASIS_POINT

_FLOAT, _COUNT = pl.Float64, pl.Int64
DAILY_SCHEMA = {
    "date": pl.Date,
    "equity": _FLOAT,
    "cash": _FLOAT,
    "gross": _FLOAT,
    "turnover": _FLOAT,
    "cost": _FLOAT,
    "cost_bps": _FLOAT,
    "num_positions": _COUNT,
    "unfilled": _COUNT,
    "benchmark": _FLOAT,
    "long": _FLOAT,
    "short": _FLOAT,
    "net": _FLOAT,
    "traded": _FLOAT,
    "commission": _FLOAT,
    "spread": _FLOAT,
    "impact": _FLOAT,
    "borrow": _FLOAT,
    "dividends": _FLOAT,
    "capped": _COUNT,
    "benchmark_dividends": _FLOAT,
}
"""One row per session. Money is in the market's currency.

``gross`` is holdings of both signs over equity, ``long``, ``short`` (positive) and ``net``
likewise; ``turnover`` traded value / 2 / equity at the fill; ``cost`` all costs, ``cost_bps`` of
equity at the fill, then by kind: ``commission``, ``spread``, ``impact``, ``borrow``; ``dividends``
net of tax; ``unfilled`` orders that the market refused, and purchases that wait with a refused sale
for its cash; ``capped`` orders cut to a share of traded value; ``benchmark_dividends`` what of the
benchmark's growth were dividends, net of the same tax.
"""


class Record:
    """Rows of the output, session by session.

    Attributes
    ----------
    benchmark : float
        Value of the equal-weighted universe, rebalanced daily, without costs or lots.
    benchmark_dividends : float
        What of its last growth were dividends.
    """

    def __init__(self, benchmark: float) -> None:
        self.benchmark = benchmark
        self.benchmark_dividends = 0.0
        self.portfolios: list[Portfolio] = []
        self._daily: list[tuple[Any, ...]] = []
        self._held: list[tuple[Any, ...]] = []
        self._no_benchmark: list[date] = []

    @property
    def is_first(self) -> bool:
        """Whether only the evening of the first decision is written down."""
        return len(self._daily) == 1

    def follow_universe(
        self,
        day: date,
        members: BoolArray,
        base: FloatArray,
        last: FloatArray,
        *,
        paid: FloatArray | None = None,
    ) -> None:
        """Let the benchmark go from one price to another, with those that were members before.

        ``paid`` is what each share was paid meanwhile, net of tax; None for nothing.
        """
        growth = last / base
        there = members & np.isfinite(growth)
        known = growth[there]
        self.benchmark_dividends = 0.0
        if not len(known):
            self._no_benchmark.append(day)
            return
        if paid is not None:
            self.benchmark_dividends = self.benchmark * float((paid[there] / base[there]).mean())
        self.benchmark = self.benchmark * float(known.mean()) + self.benchmark_dividends

    def close(self, day: date, broker: Broker, fills: Fills | None) -> None:
        """Write down the account at a close."""
        held = broker.held
        shares, price = broker.shares[held], broker.last[held]
        value = shares * price
        equity = broker.cash + float(value.sum())
        done = fills or Fills(equity=equity)
        gross, net = float(np.abs(value).sum()) / equity, float(value.sum()) / equity
        long, short = (gross + net) / 2.0, (gross - net) / 2.0
        self._daily.append(
            (
                day,
                equity,
                broker.cash,
                gross,
                done.traded / 2.0 / done.equity,
                done.cost,
                done.cost / done.equity / BASIS_POINT,
                len(held),
                done.unfilled,
                self.benchmark,
                long,
                short,
                net,
                done.traded,
                done.commission,
                done.spread,
                done.impact,
                done.borrow,
                done.dividends,
                done.capped,
                self.benchmark_dividends,
            )
        )
        if len(held):
            self._held.append((day, held, shares, price, value / equity))

    def daily(self) -> pl.DataFrame:
        """As `DAILY_SCHEMA` says.

        Raises
        ------
        DataError
            The benchmark has no return on some session.
        """
        if self._no_benchmark:
            raise DataError(
                f"backtest: the benchmark has no return on {len(self._no_benchmark)} sessions, "
                f"first {self._no_benchmark[0]}: no name of the universe of the session before has "
                "a price; are quotes or the universe of those dates missing? Build again with them"
            )
        return pl.DataFrame(self._daily, schema=DAILY_SCHEMA, orient="row")

    def holdings(self, codes: tuple[str, ...]) -> pl.DataFrame:
        """(date, code, shares, price, weight) at each close; negative when sold short."""
        days = np.array([day for day, *_ in self._held], dtype="datetime64[D]")
        counts = [len(held) for _, held, *_ in self._held]
        kinds = (np.int64, np.int64, np.float64, np.float64)
        held, shares, price, weight = (
            np.concatenate([np.zeros(0, dtype=kind), *(row[place] for row in self._held)])
            for place, kind in enumerate(kinds, start=1)
        )
        return pl.DataFrame(
            {
                "date": np.repeat(days, counts),
                "code": pl.Series(codes, dtype=pl.String).gather(held),
                "shares": shares,
                "price": price,
                "weight": weight,
            }
        )
