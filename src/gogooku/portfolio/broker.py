"""A cautious broker: whole lots, sells before buys, no debt, and no fill that the market refused.

`Broker` holds the account; `backtest` decides. Orders are target holdings per name; what the market
does not let through stays as a working order until it is filled, replaced, or the name is gone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.metrics import FloatArray
from gogooku.core.types import BoolArray, IntArray
from gogooku.portfolio.costs import CostConfig

_WHOLE = 1e-5
"""Relative distance from a whole number of shares that rounding of the factor explains."""
_DUST = 1e-9
"""Relative error of sums of floats; money below it is no money."""


class Side(StrEnum):
    """What a ledger row did to the holding."""

    BUY = "buy"
    SELL = "sell"
    SPLIT = "split"
    """The share count changed on an ex-date; ``cash`` is paid for the fraction of a share."""


class Reason(StrEnum):
    """Why a ledger row exists, or why an order was not filled."""

    REBALANCE = "rebalance"
    CARRIED = "carried"
    """An order that an earlier open had refused."""
    SPLIT = "split"
    DELISTED = "delisted"
    """Cashed out at the terminal close, without cost."""
    NO_OPEN = "no_open"
    LIMIT_UP = "limit_up"
    LIMIT_DOWN = "limit_down"


LEDGER_SCHEMA: Mapping[str, Any] = {
    "date": pl.Date,
    "code": pl.String,
    "side": pl.String,
    "shares": pl.Int64,
    "price": pl.Float64,
    "cost": pl.Float64,
    "reason": pl.String,
    "cash": pl.Float64,
    "decided": pl.Date,
}
"""One row per change of a holding. ``shares`` is the number traded (for a split the change in the
count), ``cash`` the change in cash, cost included, ``decided`` the session of the decision."""

UNFILLED_SCHEMA: Mapping[str, Any] = {
    "date": pl.Date,
    "code": pl.String,
    "side": pl.String,
    "shares": pl.Int64,
    "reason": pl.String,
}


@dataclass(frozen=True)
class Opening:
    """What an open offers, each [N]: price (NaN: none), and locks against buyers and sellers."""

    price: FloatArray
    no_buy: BoolArray
    no_sell: BoolArray


@dataclass(frozen=True)
class Order:
    """A target holding of one name; ``refused`` counts the opens that did not fill it."""

    target: int
    decided: date
    refused: int = 0


@dataclass(frozen=True)
class Fills:
    """What one open did: values in the market's currency."""

    equity: float
    traded: float
    cost: float
    unfilled: int


@dataclass
class Broker:
    """An account: cash, whole shares, the last price of every name, working orders, a ledger."""

    codes: tuple[str, ...]
    cash: float
    costs: CostConfig
    lot: int
    shares: IntArray = field(init=False)
    last: FloatArray = field(init=False)
    orders: dict[int, Order] = field(default_factory=dict)
    ledger: list[tuple[Any, ...]] = field(default_factory=list)
    unfilled: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start without holdings and without prices."""
        self.shares = np.zeros(len(self.codes), dtype=np.int64)
        self.last = np.full(len(self.codes), np.nan)

    def equity(self) -> float:
        """Cash plus holdings at the last prices."""
        held = np.flatnonzero(self.shares)
        return self.cash + float(self.shares[held] @ self.last[held])

    def split(self, day: date, factor_N: FloatArray) -> None:
        """Apply the day's adjustment factors (0.5: two new shares for one) before the open."""
        for name in np.flatnonzero(np.isfinite(factor_N) & (factor_N != 1.0)).tolist():
            factor = float(factor_N[name])
            self.last[name] *= factor
            if name in self.orders:
                order = self.orders[name]
                target = _whole(order.target / factor) // self.lot * self.lot
                self.orders[name] = Order(target, order.decided, order.refused)
            if held := int(self.shares[name]):
                exact = held / factor
                count = _whole(exact)
                paid = max(exact - count, 0.0) * float(self.last[name])
                paid = 0.0 if abs(exact - count) <= _WHOLE * exact else paid
                self.shares[name] = count
                self._book(
                    day,
                    name,
                    Side.SPLIT,
                    count - held,
                    float(self.last[name]),
                    cash=paid,
                    reason=Reason.SPLIT,
                )

    def delist(self, day: date, listed_N: BoolArray) -> None:
        """Cash out holdings that are no longer listed at their last close; cancel their orders."""
        for name in np.flatnonzero((self.shares > 0) & ~listed_N).tolist():
            count, price = int(self.shares[name]), float(self.last[name])
            self.shares[name] = 0
            self._book(
                day, name, Side.SELL, count, price, cash=count * price, reason=Reason.DELISTED
            )
        self.orders = {name: order for name, order in self.orders.items() if listed_N[name]}

    def open(self, day: date, opening: Opening) -> Fills:
        """Fill working orders at the open: sells first, then buys as far as the cash goes."""
        prices = np.where(np.isfinite(opening.price), opening.price, self.last)
        held = np.flatnonzero(self.shares)
        before = self.cash + float(self.shares[held] @ prices[held])
        first_row, first_refusal = len(self.ledger), len(self.unfilled)
        fillable = {
            name: order
            for name, order in self.orders.items()
            if order.target != self.shares[name] and not self._refused(day, name, order, opening)
        }
        for name, order in fillable.items():
            if order.target < self.shares[name]:
                self._trade(day, name, order.target - int(self.shares[name]), prices, order)
        for name, count in self._affordable(fillable, prices).items():
            self._trade(day, name, count, prices, fillable[name])
        refused = {row[1] for row in self.unfilled[first_refusal:]}
        self.orders = {
            name: Order(order.target, order.decided, order.refused + 1)
            for name, order in self.orders.items()
            if self.codes[name] in refused
        }
        rows = self.ledger[first_row:]
        traded, cost = sum(row[3] * row[4] for row in rows), sum(row[5] for row in rows)
        held = np.flatnonzero(self.shares)
        after = self.cash + float(self.shares[held] @ prices[held])
        assert abs(after + cost - before) <= _DUST * max(before, 1.0), (
            "cash and holdings do not add up after the fills"
        )
        return Fills(
            equity=before, traded=traded, cost=cost, unfilled=len(self.unfilled) - first_refusal
        )

    def mark(self, close_N: FloatArray) -> None:
        """Take the session's closes; a name that did not trade keeps its last price."""
        self.last = np.where(np.isfinite(close_N), close_N, self.last)
        assert self.cash >= 0.0, f"cash {self.cash} is negative"
        assert (self.shares >= 0).all(), "a holding is negative"
        assert math.isfinite(self.equity()), "a holding has no price"

    def _refused(self, day: date, name: int, order: Order, opening: Opening) -> bool:
        change = order.target - int(self.shares[name])
        if 0 < change < self.lot:
            return False
        side = Side.BUY if change > 0 else Side.SELL
        if not math.isfinite(opening.price[name]):
            reason = Reason.NO_OPEN
        elif side is Side.BUY and opening.no_buy[name]:
            reason = Reason.LIMIT_UP
        elif side is Side.SELL and opening.no_sell[name]:
            reason = Reason.LIMIT_DOWN
        else:
            return False
        self.unfilled.append((day, self.codes[name], side.value, abs(change), reason.value))
        return True

    def _affordable(self, fillable: Mapping[int, Order], prices: FloatArray) -> dict[int, int]:
        """Shares to buy per name: all scaled alike to the cash, the rest lot by lot in rank."""
        wanted = {
            name: (order.target - int(self.shares[name])) // self.lot * self.lot
            for name, order in fillable.items()
            if order.target - int(self.shares[name]) >= self.lot
        }
        unit = {name: float(prices[name]) * (1.0 + self.costs.rate) for name in wanted}
        needed = sum(count * unit[name] for name, count in wanted.items())
        budget = self.cash
        if needed <= budget * (1.0 + _DUST / 10.0):
            return wanted
        scale = budget / needed
        bought = {name: int(count * scale) // self.lot * self.lot for name, count in wanted.items()}
        left = budget - sum(count * unit[name] for name, count in bought.items())
        for name, count in wanted.items():
            lots = min((count - bought[name]) // self.lot, int(left / (unit[name] * self.lot)))
            if lots > 0:
                bought[name] += lots * self.lot
                left -= lots * self.lot * unit[name]
        return {name: count for name, count in bought.items() if count}

    def _trade(self, day: date, name: int, change: int, prices: FloatArray, order: Order) -> None:
        price = float(prices[name])
        cost = self.costs.cost(change * price)
        self.shares[name] += change
        self.last[name] = price
        self._book(
            day,
            name,
            Side.BUY if change > 0 else Side.SELL,
            abs(change),
            price,
            cash=-change * price - cost,
            reason=Reason.CARRIED if order.refused else Reason.REBALANCE,
            cost=cost,
            decided=order.decided,
        )

    def _book(  # noqa: PLR0913 - one argument per column of the ledger
        self,
        day: date,
        name: int,
        side: Side,
        shares: int,
        price: float,
        *,
        cash: float,
        reason: Reason,
        cost: float = 0.0,
        decided: date | None = None,
    ) -> None:
        self.cash += cash
        if -_DUST * abs(cash) < self.cash < 0.0:
            self.cash = 0.0
        row = (day, self.codes[name], side.value, shares, price, cost, reason.value, cash, decided)
        self.ledger.append(row)


def _whole(count: float) -> int:
    """Whole shares of an exact count: the nearest when rounding explains it, else the floor."""
    nearest = round(count)
    return nearest if abs(count - nearest) <= _WHOLE * count else math.floor(count)
