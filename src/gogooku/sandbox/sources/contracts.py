"""Listed contracts: underlyings, expiries, strikes and codes.

Contracts of index products settle on the second Friday of their month (weekly ones on the other
Fridays), the last trading day is the session before. A strike once listed stays listed: it enters
when the underlying, at any session since its tier was opened, came close enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import INDEX_START, Market
from gogooku.sandbox.market.quirks import BoolArray, IntArray
from gogooku.sandbox.sources.companies import (
    Days,
    forward_fill,
    month_end,
    month_number,
    stream,
)
from gogooku.sandbox.sources.indices import index_levels
from gogooku.sandbox.sources.smile import (
    SKEW_SD,
    SLOPE_SD,
    TWIST_SD,
    trailing_level,
    wandering,
)

NIKKEI_SCALE: Final = 12.0
"""The 225 index is the mean name's index times this: it starts at 24,000."""
NUM_STOCK_UNDERLYINGS: Final = 5
NIKKEI, TOPIX, BOND, STOCK = 0, 1, 2, 3
"""Places of the underlyings; stocks follow one after another."""
_BOND_START, _BOND_SD = 145.0, 0.0022
_LONG_RUN: Final = (0.18, 0.17, 0.035)
_STOCK_LONG_RUN: Final = 0.33


@dataclass(frozen=True)
class Underlyings:
    """Prices of everything that contracts are written on; T sessions, U underlyings.

    Attributes
    ----------
    path : float64 [T, U, 5]
        Close before, open, high, low, close, on the basis before any adjustment factor.
    product : float64 [T, U]
        Product of adjustment factors; 1 for indices.
    level, long_run : float64 [T, U] and [U]
        Volatility level known after each session, and its long-run mean; decimals per year.
    slope, skew, twist : float64 [T, U]
        Slope of its term structure, its skew as a multiple of `smile.SKEW`, and what parts its
        wings; waves of their own.
    rate : float64 [T]
        Interest rate, continuous, decimal per year.
    names : tuple of str [U]
        ``-``, or the code of a stock.
    listed : bool [T, U]
    """

    path: FloatArray
    product: FloatArray
    level: FloatArray
    long_run: FloatArray
    slope: FloatArray
    skew: FloatArray
    twist: FloatArray
    rate: FloatArray
    names: tuple[str, ...]
    listed: BoolArray


def underlyings(market: Market) -> Underlyings:
    """Indices of the market, a bond future of its own, and some stocks listed from the start."""
    index = _with_before(market.index, start=INDEX_START)
    topix = _with_before(index_levels(market).topix, start=INDEX_START)
    bond = _bond(market)
    stocks = np.flatnonzero(market.listed[0] & ~np.isnan(market.close[0]))[:NUM_STOCK_UNDERLYINGS]
    factor = np.nan_to_num(market.adjustment_factor[:, stocks], nan=1.0)
    product = np.cumprod(factor, axis=0, dtype=np.float64)
    paths = [NIKKEI_SCALE * index, topix, bond]
    paths += [
        _stock_path(market, int(stock), product[:, place]) for place, stock in enumerate(stocks)
    ]
    path = np.stack(paths, axis=1)
    long_run = np.array([*_LONG_RUN, *[_STOCK_LONG_RUN] * len(stocks)])
    early = market.sessions < np.datetime64("2024-03-19")
    always = np.ones((len(path), STOCK))
    shape = (len(path), len(long_run))
    return Underlyings(
        path=path,
        product=np.concatenate([always, product], axis=1),
        level=trailing_level(path[:, :, 4], start=long_run),
        long_run=long_run,
        slope=SLOPE_SD * wandering(shape, rng=stream(market, 10)),
        skew=np.exp(SKEW_SD * wandering(shape, rng=stream(market, 11))),
        twist=TWIST_SD * wandering(shape, rng=stream(market, 12)),
        rate=np.where(early, 0.001, 0.0025),
        names=("-", "-", "-", *(market.codes[stock] for stock in stocks)),
        listed=np.concatenate([always > 0, market.listed[:, stocks]], axis=1),
    )


def _with_before(bars: FloatArray, *, start: float) -> FloatArray:
    before = np.concatenate([[start], bars[:-1, 3]])
    path: FloatArray = np.column_stack([before, bars])
    return path


def _bond(market: Market) -> FloatArray:
    """Bars of the ten-year bond future: a slow reverting walk of its own."""
    rng, count = stream(market, 7), len(market.sessions)
    shocks = _BOND_SD * rng.standard_normal((count, 2))
    log, rows = 0.0, []
    for night, day in shocks:
        opened = 0.997 * log + 0.5 * night
        closed = opened + day
        rows.append((opened, max(opened, closed), min(opened, closed), closed))
        log = closed
    return _with_before(_BOND_START * np.exp(np.array(rows)), start=_BOND_START)


def _stock_path(market: Market, stock: int, product: FloatArray) -> FloatArray:
    """Bars of a stock on its first basis; sessions without a trade repeat the last close."""
    close = forward_fill(market.close[:, stock] / product)
    bars = [
        np.where(np.isnan(values[:, stock]), close, values[:, stock] / product)
        for values in (market.open_, market.high, market.low)
    ]
    return _with_before(np.column_stack([*bars, close]), start=float(close[0]))


@dataclass(frozen=True)
class Product:
    """A product: its name, underlying, contract months, life and strikes.

    Attributes
    ----------
    name : str
        ``ProdCat``.
    prefix : str
        First two digits of the code (of puts; calls have the next number).
    months : tuple of int
        Months of the year that have a contract; empty for weekly contracts.
    life_days : int
        Calendar days from listing to expiry; quarterly months live ``quarterly_days``.
    unit : float
        Smallest strike step at ``reference``, halved or doubled with the price level.
    tiers : tuple of (steps, band, sessions)
        Strikes every ``steps`` units within ``band`` of the price in the last ``sessions``.
    tick : float
        Price step of quotes and settlement.
    lot : float
        Underlying units per contract.
    volume : float
        Usual contracts traded at the money.
    """

    name: str
    underlying: int
    prefix: str
    months: tuple[int, ...]
    life_days: int
    quarterly_days: int
    tick: float
    lot: float
    volume: float
    unit: float = 1.0
    reference: float = 1.0
    strike_step: float = 1.0
    tiers: tuple[tuple[int, float, int], ...] = ()
    since: date = date(2000, 1, 1)


@dataclass(frozen=True)
class Contract:
    """One expiry of a product; rows are sessions, 0 is the first delivered one.

    ``listed_row`` may be negative; ``last_row`` is the last trading day, ``sq_row`` the session of
    the special quotation; ``digits`` are the three digits of the code, ``month`` the ``CM``.
    """

    product: Product
    digits: str
    month: str
    listed_row: int
    last_row: int
    sq_row: int
    expiry: Any


_EVERY: Final = tuple(range(1, 13))
_QUARTERLY: Final = (3, 6, 9, 12)
_INDEX_TIERS: Final = ((1, 0.03, 42), (2, 0.08, 84), (4, 0.16, 400))
OPTION_PRODUCTS: Final = (
    Product(
        "NK225E", NIKKEI, "13", _EVERY, 125, 300, 1.0, 1_000.0, 400.0,
        unit=125.0, reference=24_000.0, strike_step=25.0, tiers=_INDEX_TIERS,
    ),
    Product(
        "NK225MWE", NIKKEI, "43", (), 21, 21, 1.0, 100.0, 300.0,
        unit=125.0, reference=24_000.0, strike_step=25.0, tiers=((2, 0.05, 400),),
        since=date(2023, 5, 29),
    ),
    Product(
        "TOPIXE", TOPIX, "23", _QUARTERLY, 190, 190, 0.5, 10_000.0, 20.0,
        unit=25.0, reference=2_000.0, strike_step=5.0, tiers=((1, 0.05, 60), (2, 0.1, 400)),
    ),
    Product(
        "JGBLFE", BOND, "33", _EVERY, 70, 70, 0.01, 1_000_000.0, 30.0,
        unit=0.5, reference=145.0, strike_step=0.5, tiers=((1, 0.015, 400),),
    ),
)  # fmt: skip
FUTURE_PRODUCTS: Final = (
    Product("NK225F", NIKKEI, "16", _QUARTERLY, 450, 450, 10.0, 1_000.0, 40_000.0),
    Product("NK225MF", NIKKEI, "17", _EVERY, 150, 450, 5.0, 100.0, 600_000.0),
    Product(
        "NK225MCF", NIKKEI, "18", _EVERY, 100, 100, 5.0, 10.0, 150_000.0,
        since=date(2023, 5, 29),
    ),
    Product("TOPIXF", TOPIX, "26", _QUARTERLY, 450, 450, 0.5, 10_000.0, 80_000.0),
    Product("TOPIXMF", TOPIX, "27", _QUARTERLY, 280, 280, 0.25, 1_000.0, 3_000.0),
    Product("JGBLF", BOND, "36", _QUARTERLY, 280, 280, 0.01, 1_000_000.0, 25_000.0),
)  # fmt: skip


def stock_products(found: Underlyings) -> tuple[Product, ...]:
    """One option product per stock underlying; strikes near 5 % of its first price."""
    products = []
    for place in range(STOCK, len(found.names)):
        price = float(found.path[0, place, 4])
        unit = max(round(price * 0.05 / 10), 1) * 10.0
        products.append(
            Product(
                "EQOP", place, f"6{place - STOCK}", _EVERY, 70, 70, 0.5, 100.0, 15.0,
                unit=unit, reference=price, strike_step=unit / 8, tiers=((1, 0.12, 400),),
            )
        )  # fmt: skip
    return tuple(products)


def contracts(product: Product, days: Days) -> list[Contract]:
    """All contracts of a product within the known sessions, by expiry."""
    found = []
    for expiry, digits, month in _expiries(product, days):
        sq_row = int(days.at_or_before(np.array([expiry]))[0])
        quarterly = int(month[-2:]) % 3 == 0 and bool(product.months)
        life = product.quarterly_days if quarterly else product.life_days
        start = max(expiry - np.timedelta64(life, "D"), np.datetime64(product.since))
        listed_row = int(days.at_or_after(np.array([start]))[0])
        if listed_row < sq_row:
            sq_date = days.date(np.array([sq_row]))[0]
            found.append(Contract(product, digits, month, listed_row, sq_row - 1, sq_row, sq_date))
    return found


def _expiries(product: Product, days: Days) -> list[tuple[Any, str, str]]:
    """Expiry date, code digits and ``CM`` of every contract."""
    first, last = month_number(days.sessions[[0, -1]])
    fridays = {int(m): _second_friday(int(m)) for m in range(int(first) + 1, int(last))}
    if product.months:
        return [
            (_settlement(product, friday, month), f"{month // 12 % 10}{month % 12 + 1:02d}",
             f"{month // 12}-{month % 12 + 1:02d}")
            for month, friday in fridays.items()
            if month % 12 + 1 in product.months
        ]  # fmt: skip
    start, stop = fridays[int(first) + 1], fridays[int(last) - 1]
    weekly = np.setdiff1d(np.arange(start, stop, 7), np.array(list(fridays.values())))
    out = []
    for friday in weekly:
        year, week, _ = friday.astype(object).isocalendar()
        out.append((friday, f"{year % 10}{week:02d}", f"{year}-{week:02d}"))
    return out


def _settlement(product: Product, friday: Any, month: int) -> Any:
    """Second Friday; bond contracts settle at the end of the month before."""
    if product.underlying == BOND and product.tiers:
        return month_end(np.array([month - 1]))[0]
    return friday


def _second_friday(month: int) -> Any:
    first = month_end(np.array([month - 1]))[0] + np.timedelta64(1, "D")
    weekday = (int(first.astype(np.int64)) + 3) % 7  # Monday is 0
    return first + np.timedelta64((4 - weekday) % 7 + 7, "D")


def strikes(
    contract: Contract, found: Underlyings, rows: IntArray
) -> tuple[IntArray, FloatArray, BoolArray]:
    """Listed strikes of a contract at ascending rows: row, strike, first trading day; [R].

    Strikes are on the split basis of the contract's first session. The answer for a row does not
    depend on which rows are asked for: tiers are run through from their opening.
    """
    product, opened = contract.product, max(contract.listed_row, 0)
    span = np.arange(opened, min(contract.last_row, len(found.path) - 1) + 1)
    before = found.path[span, product.underlying, 0]  # strikes are added before the session
    price = before * found.product[opened, product.underlying]
    unit = product.unit * 2.0 ** np.round(np.log2(price[0] / product.reference))
    grid = np.arange(np.floor(price.min() * 0.75 / unit), np.ceil(price.max() * 1.25 / unit) + 1)
    listed = np.zeros((len(span), len(grid)), dtype=np.bool_)
    for steps, band, sessions in product.tiers:
        start = max(contract.sq_row - sessions, opened) - opened
        if start >= len(span):
            continue
        near = np.abs(grid * unit / price[start:, np.newaxis] - 1.0) <= band
        listed[start:] |= np.logical_or.accumulate(near, axis=0) & (grid % steps == 0)
    listed &= found.listed[span, product.underlying][:, np.newaxis]
    first = listed & ~np.concatenate([np.zeros((1, len(grid)), dtype=np.bool_), listed[:-1]])
    if contract.listed_row < 0:
        first[0] = False
    inside = np.isin(span, rows)
    place, column = np.nonzero(listed[inside])
    chosen = span[inside]
    return chosen[place], grid[column] * unit, first[inside][place, column]


def code_digits(contract: Contract, strike: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Number of a strike within its contract: the last four digits of the code."""
    number: npt.NDArray[Any] = np.round(strike / contract.product.strike_step).astype(np.int64)
    return number % 10_000
