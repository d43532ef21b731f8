"""What the scores would have earned: decided at the clock, filled at the next open, paid for.

At the decision of session d the scores of d and the closes up to d decide how many shares to hold.
The next session first applies splits and delistings, then fills at its open, then marks at its
close. Raw prices, whole lots, costs on both sides, cash never negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from pydantic import Field

from gogooku.core.calendar import Clock, DateArray, Exchange
from gogooku.core.config import Config
from gogooku.core.errors import ContractError, DataError
from gogooku.core.findings import Unit
from gogooku.core.metrics import FloatArray
from gogooku.core.terms import USUAL, money
from gogooku.core.types import BoolArray, IntArray, Portfolio
from gogooku.portfolio.broker import LEDGER_SCHEMA, UNFILLED_SCHEMA, Broker, Fills, Opening, Order
from gogooku.portfolio.construct import PortfolioConfig, build_portfolio
from gogooku.portfolio.costs import BASIS_POINT, CostConfig
from gogooku.portfolio.decide import Decision, History, lots_of

_OPENS = {"tokyo": time(9, 0), "new_york": time(9, 30)}


class TradeConfig(Config):
    """An account and how it trades.

    The defaults are those of Tokyo; a backtest takes those of its dataset's exchange, see
    `gogooku.core.terms`.

    Attributes
    ----------
    portfolio, costs : configs
    lot_size : int
        Shares per lot.
    initial_cash : float
        In the currency of the exchange.
    """

    portfolio: PortfolioConfig = PortfolioConfig()
    costs: CostConfig = CostConfig()
    lot_size: Annotated[int, Unit("shares")] = Field(default=USUAL.lot_size, ge=1)
    initial_cash: float = Field(default=USUAL.initial_cash, gt=0.0, le=1e15)


@dataclass(frozen=True)
class MarketBars:
    """Dense raw bars of a market.

    Attributes
    ----------
    exchange : Exchange
    clock : Clock
        When the decision after each session is taken.
    sessions : datetime64[D] [T]
    codes : tuple of str, length N
    open, high, low, close : float64 [T, N]
        Raw prices as traded; NaN where there was no trade.
    adjustment_factor : float64 [T, N]
        1 (or NaN) except on an ex-date: 0.5 for two new shares for one.
    limit_up, limit_down : float64 [T, N]
        1 where the session ended at, or touched, its limit, 0 where not, NaN where unknown. The
        open is taken as locked when it also is the session's high (low): nobody sold (bought).
    listed : bool [T, N]
    universe : bool [T, N]
        Eligible at the decision of the session.
    """

    exchange: Exchange
    clock: Clock
    sessions: DateArray
    codes: tuple[str, ...]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    adjustment_factor: FloatArray
    limit_up: FloatArray
    limit_down: FloatArray
    listed: BoolArray
    universe: BoolArray

    def __post_init__(self) -> None:
        """Refuse arrays off the axes, disorder, and prices or factors that are not positive."""
        shape = (len(self.sessions), len(self.codes))
        arrays = {
            name: np.asarray(value)
            for name, value in vars(self).items()
            if name not in ("exchange", "clock", "sessions", "codes")
        }
        wrong = {name: array.shape for name, array in arrays.items() if array.shape != shape}
        if wrong:
            raise ContractError(f"bars: {shape} sessions and names, but {wrong}")
        if (np.diff(self.sessions.astype(np.int64)) <= 0).any():
            raise DataError("bars: sessions repeat or are out of order")
        for name in ("open", "high", "low", "close", "adjustment_factor"):
            bad = np.argwhere(arrays[name] <= 0.0)
            if len(bad):
                t, n = bad[0]
                raise DataError(
                    f"bars: {len(bad)} values of {name} are not positive, first "
                    f"{self.sessions[t]} {self.codes[n]}"
                )

    def opening(self, t: int) -> Opening:
        """Prices of an open and who could not trade at it."""
        return Opening(
            price=self.open[t],
            no_buy=(self.limit_up[t] == 1.0) & (self.open[t] >= self.high[t]),
            no_sell=(self.limit_down[t] == 1.0) & (self.open[t] <= self.low[t]),
        )

    def history(self) -> History:
        """What decisions get their past from."""
        return History(
            close=self.close, adjustment_factor=self.adjustment_factor, universe=self.universe
        )

    def instants(self, t: int) -> tuple[datetime, datetime]:
        """UTC instants of the decision after session ``t`` and of the next session's open."""
        decided = self.exchange.decision(self.sessions[t : t + 1], self.clock)[0].item()
        day: Any = self.sessions[t + 1].item()
        local = _OPENS.get(self.exchange.name, time(9, 0))
        opened = datetime.combine(day, local, tzinfo=ZoneInfo(self.exchange.timezone))
        return decided.replace(tzinfo=UTC), opened.astimezone(UTC)


@dataclass(frozen=True)
class Backtest:
    """What happened.

    Attributes
    ----------
    ledger : polars.DataFrame
        `gogooku.portfolio.broker.LEDGER_SCHEMA`.
    daily : polars.DataFrame
        One row per session from the first decision on: date, equity, cash, gross (holdings over
        equity), turnover (traded value / 2 / equity at the open), cost, cost_bps (of equity at the
        open), num_positions, unfilled, benchmark.
    unfilled : polars.DataFrame
        Orders that an open refused, and why.
    holdings : polars.DataFrame
        (date, code, shares, price, weight) at each close.
    portfolios : tuple of Portfolio
        Target weights of each decision.

    The benchmark is the equal-weighted universe of the session before, rebalanced daily, without
    costs or lots: a yardstick, not something that can be bought.
    """

    ledger: pl.DataFrame
    daily: pl.DataFrame
    unfilled: pl.DataFrame
    holdings: pl.DataFrame
    portfolios: tuple[Portfolio, ...]


def run_backtest(
    bars: MarketBars, scores_tN: FloatArray, decisions: IntArray, *, config: TradeConfig
) -> Backtest:
    """Trade scores through a market.

    Parameters
    ----------
    bars : MarketBars
    scores_tN : float [t, N]
        Scores at ``config.portfolio.horizon``; NaN is never chosen.
    decisions : int64 [t]
        Session index of each row of scores, ascending. Trading ends with the session after the
        last one.

    Raises
    ------
    ContractError
        Scores do not fit the bars.
    DataError
        Nothing was traded: a backtest without a trade is a failed run, not a flat one.
    """
    _check_scores(bars, scores_tN, decisions)
    row_of = {t: row for row, t in enumerate(decisions.tolist())}
    history = bars.history()
    start, stop = int(decisions[0]), min(int(decisions[-1]) + 1, len(bars.sessions) - 1)
    broker = Broker(bars.codes, config.initial_cash, config.costs, config.lot_size)
    record = _Record(benchmark=config.initial_cash)
    for t in range(start + 1):
        broker.last = np.where(
            np.isfinite(bars.close[t]),
            bars.close[t],
            broker.last * np.nan_to_num(bars.adjustment_factor[t], nan=1.0),
        )
    record.close(bars, start, broker, None)
    due = start
    for t in range(start, stop):
        row = row_of.get(t)
        if t >= due and row is not None:
            decision = _decision(bars, t, scores_tN[: row + 1], broker, history, record, config)
            if np.isfinite(decision.score_N).any():
                record.portfolios.append(_order(decision, broker, config))
                due = t + config.portfolio.rebalance_every
        _session(bars, t + 1, broker, record)
    if not any(row[8] is not None for row in broker.ledger):
        raise DataError(
            f"backtest: no trade in {stop - start} sessions; is initial_cash "
            f"({money(config.initial_cash, bars.exchange.name)}) enough for lots of "
            f"{config.lot_size}, and does the universe have scores?"
        )
    return record.finish(broker)


def _check_scores(bars: MarketBars, scores_tN: FloatArray, decisions: IntArray) -> None:
    if scores_tN.shape != (len(decisions), len(bars.codes)) or not len(decisions):
        raise ContractError(
            f"backtest: scores {scores_tN.shape} for {len(decisions)} decisions and "
            f"{len(bars.codes)} names"
        )
    inside = decisions[0] >= 0 and decisions[-1] < len(bars.sessions)
    if not inside or (np.diff(decisions) <= 0).any():
        raise ContractError("backtest: decisions repeat, are out of order or lie off the bars")


def _decision(
    bars: MarketBars,
    t: int,
    scores_LN: FloatArray,
    broker: Broker,
    history: History,
    record: _Record,
    config: TradeConfig,
) -> Decision:
    """What is known after session ``t``: the last row of the scores is its own."""
    decided_at, filled_at = bars.instants(t)
    return Decision(
        session=bars.sessions[t].item(),
        decided_at=decided_at,
        filled_at=filled_at,
        codes=bars.codes,
        score_N=np.where(bars.universe[t], scores_LN[-1], np.nan),
        scores_LN=scores_LN,
        equity=broker.equity(),
        shares_N=broker.shares,
        price_N=broker.last,
        lot_size=config.lot_size,
        past=history.until(t),
        previous=record.portfolios[-1] if record.portfolios else None,
    )


def _order(decision: Decision, broker: Broker, config: TradeConfig) -> Portfolio:
    """Turn one decision into orders: what is held and no target is sold, then the targets."""
    portfolio = build_portfolio(decision, config=config.portfolio, costs=config.costs)
    day = decision.session
    broker.orders = {n: Order(0, day) for n in np.flatnonzero(decision.shares_N).tolist()}
    for code in portfolio.weights:
        broker.orders.pop(decision.place[code], None)
    lots = lots_of(portfolio, decision)
    broker.orders |= {n: Order(count, day) for n, count in lots.items()}
    return portfolio


def _session(bars: MarketBars, t: int, broker: Broker, record: _Record) -> None:
    day: Any = bars.sessions[t].item()
    broker.split(day, bars.adjustment_factor[t])
    broker.delist(day, bars.listed[t])
    before = broker.last.copy()
    opening = bars.opening(t)
    fills = broker.open(day, opening)
    broker.mark(bars.close[t])
    first = len(record.daily) == 1
    base = np.where(np.isfinite(opening.price), opening.price, before) if first else before
    record.follow_universe(bars.universe[t - 1], base, broker.last)
    record.close(bars, t, broker, fills)


class _Record:
    """Rows of the output, session by session."""

    def __init__(self, benchmark: float) -> None:
        self.benchmark = benchmark
        self.daily: list[tuple[Any, ...]] = []
        self.holdings: list[pl.DataFrame] = []
        self.portfolios: list[Portfolio] = []

    def follow_universe(self, members: BoolArray, base: FloatArray, last: FloatArray) -> None:
        known = members & np.isfinite(base) & np.isfinite(last)
        if known.any():
            self.benchmark *= float(np.mean(last[known] / base[known]))

    def close(self, bars: MarketBars, t: int, broker: Broker, fills: Fills | None) -> None:
        equity, held = broker.equity(), np.flatnonzero(broker.shares)
        value = broker.shares[held] * broker.last[held]
        done = fills or Fills(equity=equity, traded=0.0, cost=0.0, unfilled=0)
        day: Any = bars.sessions[t].item()
        turnover = done.traded / 2.0 / done.equity
        cost_bps = done.cost / done.equity / BASIS_POINT
        self.daily.append(
            (
                day,
                equity,
                broker.cash,
                float(value.sum()) / equity,
                turnover,
                done.cost,
                cost_bps,
                len(held),
                done.unfilled,
                self.benchmark,
            )
        )
        self.holdings.append(
            pl.DataFrame(
                {
                    "date": pl.Series([day] * len(held), dtype=pl.Date),
                    "code": pl.Series([broker.codes[n] for n in held], dtype=pl.String),
                    "shares": broker.shares[held],
                    "price": broker.last[held],
                    "weight": value / equity,
                }
            )
        )

    def finish(self, broker: Broker) -> Backtest:
        floats = ("equity", "cash", "gross", "turnover", "cost", "cost_bps")
        schema = {
            "date": pl.Date,
            **dict.fromkeys(floats, pl.Float64),
            "num_positions": pl.Int64,
            "unfilled": pl.Int64,
            "benchmark": pl.Float64,
        }
        return Backtest(
            ledger=pl.DataFrame(broker.ledger, schema=dict(LEDGER_SCHEMA), orient="row"),
            daily=pl.DataFrame(self.daily, schema=schema, orient="row"),
            unfilled=pl.DataFrame(broker.unfilled, schema=dict(UNFILLED_SCHEMA), orient="row"),
            holdings=pl.concat(self.holdings),
            portfolios=tuple(self.portfolios),
        )
