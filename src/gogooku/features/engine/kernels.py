"""Rolling kernels on dense float64 arrays, exact functions of their window.

Axis 0 is time, NaN is null, every other axis is carried along, so ``[T]`` and ``[T, n]`` both work.

A windowed sum is put together from sums over 1, 2, 4, ... sessions, ``S_2k[t] = S_k[t] +
S_k[t-k]``, and so depends, bit for bit, on the values inside its window only. The rejected
alternative, differences of a running total, carries the rounding of the whole history and lets one
huge value spoil every later window.

Nulls. A session without a value is left out of its window. A statistic over ``w`` sessions is null
when fewer than ``MIN_SHARE * w`` of them have a value (an exponential mean: when less than
`MIN_WEIGHT_SHARE` of its weight has). Sessions before the first row count as null. A ratio whose
denominator is zero is null, never infinite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from gogooku.core.metrics import FloatArray
from gogooku.core.types import BoolArray

MIN_SHARE: Final = 0.8
"""Smallest share of a window that must have a value."""
MIN_WEIGHT_SHARE: Final = 0.5
"""Smallest share of the weight of an exponential mean that must have a value."""
STALE_LIMIT: Final = 20
"""Most sessions over which a last known close stays known."""
FLAT: Final = 1e-9
"""Standard deviations of returns and of logs below this are rounding of zero."""

Values = Mapping[str, FloatArray]
"""The inputs of a feature."""

TIE: Final = 1e-10
"""Ratios of prices that differ by less are equal: adjusting prices rounds them."""

_Number = TypeVar("_Number", bound=npt.NDArray[Any])


def chain(*lookbacks: int) -> int:
    """Lookback of a function of the last ``a`` values of a function of the last ``b`` values."""
    return 1 + sum(each - 1 for each in lookbacks)


def fewest(window: int, share: float = MIN_SHARE) -> int:
    """Fewest values that a window of that many sessions needs; never less than 2."""
    return min(window, max(2, math.ceil(share * window)))


CLOSE: Final = 1 + STALE_LIMIT
"""Lookback of the last known close."""
RETURN: Final = chain(2, CLOSE)
"""Lookback of a one-session return."""


def ratio(numerator: npt.ArrayLike, denominator: FloatArray, *, floor: float = 0.0) -> FloatArray:
    """``numerator / denominator``; null where the denominator is not above ``floor``."""
    top = np.asarray(numerator, dtype=np.float64)
    shape = np.broadcast_shapes(top.shape, denominator.shape)
    out = np.full(shape, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        np.divide(top, denominator, out=out, where=denominator > floor)
    return out


def log_positive(values: FloatArray) -> FloatArray:
    """Natural logarithm; null where the value is not positive."""
    out = np.full(values.shape, np.nan)
    np.log(values, out=out, where=values > 0.0)
    return out


def root(values: FloatArray) -> FloatArray:
    """Square root; negative rounding of zero becomes zero."""
    out: FloatArray = np.sqrt(np.maximum(values, 0.0))
    return out


def shift(values: FloatArray, sessions: int) -> FloatArray:
    """Move values ``sessions`` rows down; null in the first rows."""
    if sessions < 0:
        raise ValueError(f"shift: {sessions} sessions would look ahead")
    out = np.empty_like(values)
    out[:sessions] = np.nan
    out[sessions:] = values[: max(len(values) - sessions, 0)]
    return out


def forward_fill(values: FloatArray, limit: int = STALE_LIMIT) -> FloatArray:
    """Carry the last known value on for at most ``limit`` sessions; its lookback is that + 1."""
    out = values.copy()
    reach = 0
    while reach < limit:
        step = min(reach + 1, limit - reach)
        if not np.isnan(out).any():
            break
        earlier = out[:-step].copy()
        np.copyto(out[step:], earlier, where=np.isnan(out[step:]))
        reach += step
    return out


def window_sum(values: _Number, window: int, *, decay: float = 1.0) -> _Number:
    """``sum_j decay^j values[t-j]`` over ``j < window``, of values without nulls."""
    block, size, rest, covered = values, 1, window, 0
    out: _Number | None = None
    while rest:
        if rest & size:
            out = block.copy() if out is None else _add_earlier(out, block, covered, decay**covered)
            covered += size
            rest -= size
        if rest:
            block = _add_earlier(block.copy(), block, size, decay**size)
            size *= 2
    if out is None:
        raise ValueError(f"window_sum: window {window} is below 1")
    return out


def _add_earlier(into: _Number, block: _Number, sessions: int, factor: float) -> _Number:
    if sessions < len(block):
        earlier = block[: len(block) - sessions]
        into[sessions:] += earlier if factor == 1.0 else factor * earlier
    return into


def rolling_count(valid: BoolArray, window: int) -> npt.NDArray[np.int16]:
    """Sessions of the window at which ``valid`` is true."""
    return window_sum(valid.astype(np.int16), window)


def masked(values: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Values with zero for null, and where they are valid."""
    valid = ~np.isnan(values)
    return np.where(valid, values, 0.0), valid


def counted(valid: BoolArray, window: int) -> FloatArray:
    """Count the valid values; null where there are too few."""
    count = rolling_count(valid, window)
    out = count.astype(np.float64)
    out[count < fewest(window)] = np.nan
    return out


def rolling_sum(values: FloatArray, window: int) -> FloatArray:
    """Sum over the window, scaled up by ``window / n`` where sessions are missing."""
    return rolling_mean(values, window) * window


def rolling_mean(values: FloatArray, window: int) -> FloatArray:
    """Mean over the window."""
    known, valid = masked(values)
    total = window_sum(known, window)
    total /= counted(valid, window)
    return total


def rolling_extreme(values: FloatArray, window: int, *, kind: Literal["max", "min"]) -> FloatArray:
    """Largest or smallest value over the window."""
    pick = np.fmax if kind == "max" else np.fmin
    block, size = values, 1
    while 2 * size <= window:
        block = _pick_earlier(pick, block, size)
        size *= 2
    out = _pick_earlier(pick, block, window - size) if window > size else block.copy()
    out[rolling_count(~np.isnan(values), window) < fewest(window)] = np.nan
    return out


def _pick_earlier(pick: np.ufunc, block: FloatArray, sessions: int) -> FloatArray:
    out = block.copy()
    if sessions < len(block):
        pick(block[sessions:], block[: len(block) - sessions], out=out[sessions:])
    return out


def sessions_since_extreme(
    values: FloatArray, window: int, *, kind: Literal["max", "min"]
) -> FloatArray:
    """Sessions since the largest or smallest value of the window; the newest of equals counts."""
    sign = 1.0 if kind == "max" else -1.0
    best = np.where(np.isnan(values), -np.inf, sign * values)
    age = np.zeros_like(best)
    reach = 1
    while reach < window:
        step = min(reach, window - reach)
        old, old_age = best[:-step].copy(), age[:-step] + step
        # Blocks that overlap agree on the values they share; a clear > keeps the newest of equals.
        newest = best[step:]
        with np.errstate(invalid="ignore"):
            better = old - newest > TIE * np.abs(newest)
            better |= np.isneginf(newest) & (old > newest)
        np.copyto(best[step:], old, where=better)
        np.copyto(age[step:], old_age, where=better)
        reach += step
    age[rolling_count(~np.isnan(values), window) < fewest(window)] = np.nan
    return age


def ewm_length(span: float) -> int:
    """Sessions after which an exponential mean of that span is cut: the weight left is e^-7."""
    return math.ceil(3.5 * span)


def ewm_mean(values: FloatArray, *, decay: float, length: int) -> FloatArray:
    """Mean with weights ``decay^j`` over the last ``length`` sessions, of the valid ones."""
    known, valid = masked(values)
    total = window_sum(known, length, decay=decay)
    weight = window_sum(valid.astype(np.float64), length, decay=decay)
    full = (1.0 - decay**length) / (1.0 - decay)
    return ratio(total, weight, floor=MIN_WEIGHT_SHARE * full)


def ema(values: FloatArray, span: int) -> FloatArray:
    """Exponential mean of that span (decay ``1 - 2/(span+1)``), cut at `ewm_length`."""
    return ewm_mean(values, decay=1.0 - 2.0 / (span + 1.0), length=ewm_length(span))


def wilder(values: FloatArray, sessions: int) -> FloatArray:
    """Wilder's smoothing (1978): decay ``1 - 1/n``, cut at ``7 n`` sessions."""
    return ewm_mean(values, decay=1.0 - 1.0 / sessions, length=7 * sessions)


def run_length(signs: FloatArray, limit: int) -> FloatArray:
    """Length of the current run of equal non-zero signs, signed and at most ``limit``."""
    alive = signs != 0.0
    alive &= ~np.isnan(signs)
    out = np.where(alive, signs, 0.0)
    for lag in range(1, min(limit, len(signs))):
        alive[:lag] = False
        alive[lag:] &= signs[:-lag] == signs[lag:]
        if not alive.any():
            break
        out += np.where(alive, signs, 0.0)
    out[np.isnan(signs)] = np.nan
    return out


def sign(values: FloatArray, *, dead_zone: float = TIE) -> FloatArray:
    """-1, 0 or 1; 0 within the rounding of an adjusted price; null if null."""
    out = np.sign(values)
    out[np.abs(values) <= dead_zone] = 0.0
    return np.asarray(out)
