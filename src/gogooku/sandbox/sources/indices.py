"""Indices as the vendor sends them: TOPIX, segments, size classes, styles and the 33 sectors.

TOPIX weighs the names of Prime (before 2022-04-04: of the first section) by size, so that it moves
with the mean name and is not a copy of it; the 225 index of the derivatives is that mean. All other
indices are equal-weighted means of those who belong to them on the session.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import INDEX_START, SECTORS, Market
from gogooku.sandbox.market.quirks import BoolArray
from gogooku.sandbox.sources.companies import companies
from gogooku.sandbox.sources.listings import SEGMENTS_SWITCHED
from gogooku.sandbox.sources.rendering import (
    BAR_PRICES,
    BARS_MINUTES,
    date_text,
    rows_between,
    to_wire,
    tokyo_instant,
)
from gogooku.sandbox.sources.segments import GROWTH, PRIME, STANDARD, segments_of
from gogooku.sandbox.sources.wire import VISIBLE, Wire

TOPIX: Final = "0000"
SEGMENT_CODES: Final[Mapping[str, int]] = MappingProxyType(
    {"0500": PRIME, "0501": STANDARD, "0502": GROWTH}
)
SIZE_CODES: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "0028": (0,),
        "0029": (1,),
        "002A": (0, 1),
        "002B": (2,),
        "002C": (0, 1, 2),
        "002D": (3, 4),
        "002E": (0, 1, 2, 3),
        "002F": (3,),
    }
)
"""Places in `segments.SCALES` of Core30, Large70, TOPIX100, Mid400, 500, Small, 1000, Small500."""
VALUE_STYLE, GROWTH_STYLE = "8100", "8200"
SIZE_POWER: Final = 4.0
"""Weight in TOPIX is market value at the first session to this power.

Sizes of the sandbox lie close together (see ``size_spread``); by plain value the index would be the
mean of all names, while a few dozen names make half of TOPIX.
"""
_BASE: Final = 1_000.0


@dataclass(frozen=True)
class IndexLevels:
    """Levels of all indices; base 1,000, TOPIX 2,000."""

    market: Market

    @cached_property
    def topix(self) -> FloatArray:
        """O H L C of TOPIX; [T, 4].

        High and low lie as far beyond open and close as those of the mean name's index.
        """
        market, prime = self.market, segments_of(self.market).segment == PRIME
        firms = companies(market)
        weight = (firms.shares * firms.first_price) ** SIZE_POWER
        weight /= weight.max()
        opened, close = (
            _mean(self._relative[:, :, column], prime, weight=weight) for column in (0, 3)
        )
        bar = market.index
        above = bar[:, 1] / np.maximum(bar[:, 0], bar[:, 3])
        below = bar[:, 2] / np.minimum(bar[:, 0], bar[:, 3])
        high, low = np.maximum(opened, close) * above, np.minimum(opened, close) * below
        return _level(np.stack([opened, high, low, close], axis=1), start=INDEX_START)

    @cached_property
    def levels(self) -> dict[str, FloatArray]:
        """O H L C by index code; [T, 4], NaN where the index has no such value."""
        market, listing = self.market, segments_of(self.market)
        after = (market.sessions >= SEGMENTS_SWITCHED)[:, np.newaxis]
        levels = {TOPIX: self.topix}
        sector = np.array(market.sector)
        for number, name in enumerate(SECTORS):
            levels[f"{0x40 + number:04X}"] = self._group(sector == name)
        for code, segment in SEGMENT_CODES.items():
            levels[code] = np.where(after, self._group(listing.segment == segment), np.nan)
        for code, classes in SIZE_CODES.items():
            levels[code] = self._group(np.isin(listing.scale, classes))
        book = companies(market).book_ratio
        cheap = book >= np.median(book)
        for code, members in ((VALUE_STYLE, cheap), (GROWTH_STYLE, ~cheap)):
            values = self._group(members)
            values[:, :3] = np.nan
            levels[code] = values
        return levels

    def _group(self, members: BoolArray) -> FloatArray:
        """Level of the names in ``members`` ([N] or [T, N]); of all where it has none at all."""
        whole = np.broadcast_to(members, self.market.listed.shape)
        places = np.flatnonzero(whole.any(axis=0))
        if len(places):
            chosen = self._relative[:, places]
            chosen = np.where(whole[:, places, np.newaxis], chosen, np.float32(np.nan))
        else:
            chosen = self._relative
        counts = np.isfinite(chosen).sum(axis=1)
        means = np.nan_to_num(chosen).sum(axis=1, dtype=np.float64) / np.maximum(counts, 1)
        # Means of opens and of closes are of the same names, so high and low bound them.
        return _level(np.where(counts > 0, means, 1.0), start=_BASE)

    @cached_property
    def _relative(self) -> npt.NDArray[np.float32]:
        """O H L C over the last close on the session's share count; float32 [T, N, 4]."""
        market = self.market
        num_sessions, num_names = market.close.shape
        relative = np.full((num_sessions, num_names, 4), np.nan, dtype=np.float32)
        base = np.full(num_names, np.nan)
        for row in range(num_sessions):
            base *= np.nan_to_num(market.adjustment_factor[row], nan=1.0)
            for column, values in enumerate((market.open_, market.high, market.low, market.close)):
                relative[row, :, column] = values[row] / base
            base = np.where(np.isfinite(market.close[row]), market.close[row], base)
        return relative


_LEVELS: weakref.WeakValueDictionary[int, IndexLevels] = weakref.WeakValueDictionary()


def index_levels(market: Market) -> IndexLevels:
    """Return the one `IndexLevels` of a market; it lives as long as a wire holds it."""
    found = _LEVELS.get(id(market))
    if found is None:
        found = _LEVELS[id(market)] = IndexLevels(market)
    return found


def _mean(
    relative: npt.NDArray[np.float32], members: BoolArray, *, weight: FloatArray
) -> FloatArray:
    """Weighted mean of the members that traded; 1 without any. [T]."""
    known = np.isfinite(relative) & members
    total = known @ weight
    summed = np.where(known, relative, np.float32(0.0)) @ weight
    mean: FloatArray = np.where(total > 0, summed / np.maximum(total, 1e-300), 1.0)
    return mean


def _level(relative: FloatArray, *, start: float) -> FloatArray:
    """Bars of an index whose bars over its last close are given; [T, 4], two decimals."""
    close = start * np.cumprod(relative[:, 3])
    before = np.concatenate([[start], close[:-1]])
    level: FloatArray = np.round(before[:, np.newaxis] * relative, 2)
    return level


@dataclass(frozen=True)
class IndexWire:
    """Daily bars of the indices, from 16:30 of the session."""

    indices: IndexLevels

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows of a span; an index without a close has none."""
        sessions: DateArray = self.indices.market.sessions
        rows = rows_between(sessions, first, last)
        levels = self.indices.levels
        codes = sorted(levels)
        values = np.stack([levels[code][rows] for code in codes], axis=1)
        at, place = np.nonzero(np.isfinite(values[:, :, 3]))
        bars = values[at, place]
        return to_wire(
            "indices",
            {
                "Date": date_text(sessions[rows[at]]),
                "Code": pl.Series(codes, dtype=pl.String).gather(place),
                **_numbers(bars),
                VISIBLE: pl.Series(tokyo_instant(sessions[rows[at]], minutes=BARS_MINUTES)),
            },
        )


@dataclass(frozen=True)
class TopixWire:
    """TOPIX by the endpoint of its own."""

    indices: IndexLevels

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows of a span."""
        sessions: DateArray = self.indices.market.sessions
        rows = rows_between(sessions, first, last)
        return to_wire(
            "topix",
            {
                "Date": date_text(sessions[rows]),
                **_numbers(self.indices.topix[rows]),
                VISIBLE: pl.Series(tokyo_instant(sessions[rows], minutes=BARS_MINUTES)),
            },
        )


def _numbers(bars: FloatArray) -> dict[str, pl.Series]:
    return {name: pl.Series(bars[:, i], nan_to_null=True) for i, name in enumerate(BAR_PRICES)}


def wires(market: Market) -> dict[str, Wire]:
    """Wires of this module: topix and indices."""
    indices = index_levels(market)
    return {"topix": TopixWire(indices), "indices": IndexWire(indices)}
