"""What the listed companies are: fiscal year, accounting standard, shares, usual earnings.

Everything is drawn once per market from streams of its own. Sizes refer to the first traded session
of a name and to past prices only, so nothing here knows a later return.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import DateArray, tokyo_sessions
from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.process import MEDIAN_VALUE_YEN
from gogooku.sandbox.market.quirks import BoolArray, IntArray

SOURCE_SEED: Final = 0xF1A5
"""Second word of the seed of this package's streams; the first is the seed of the market."""
TURNOVER_SHARE: Final = 0.003
"""Traded value of a session over market value."""
DAYS_BEFORE: Final = 930
DAYS_AFTER: Final = 460
STANDARDS: Final = ("JP", "IFRS", "US")
_MONTHS: Final = (3, 12, 9, 6, 2, 8, 5)
_MONTH_SHARES: Final = (0.65, 0.15, 0.05, 0.05, 0.04, 0.03, 0.03)


@dataclass(frozen=True)
class Days:
    """Tokyo sessions around a market; ``offset`` is the place of its first delivered one."""

    sessions: DateArray
    offset: int

    def at_or_after(self, days: DateArray) -> IntArray:
        """Row of the first session on or after each date; 0 is the first delivered session."""
        return (np.searchsorted(self.sessions, days) - self.offset).astype(np.int64)

    def at_or_before(self, days: DateArray) -> IntArray:
        """Row of the last session on or before each date."""
        place = np.searchsorted(self.sessions, days, side="right") - 1
        return (place - self.offset).astype(np.int64)

    def date(self, rows: IntArray) -> DateArray:
        """Dates of rows, which may be negative."""
        found: DateArray = self.sessions[np.asarray(rows) + self.offset]
        return found


@dataclass(frozen=True)
class Companies:
    """Fixed properties of the companies; arrays [N] unless stated otherwise.

    Attributes
    ----------
    fiscal_month : int64
        Month in which the fiscal year ends, 1 to 12.
    standard : int64
        Place in `STANDARDS`.
    consolidated, pays_interim : bool
    shares : float64
        Issued shares on the split basis before any adjustment factor of the market.
    treasury_ratio, earnings_yield, margin, book_ratio, equity_ratio, payout_ratio : float64
        Treasury shares over issued ones; usual profit over market value and over sales; equity
        over market value at the start and over assets; dividends over profit (0: none).
    minority_ratio, parent_ratio : float64
        Minority share of net assets; the parent alone over the group.
    loss_rate : float64
        Probability of a loss year.
    sales_weights, profit_weights : float64 [N, 4]
        Usual share of each quarter.
    lag_days : int64
        Usual days from the end of a period to its document.
    first_price : float64
        First close in yen, on the same basis as ``shares``.
    """

    fiscal_month: IntArray
    standard: IntArray
    consolidated: BoolArray
    pays_interim: BoolArray
    shares: FloatArray
    treasury_ratio: FloatArray
    earnings_yield: FloatArray
    margin: FloatArray
    book_ratio: FloatArray
    equity_ratio: FloatArray
    payout_ratio: FloatArray
    minority_ratio: FloatArray
    parent_ratio: FloatArray
    loss_rate: FloatArray
    sales_weights: FloatArray
    profit_weights: FloatArray
    lag_days: IntArray
    first_price: FloatArray

    @property
    def net_shares(self) -> FloatArray:
        """Issued shares without treasury shares, on the basis of ``shares``."""
        net: FloatArray = np.round(self.shares * (1 - self.treasury_ratio))
        return net


def stream(market: Market, number: int) -> np.random.Generator:
    """Return a random generator of this package; ``number`` names its purpose."""
    return np.random.default_rng(np.random.SeedSequence([market.config.seed, SOURCE_SEED, number]))


def days_of(market: Market) -> Days:
    """Sessions from well before the market to well after it."""
    ends: list[date] = market.sessions[[0, -1]].astype("datetime64[D]").tolist()
    sessions = tokyo_sessions(
        ends[0] - timedelta(days=DAYS_BEFORE), ends[1] + timedelta(days=DAYS_AFTER)
    )
    return Days(sessions, int(np.searchsorted(sessions, market.sessions[0])))


def split_product(market: Market) -> FloatArray:
    """Product of the adjustment factors up to and including each session; [T, N].

    A raw per-share value is the one on the basis before any factor times this product; a share
    count is divided by it.
    """
    factor = np.nan_to_num(market.adjustment_factor, nan=1.0)
    product: FloatArray = np.cumprod(factor, axis=0, dtype=np.float64)
    return product


def issued_shares(market: Market) -> FloatArray:
    """Raw issued shares of each session, treasury shares included; [T, N], NaN where not listed.

    The count that documents give (``ShOutFY``) and that market values use.
    """
    shares = np.round(companies(market).shares / split_product(market))
    return np.where(market.listed, shares, np.nan)


def standing_close(market: Market) -> FloatArray:
    """Raw close, or the base price (last close times the factors since) without a trade; [T, N].

    NaN before the first trade and where not listed.
    """
    product = split_product(market)
    adjusted = forward_fill(market.close / product)
    return np.where(market.listed, adjusted * product, np.nan)


def forward_fill(values: FloatArray) -> FloatArray:
    """Last value that is not NaN, along the first axis."""
    place = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
    rows = np.where(np.isnan(values), 0, place)
    newest = np.maximum.accumulate(rows, axis=0)
    return np.take_along_axis(values, newest, axis=0)


def companies(market: Market) -> Companies:
    """Draw the companies of a market."""
    rng, num = stream(market, 0), len(market.codes)
    traded = ~np.isnan(market.close)
    first = np.argmax(traded, axis=0)
    names = np.arange(num)
    product = split_product(market)[first, names]
    price = np.nan_to_num(market.close[first, names] / product, nan=1_000.0)
    value = np.nan_to_num(market.turnover_value[first, names], nan=MEDIAN_VALUE_YEN)
    log_value = (np.log(np.maximum(value, 1e6)) + np.log(MEDIAN_VALUE_YEN)) / 2
    cap = np.exp(log_value + 0.3 * rng.standard_normal(num)) / TURNOVER_SHARE
    risky = rng.random(num) < 0.07
    return Companies(
        fiscal_month=rng.choice(_MONTHS, num, p=_MONTH_SHARES).astype(np.int64),
        standard=rng.choice(3, num, p=(0.82, 0.16, 0.02)).astype(np.int64),
        consolidated=rng.random(num) < 0.85,
        pays_interim=rng.random(num) < 0.6,
        shares=np.maximum(np.round(cap / price, -3), 1_000.0),
        treasury_ratio=np.where(rng.random(num) < 0.8, rng.uniform(0.0, 0.06, num), 0.0),
        earnings_yield=np.clip(_lognormal(rng, num, 0.055, 0.4), 0.02, 0.12),
        margin=np.clip(_lognormal(rng, num, 0.05, 0.5), 0.01, 0.25),
        book_ratio=np.clip(_lognormal(rng, num, 0.85, 0.4), 0.25, 3.0),
        equity_ratio=rng.uniform(0.2, 0.8, num),
        payout_ratio=np.where(rng.random(num) < 0.85, rng.uniform(0.15, 0.5, num), 0.0),
        minority_ratio=np.where(rng.random(num) < 0.6, rng.uniform(0.0, 0.08, num), 0.0),
        parent_ratio=rng.uniform(0.5, 0.9, num),
        loss_rate=np.where(risky, 0.6, 0.03),
        sales_weights=_weights(rng, num, 0.02),
        profit_weights=_weights(rng, num, 0.04),
        lag_days=rng.integers(31, 44, num),
        first_price=price,
    )


def _lognormal(rng: np.random.Generator, num: int, median: float, spread: float) -> FloatArray:
    values: FloatArray = median * np.exp(spread * rng.standard_normal(num))
    return values


def _weights(rng: np.random.Generator, num: int, spread: float) -> FloatArray:
    raw = np.clip(0.25 + spread * rng.standard_normal((num, 4)), 0.1, 0.4)
    weights: FloatArray = raw / raw.sum(axis=1, keepdims=True)
    return weights


def month_end(months: npt.NDArray[Any]) -> DateArray:
    """Last day of months counted from January of year 0."""
    first_of_next = (np.asarray(months) + 1 - 1970 * 12).astype("datetime64[M]")
    return np.asarray(first_of_next.astype("datetime64[D]") - np.timedelta64(1, "D"))


def month_number(days: DateArray) -> IntArray:
    """Months since January of year 0."""
    return days.astype("datetime64[M]").astype(np.int64) + 1970 * 12
