"""Where a name is listed and how large it counts: segment, size class, margin class by session.

Some names move to another segment, become lendable, or change their size class at the review of
November. All of it is shown by the list of the session, which is out on the evening before. The
planted flows of segments (`gogooku.sandbox.market.drivers`) stay with the segment a name started
in.
"""

from __future__ import annotations

import weakref
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.sandbox.market.drivers import SEGMENTS
from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.quirks import BoolArray, IntArray
from gogooku.sandbox.sources.companies import companies, issued_shares, standing_close

PRIME, STANDARD, GROWTH = range(3)
"""Places in `gogooku.sandbox.market.drivers.SEGMENTS`."""
MOVES_PER_YEAR: Final = 0.01
"""Moves to another segment per name and year."""
LENDABLE_PER_YEAR: Final = 0.08
"""Names of credit margin only that become lendable, per such name and year."""
SETTLED_SESSIONS: Final = 20
"""No name moves within its first sessions."""
SCALES: Final = ("TOPIX Core30", "TOPIX Large70", "TOPIX Mid400", "TOPIX Small 1", "TOPIX Small 2")
NO_SCALE: Final = "-"
SCALE_SHARES: Final = (0.03, 0.10, 0.40, 0.70)
"""Up to which share of the Prime names by size each class reaches; `SCALES`, the last takes all.

Wider than on the exchange, where 30 of 2,000 are in the first: a small market has some names too.
"""
REVIEW_MONTH, BASE_MONTH = 11, 8
"""Size classes change with the first session of November, by values at the end of August."""

SegmentArray = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Segments:
    """What the list says of every name of a market; [T, N] each.

    Facts of sessions on which a name is not listed mean nothing.
    """

    market: Market

    @cached_property
    def segment(self) -> SegmentArray:
        """Place in `gogooku.sandbox.market.drivers.SEGMENTS`."""
        rng = _stream(self.market, "segment_moves")
        start = np.array([SEGMENTS.index(name) for name in self.market.segment])
        draw = rng.random(len(start))
        # Growth goes up one segment or two; Prime and Standard change places.
        target = np.where(start == PRIME, STANDARD, PRIME)
        target = np.where((start == GROWTH) & (draw < 0.6), STANDARD, target)
        row = _change_rows(self.market, MOVES_PER_YEAR, rng)
        return _stepped(start, target, row=row, num_sessions=len(self.market.sessions))

    @cached_property
    def lendable(self) -> BoolArray:
        """Whether a name may be borrowed: all of Prime, two thirds of the rest, and some later."""
        rng = _stream(self.market, "lendable")
        start = np.array(
            [name == "Prime" or place % 3 > 0 for place, name in enumerate(self.market.segment)]
        )
        row = _change_rows(self.market, LENDABLE_PER_YEAR, rng)
        after = np.arange(len(self.market.sessions))[:, np.newaxis] >= row
        # Once lendable, always: also when it leaves Prime.
        held: BoolArray = start | after | (self.segment == PRIME)
        return np.maximum.accumulate(held, axis=0)

    @cached_property
    def scale(self) -> SegmentArray:
        """Place in `SCALES`; -1 outside Prime. Who comes to Prime is in the smallest class."""
        market, prime = self.market, self.segment == PRIME
        firms = companies(market)
        out = np.empty(prime.shape, dtype=np.int8)
        out[:] = _classes(firms.shares * firms.first_price, prime[0])
        reviews = self._reviews
        bases = [base for _, base in reviews]
        values = (issued_shares(market) * standing_close(market))[bases]
        for (row, _), value in zip(reviews, values, strict=True):
            known = prime[row] & ~np.isnan(value)
            out[row:, known] = _classes(value, known)[known]
        out[prime & (out < 0)] = len(SCALES) - 1
        out[~prime] = -1
        return out

    @cached_property
    def _reviews(self) -> list[tuple[int, int]]:
        """Session from which a review counts, and the session whose values it is made from."""
        months = self.market.sessions.astype("datetime64[M]").astype(np.int64) % 12 + 1
        found = []
        for row in np.flatnonzero((months[1:] == REVIEW_MONTH) & (months[:-1] != REVIEW_MONTH)) + 1:
            before = np.flatnonzero(months[:row] == BASE_MONTH)
            if len(before) and row - before[-1] < SESSIONS_PER_YEAR // 2:
                found.append((int(row), int(before[-1])))
        return found


_FOUND: weakref.WeakValueDictionary[int, Segments] = weakref.WeakValueDictionary()


def segments_of(market: Market) -> Segments:
    """Return the one `Segments` of a market; it lives as long as a wire holds it."""
    found = _FOUND.get(id(market))
    if found is None:
        found = _FOUND[id(market)] = Segments(market)
    return found


def _stream(market: Market, name: str) -> np.random.Generator:
    return np.random.default_rng([market.config.seed, zlib.crc32(name.encode())])


def _change_rows(market: Market, rate: float, rng: np.random.Generator) -> IntArray:
    """Session of the one change of each name; T for those that stay. [N]."""
    num_sessions, num = market.listed.shape
    chance = 1.0 - np.exp(-rate * num_sessions / SESSIONS_PER_YEAR)
    row = rng.integers(1, num_sessions, num)
    chosen = rng.random(num) < chance
    settled = np.maximum(row - SETTLED_SESSIONS, 0)
    places = np.arange(num)
    chosen &= market.listed[settled, places] & market.listed[row, places]
    rows: IntArray = np.where(chosen, row, num_sessions)
    return rows


def _stepped(
    start: IntArray, target: IntArray, *, row: IntArray, num_sessions: int
) -> SegmentArray:
    """Value of each name: ``start``, and ``target`` from a session on; [T, N]."""
    after = np.arange(num_sessions)[:, np.newaxis] >= row
    return np.where(after, target.astype(np.int8), start.astype(np.int8))


def _classes(size: FloatArray, members: BoolArray) -> SegmentArray:
    """Size class of the members by rank; -1 for the others. [N]."""
    rank = np.argsort(np.argsort(np.where(members, -size, np.inf), kind="stable"), kind="stable")
    # The largest member is in the first class, however few there are.
    share = rank / max(int(members.sum()), 1)
    found = np.searchsorted(np.asarray(SCALE_SHARES), share, side="right")
    return np.where(members, found, -1).astype(np.int8)
