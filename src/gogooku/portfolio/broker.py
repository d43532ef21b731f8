"""A cautious broker: whole lots, sells before buys, no debt, and no fill that the market refused.

`Broker` holds the account; `backtest` decides. Orders are target holdings per name, negative ones
sold short; what the market does not let through stays as a working order until it is filled,
replaced, or the name is gone. Money is counted in whole smallest units of the currency.

Proceeds of short sales stay with the lender as collateral: names are bought with what is left of
the cash when the value of the names sold short is set aside, and holdings of both signs together
are at most ``max_gross`` times equity when they are opened.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray
from gogooku.core.types import BoolArray, IntArray
from gogooku.portfolio.book import SIGN, Book, Entries, Reason, Side
from gogooku.portfolio.costs import CostConfig, Traded
from gogooku.portfolio.fills import Offer
from gogooku.portfolio.orders import Order, Slip, rest_of, slip_of, within_budget, within_cap

_WHOLE = 1e-5
"""Relative distance from a whole number of shares that rounding of the factor explains."""
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
    orders: dict[int, Order] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open the account."""
        self.units = round(self.initial_cash * self.terms.minor_units)
        self._opened_with = self.units
        self.shares = np.zeros(len(self.codes), dtype=np.int64)
        self.last = np.full(len(self.codes), np.nan)
        self.book = Book(self.codes, self.terms.minor_units)
        self.today = Fills(equity=math.nan)

    @property
    def cash(self) -> float:
        """In the market's currency."""
        return self.units / self.terms.minor_units

    def equity(self) -> float:
        """Cash and holdings at the last prices; names sold short count against it."""
        held = np.flatnonzero(self.shares)
        return self.cash + float(self.shares[held] @ self.last[held])

    # ------------------------------------------------------------------ before the session's fills

    def charge_borrow(self, day: date, days: int) -> None:
        """Pay the fee for names sold short, for the calendar days since the session before."""
        names = np.flatnonzero(self.shares < 0)
        if not len(names) or not self.terms.costs.borrow_bps:
            return
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
        names = np.flatnonzero((np.nan_to_num(dividend_N, nan=0.0) > 0.0) & (self.shares != 0))
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
        for name in np.flatnonzero(np.isfinite(factor_N) & (factor_N != 1.0)).tolist():
            factor = float(factor_N[name])
            self.last[name] *= factor
            if name in self.orders:
                order = self.orders[name]
                self.orders[name] = Order(
                    _whole(order.target / factor), order.decided, order.refused
                )
            if held := int(self.shares[name]):
                exact = held / factor
                count = _whole(exact)
                left = 0.0 if abs(exact - count) <= _WHOLE * abs(exact) else exact - count
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

    def delist(self, day: date, listed_N: BoolArray) -> None:
        """Cash out holdings that are no longer listed; cancel their orders.

        A holding is paid its last close less the haircut; what was sold short is bought back at
        the last close.
        """
        gone = (self.shares != 0) & ~listed_N
        for side in (Side.SELL, Side.COVER):
            names = np.flatnonzero(
                gone & (self.shares > 0 if side is Side.SELL else self.shares < 0)
            )
            if len(names):
                count, price = self.shares[names], self.last[names]
                price = price * (1.0 - self.terms.haircut) if side is Side.SELL else price
                self.shares[names] = 0
                cash = self.to_units(count * price)
                self.enter(day, Entries(names, side, np.abs(count), price, cash, Reason.DELISTED))
        self.orders = {name: order for name, order in self.orders.items() if listed_N[name]}

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
        prices = np.where(np.isfinite(offer.price_N), offer.price_N, self.last)
        held = np.flatnonzero(self.shares)
        before = self.cash + float(self.shares[held] @ prices[held])
        self.today.equity = before
        self.orders = {}
        if not len(slip.names):
            return
        slip = self._allowed_shorts(day, slip, lendable_N)
        waiting = self._refusals(day, slip, offer, no_price)
        closing, opening = within_cap(slip, offer, lot=self.terms.lot)
        cut = ~waiting & (closing + opening < slip.wanted)
        rest = np.where(cut, slip.wanted - closing - opening, 0)
        self._refuse(day, slip, cut, rest, Reason.PARTICIPATION)
        self.today.capped += int(cut.sum())
        closing, opening = np.where(waiting, 0, closing), np.where(waiting, 0, opening)
        down = slip.change < 0
        trade = _Trade(self, day, slip, offer, prices)
        trade.sell(Side.SELL, np.where(down, closing, 0))
        trade.buy(Side.COVER, np.where(down, 0, closing), budget=self.units, lot=1)
        trade.sell(Side.SHORT, trade.within_gross(np.where(down, opening, 0)))
        trade.buy(Side.BUY, np.where(down, 0, opening), budget=trade.free(), lot=self.terms.lot)
        self.orders = rest_of(slip, waiting | cut)
        held = np.flatnonzero(self.shares)
        after = self.cash + float(self.shares[held] @ prices[held])
        paid = self.today.commission + self.today.spread + self.today.impact
        rounding = 2.0 * len(slip.names) / self.terms.minor_units + _DUST * max(abs(before), 1.0)
        assert abs(after + paid + trade.off_mid - before) <= rounding, (
            "cash and holdings do not add up after the fills"
        )

    def mark(self, close_N: FloatArray, day: date) -> None:
        """Take the session's closes; a name that did not trade keeps its last price.

        Raises
        ------
        DataError
            Names sold short have eaten up the account: a real one would have been closed before.
        """
        self.last = np.where(np.isfinite(close_N), close_N, self.last)
        assert self.units == self._opened_with + self.book.total, "cash and the ledger differ"
        assert math.isfinite(self.equity()), "a holding has no price"
        if (self.shares < 0).any() and (self.units < 0 or self.equity() <= 0.0):
            raise DataError(
                f"backtest: on {day} equity is {self.equity():,.0f} and cash {self.cash:,.0f} with "
                "names sold short: the account would have been closed; hold fewer of them or less "
                "of each"
            )
        assert self.units >= 0, f"cash {self.cash} is negative"

    def start_session(self) -> None:
        """Begin to count what a session does."""
        self.today = Fills(equity=math.nan)

    # ------------------------------------------------------------------------------------ refusals

    def _refusals(self, day: date, slip: Slip, offer: Offer, no_price: Reason) -> BoolArray:
        """Orders that the market does not let through, written down; [k]."""
        up = slip.change > 0
        waiting = np.isnan(offer.price_N[slip.names])
        self._refuse(day, slip, waiting, slip.wanted, no_price)
        for side, lock, why in (
            (up, offer.no_buy, Reason.LIMIT_UP),
            (~up, offer.no_sell, Reason.LIMIT_DOWN),
        ):
            locked = side & lock & ~waiting
            self._refuse(day, slip, locked, slip.wanted, why)
            waiting |= locked
        self.today.unfilled += int(waiting.sum())
        return waiting

    def _allowed_shorts(self, day: date, slip: Slip, lendable_N: BoolArray | None) -> Slip:
        if lendable_N is None:
            return slip
        barred = (slip.change < 0) & (slip.opening > 0) & ~lendable_N[slip.names]
        self._refuse(day, slip, barred, slip.opening, Reason.NOT_LENDABLE)
        self.today.unfilled += int(barred.sum())
        return replace(slip, opening=np.where(barred, 0, slip.opening))

    def _refuse(
        self, day: date, slip: Slip, which: BoolArray, shares: IntArray, why: Reason
    ) -> None:
        for one in np.flatnonzero(which).tolist():
            side = Side.BUY if slip.change[one] > 0 else Side.SELL
            self.book.refuse(day, int(slip.names[one]), side, int(shares[one]), why)

    # -------------------------------------------------------------------------------------- money

    def to_units(self, amount: FloatArray) -> IntArray:
        """Amounts of the currency in whole smallest units, the nearest."""
        return np.rint(amount * self.terms.minor_units).astype(np.int64)

    def enter(self, day: date, rows: Entries) -> None:
        """Write rows down and move their cash."""
        self.units += int(rows.cash.sum())
        self.book.add(day, rows)


class _Trade:
    """Fills of one session, one kind after the other."""

    def __init__(
        self, broker: Broker, day: date, slip: Slip, offer: Offer, prices: FloatArray
    ) -> None:
        self.broker, self.day, self.slip, self.offer = broker, day, slip, offer
        self.mid_N = prices
        self.off_mid = 0.0

    def sell(self, side: Side, shares: IntArray) -> None:
        self._book(side, shares, self.offer.sell_price)

    def buy(self, side: Side, shares: IntArray, *, budget: int, lot: int) -> None:
        places = np.flatnonzero(shares)
        if not len(places):
            return
        price = self.offer.buy_price[places]

        def total(counts: IntArray) -> IntArray:
            units = self.broker.to_units
            charges = self._charges(places, counts, price)
            return units(counts * price) + sum(map(units, charges), np.zeros_like(counts))

        bought = np.zeros_like(shares)
        bought[places] = within_budget(shares[places], total, budget=budget, lot=lot)
        self._book(side, bought, self.offer.buy_price)

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

    def free(self) -> int:
        """Money to buy with: cash, less the collateral of what is sold short."""
        broker = self.broker
        short = np.flatnonzero(broker.shares < 0)
        if not len(short):
            return broker.units
        owed = float(-broker.shares[short] @ self.mid_N[short])
        return min(broker.units - math.ceil(owed * broker.terms.minor_units), self._room())

    def _room(self) -> int:
        """What the limit of both signs together leaves, in smallest units."""
        broker = self.broker
        held = np.flatnonzero(broker.shares)
        value = broker.shares[held] * self.mid_N[held]
        equity = broker.cash + float(value.sum())
        room = broker.terms.max_gross * equity - float(np.abs(value).sum())
        return math.floor(room * broker.terms.minor_units)

    def _charges(
        self, places: IntArray, shares: IntArray, price: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        made = self.broker.terms.costs.charges(
            Traded(
                value=shares * price,
                shares=shares.astype(np.float64),
                tick=self.offer.tick[places],
                mean_value=self.offer.mean_value[places],
                volatility=self.offer.volatility[places],
            )
        )
        return made.commission, made.spread, made.impact

    def _book(self, side: Side, shares: IntArray, price: FloatArray) -> None:
        places = np.flatnonzero(shares)
        if not len(places):
            return
        broker, names = self.broker, self.slip.names[places]
        count, price = shares[places], price[places]
        commission, spread, impact = map(broker.to_units, self._charges(places, count, price))
        value, sign = broker.to_units(count * price), SIGN[side]
        orders = [self.slip.orders[one] for one in places.tolist()]
        broker.shares[names] += sign * count
        broker.last[names] = self.mid_N[names]
        broker.enter(
            self.day,
            Entries(
                names,
                side,
                count,
                price,
                -sign * value - commission - spread - impact,
                [Reason.CARRIED if one.refused else Reason.REBALANCE for one in orders],
                decided=np.array([one.decided for one in orders], dtype="datetime64[D]"),
                commission=commission,
                spread=spread,
                impact=impact,
            ),
        )
        self.off_mid += float((sign * count * (price - self.mid_N[names])).sum())
        today, per = broker.today, broker.terms.minor_units
        today.traded += int(value.sum()) / per
        today.commission += int(commission.sum()) / per
        today.spread += int(spread.sum()) / per
        today.impact += int(impact.sum()) / per


def _whole(count: float) -> int:
    """Whole shares of an exact count: the nearest when rounding explains it, else towards zero."""
    nearest = round(count)
    return nearest if abs(count - nearest) <= _WHOLE * abs(count) else math.trunc(count)
