"""The limit of turnover, kept by what is ordered: in whole lots, from what is held.

What the limits of names, sectors and sides make necessary comes first and is traded anyway. The
rest goes from there towards the target as far as the turnover allows: all names alike in whole
lots, rounded towards what is held, and what that leaves by rank, the worst sold and the best bought
first. So a small account moves a lot at a time instead of standing still, and none trades more than
its limit. A neutrality or a beta is reached over several decisions.
"""

from __future__ import annotations

import numpy as np

from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray
from gogooku.portfolio.choice import Choice, Weighed
from gogooku.portfolio.decide import WHOLE, whole_lots


def within_turnover(choice: Choice, target: Weighed) -> Weighed:
    """Target weights as whole lots that ``limits.turnover`` lets be ordered; as given without it.

    Every weight that comes out is a number of shares at the prices of the decision: whole lots, or
    what is held and whole lots more or less. A name without a price has none.
    """
    if choice.config.limits.turnover == 0.0:
        return target
    way = _Way(choice, target.weights_N)
    share = way.go()
    notes = () if share == 1.0 else (f"turnover: {share:.0%} of the way to the target",)
    return Weighed(way.weights(), (*target.notes, *notes))


class _Way:
    """The way from what is held to a target, for the names of either, each [k]; money in floats."""

    def __init__(self, choice: Choice, weights_N: FloatArray) -> None:
        decision = choice.decision
        self.choice, self.lot = choice, decision.lot_size
        some = (decision.shares_N != 0) | (weights_N != 0.0)
        self.places = np.flatnonzero(some & np.isfinite(decision.price_N))
        self.price = decision.price_N[self.places]
        self.held = decision.shares_N[self.places]
        wanted = weights_N[self.places] * decision.equity / self.price
        same = np.abs(wanted - self.held) <= WHOLE * np.maximum(np.abs(self.held), 1)
        self.goal = np.where(same, self.held, whole_lots(wanted, self.lot))
        self.now = self.held.copy()
        self.last_first, self.best_first = self._orders_of_rank()

    def weights(self) -> FloatArray:
        """Where the way has come to, [N]."""
        out = np.zeros(len(self.choice.signal_N))
        out[self.places] = self.now * self.price / self.choice.decision.equity
        return out

    def go(self) -> float:
        """Go as far as the limit lets; gives the share of the way that it lets be gone."""
        self._into_limits()
        traded = float(np.abs(self.held - self.now) @ self.price)
        limit = 2.0 * self.choice.config.limits.turnover * self.choice.decision.equity
        room = max(limit - traded, 0.0)
        less, more = self._less(), self._more()
        sales, purchases = float(less @ self.price), float(more @ self.price)
        if sales + purchases <= room:
            self.now = self.goal.copy()
            return 1.0
        share = room / (sales + purchases)
        for_sales = share * sales
        left = for_sales
        for most in ((share * less).astype(np.int64), less):
            left = self._sell(most - (less - self._less()), left)
        left += room - for_sales
        for most in ((share * more).astype(np.int64), more):
            left = self._buy(most - (more - self._more()), left)
        self._sell(self._less(), left)
        return share

    def _less(self) -> IntArray:
        """Shares by which holdings of either sign have yet to shrink."""
        kept = np.where(np.sign(self.goal) == np.sign(self.now), np.abs(self.goal), 0)
        return np.asarray(np.maximum(np.abs(self.now) - kept, 0))

    def _more(self) -> IntArray:
        """Shares by which holdings of either sign have yet to grow."""
        there = np.where(np.sign(self.goal) == np.sign(self.now), np.abs(self.now), 0)
        return np.asarray(np.maximum(np.abs(self.goal) - there, 0))

    def _sell(self, shares: IntArray, room: float) -> float:
        """Shrink holdings in whole lots, or by all that is to go; the money that is left."""
        less = self._less()
        for k in self.last_first:
            count = min(int(shares[k]), int(less[k]), int(room / self.price[k] + WHOLE))
            if count < less[k]:
                count = count // self.lot * self.lot
            if count > 0:
                self.now[k] -= int(np.sign(self.now[k])) * count
                room -= count * float(self.price[k])
        return room

    def _buy(self, shares: IntArray, room: float) -> float:
        """Let holdings grow in whole lots within the limits of sides and sectors; money left."""
        side = np.where(self.now != 0, self.now, self.goal)
        free = [(inside, limit - self._value(inside)) for inside, limit in self._groups(side)]
        for k in self.best_first:
            if shares[k] <= 0 or self.now[k] * self.goal[k] < 0:
                continue
            price = float(self.price[k])
            most = min([room, *(value for inside, value in free if inside[k])])
            count = min(int(shares[k]), int(most / price + WHOLE)) // self.lot * self.lot
            if count > 0:
                self.now[k] += int(np.sign(self.goal[k])) * count
                room -= count * price
                free = [(one, value - count * price * float(one[k])) for one, value in free]
        return room

    def _into_limits(self) -> None:
        """Cut down what is held to the limits of names, sectors and sides, in whole lots.

        Towards the target, which keeps them: nothing is sold here to be bought again.
        """
        equity = self.choice.decision.equity
        caps = self.choice.name_caps[self.places] / self.choice.after_costs * equity
        most = whole_lots(caps / self.price, self.lot)
        above = np.abs(self.now) * self.price > caps * (1.0 + WHOLE)
        self.now = np.where(above, np.sign(self.now) * most, self.now)
        for inside, limit in self._groups(self.now):
            over, less = self._value(inside) - limit * (1.0 + WHOLE), self._less()
            for k in self.last_first:
                if over > 0.0 and inside[k] and less[k]:
                    lots = int(np.ceil(over / (self.price[k] * self.lot)))
                    count = min(lots * self.lot, int(less[k]))
                    self.now[k] -= int(np.sign(self.now[k])) * count
                    over -= count * float(self.price[k])

    def _groups(self, side_of: IntArray) -> list[tuple[np.ndarray, float]]:
        """Each side, and each side of a sector: who is in it, and the most it may be worth."""
        config, decision = self.choice.config, self.choice.decision
        whole = config.exposure / self.choice.after_costs * decision.equity
        signs = np.sign(side_of)
        sides = [(signs == sign, whole) for sign in (1, -1)]
        if config.limits.sector == 0.0:
            return sides
        sector = decision.past.sector[self.places]
        part = config.limits.sector * decision.equity
        of_sectors = [
            (inside & (sector == one), part) for inside, _ in sides for one in np.unique(sector)
        ]
        return [*of_sectors, *sides]

    def _value(self, inside: np.ndarray) -> float:
        return float(np.abs(self.now[inside]) @ self.price[inside])

    def _orders_of_rank(self) -> tuple[list[int], list[int]]:
        """Places on this axis: those to be sold first, and those to be bought first."""
        seat = np.full(len(self.choice.signal_N), np.inf)
        for side in (self.choice.long, self.choice.short):
            seat[side] = np.arange(len(side))
        rank = seat[self.places]
        merit = np.sign(self.held) * self.choice.signal_N[self.places]
        leaves = np.where(np.sign(self.goal) == np.sign(self.held), rank, np.inf)
        sold = np.lexsort((np.nan_to_num(merit, nan=-np.inf), -leaves))
        return sold.tolist(), np.argsort(rank, kind="stable").tolist()
