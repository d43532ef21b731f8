"""The books of an account: every change of a holding and of cash, in whole units of money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray


class Side(StrEnum):
    """What a ledger row did to the holding."""

    BUY = "buy"
    SELL = "sell"
    SHORT = "short"
    """Shares sold that are borrowed."""
    COVER = "cover"
    """Borrowed shares bought back."""
    SPLIT = "split"
    """The share count changed on an ex-date; ``cash`` is paid for the fraction of a share."""
    DIVIDEND = "dividend"
    """Cash on the ex-date for ``shares`` held (paid for shares sold short), net of tax."""
    BORROW = "borrow"
    """The fee for ``shares`` sold short since the session before."""


class Reason(StrEnum):
    """Why a ledger row exists, or why an order was not filled."""

    REBALANCE = "rebalance"
    CARRIED = "carried"
    """An order that an earlier session had refused or filled in part."""
    SPLIT = "split"
    DELISTED = "delisted"
    """Cashed out at the terminal close, less the haircut, without cost."""
    DIVIDEND = "dividend"
    BORROW = "borrow"
    NO_OPEN = "no_open"
    NO_TRADE = "no_trade"
    """Nobody traded in the session of a fill at its mean price or its close."""
    LIMIT_UP = "limit_up"
    LIMIT_DOWN = "limit_down"
    PARTICIPATION = "participation"
    """More than the largest share of traded value; ``shares`` are what is left of the order."""
    NOT_LENDABLE = "not_lendable"


SIGN: Mapping[Side, int] = {
    Side.BUY: 1,
    Side.COVER: 1,
    Side.SELL: -1,
    Side.SHORT: -1,
    Side.SPLIT: 1,
    Side.DIVIDEND: 0,
    Side.BORROW: 0,
}
"""Holding after a row less the holding before it, per share of the row."""
TRADES = (Side.BUY, Side.SELL, Side.SHORT, Side.COVER)

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
    "commission": pl.Float64,
    "spread": pl.Float64,
    "impact": pl.Float64,
}
"""One row per change of a holding or of cash. ``shares`` is the number traded (for a split the
change in the count), ``cash`` the change in cash, cost included, in whole smallest units of the
currency, ``decided`` the session of the decision, null where nobody decided. ``cost`` is the sum of
``commission``, ``spread`` and ``impact``; of a borrow row the fee."""

UNFILLED_SCHEMA: Mapping[str, Any] = {
    "date": pl.Date,
    "code": pl.String,
    "side": pl.String,
    "shares": pl.Int64,
    "reason": pl.String,
}
_NO_DAY = np.datetime64("NaT", "D")
_WORDS = tuple(dict.fromkeys(str(one) for one in (*Side, *Reason)))
_PLACE = {word: n for n, word in enumerate(_WORDS)}


@dataclass(frozen=True)
class Entries:
    """Rows of the ledger of one session and one side, each [k]; money in whole smallest units."""

    names: IntArray
    side: Side
    shares: IntArray
    price: FloatArray
    cash: IntArray
    reason: Reason | Sequence[Reason]
    decided: npt.NDArray[np.datetime64] | None = None
    commission: IntArray | None = None
    spread: IntArray | None = None
    impact: IntArray | None = None

    def cost(self) -> IntArray:
        """All costs, [k]."""
        total = np.zeros(len(self.names), dtype=np.int64)
        for one in (self.commission, self.spread, self.impact):
            total = total if one is None else total + one
        return total


@dataclass
class Book:
    """Rows as they come, by column, and the sum of their cash.

    Attributes
    ----------
    codes : tuple of str
    minor_units : int
        Smallest units of money per unit of the currency.
    total : int
        Cash of all rows, in smallest units.
    """

    codes: tuple[str, ...]
    minor_units: int
    total: int = 0
    num_trades: int = 0
    _columns: list[tuple[Any, ...]] = field(default_factory=list)
    _refused: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, day: date, rows: Entries) -> None:
        """Write rows down."""
        k = len(rows.names)
        if not k:
            return
        self.total += int(rows.cash.sum())
        self.num_trades += k if rows.decided is not None else 0
        zero = np.zeros(k, dtype=np.int64)
        reason = (
            np.full(k, _PLACE[rows.reason])
            if isinstance(rows.reason, Reason)
            else np.array([_PLACE[one] for one in rows.reason])
        )
        fee = -rows.cash if rows.side is Side.BORROW else rows.cost()
        self._columns.append(
            (
                np.full(k, np.datetime64(day, "D")),
                rows.names,
                np.full(k, _PLACE[rows.side]),
                rows.shares,
                rows.price,
                fee,
                reason,
                rows.cash,
                np.full(k, _NO_DAY) if rows.decided is None else rows.decided,
                zero if rows.commission is None else rows.commission,
                zero if rows.spread is None else rows.spread,
                zero if rows.impact is None else rows.impact,
            )
        )

    def refuse(self, day: date, name: int, side: Side, shares: int, why: Reason) -> None:
        """Write an order down that a session did not fill, or the rest of one."""
        self._refused.append((day, self.codes[name], side.value, shares, why.value))

    @property
    def num_refused(self) -> int:
        """Rows of orders that were not filled."""
        return len(self._refused)

    def ledger(self) -> pl.DataFrame:
        """All rows, as `LEDGER_SCHEMA` says."""
        if not self._columns:
            return pl.DataFrame(schema=dict(LEDGER_SCHEMA))
        columns = dict(
            zip(
                LEDGER_SCHEMA,
                (np.concatenate(one) for one in zip(*self._columns, strict=True)),
                strict=True,
            )
        )
        words = np.array(_WORDS, dtype=object)
        for name in ("side", "reason"):
            columns[name] = words[columns[name]]
        columns["code"] = np.array(self.codes, dtype=object)[columns["code"]]
        for name in ("cost", "cash", "commission", "spread", "impact"):
            columns[name] = columns[name] / self.minor_units
        made = {
            name: pl.Series(name, columns[name].tolist(), dtype=pl.String)
            if kind == pl.String
            else pl.Series(name, columns[name]).cast(kind)
            for name, kind in LEDGER_SCHEMA.items()
        }
        return pl.DataFrame(made)

    def unfilled(self) -> pl.DataFrame:
        """Orders that were not filled, as `UNFILLED_SCHEMA` says."""
        return pl.DataFrame(self._refused, schema=dict(UNFILLED_SCHEMA), orient="row")
