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

from gogooku.sandbox.market.families import FloatArray

SKEW: Final = -0.08
CURVATURE: Final = 0.02
"""Relative change of the volatility per unit, and per squared unit, of standardised moneyness."""
MONEYNESS_LIMIT: Final = 4.0
TERM_RATE: Final = 1.5
"""Rate per year at which the level of a contract approaches the long-run level."""
PIVOT_YEARS: Final = 30 / 365
SLOPE_REACH: Final = 2.0
"""Beyond this log distance from the pivot the slope goes no further."""
SLOPE_SD, SKEW_SD, TWIST_SD = 0.05, 0.25, 0.0015
"""Standard deviations of the slope, of the log of the skew against `SKEW`, and of the twist."""
_LEAST_RELATIVE: Final = 0.4
_WAVE_DECAY: Final = 0.93
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
    from scipy.special import ndtr

    ahead = forward(spot, terms)
    spread = volatility * np.sqrt(terms.years)
    upper = np.log(ahead / terms.strike) / spread + spread / 2
    sign = np.where(terms.call, 1.0, -1.0)
    value = sign * (ahead * ndtr(sign * upper) - terms.strike * ndtr(sign * (upper - spread)))
    price: FloatArray = np.exp(-terms.rate * terms.years) * value
    return price


@dataclass(frozen=True)
class Curve:
    """What shapes the volatility of a session; arrays of one shape.

    ``level`` of the nearest contracts and its ``long_run`` mean, decimals per year; ``slope`` is
    the log by which a contract e times as far out as `PIVOT_YEARS` is dearer than those two say.
    """

    level: FloatArray
    long_run: FloatArray
    slope: FloatArray


def term_level(curve: Curve, years: FloatArray) -> FloatArray:
    """Volatility at the money of a contract."""
    level = curve.long_run + (curve.level - curve.long_run) * np.exp(-TERM_RATE * years)
    distance = np.clip(np.log(years / PIVOT_YEARS), -SLOPE_REACH, SLOPE_REACH)
    out: FloatArray = level * np.exp(curve.slope * distance)
    return out


def wandering(shape: tuple[int, int], *, rng: np.random.Generator) -> FloatArray:
    """Slow waves of unit variance and a fortnight's memory that no price moves; [T, U]."""
    out = np.empty(shape)
    state = rng.standard_normal(shape[1])
    for row in range(shape[0]):
        out[row] = state
        shock = rng.standard_normal(shape[1])
        state = _WAVE_DECAY * state + np.sqrt(1 - _WAVE_DECAY**2) * shock
    return out


def moneyness(spot: FloatArray, terms: Terms, *, level: FloatArray) -> FloatArray:
    """Log strike over forward in standard deviations of the contract."""
    raw = np.log(terms.strike / forward(spot, terms)) / (level * np.sqrt(terms.years))
    return np.clip(raw, -MONEYNESS_LIMIT, MONEYNESS_LIMIT)


def smile(
    level: FloatArray, standardised: FloatArray, *, skew: FloatArray, twist: FloatArray
) -> FloatArray:
    """Implied volatility at a standardised moneyness; the same for puts and calls.

    ``skew`` multiplies `SKEW`; ``twist``, per cubed unit, parts the wings from the middle.
    """
    bent = SKEW * skew * standardised + CURVATURE * standardised**2 + twist * standardised**3
    relative: FloatArray = np.maximum(1.0 + bent, _LEAST_RELATIVE)
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
