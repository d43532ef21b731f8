"""Tonight's orders: what of the way to the targets can be ordered before the market opens.

Everything is known at the decision: prices are the last closes, a name that did not trade or that
ended the session at its limit is not ordered, and what is bought is paid for by cash and by what is
sold. Orders are whole lots; what is held beyond whole lots stays. A backtest orders the targets
themselves and lets the next session decide; here nobody knows it yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from gogooku.core.metrics import FloatArray
from gogooku.core.terms import terms_of
from gogooku.core.ticks import tick_size
from gogooku.core.types import BoolArray, IntArray
from gogooku.portfolio.backtest import TradeConfig
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.book import Reason, Side
from gogooku.portfolio.costs import Traded
from gogooku.portfolio.fill_config import FillPrice
from gogooku.portfolio.fills import Offer
from gogooku.portfolio.orders import Orders, Slip, slip_of, within_budget, within_cap
from gogooku.portfolio.tonight import Account

ODD_LOT: Final = "odd_lot"
"""Shares beyond whole lots, which stay."""
SIDES: Final = (Side.SELL, Side.SHORT, Side.COVER, Side.BUY)
"""In the order in which they are given to a broker."""


@dataclass(frozen=True)
class Plan:
    """Orders of an evening.

    Attributes
    ----------
    orders : mapping
        For each of `SIDES`, shares by position, in the order of the targets.
    left : mapping
        By position, why the holding after all orders is not the target: values of
        `gogooku.portfolio.book.Reason`, or `ODD_LOT`.
    cash : float
        After all orders at the reference prices, costs paid.
    """

    orders: Mapping[Side, Mapping[int, int]]
    left: Mapping[int, tuple[str, ...]]
    cash: float

    def change_of(self, name: int) -> int:
        """Shares that the holding of a name changes by."""
        up = sum(self.orders[side].get(name, 0) for side in (Side.BUY, Side.COVER))
        return up - sum(self.orders[side].get(name, 0) for side in (Side.SELL, Side.SHORT))


def plan_orders(
    bars: MarketBars, t: int, account: Account, targets: Mapping[int, int], config: TradeConfig
) -> Plan:
    """Orders that bring an account from what it holds after session ``t`` towards its targets.

    Parameters
    ----------
    targets : mapping of int to int
        Shares by position; in order of rank, best first. What cash does not allow is scaled as a
        backtest does it, see `gogooku.portfolio.orders.within_budget`.
    """
    day, lot = bars.sessions[t].item(), config.lot_size
    whole = np.sign(account.shares_N) * (np.abs(account.shares_N) // lot * lot)
    slip = slip_of(Orders.of(targets, day), whole, lot=lot)
    making = _Making(bars, t, account, slip, config)
    for n in np.flatnonzero(account.shares_N != whole).tolist():
        making.leave(n, ODD_LOT)
    making.allow()
    making.spend()
    return Plan(
        orders={
            side: {
                int(n): int(count)
                for n, count in zip(slip.names, making.shares[side], strict=True)
                if count
            }
            for side in SIDES
        },
        left={n: tuple(why) for n, why in making.left.items()},
        cash=making.cash / making.per,
    )


@dataclass
class _Making:
    """A plan while it is made; money is in whole smallest units."""

    bars: MarketBars
    t: int
    account: Account
    slip: Slip
    config: TradeConfig
    left: dict[int, list[str]] = field(default_factory=dict)
    shares: dict[Side, IntArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.per = terms_of(self.bars.exchange.name).minor_units
        self.cash = self._units(np.array([self.account.cash])).item()
        self.held = self.account.shares_N.copy()
        self.offer = _reference(self.bars, self.t, self.slip.names, self.account, self.config)

    def leave(self, name: int, why: str) -> None:
        """Say why a holding will not be its target."""
        self.left.setdefault(name, []).append(why)

    def _leave(self, which: BoolArray, why: str) -> None:
        for name in self.slip.names[which].tolist():
            self.leave(name, why)

    def allow(self) -> None:
        """What the market lets through, as it is known: no lock, no halt, not too large."""
        slip, names = self.slip, self.slip.names
        down = slip.change < 0
        gone = ~self.bars.listed[self.t, names]
        still = np.isnan(self.offer.price) & ~gone
        locked = np.where(down, self.offer.no_sell, self.offer.no_buy) & ~gone & ~still
        self._leave(gone, Reason.DELISTED)
        self._leave(still, Reason.NO_TRADE)
        self._leave(locked & ~down, Reason.LIMIT_UP)
        self._leave(locked & down, Reason.LIMIT_DOWN)
        waiting = gone | still | locked
        closing, opening = within_cap(slip, self.offer, lot=self.config.lot_size)
        self._leave(~waiting & (closing + opening < slip.wanted), Reason.PARTICIPATION)
        if self.bars.lendable is not None:
            barred = down & (opening > 0) & ~self.bars.lendable[self.t, names]
            self._leave(barred & ~waiting, Reason.NOT_LENDABLE)
            opening = np.where(barred, 0, opening)
        closing, opening = np.where(waiting, 0, closing), np.where(waiting, 0, opening)
        self.shares = {
            Side.SELL: np.where(down, closing, 0),
            Side.SHORT: np.where(down, opening, 0),
            Side.COVER: np.where(down, 0, closing),
            Side.BUY: np.where(down, 0, opening),
        }

    def spend(self) -> None:
        """What cash and the limit of both sides together allow, the rest by rank."""
        self._take(Side.SELL, sign=-1)
        self._fit(Side.COVER, self._total, self.cash)
        self._take(Side.COVER, sign=1)
        self._fit(Side.SHORT, self._value, self._room())
        self._take(Side.SHORT, sign=-1)
        self._fit(Side.BUY, self._total, self._free())
        self._take(Side.BUY, sign=1)

    def _fit(self, side: Side, total_of: Callable[[IntArray], IntArray], budget: int) -> None:
        wanted = self.shares[side]
        kept = within_budget(wanted, total_of, budget=budget, lot=self.config.lot_size)
        self._leave(kept < wanted, Reason.CASH)
        self.shares[side] = kept

    def _take(self, side: Side, *, sign: int) -> None:
        counts = self.shares[side]
        value, charges = self._value(counts), self._charges(counts)
        if sign < 0:  # by costs a price does not fall below 0
            charges = np.minimum(charges, value)
        self.cash -= int((sign * value + charges).sum())
        self.held[self.slip.names] += sign * counts

    def _free(self) -> int:
        """Money to buy with: cash, less the collateral of what is sold short."""
        short = np.flatnonzero(self.held < 0)
        if not len(short):
            return self.cash
        owed = float(-self.held[short] @ self.account.last_N[short])
        return min(self.cash - math.ceil(owed * self.per), self._room())

    def _room(self) -> int:
        """What the limit of both sides together leaves."""
        names = np.flatnonzero(self.held)
        value = self.held[names] * self.account.last_N[names]
        equity = self.cash / self.per + float(value.sum())
        room = self.config.max_gross * equity - float(np.abs(value).sum())
        return max(math.floor(room * self.per), 0)

    def _total(self, counts: IntArray) -> IntArray:
        return np.asarray(self._value(counts) + self._charges(counts))

    def _value(self, counts: IntArray) -> IntArray:
        return self._units(np.where(counts > 0, counts * self.offer.buy_price, 0.0))

    def _charges(self, counts: IntArray) -> IntArray:
        """Costs of orders of these sizes."""
        value = np.where(counts > 0, counts * self.offer.buy_price, 0.0)
        traded = Traded(
            value=value,
            shares=counts,
            tick=self.offer.tick,
            mean_value=self.offer.mean_value,
            volatility=self.offer.volatility,
        )
        by_kind = np.where(counts > 0, self.config.costs.charges(traded).by_kind, 0.0)
        return np.asarray(self._units(by_kind).sum(axis=0))

    def _units(self, amount: FloatArray) -> IntArray:
        return np.rint(amount * self.per).astype(np.int64)


def _reference(
    bars: MarketBars, t: int, names: IntArray, account: Account, config: TradeConfig
) -> Offer:
    """What is known after session ``t`` of the session to come: its prices are the last closes."""
    closes = bars.price(t, FillPrice.CLOSE, names)
    price = np.where(np.isfinite(closes), account.last_N[names], np.nan)
    fine = None if bars.fine_ticks is None else bars.fine_ticks[t, names]
    mean_value = bars.traded_value(t, names, sessions=config.fills.lookback)
    most = None
    if config.fills.max_participation:
        most = np.floor(np.nan_to_num(config.fills.max_participation * mean_value / price))
    return Offer(
        price_of=lambda some: account.last_N[some],
        price=price,
        buy_price=price,
        sell_price=price,
        no_buy=(bars.limit_up[t, names] == 1.0) & (closes >= bars.high[t, names]),
        no_sell=(bars.limit_down[t, names] == 1.0) & (closes <= bars.low[t, names]),
        tick=tick_size(bars.exchange.name, price, fine),
        max_shares=most,
        mean_value=mean_value,
        volatility=bars.volatility(t, names, sessions=config.fills.lookback),
    )
