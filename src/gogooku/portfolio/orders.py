"""Working orders of one session: what each would trade, what it may, and what cash allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple

import numpy as np

from gogooku.core.calendar import DateArray
from gogooku.core.types import BoolArray, IntArray
from gogooku.portfolio.fills import Offer

_UNBOUNDED = 1 << 62


class Orders(NamedTuple):
    """Target holdings of some names, in their order, each [k].

    Attributes
    ----------
    names, targets : int64
    decided : datetime64[D]
        Session of each decision.
    refused : int64
        Sessions that did not fill it.
    """

    names: IntArray
    targets: IntArray
    decided: DateArray
    refused: IntArray

    @classmethod
    def new(cls, names: IntArray, targets: IntArray, decided: date) -> Orders:
        """Orders of one decision."""
        days = np.empty(len(names), dtype="datetime64[D]")
        days.fill(np.datetime64(decided))
        return cls(names, targets, days, np.zeros(len(names), dtype=np.int64))

    @classmethod
    def of(cls, targets: Mapping[int, int], decided: date) -> Orders:
        """Orders of one decision, from targets by position."""
        count = len(targets)
        names = np.fromiter(targets, dtype=np.int64, count=count)
        return cls.new(names, np.fromiter(targets.values(), np.int64, count=count), decided)

    @property
    def by_name(self) -> dict[int, int]:
        """Targets by position."""
        return dict(zip(self.names.tolist(), self.targets.tolist(), strict=True))

    @classmethod
    def none(cls) -> Orders:
        """No order."""
        empty = np.empty(0, dtype=np.int64)
        return cls(empty, empty, np.empty(0, dtype="datetime64[D]"), empty)

    def at(self, places: IntArray | BoolArray) -> Orders:
        """Some of them."""
        return Orders(
            self.names[places], self.targets[places], self.decided[places], self.refused[places]
        )


class Slip(NamedTuple):
    """Working orders whose target is not what is held, in their order, each [k].

    Attributes
    ----------
    orders : Orders
    change : int64
        Target less holding.
    down : bool
        Orders that sell.
    closing : int64
        Shares that bring a holding nearer to zero: sold of what is held, or bought back.
    opening : int64
        Whole lots bought beyond that, or sold short.
    """

    orders: Orders
    change: IntArray
    down: BoolArray
    closing: IntArray
    opening: IntArray

    @property
    def names(self) -> IntArray:
        """The names, as positions on the axis of all."""
        return self.orders.names

    @property
    def wanted(self) -> IntArray:
        """Shares that would be traded."""
        return self.closing + self.opening


def slip_of(orders: Orders, shares_N: IntArray, *, lot: int) -> Slip:
    """Split orders into what closes a holding, of any size, and what opens one, in whole lots."""
    held = shares_N[orders.names]
    change = orders.targets - held
    size = np.abs(change)
    # Against the sign of the holding, and no further than zero.
    down = change < 0
    closing = np.minimum(size, np.abs(held)) * (down == (held > 0))
    opening = size - closing
    if lot > 1:
        opening = opening // lot * lot
    due = (closing + opening).nonzero()[0]
    if len(due) == len(change):
        return Slip(orders, change, down, closing, opening)
    return Slip(orders.at(due), change[due], down[due], closing[due], opening[due])


def within_cap(slip: Slip, offer: Offer, *, lot: int) -> tuple[IntArray, IntArray]:
    """Closing and opening shares that the largest share of traded value allows.

    In whole lots, but for the last shares of a holding.
    """
    if offer.max_shares is None:
        return slip.closing, slip.opening
    most = np.minimum(offer.max_shares, float(_UNBOUNDED)).astype(np.int64)
    closing = np.where(slip.closing <= most, slip.closing, most // lot * lot)
    opening = np.minimum(slip.opening, (most - closing) // lot * lot)
    return closing, opening


def within_budget(
    wanted: IntArray, total_of: Callable[[IntArray], IntArray], *, budget: int, lot: int
) -> IntArray:
    """Shares per name whose total is within a budget: all scaled alike, the rest by rank.

    The one way in which purchases beyond cash are cut, of the fills of a backtest and of the orders
    of an evening: what is bought stays near the weights that were decided.

    Parameters
    ----------
    wanted : int64 [k]
        Best first.
    total_of : function
        Shares [k] to what they take of the budget each, [k]; grows with the shares.
    budget : int
    lot : int
        Shares are cut in whole lots.
    """
    full = total_of(wanted)
    needed = int(full.sum())
    if needed <= budget:
        return wanted
    if budget <= 0:
        return np.zeros_like(wanted)
    counts = (wanted * (budget / needed)).astype(np.int64) // lot * lot
    lot_cost = [
        lot * a / b if b else 0.0 for a, b in zip(full.tolist(), wanted.tolist(), strict=True)
    ]
    left = float(budget - int(total_of(counts).sum()))
    bought = counts.tolist()
    for place, (count, cost) in enumerate(zip(wanted.tolist(), lot_cost, strict=True)):
        if cost > 0.0 and (lots := min((count - bought[place]) // lot, int(left / cost))) > 0:
            bought[place] += lots * lot
            left -= lots * cost
    return _trimmed(np.array(bought, dtype=np.int64), total_of, lot_cost, budget=budget, lot=lot)


def _trimmed(
    counts: IntArray,
    total_of: Callable[[IntArray], IntArray],
    lot_cost: list[float],
    *,
    budget: int,
    lot: int,
) -> IntArray:
    """Take lots off the last names until the exact total fits, or nothing is left."""
    while counts.any() and (over := int(total_of(counts).sum()) - budget) > 0:
        place = int(np.flatnonzero(counts)[-1])
        fewer = max(1, int(over / lot_cost[place])) * lot
        counts[place] = max(int(counts[place]) - fewer, 0)
    return counts


def rest_of(slip: Slip, keep: BoolArray) -> Orders:
    """Orders that stay for the next session, one refusal older."""
    kept = slip.orders.at(keep)
    return kept._replace(refused=kept.refused + 1)
