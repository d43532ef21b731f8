"""A cautious broker: whole lots, sells before buys, no debt, and no fill that the market refused.

`Broker` holds the account; `backtest` decides. Orders are target holdings per name, negative ones
sold short; what the market does not let through stays as a working order until it is filled,
replaced, or the name is gone. Money is counted in whole smallest units of the currency.

Proceeds of short sales stay with the lender as collateral: names are bought with what is left of
the cash when the value of the names sold short is set aside, and holdings of both signs together
are at most ``max_gross`` times equity when they are opened. An account that never sells short has
no debt; one that does may owe what a short sale lost, without interest, until its next sales.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import numpy as np

from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray
from gogooku.core.types import BoolArray, IntArray
from gogooku.portfolio.book import SIGN, Book, Entries, Reason, Side
from gogooku.portfolio.costs import CostConfig, Traded
from gogooku.portfolio.fills import Offer, PriceOf
from gogooku.portfolio.orders import Orders, Slip, rest_of, slip_of, within_budget, within_cap

_WHOLE, _PART = 1e-5, 0.01
"""Distance from a whole number of shares that rounding of the factor explains: relative to the
count, and in shares."""
_DUST = 1e-9
"""Relative error of sums of floats; money below it is no money."""


@dataclass(frozen=True)
class AccountTerms:
    """What an account agreed with its broker.

    Attributes
    ----------
    costs : CostConfig
    lot : int
        Shares per lot.
    minor_units : int
        Smallest units of money per unit of the currency.
    max_gross : float
        Largest value of holdings of both signs together, as a multiple of equity, that an order
        may bring about.
    haircut : float
        Share of the last close that a delisted name does not pay.
    dividend_tax : float
        Share of a dividend that is withheld.
    """

    costs: CostConfig
    lot: int
    minor_units: int = 1
    max_gross: float = 1.0
    haircut: float = 0.0
    dividend_tax: float = 0.0


@dataclass
class Fills:
    """What one session did, in the market's currency; ``unfilled`` and ``capped`` count orders."""

    equity: float
    traded: float = 0.0
    commission: float = 0.0
    spread: float = 0.0
    impact: float = 0.0
    borrow: float = 0.0
    dividends: float = 0.0
    unfilled: int = 0
    capped: int = 0

    @property
    def cost(self) -> float:
        """All costs together."""
        return self.commission + self.spread + self.impact + self.borrow


@dataclass
class Broker:
    """An account: cash, whole shares, the last price of every name, working orders, a book."""

    codes: tuple[str, ...]
    initial_cash: float
    terms: AccountTerms
    shares: IntArray = field(init=False)
    last: FloatArray = field(init=False)
    orders: Orders = field(default_factory=Orders.none)

    def __post_init__(self) -> None:
        """Open the account."""
        self.units = round(self.initial_cash * self.terms.minor_units)
        self._opened_with = self.units
        self.shares = np.zeros(len(self.codes), dtype=np.int64)
        self.last = np.full(len(self.codes), np.nan)
        self.book = Book(self.codes, self.terms.minor_units)
        self.today = Fills(equity=math.nan)
        self.has_shorted = False
        self._held: IntArray | None = None

    @property
    def held(self) -> IntArray:
        """Positions of the names that are held or sold short."""
        if self._held is None:
            self._held = (self.shares != 0).nonzero()[0]
        return self._held

    @property
    def is_short(self) -> bool:
        """Whether any name is sold short."""
        return bool(self.shares.min(initial=0) < 0)

    @property
    def cash(self) -> float:
        """In the market's currency."""
        return self.units / self.terms.minor_units

    def equity(self) -> float:
        """Cash and holdings at the last prices; names sold short count against it."""
        return self.cash + float(self.shares[self.held] @ self.last[self.held])

    # ------------------------------------------------------------------ before the session's fills

    def charge_borrow(self, day: date, days: int) -> None:
        """Pay the fee for names sold short, for the calendar days since the session before."""
        if not self.terms.costs.borrow_bps or not self.is_short:
            return
        names = self.held[self.shares[self.held] < 0]
        value = -self.shares[names] * self.last[names]
        rate = self.terms.costs.borrow(1.0, days)
        fee = np.ceil(value * rate * self.terms.minor_units - _DUST).astype(np.int64)
        self.enter(
            day,
            Entries(names, Side.BORROW, -self.shares[names], self.last[names], -fee, Reason.BORROW),
        )
        self.today.borrow += int(fee.sum()) / self.terms.minor_units

    def pay_dividends(self, day: date, dividend_N: FloatArray) -> None:
        """Cash on the ex-date, per share held at the close before; sold short it is owed gross."""
        names = self.held[dividend_N[self.held] > 0.0]
        if not len(names):
            return
        shares, each = self.shares[names], dividend_N[names]
        kept = np.where(shares > 0, 1.0 - self.terms.dividend_tax, 1.0)
        cash = self.to_units(shares * each * kept)
        self.enter(day, Entries(names, Side.DIVIDEND, np.abs(shares), each, cash, Reason.DIVIDEND))
        self.today.dividends += int(cash.sum()) / self.terms.minor_units

    def split(self, day: date, factor_N: FloatArray) -> None:
        """Apply the day's adjustment factors (0.5: two new shares for one) before its fills.

        A holding becomes whole shares and cash for the fraction; a working order keeps its share
        of the company, so that a sale of a few shares over a consolidation does not become one of
        all of them.
        """
        for name in ((factor_N != 1.0) & np.isfinite(factor_N)).nonzero()[0].tolist():
            factor = float(factor_N[name])
            self.last[name] *= factor
            self._split_order(name, factor)
            if held := int(self.shares[name]):
                exact = held / factor
                count = _whole(exact)
                left = 0.0 if _rounding(exact, count) else exact - count
                price = self.last[name : name + 1]
                self.shares[name] = count
                self.enter(
                    day,
                    Entries(
                        np.array([name]),
                        Side.SPLIT,
                        np.array([count - held]),
                        price.copy(),
                        self.to_units(left * price),
                        Reason.SPLIT,
                    ),
                )

    def _split_order(self, name: int, factor: float) -> None:
        for place in (self.orders.names == name).nonzero()[0].tolist():
            targets = self.orders.targets.copy()
            targets[place] = _whole(int(targets[place]) / factor)
            self.orders = self.orders._replace(targets=targets)

    def delist(self, day: date, listed_N: BoolArray) -> None:
        """Cash out holdings that are no longer listed; cancel their orders and write them down.

        A holding is paid its last close less the haircut; what was sold short is bought back at
        the last close.
        """
        stay = listed_N[self.orders.names]
        if not stay.all():
            self._cancel(day, stay)
        if listed_N[self.held].all():
            return
        gone = self.held[~listed_N[self.held]]
        self._pay_out(day, gone[self.shares[gone] > 0], Side.SELL)
        self._pay_out(day, gone[self.shares[gone] < 0], Side.COVER)

    def _cancel(self, day: date, stay: BoolArray) -> None:
        slip = slip_of(self.orders.at(~stay), self.shares, lot=self.terms.lot)
        every = np.ones(len(slip.names), dtype=np.bool_)
        self._refuse(day, slip, every, slip.wanted, Reason.DELISTED)
        self.today.unfilled += len(slip.names)
        self.orders = self.orders.at(stay)

    def _pay_out(self, day: date, names: IntArray, side: Side) -> None:
        if len(names):
            count, price = self.shares[names], self.last[names]
            price = price * (1.0 - self.terms.haircut) if side is Side.SELL else price
            self.shares[names] = 0
            cash = self.to_units(count * price)
            self.enter(day, Entries(names, side, np.abs(count), price, cash, Reason.DELISTED))

    # ----------------------------------------------------------------------------------- the fills

    def due(self) -> Slip:
        """Working orders that would trade something; the others are done."""
        return slip_of(self.orders, self.shares, lot=self.terms.lot)

    def fill(
        self,
        day: date,
        slip: Slip,
        offer: Offer,
        *,
        lendable_N: BoolArray | None = None,
        no_price: Reason = Reason.NO_OPEN,
    ) -> None:
        """Fill working orders: sales and covers first, then what cash and the limit allow.

        Every share of an order is traded or written down as not filled. What cash does not allow is
        bought later only while a sale still waits, which may bring it; else the next decision asks
        again.

        Parameters
        ----------
        slip : Slip
            What `due` gave.
        offer : Offer
            For the names of the slip.
        lendable_N : bool [N], optional
            Names that may be sold short; None for all.
        no_price : Reason
            Of a refusal where there is no price.
        """
        before, held = self.cash, self.shares[slip.names]
        self.today.equity = before + self._value(offer.price_of)
        self.orders = Orders.none()
        if not len(slip.names):
            return
        slip = self._allowed_shorts(day, slip, lendable_N)
        waiting = self._refusals(day, slip, offer, no_price)
        closing, opening, cut = self._capped(day, slip, offer, waiting)
        trade = _Trade(self, day, slip, offer)
        missed = trade.all(closing, opening)
        for why in (Reason.CASH, Reason.GROSS):
            if (shares := missed.get(why)) is not None:
                self._refuse(day, slip, shares > 0, shares, why)
        kept = waiting | cut
        if missed and (kept & slip.down).any():
            later = ~slip.down & (sum(missed.values()) > 0) & ~kept
            self.today.unfilled += int(later.sum())
            kept |= later
        if np.count_nonzero(kept):
            self.orders = rest_of(slip, kept)
        moved = self.shares[slip.names] - held
        gained = self.cash - before + float(moved @ np.where(moved, offer.price, 0.0))
        paid = self.today.commission + self.today.spread + self.today.impact
        size = max(abs(self.today.equity), abs(before), 1.0)
        rounding = 2.0 * len(moved) / self.terms.minor_units + _DUST * size
        assert abs(gained + paid + trade.off_mid) <= rounding, (
            "cash and holdings do not add up after the fills"
        )

    def mid(self, names: IntArray, price_of: PriceOf) -> FloatArray:
        """A session's prices of some names; where nobody traded the last price."""
        price = price_of(names)
        return np.where(np.isnan(price), self.last[names], price)

    def _value(self, price_of: PriceOf) -> float:
        return float(self.shares[self.held] @ self.mid(self.held, price_of))

    def mark(self, close_N: FloatArray, day: date) -> None:
        """Take the session's closes; a name that did not trade keeps its last price.

        Raises
        ------
        DataError
            Nothing is left of the account: a real one would have been closed before.
        """
        self.last = np.where(np.isfinite(close_N), close_N, self.last)
        equity = self.equity()
        assert self.units == self._opened_with + self.book.total, "cash and the ledger differ"
        assert math.isfinite(equity), "a holding has no price"
        assert self.has_shorted or self.units >= 0, f"cash {self.cash} is negative"
        if equity <= 0.0:
            why = "names sold short have risen" if self.has_shorted else "losses and commissions"
            raise DataError(
                f"backtest: on {day} equity is {equity:,.0f} after {why}: the account would "
                "have been closed; hold fewer names or less of each, or begin with more"
            )

    def start_session(self) -> None:
        """Begin to count what a session does."""
        self.today = Fills(equity=math.nan)

    # ------------------------------------------------------------------------------------ refusals

    def _refusals(self, day: date, slip: Slip, offer: Offer, no_price: Reason) -> BoolArray:
        """Orders that the market does not let through, written down; [k]."""
        up = ~slip.down
        waiting = np.isnan(offer.price)
        locked = np.where(up, offer.no_buy, offer.no_sell)
        if not np.count_nonzero(waiting | locked):
            return waiting
        locked &= ~waiting
        self._refuse(day, slip, waiting, slip.wanted, no_price)
        self._refuse(day, slip, locked & up, slip.wanted, Reason.LIMIT_UP)
        self._refuse(day, slip, locked & ~up, slip.wanted, Reason.LIMIT_DOWN)
        waiting |= locked
        self.today.unfilled += int(waiting.sum())
        return waiting

    def _capped(
        self, day: date, slip: Slip, offer: Offer, waiting: BoolArray
    ) -> tuple[IntArray, IntArray, BoolArray]:
        """Closing and opening shares that may be traded now, and which orders that cuts."""
        if offer.max_shares is None and not np.count_nonzero(waiting):
            return slip.closing, slip.opening, waiting
        closing, opening = within_cap(slip, offer, lot=self.terms.lot)
        if waiting.any():
            closing, opening = np.where(waiting, 0, closing), np.where(waiting, 0, opening)
        if offer.max_shares is None:
            return closing, opening, np.zeros_like(waiting)
        cut = ~waiting & (closing + opening < slip.wanted)
        self._refuse(day, slip, cut, slip.wanted - closing - opening, Reason.PARTICIPATION)
        self.today.capped += int(cut.sum())
        return closing, opening, cut

    def _allowed_shorts(self, day: date, slip: Slip, lendable_N: BoolArray | None) -> Slip:
        if lendable_N is None:
            return slip
        barred = (slip.change < 0) & (slip.opening > 0) & ~lendable_N[slip.names]
        self._refuse(day, slip, barred, slip.opening, Reason.NOT_LENDABLE)
        self.today.unfilled += int(barred.sum())
        return slip._replace(opening=np.where(barred, 0, slip.opening))

    def _refuse(
        self, day: date, slip: Slip, which: BoolArray, shares: IntArray, why: Reason
    ) -> None:
        some = which.nonzero()[0]
        if len(some):
            change = np.sign(slip.change[some]) * shares[some]
            self.book.refuse(day, slip.names[some], change, why)

    # -------------------------------------------------------------------------------------- money

    def to_units(self, amount: FloatArray) -> IntArray:
        """Amounts of the currency in whole smallest units, the nearest."""
        units = amount if self.terms.minor_units == 1 else amount * self.terms.minor_units
        return np.rint(units).astype(np.int64)

    def enter(self, day: date, rows: Entries) -> None:
        """Write rows down and move their cash."""
        self._held = None
        self.units += self.book.add(day, rows)


class _Quote(NamedTuple):
    """What orders come to, each [k]: their value, that and the costs by kind in smallest units."""

    traded: FloatArray
    value: IntArray
    by_kind: IntArray

    def at(self, places: IntArray) -> _Quote:
        """Of some of them."""
        return _Quote(self.traded[places], self.value[places], self.by_kind[:, places])


class _Trade:
    """Fills of one session, one kind after the other."""

    def __init__(self, broker: Broker, day: date, slip: Slip, offer: Offer) -> None:
        self.broker, self.day, self.slip, self.offer = broker, day, slip, offer
        self.off_mid = 0.0

    def all(self, closing: IntArray, opening: IntArray) -> dict[Reason, IntArray]:
        """Sell, buy back, sell short and buy; the shares [k] that were not traded, by why not."""
        missed: dict[Reason, IntArray] = {}

        def miss(why: Reason, shares: IntArray) -> None:
            if np.count_nonzero(shares):
                missed[why] = missed[why] + shares if why in missed else shares

        down = self.slip.down
        sold, shorts = closing * down, opening * down
        back, wanted = closing - sold, opening - shorts
        self.sell(Side.SELL, sold)
        if np.count_nonzero(back):
            budget = self.broker.units
            miss(Reason.CASH, back - self.buy(Side.COVER, back, budget=budget, lot=1))
        if np.count_nonzero(shorts):
            allowed = self.within_gross(shorts)
            miss(Reason.GROSS, shorts - allowed)
            self.sell(Side.SHORT, allowed)
        if np.count_nonzero(wanted):
            budget, bound = self.free()
            lot = self.broker.terms.lot
            miss(bound, wanted - self.buy(Side.BUY, wanted, budget=budget, lot=lot))
        return missed

    def sell(self, side: Side, shares: IntArray) -> None:
        """Sell shares, [k]."""
        places = shares.nonzero()[0]
        if len(places):
            count, price = shares[places], self.offer.sell_price[places]
            self._book(side, places, count, price, self._quote(places, count, price))

    def buy(self, side: Side, shares: IntArray, *, budget: int, lot: int) -> IntArray:
        """Buy what a budget allows; shares bought, [k]."""
        places = shares.nonzero()[0]
        price = self.offer.buy_price[places]
        quoted: list[_Quote] = []

        def total(counts: IntArray) -> IntArray:
            quoted[:] = [self._quote(places, counts, price)]
            return np.asarray(quoted[0].value + quoted[0].by_kind.sum(axis=0))

        bought = within_budget(shares[places], total, budget=budget, lot=lot)
        made = np.zeros_like(shares)
        made[places] = bought
        some = bought.nonzero()[0]
        if len(some) == len(places):
            self._book(side, places, bought, price, quoted[0])
        elif len(some):
            # What was quoted last is what is bought: within_budget ends with its total.
            quote = quoted[0].at(some)
            self._book(side, places[some], bought[some], price[some], quote)
        return made

    def within_gross(self, shares: IntArray) -> IntArray:
        """Shares to sell short that keep holdings of both signs within the limit."""
        places = np.flatnonzero(shares)
        if not len(places):
            return shares
        price = self.offer.sell_price[places]
        kept = shares.copy()
        kept[places] = within_budget(
            shares[places],
            lambda counts: self.broker.to_units(counts * price),
            budget=self._room(),
            lot=self.broker.terms.lot,
        )
        return kept

    def free(self) -> tuple[int, Reason]:
        """Money to buy with, and what bounds it: cash, less the collateral of what is sold short.

        Where names are sold short the limit of both signs together may leave less.
        """
        broker = self.broker
        if not broker.is_short:
            return broker.units, Reason.CASH
        short = broker.held[broker.shares[broker.held] < 0]
        owed = float(-broker.shares[short] @ broker.mid(short, self.offer.price_of))
        money, room = broker.units - math.ceil(owed * broker.terms.minor_units), self._room()
        return (money, Reason.CASH) if money <= room else (room, Reason.GROSS)

    def _room(self) -> int:
        """What the limit of both signs together leaves, in smallest units."""
        broker = self.broker
        value = broker.shares[broker.held] * broker.mid(broker.held, self.offer.price_of)
        equity = broker.cash + float(value.sum())
        room = broker.terms.max_gross * equity - float(np.abs(value).sum())
        return math.floor(room * broker.terms.minor_units)

    def _quote(self, places: IntArray, shares: IntArray, price: FloatArray) -> _Quote:
        """What orders of these sizes come to."""
        offer, broker = self.offer, self.broker
        value = shares * price
        traded = Traded(
            value=value,
            shares=shares,
            tick=offer.tick[places],
            mean_value=offer.mean_value[places],
            volatility=offer.volatility[places],
        )
        by_kind = broker.to_units(broker.terms.costs.charges(traded).by_kind)
        return _Quote(value, broker.to_units(value), by_kind)

    def _book(
        self, side: Side, places: IntArray, count: IntArray, price: FloatArray, quote: _Quote
    ) -> None:
        broker, names = self.broker, self.slip.names[places]
        traded, value, by_kind = quote
        sign = SIGN[side]
        broker.has_shorted |= side is Side.SHORT
        cost = by_kind.sum(axis=0)
        if sign < 0 and np.count_nonzero(cost > value):
            by_kind = _at_most(by_kind, value)
            cost = by_kind.sum(axis=0)
        orders = self.slip.orders
        refused = orders.refused[places]
        carried = refused > 0 if np.count_nonzero(refused) else None
        broker.shares[names] += sign * count
        mid = self.offer.price[places]
        broker.last[names] = mid
        broker.enter(
            self.day,
            Entries(
                names,
                side,
                count,
                price,
                -sign * value - cost,
                Reason.REBALANCE,
                carried=carried,
                decided=orders.decided[places],
                by_kind=by_kind,
            ),
        )
        self.off_mid += sign * float(traded.sum() - count @ mid)
        today, per = broker.today, broker.terms.minor_units
        commission, spread, impact = by_kind.sum(axis=1).tolist()
        today.traded += int(value.sum()) / per
        today.commission += commission / per
        today.spread += spread / per
        today.impact += impact / per


def _at_most(by_kind: IntArray, value: IntArray) -> IntArray:
    """Costs of sales that take no more than what is sold: by impact a price does not fall below 0.

    A least commission above the proceeds of a few shares is waived likewise.
    """
    before = np.cumsum(by_kind, axis=0) - by_kind
    return np.minimum(by_kind, np.maximum(value - before, 0))


def _whole(count: float) -> int:
    """Whole shares of an exact count: the nearest when rounding explains it, else towards zero."""
    nearest = round(count)
    return nearest if _rounding(count, nearest) else math.trunc(count)


def _rounding(exact: float, whole: int) -> bool:
    return abs(exact - whole) <= min(_WHOLE * abs(exact), _PART)
