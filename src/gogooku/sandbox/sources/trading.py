"""Who traded: the breakdown of every name's sales and purchases.

Sums are those of the daily bars: the four sides of selling and the three of buying add up to the
traded value and to the volume. Nothing on a session without trades.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl

from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.quirks import IntArray
from gogooku.sandbox.sources.rendering import (
    Basis,
    basis_of,
    date_text,
    rows_between,
    session_rng,
    stack,
    to_wire,
    tokyo_instant,
)
from gogooku.sandbox.sources.smile import wandering
from gogooku.sandbox.sources.wire import VISIBLE, Wire

SIDES: Final = ("ShrtNoMrgn", "MrgnSellNew", "MrgnSellClose", "MrgnBuyNew", "MrgnBuyClose")
"""Sides whose shares are drawn; what is left is ``LongSell`` and ``LongBuy``."""
_USUAL: Final = np.array([0.28, 0.05, 0.11, 0.15, 0.04])
_SPREAD: Final = 0.25
"""Log spread of one session; of the name for ever, of its slow wave and of the whole market:"""
_NAME_SPREAD, _WAVE_SIZE, _COMMON_SPREAD = 0.25, 0.2, 0.1
_WAVE_SESSIONS: Final = (60.0, 400.0)
"""Shortest and longest period of the waves."""
_VISIBLE_MINUTES: Final = 18 * 60


@dataclass(frozen=True)
class Habits:
    """Slow part of how a name is traded: log against the usual share of each of `SIDES`.

    ``level``, ``period`` and ``phase`` are [5, N]; ``common`` is [T, 5].
    """

    level: FloatArray
    period: FloatArray
    phase: FloatArray
    common: FloatArray

    def at(self, row: int) -> FloatArray:
        """Log against the usual share on a session; [5, N]."""
        wave = np.sqrt(2) * np.sin(2 * np.pi * row / self.period + self.phase)
        habit: FloatArray = self.level + _WAVE_SIZE * wave + self.common[row][:, np.newaxis]
        return habit


@lru_cache(maxsize=8)
def _habits(seed: int, num_sessions: int, num_names: int) -> Habits:
    rng = np.random.default_rng([seed, zlib.crc32(b"breakdown_habits")])
    shape = (len(SIDES), num_names)
    shortest, longest = _WAVE_SESSIONS
    return Habits(
        level=_NAME_SPREAD * rng.standard_normal(shape),
        period=np.exp(rng.uniform(math.log(shortest), math.log(longest), shape)),
        phase=rng.uniform(0.0, 2 * np.pi, shape),
        common=_COMMON_SPREAD * wandering((num_sessions, len(SIDES)), rng=rng),
    )


def usual_habits(market: Market) -> Habits:
    """Habits of the names of a market."""
    return _habits(market.config.seed, *market.close.shape)


def side_shares(market: Market, row: int) -> FloatArray:
    """Share of a session's trading of each of `SIDES`, every name; [5, N].

    Crowded names (high margin long balance) are bought on margin more.
    """
    draws = session_rng(market, "breakdown", row).standard_normal((len(SIDES), len(market.codes)))
    habit = usual_habits(market).at(row)
    shares: FloatArray = _USUAL[:, np.newaxis] * np.exp(_SPREAD * draws + habit)
    shares[3] *= np.exp(0.3 * market.drivers.crowding[row].astype(np.float64))
    selling = shares[:3].sum(axis=0)
    shares[:3] *= np.minimum(1.0, 0.9 / selling)
    shares[3:] *= np.minimum(1.0, 0.9 / shares[3:].sum(axis=0))
    return shares


def traded(market: Market, row: int) -> IntArray:
    """Numbers of the names that traded in a session."""
    return np.flatnonzero(~np.isnan(market.close[row])).astype(np.int64)


def amounts(market: Market, row: int, *, total: FloatArray, stocks: IntArray) -> FloatArray:
    """Whole yen or shares of each of `SIDES` for the given names; [5, names]."""
    sides: FloatArray = np.floor(side_shares(market, row)[:, stocks] * total[stocks])
    return sides


@dataclass(frozen=True)
class Breakdown:
    """``/markets/breakdown``: one row per name that traded, visible at 18:00 of the session."""

    basis: Basis

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows of the sessions ``first`` to ``last``."""
        market = self.basis.market
        chosen = rows_between(market.sessions, first, last)
        return stack("breakdown", [self._session(int(row)) for row in chosen])

    def _session(self, row: int) -> pl.DataFrame:
        market = self.basis.market
        stocks = traded(market, row)
        columns: dict[str, object] = {
            "Date": date_text(np.full(len(stocks), market.sessions[row])),
            "Code": self.basis.codes.gather(stocks.astype(np.uint32)),
            VISIBLE: np.full(
                len(stocks),
                tokyo_instant(market.sessions[row : row + 1], minutes=_VISIBLE_MINUTES)[0],
            ),
        }
        totals = {"Va": market.turnover_value[row], "Vo": market.volume_shares[row]}
        for unit, total in totals.items():
            sides = amounts(market, row, total=total, stocks=stocks)
            for name, values in zip(SIDES, sides, strict=True):
                columns[f"{name}{unit}"] = values
            columns[f"LongSell{unit}"] = total[stocks] - sides[:3].sum(axis=0)
            columns[f"LongBuy{unit}"] = total[stocks] - sides[3:].sum(axis=0)
        return to_wire("breakdown", columns)


def wires(market: Market) -> dict[str, Wire]:
    """Wires of this module by endpoint name."""
    return {"breakdown": Breakdown(basis_of(market))}
