"""Prices of options: Black's formula on the forward, and the smile that the market quotes.

The level of volatility follows the trailing realised volatility of the underlying plus a premium;
longer contracts lie nearer to the long-run level; low strikes are dearer than high ones. Only the
past of a session enters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from gogooku.sandbox.families import FloatArray

SKEW: Final = -0.08
CURVATURE: Final = 0.02
"""Relative change of the volatility per unit, and per squared unit, of standardised moneyness."""
MONEYNESS_LIMIT: Final = 4.0
TERM_RATE: Final = 1.5
"""Rate per year at which the level of a contract approaches the long-run level."""
_SESSIONS_PER_YEAR: Final = 250
_DECAY: Final = 0.95
_PREMIUM, _ADDED = 1.1, 0.01


@dataclass(frozen=True)
class Terms:
    """What an option is priced from; arrays of one shape.

    ``years`` to expiry, ``rate`` per year (continuous, decimal), ``call`` marks calls.
    """

    strike: FloatArray
    years: FloatArray
    rate: FloatArray
    call: npt.NDArray[np.bool_]


def forward(spot: FloatArray, terms: Terms) -> FloatArray:
    """Forward price of the underlying at expiry."""
    value: FloatArray = spot * np.exp(terms.rate * terms.years)
    return value


def black(spot: FloatArray, terms: Terms, *, volatility: FloatArray) -> FloatArray:
    """Price of European options on the forward (Black, 1976), discounted."""
    ahead = forward(spot, terms)
    spread = volatility * np.sqrt(terms.years)
    upper = np.log(ahead / terms.strike) / spread + spread / 2
    sign = np.where(terms.call, 1.0, -1.0)
    value = sign * (ahead * ndtr(sign * upper) - terms.strike * ndtr(sign * (upper - spread)))
    price: FloatArray = np.exp(-terms.rate * terms.years) * value
    return price


def term_level(level: FloatArray, years: FloatArray, *, long_run: FloatArray) -> FloatArray:
    """Volatility at the money of a contract."""
    out: FloatArray = long_run + (level - long_run) * np.exp(-TERM_RATE * years)
    return out


def moneyness(spot: FloatArray, terms: Terms, *, level: FloatArray) -> FloatArray:
    """Log strike over forward in standard deviations of the contract."""
    raw = np.log(terms.strike / forward(spot, terms)) / (level * np.sqrt(terms.years))
    return np.clip(raw, -MONEYNESS_LIMIT, MONEYNESS_LIMIT)


def smile(level: FloatArray, standardised: FloatArray) -> FloatArray:
    """Implied volatility at a standardised moneyness; the same for puts and calls."""
    relative: FloatArray = 1.0 + SKEW * standardised + CURVATURE * standardised**2
    return level * relative


def trailing_level(closes: FloatArray, *, start: FloatArray) -> FloatArray:
    """Level of volatility after each session from closes [T, U] alone; decimals per year.

    ``start`` is the yearly volatility assumed before the first session; [U].
    """
    variance = (start**2 / _SESSIONS_PER_YEAR).astype(np.float64)
    returns = np.diff(np.log(closes), axis=0, prepend=np.log(closes[:1]))
    out = np.empty_like(closes)
    for row, change in enumerate(returns):
        if row:
            variance = _DECAY * variance + (1 - _DECAY) * change**2
        out[row] = np.sqrt(_SESSIONS_PER_YEAR * variance)
    level: FloatArray = np.clip(_PREMIUM * out + _ADDED * start / 0.2, 0.3 * start, 5 * start)
    return level


_ODD: Final = 0x9E3779B97F4A7C15
_MIX: Final = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_MASK: Final = (1 << 64) - 1


def hashed(seed: int, *keys: npt.NDArray[Any]) -> FloatArray:
    """Uniform numbers in (0, 1) that depend on integer keys alone, not on what else is drawn."""
    state = np.full(keys[0].shape, (seed * _ODD + 1) & _MASK, dtype=np.uint64)
    for key in keys:
        state = state + key.astype(np.int64).astype(np.uint64) * np.uint64(_ODD)
        for shift, factor in zip((30, 27), _MIX, strict=True):
            state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
        state = state ^ (state >> np.uint64(31))
    uniform: FloatArray = ((state >> np.uint64(11)).astype(np.float64) + 0.5) / float(1 << 53)
    return uniform
