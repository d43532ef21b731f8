"""Moves of the close that no factor explains: splits that a file does not know of.

A split shows as a jump between two sessions to about one of few ratios, the whole range of the
session with it. In Tokyo no name can move beyond its daily limit without one, so there a jump
beyond the limit is certain; elsewhere it is when several names jump on one date.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl

from gogooku.core.price_limits import daily_limit_yen
from gogooku.ingest.imports.by_code import BoolArray, ByCode, FloatArray, IntArray
from gogooku.ingest.imports.policy import JUMP

_SHARES = (1.1, 1.2, 1.25, 1.3, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30, 50, 100, 200)
RATIOS = np.array(sorted([1 / one for one in _SHARES] + [float(one) for one in _SHARES]))
"""New price over old of the usual splits and reverse splits."""

NEAR, NEAR_LIMIT = 0.05, 0.12
"""How far (in logs) a jump may be from a ratio: the day's own move comes on top. The wider one
where the jump is beyond a daily limit."""

SURE, SURE_INSIDE = 0.4, 0.58
"""Smaller jumps (in logs) happen by themselves: without a daily limit, and within one."""

SMALLEST = 0.05
"""No daily limit is narrower (in logs)."""

AT_LIMIT = 0.9
"""A move of this share of the limit, or no trade, may widen the limit of the session after."""

RECENT_DAYS = 14
"""Days between two closes up to which the daily limit of the later one is that of the earlier."""

MANY_NAMES, MANY_SHARE = 3, 0.005
"""Names, and share of the names of a date, whose jumps on it are no coincidence."""

LONG_ABSENCE = 20
"""Rows or sessions without a close after which a jump may be anything."""


class MissingSplits(StrEnum):
    """What happens where the close moves like a split that no factor explains."""

    REFUSE = "refuse"
    """The file is refused where it is certain, else the rows are kept and counted."""

    ADJUST = "adjust"
    """The factor of each such row becomes the ratio, and is recorded."""

    KEEP = "keep"
    """The rows are kept and counted, and the moves believed."""


@dataclass(frozen=True)
class Moves:
    """Moves from close to close after adjustment, one a row by code (see `ByCode`).

    Attributes
    ----------
    day : int64 [R]
        Days since 1970.
    close : float64 [R]
        NaN without a trade.
    ratio : float64 [R]
        Close over the last close and over the factors since; NaN on a code's first close and
        without a trade.
    split : float64 [R]
        Ratio of the split that a row looks like; NaN for none.
    certain : bool [R]
        Rows whose split cannot be anything else.
    beyond_limit : bool [R]
        Tokyo: a move beyond the daily limit that looks like no split.
    absurd : bool [R]
        A move beyond `gogooku.ingest.imports.policy.JUMP`.
    """

    day: IntArray
    close: FloatArray
    ratio: FloatArray
    split: FloatArray
    certain: BoolArray
    beyond_limit: BoolArray
    absurd: BoolArray


@dataclass(frozen=True)
class Bars:
    """Rows by code: what is compared of all of them, and the frame for the few that jump.

    Attributes
    ----------
    rows : polars.DataFrame
        Prices, null where missing.
    by_code : ByCode
    day : int64 [R]
        Days since 1970.
    close, factor : float64 [R]
        NaN without a trade; 1.0 without an event.
    """

    rows: pl.DataFrame
    by_code: ByCode
    day: IntArray
    close: FloatArray
    factor: FloatArray

    def prices(self, name: str, places: IntArray) -> FloatArray:
        """A price of some rows; NaN where it is missing."""
        if name not in self.rows.columns:
            return np.full(len(places), np.nan)
        found = self.rows.get_column(name).gather(self.by_code.order[places])
        return found.to_numpy().astype(np.float64)


def moves_of(bars: Bars, *, limits: bool) -> Moves:
    """Find the moves that no factor explains.

    Parameters
    ----------
    limits : bool
        Whether these are raw prices in yen under Tokyo's daily limits.
    """
    by_code = bars.by_code
    close = bars.close
    at = by_code.last_place(~np.isnan(close))
    before = close[at]
    before[at < 0] = np.nan
    since = _factors_since(bars.factor, at)
    ratio = close / before / since
    smallest = np.exp(SMALLEST if limits else SURE)
    places = np.flatnonzero((ratio > smallest) | (ratio < 1 / smallest))
    split, certain, beyond = np.full(len(close), np.nan), _none(close), _none(close)
    if len(places):
        base = before[places] * since[places]
        looks = _jump(bars, places, base, at)
        nearest = _nearest(close[places] / base)
        off = np.abs(np.log(close[places] / base / nearest))
        opened = _opened_near(bars, places, base * nearest)
        hit = looks & opened & (off <= NEAR)
        hit &= np.abs(np.log(ratio[places])) >= (SURE_INSIDE if limits else SURE)
        certain[places] = hit & _crowded(bars.day, places, hit)
        if limits:
            outside = _beyond_limit(bars, places, base, at)
            sure = outside & (off <= NEAR_LIMIT) & looks
            certain[places] |= sure
            hit |= sure
            beyond[places] = outside & ~hit
        split[places[hit]] = nearest[hit]
    absurd = (ratio > JUMP) | (ratio < 1 / JUMP)
    return Moves(bars.day, close, ratio, split, certain, beyond, absurd)


def _none(values: FloatArray) -> BoolArray:
    return np.zeros(len(values), dtype=bool)


def _factors_since(factor: FloatArray, at: IntArray) -> FloatArray:
    """Product of the factors after the last close, up to the row."""
    if not (factor != 1.0).any():
        return np.broadcast_to(1.0, factor.shape)
    out = factor.copy()
    events = np.append(0, np.cumsum(factor != 1.0))
    place = np.arange(len(factor))
    for row in np.flatnonzero((at >= 0) & (events[place] > events[at + 1])):
        out[row] = factor[at[row] + 1 : row + 1].prod()
    return out


def _nearest(ratio: FloatArray) -> FloatArray:
    logs = np.log(RATIOS)
    at = np.clip(np.searchsorted(logs, np.log(ratio)), 1, len(logs) - 1)
    lower = np.abs(np.log(ratio) - logs[at - 1]) < np.abs(np.log(ratio) - logs[at])
    return np.asarray(RATIOS[np.where(lower, at - 1, at)])


def _jump(bars: Bars, places: IntArray, base: FloatArray, at: IntArray) -> BoolArray:
    """Whether the whole range of a session lies on the far side of half the way, soon after."""
    middle = np.sqrt(base * bars.close[places])
    up = bars.close[places] > base
    opened = bars.prices("open", places)
    low = np.fmin(np.fmin(bars.prices("low", places), opened), bars.close[places])
    high = np.fmax(np.fmax(bars.prices("high", places), opened), bars.close[places])
    soon = places - at[places] <= LONG_ABSENCE
    soon &= bars.day[places] - bars.day[at[places]] <= 2 * LONG_ABSENCE
    return np.asarray(np.where(up, low > middle, high < middle) & soon)


def _beyond_limit(bars: Bars, places: IntArray, base: FloatArray, at: IntArray) -> BoolArray:
    """Whether a close lies beyond the daily limit, where the limit cannot have been widened."""
    width = daily_limit_yen(base)
    outside = np.abs(bars.close[places] - base) > width * 1.001
    last = at[places]
    earlier = bars.by_code.last_place_of(last, ~np.isnan(bars.close))
    first = earlier < 0
    base_before = bars.close[np.maximum(earlier, 0)] * bars.factor[last]
    moved = np.abs(bars.close[last] - base_before)
    was_at = ~first & (moved >= AT_LIMIT * daily_limit_yen(base_before))
    traded_before = (places - last == 1) & (bars.day[places] - bars.day[last] <= RECENT_DAYS)
    return np.asarray(outside & ~was_at & traded_before)


def _opened_near(bars: Bars, places: IntArray, price: FloatArray) -> BoolArray:
    """Whether the open, where there is one, has made the jump already."""
    opened = bars.prices("open", places)
    off = np.abs(np.log(opened / price))
    return np.isnan(opened) | (off <= 2 * NEAR)


def _crowded(day: IntArray, places: IntArray, hit: BoolArray) -> BoolArray:
    """Jumps on dates on which several names jump."""
    jumped, count = np.unique(day[places[hit]], return_counts=True)
    usual = np.bincount(day - day.min())[jumped - day.min()]
    many = jumped[(count >= MANY_NAMES) & (count >= MANY_SHARE * usual)]
    return np.isin(day[places], many)
