"""The books of an account: every change of a holding and of cash, in whole units of money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.core.metrics import FloatArray
from gogooku.core.types import BoolArray, IntArray


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
    CASH = "cash"
    """The cash was not there, or what was left did not pay for another lot."""
    GROSS = "gross"
    """Holdings of both signs together would have been above their limit."""


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
"""One row per order, session and reason: the shares that were ordered, in whole lots, and not
traded. Per order and session the shares of the ledger and these make up the order."""
_KINDS = ("commission", "spread", "impact")
_WORDS = pl.Series(list(dict.fromkeys(str(one) for one in (*Side, *Reason))), dtype=pl.String)
_PLACE: Mapping[str, int] = {word: n for n, word in enumerate(_WORDS.to_list())}


class Entries(NamedTuple):
    """Rows of the ledger of one session and one side, each [k]; money in whole smallest units."""

    names: IntArray
    side: Side
    shares: IntArray
    price: FloatArray
    cash: IntArray
    reason: Reason
    carried: BoolArray | None = None
    """Rows whose reason is `Reason.CARRIED` instead."""
    decided: DateArray | None = None
    """Session of each decision."""
    by_kind: IntArray | None = None
    """Commission, spread and impact [3, k]."""


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
    _rows: list[tuple[date, Entries]] = field(default_factory=list)
    _refused: list[tuple[date, IntArray, IntArray, IntArray, Reason]] = field(default_factory=list)

    def add(self, day: date, rows: Entries) -> int:
        """Write rows down; gives the sum of their cash."""
        cash = int(rows.cash.sum())
        self.total += cash
        self.num_trades += len(rows.names) if rows.decided is not None else 0
        self._rows.append((day, rows))
        return cash

    def refuse(self, day: date, names: IntArray, change: IntArray, why: Reason) -> None:
        """Write orders down that a session did not fill, or the rest of them.

        Parameters
        ----------
        names : int64 [k]
        change : int64 [k]
            Shares that were not traded, negative of a sale.
        why : Reason
        """
        bought = np.where(change > 0, _PLACE[Side.BUY], _PLACE[Side.SELL])
        self._refused.append((day, names, bought, np.abs(change), why))

    def ledger(self) -> pl.DataFrame:
        """All rows, as `LEDGER_SCHEMA` says."""
        if not self._rows:
            return pl.DataFrame(schema=dict(LEDGER_SCHEMA))
        entries = [rows for _, rows in self._rows]
        counts = np.array([len(rows.names) for rows in entries])
        days = np.array([day for day, _ in self._rows], dtype="datetime64[D]")
        longest = int(counts.max())
        by_kind = _joined(entries, "by_kind", np.zeros((3, longest), dtype=np.int64))
        carried = _joined(entries, "carried", np.zeros(longest, dtype=np.bool_))
        nobody = np.full(longest, "NaT", dtype="datetime64[D]")
        cash = np.concatenate([rows.cash for rows in entries])
        side = self._repeated([rows.side for rows in entries], counts)
        reason = self._repeated([rows.reason for rows in entries], counts)
        fee = np.where(side == _PLACE[Side.BORROW], -cash, by_kind.sum(axis=0))
        codes = pl.Series(self.codes, dtype=pl.String)
        return pl.DataFrame(
            {
                "date": np.repeat(days, counts),
                "code": codes.gather(np.concatenate([rows.names for rows in entries])),
                "side": _WORDS.gather(side),
                "shares": np.concatenate([rows.shares for rows in entries]),
                "price": np.concatenate([rows.price for rows in entries]),
                "cost": fee / self.minor_units,
                "reason": _WORDS.gather(np.where(carried, _PLACE[Reason.CARRIED], reason)),
                "cash": cash / self.minor_units,
                "decided": _joined(entries, "decided", nobody),
                **{
                    name: values / self.minor_units
                    for name, values in zip(_KINDS, by_kind, strict=True)
                },
            },
            schema=dict(LEDGER_SCHEMA),
        )

    @staticmethod
    def _repeated(words: Sequence[Side | Reason], counts: IntArray) -> IntArray:
        return np.repeat(np.array([_PLACE[word] for word in words]), counts)

    def unfilled(self) -> pl.DataFrame:
        """Orders that were not filled, as `UNFILLED_SCHEMA` says."""
        if not self._refused:
            return pl.DataFrame(schema=dict(UNFILLED_SCHEMA))
        days, names, sides, shares, reasons = zip(*self._refused, strict=True)
        counts = np.array([len(one) for one in names])
        return pl.DataFrame(
            {
                "date": np.repeat(np.array(days, dtype="datetime64[D]"), counts),
                "code": pl.Series(self.codes, dtype=pl.String).gather(np.concatenate(names)),
                "side": _WORDS.gather(np.concatenate(sides)),
                "shares": np.concatenate(shares),
                "reason": _WORDS.gather(self._repeated(reasons, counts)),
            },
            schema=dict(UNFILLED_SCHEMA),
        )


def _joined(entries: Sequence[Entries], name: str, nothing: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array of all rows in one, along the last axis; ``nothing`` where entries have none."""
    parts = [getattr(rows, name) for rows in entries]
    filled = [
        nothing[..., : len(rows.names)] if part is None else part
        for rows, part in zip(entries, parts, strict=True)
    ]
    return np.concatenate(filled, axis=-1)
