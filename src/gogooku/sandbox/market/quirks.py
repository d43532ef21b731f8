"""What makes a market a real one: listings, delistings, splits, halts, price limits, ticks.

All of it is drawn before the simulation from one random stream, except the splits that a price
far outside the usual range provokes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import SESSIONS_PER_YEAR, DateArray
from gogooku.sandbox.market.config import MarketConfig
from gogooku.sandbox.market.families import FloatArray

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

LISTING_RATE: Final = 0.020
TAKEOVER_RATE: Final = 0.010
COLLAPSE_RATE: Final = 0.004
SPLIT_RATE: Final = 0.03
HALT_RATE: Final = 0.05
"""Per name and year: new listings, takeovers, collapses, splits, suspensions."""
NO_TRADE_SHARE: Final = 0.10
NO_TRADE_RATE: Final = 0.01
"""The smallest tenth of the names do not trade in one session of a hundred."""
SPLIT_FACTORS: Final = (0.5, 10.0, 1 / 3, 2.0, 0.2, 0.5)
"""Adjustment factors in the order in which scheduled splits use them: 0.5 is two for one."""
NEVER: Final = np.iinfo(np.int64).max
TICK_YEN: Final = 0.1


@dataclass(frozen=True)
class Schedule:
    """Dated events per name; rows count delivered sessions, negative ones are burn-in.

    Attributes
    ----------
    first_row, last_row : int64 [N]
        First and last listed session (`NEVER` while listed).
    event_row : int64 [N]
        Session whose overnight move carries ``event_jump`` (`NEVER` for most).
    event_jump : float64 [N]
        Return of the announcement: positive takeover premium, negative collapse.
    split_row, split_factor : [N]
        Scheduled ex-date and its adjustment factor.
    halted : bool [T, N]
        No trade: suspension or simply no order.
    """

    first_row: IntArray
    last_row: IntArray
    event_row: IntArray
    event_jump: FloatArray
    split_row: IntArray
    split_factor: FloatArray
    halted: BoolArray

    def listed(self, row: int) -> BoolArray:
        """Names listed at a delivered session; [N]."""
        return (self.first_row <= row) & (row <= self.last_row)

    def frozen_at(self, row: int) -> Schedule:
        """Return the schedule without anything after a session, as a forecast sees it."""
        listed = self.listed(row)
        return Schedule(
            first_row=np.where(listed, self.first_row, NEVER),
            last_row=np.full_like(self.last_row, NEVER),
            event_row=np.where(self.event_row <= row, self.event_row, NEVER),
            event_jump=self.event_jump,
            split_row=np.full_like(self.split_row, NEVER),
            split_factor=self.split_factor,
            halted=np.zeros((0, len(listed)), dtype=np.bool_),
        )


def to_tick(price: FloatArray) -> FloatArray:
    """Round yen prices to the tick, never below one tick; NaN stays."""
    rounded: FloatArray = np.maximum(np.round(price / TICK_YEN), 1.0) / (1.0 / TICK_YEN)
    return rounded


def _count(config: MarketConfig, rate: float, minimum: int) -> int:
    if config.quirk_rate == 0.0:
        return 0
    years = config.num_sessions / SESSIONS_PER_YEAR
    expected = config.num_stocks * rate * years * config.quirk_rate
    return min(max(minimum, round(expected)), config.num_stocks // 4)


def draw_schedule(
    config: MarketConfig,
    *,
    log_size: FloatArray,
    start_price: FloatArray,
    newcomers: IntArray,
    rng: np.random.Generator,
) -> Schedule:
    """Draw every dated event of a market.

    Parameters
    ----------
    log_size : float64 [N]
        Log of usual traded value; no-trade sessions hit the smallest names.
    start_price : float64 [N]
        Yen; dear names split, cheap names consolidate.
    newcomers : int64
        Names that must be listed late (those with letters in their codes).
    """
    num_stocks, num_sessions = config.num_stocks, config.num_sessions
    first_row = np.full(num_stocks, -config.burn_in_sessions, dtype=np.int64)
    last_row = np.full(num_stocks, NEVER, dtype=np.int64)
    event_row = np.full(num_stocks, NEVER, dtype=np.int64)
    event_jump = np.zeros(num_stocks)
    others = rng.permutation(np.setdiff1d(np.arange(num_stocks), newcomers))
    late = np.concatenate([newcomers, others])[: _count(config, LISTING_RATE, 2)]
    first_row[late] = rng.integers(num_sessions // 20, num_sessions * 9 // 10, len(late))

    old = np.setdiff1d(others, late, assume_unique=True)
    num_takeovers = _count(config, TAKEOVER_RATE, 1)
    num_collapses = _count(config, COLLAPSE_RATE, 1)
    leaving = rng.permutation(old)[: num_takeovers + num_collapses]
    event_row[leaving] = rng.integers(num_sessions // 20, num_sessions * 19 // 20, len(leaving))
    last_row[leaving] = event_row[leaving] + rng.integers(15, 45, len(leaving))
    last_row[last_row >= num_sessions - 1] = NEVER
    event_jump[leaving[:num_takeovers]] = rng.uniform(0.2, 0.5, num_takeovers)
    event_jump[leaving[num_takeovers:]] = rng.uniform(-0.8, -0.5, num_collapses)

    split_row, split_factor = _draw_splits(config, start_price, rng)
    halted = _draw_halts(config, log_size, rng)
    on_listing = first_row >= 0
    halted[first_row[on_listing], np.flatnonzero(on_listing)] = False
    return Schedule(
        first_row=first_row,
        last_row=last_row,
        event_row=event_row,
        event_jump=event_jump,
        split_row=split_row,
        split_factor=split_factor,
        halted=halted,
    )


def _draw_splits(
    config: MarketConfig, start_price: FloatArray, rng: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    split_row = np.full(config.num_stocks, NEVER, dtype=np.int64)
    split_factor = np.ones(config.num_stocks)
    cheap = list(np.argsort(start_price, kind="stable")[: config.num_stocks // 3])
    dear = list(np.argsort(-start_price, kind="stable")[: config.num_stocks // 3])
    for number in range(_count(config, SPLIT_RATE, len(SPLIT_FACTORS))):
        factor = SPLIT_FACTORS[number % len(SPLIT_FACTORS)]
        pool = cheap if factor > 1.0 else dear
        if not pool:
            break
        stock = pool.pop(int(rng.integers(len(pool))))
        split_row[stock] = rng.integers(config.num_sessions // 20, config.num_sessions)
        split_factor[stock] = factor
    return split_row, split_factor


def _draw_halts(config: MarketConfig, log_size: FloatArray, rng: np.random.Generator) -> BoolArray:
    halted = np.zeros((config.num_sessions, config.num_stocks), dtype=np.bool_)
    if config.quirk_rate == 0.0:
        return halted
    small = np.argsort(log_size, kind="stable")[: int(NO_TRADE_SHARE * config.num_stocks)]
    quiet = rng.random((config.num_sessions, len(small))) < NO_TRADE_RATE * config.quirk_rate
    halted[:, small] = quiet
    for _ in range(_count(config, HALT_RATE, 3)):
        stock = int(rng.integers(config.num_stocks))
        start = int(rng.integers(config.num_sessions))
        halted[start : start + int(rng.integers(1, 11)), stock] = True
    return halted


def with_halts(schedule: Schedule, sessions: DateArray, halts: Sequence[date]) -> Schedule:
    """Halt the whole exchange on the given dates; those that are not delivered do not matter."""
    lost = np.isin(sessions, np.array(halts, dtype="datetime64[D]"))
    if not lost.any():
        return schedule
    return replace(schedule, halted=schedule.halted | lost[: len(schedule.halted), np.newaxis])


def provoked_splits(price: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the adjustment factors that extreme prices provoke today; [N], mostly 1.

    Above 8,000 yen a split, below 100 yen a consolidation follows with 2 % a session, so that the
    tick stays small against the price over ten years.
    """
    chosen = rng.random(price.shape) < 0.02
    factor = np.ones(price.shape)
    factor[chosen & (price > 8_000)] = 0.5
    factor[chosen & (price > 16_000)] = 0.2
    factor[chosen & (price < 100)] = 2.0
    factor[chosen & (price < 50)] = 10.0
    return factor
