"""The smallest step of a price: tick sizes of the Tokyo Stock Exchange and of New York."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_UP_TO: Final = np.array(
    [
        *(1e3, 3e3, 5e3, 1e4, 3e4, 5e4, 1e5, 3e5, 5e5),
        *(1e6, 3e6, 5e6, 1e7, 3e7, 5e7),
    ]
)
"""Highest price of each band but the last, in yen."""
_USUAL: Final = np.array(
    [1.0, 1, 5, 10, 10, 50, 100, 100, 500, 1e3, 1e3, 5e3, 1e4, 1e4, 5e4, 1e5],
)
_FINE: Final = np.array(
    [0.1, 0.5, 1, 1, 5, 10, 10, 50, 100, 100, 500, 1e3, 1e3, 5e3, 1e4, 1e4],
)
TOPIX_100: Final = ("TOPIX Core30", "TOPIX Large70")
"""Size classes of the vendor that make up the TOPIX 100."""
TOPIX_500: Final = (*TOPIX_100, "TOPIX Mid400")
FINE_SINCE: Final = (
    (np.datetime64("2014-01-14"), TOPIX_100),
    (np.datetime64("2023-06-05"), TOPIX_500),
)
"""First session of the finer table, and the size classes that it holds for from then on."""
_CENT: Final = 0.01
_BELOW_A_DOLLAR: Final = 0.0001
_EPS: Final = 1e-6
"""Share of a tick that rounding of a float explains."""


def tick_size(
    exchange: str, price: FloatArray, fine: npt.NDArray[np.bool_] | None = None
) -> FloatArray:
    """Tick at a price, in the currency of the exchange; NaN where the price is NaN.

    Parameters
    ----------
    exchange : str
        ``tokyo`` or ``new_york``, see `gogooku.core.calendar`.
    price : float
    fine : bool, optional
        In Tokyo, where the finer table holds, see `FINE_SINCE`. Without it the usual, coarser one
        does.

    Source: Tokyo Stock Exchange, "Tick size"; SEC Rule 612 (before its change of 2025).
    """
    if exchange != "tokyo":
        usual = np.where(price < 1.0, _BELOW_A_DOLLAR, _CENT)
    else:
        band = np.searchsorted(_UP_TO, price, side="left")
        usual = _USUAL[band] if fine is None else np.where(fine, _FINE[band], _USUAL[band])
    return np.where(np.isnan(price), np.nan, usual)


def on_tick(price: FloatArray, tick: FloatArray, *, up: bool) -> FloatArray:
    """The nearest price on the tick that is not below (``up``) or not above; NaN stays.

    A price that is on the tick already, but for the rounding of floats, stays what it is.
    """
    steps = price / tick
    whole = np.ceil(steps - _EPS) if up else np.floor(steps + _EPS)
    per_unit = np.rint(1.0 / tick)
    exact = np.where(tick < 1.0, whole / np.maximum(per_unit, 1.0), whole * tick)
    return np.asarray(np.maximum(exact, tick))
