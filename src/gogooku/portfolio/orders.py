"""Working orders of one session: what each would trade, what it may, and what cash allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gogooku.core.types import BoolArray, IntArray
from gogooku.portfolio.fills import Offer

_UNBOUNDED = 1 << 62


class Order(NamedTuple):
    """A target holding of one name; ``refused`` counts the sessions that did not fill it."""

    target: int
    decided: date
    refused: int = 0


@dataclass(frozen=True)
class Slip:
    """Working orders whose target is not what is held, in their order, each [k].

    Attributes
    ----------
    names : int64
    orders : tuple of Order
    change : int64
        Target less holding.
    closing : int64
        Shares that bring a holding nearer to zero: sold of what is held, or bought back.
    opening : int64
        Whole lots bought beyond that, or sold short.
    """

    names: IntArray
    orders: tuple[Order, ...]
    change: IntArray
    closing: IntArray
    opening: IntArray

    @cached_property
    def any_carried(self) -> bool:
        """Whether an earlier session did not fill one of them, or filled it in part."""
        return any(refused for _, _, refused in self.orders)

    @cached_property
    def wanted(self) -> IntArray:
        """Shares that would be traded."""
        return self.closing + self.opening


def slip_of(orders: Mapping[int, Order], shares_N: IntArray, *, lot: int) -> Slip:
    """Split orders into what closes a holding, of any size, and what opens one, in whole lots."""
    names = np.fromiter(orders, dtype=np.int64, count=len(orders))
    every = list(orders.values())
    targets = np.array([target for target, _, _ in every], dtype=np.int64)
    held = shares_N[names]
    change = targets - held
    # Against the sign of the holding, and no further than zero.
    closing = np.where((change < 0) == (held > 0), np.minimum(np.abs(change), np.abs(held)), 0)
    opening = (np.abs(change) - closing) // lot * lot
    due = np.flatnonzero(closing + opening)
    return Slip(
        names=names[due],
        orders=tuple([every[one] for one in due.tolist()]),
        change=change[due],
        closing=closing[due],
        opening=opening[due],
    )


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
    return trimmed(np.array(bought, dtype=np.int64), total_of, lot_cost, budget=budget, lot=lot)


def trimmed(
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


def rest_of(slip: Slip, keep: BoolArray) -> dict[int, Order]:
    """Orders that stay for the next session, one refusal older."""
    return {
        int(slip.names[one]): Order(
            slip.orders[one].target, slip.orders[one].decided, slip.orders[one].refused + 1
        )
        for one in np.flatnonzero(keep).tolist()
    }
