"""Features put together from columns: an expression knows what it reads and how far back it looks.

``z(col("volume"), 20)`` reads ``volume`` and looks back 20 sessions; nothing of that is stated
twice. Give a column that looks back itself its lookback: ``col("ret_prev_1d", RETURN)``. A feature
is an expression with a name, a unit and a meaning, see `declared`. Each combinator is one kernel of
`gogooku.features.engine.kernels` or `gogooku.features.engine.moments`; nulls are theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.kernels import Values, chain

Z_LIMIT: Final = 10.0
"""A z-score beyond this, of a series that hardly moves, says no more."""


@dataclass(frozen=True)
class Expression:
    """What is computed from columns.

    Attributes
    ----------
    inputs : tuple of str
        Columns that it reads, each once.
    lookback : int
        Sessions of the past needed, the current one included.
    window : int
        Sessions of the columns that it reads itself, whatever those look back.
    compute : callable
        From the columns to float64 [T, n] (or [T]), NaN for null.
    """

    inputs: tuple[str, ...]
    lookback: int
    window: int
    compute: Callable[[Values], FloatArray]

    def __add__(self, other: Expression) -> Expression:
        """Sum, session by session."""
        return over(lambda one, two: one + two, self, other)

    def __sub__(self, other: Expression) -> Expression:
        """Difference, session by session."""
        return over(lambda one, two: one - two, self, other)

    def __mul__(self, other: Expression) -> Expression:
        """Product, session by session."""
        return over(lambda one, two: one * two, self, other)

    def __rmul__(self, number: float) -> Expression:
        """So many times the value."""
        return over(lambda values: number * values, self)


# ------------------------------------------------------------------------- columns and declarations


def col(name: str, lookback: int = 1) -> Expression:
    """One column: a base column, or a feature with the lookback it has."""
    return Expression((name,), lookback, 1, lambda x: x[name])


def columns_of(features: Iterable[Feature]) -> Callable[[str], Expression]:
    """Columns that are features, by name, each with the lookback it has."""
    lookback = {feature.name: feature.lookback for feature in features}
    return lambda name: col(name, lookback[name])


def declared(name: str, what: Expression, unit: str, meaning: str, **more: Any) -> Feature:
    """Declare a feature; ``more`` are fields of `Feature` such as ``group`` or ``role``."""
    return Feature(
        name=name,
        inputs=what.inputs,
        compute=what.compute,
        lookback=what.lookback,
        window=what.window,
        unit=unit,
        meaning=meaning,
        **more,
    )


# ------------------------------------------------------------------------------------ any kernel


def over(kernel: Callable[..., FloatArray], *of: Expression, window: int = 1) -> Expression:
    """A kernel of the values of expressions, which looks back ``window`` sessions itself."""
    return Expression(
        inputs=tuple(dict.fromkeys(name for one in of for name in one.inputs)),
        lookback=chain(window, max(one.lookback for one in of)),
        window=chain(window, max(one.window for one in of)),
        compute=lambda x: kernel(*(one.compute(x) for one in of)),
    )


def rolling(kernel: Callable[..., FloatArray], *of: Expression, window: int) -> Expression:
    """A kernel of the values of expressions and of the window, which is its last argument."""
    return over(lambda *values: kernel(*values, window), *of, window=window)


# ----------------------------------------------------------------------------- over some sessions


def mean(of: Expression, window: int) -> Expression:
    """Mean of the last ``window`` sessions."""
    return rolling(k.rolling_mean, of, window=window)


def total(of: Expression, window: int) -> Expression:
    """Sum of the last ``window`` sessions, missing ones scaled up."""
    return rolling(k.rolling_sum, of, window=window)


def ema(of: Expression, span: int) -> Expression:
    """Exponential mean of that span."""
    return over(lambda values: k.ema(values, span), of, window=k.ewm_length(span))


def wilder(of: Expression, sessions: int) -> Expression:
    """Wilder's smoothing (1978)."""
    return over(lambda values: k.wilder(values, sessions), of, window=7 * sessions)


def sd(of: Expression, window: int) -> Expression:
    """Sample standard deviation over ``window`` sessions of returns and the like."""
    return rolling(m.rolling_sd, of, window=window)


def z(of: Expression, window: int) -> Expression:
    """Value against mean and spread of ``window`` sessions, within +-`Z_LIMIT`."""
    return clipped(rolling(m.zscore, of, window=window), Z_LIMIT)


def highest(of: Expression, window: int) -> Expression:
    """Largest value of the last ``window`` sessions."""
    return rolling(partial(k.rolling_extreme, kind="max"), of, window=window)


def lowest(of: Expression, window: int) -> Expression:
    """Smallest value of the last ``window`` sessions."""
    return rolling(partial(k.rolling_extreme, kind="min"), of, window=window)


# ---------------------------------------------------------------------------- of earlier sessions


def before(of: Expression, sessions: int) -> Expression:
    """Value of so many sessions before."""
    return over(lambda values: k.shift(values, sessions), of, window=sessions + 1)


def change(of: Expression, sessions: int) -> Expression:
    """Value less that of so many sessions before."""
    return over(lambda values: values - k.shift(values, sessions), of, window=sessions + 1)


def filled(of: Expression) -> Expression:
    """Last known value, at most `STALE_LIMIT` sessions old."""
    return over(k.forward_fill, of, window=k.CLOSE)


# --------------------------------------------------------------------------------- of one session


def log(of: Expression) -> Expression:
    """Natural logarithm; null where the value is not positive."""
    return over(k.log_positive, of)


def sign(of: Expression) -> Expression:
    """-1, 0 or 1; 0 where the value is within rounding of zero."""
    return over(k.sign, of)


def size(of: Expression) -> Expression:
    """Value without its sign."""
    return over(np.abs, of)


def positive(of: Expression) -> Expression:
    """Value where it is positive, else 0."""
    return over(lambda values: np.maximum(values, 0.0), of)


def clipped(of: Expression, limit: float) -> Expression:
    """Value within +-``limit``."""
    return over(lambda values: np.clip(values, -limit, limit), of)


def ratio(top: Expression, bottom: Expression, *, floor: float = 0.0) -> Expression:
    """Quotient; null where the denominator is not above ``floor``."""
    return over(partial(k.ratio, floor=floor), top, bottom)


def gain(top: Expression, bottom: Expression) -> Expression:
    """Quotient less 1."""
    return over(lambda one, two: k.ratio(one, two) - 1.0, top, bottom)


# ------------------------------------------------------------------------------------------ flags


def at_most(of: Expression, limit: float) -> Expression:
    """1 where the value is at most ``limit``, else 0, also where it is null."""
    return over(lambda values: np.asarray((values <= limit).astype(np.float64)), of)


def above(of: Expression, limit: float) -> Expression:
    """1 where the value is above ``limit``, else 0, also where it is null."""
    return over(lambda values: np.asarray((values > limit).astype(np.float64)), of)


def known(of: Expression) -> Expression:
    """1 where a listed name has a value, 0 where it has none, null where it is not listed."""
    return over(
        lambda values, listed: np.where(
            np.isnan(listed), np.nan, (~np.isnan(values)).astype(np.float64)
        ),
        of,
        col("listed"),
    )
