"""How far a price may move in a session: the Tokyo Stock Exchange's daily price limits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gogooku.core.ticks import on_tick, tick_size

_BELOW = np.array(
    [
        100,
        200,
        500,
        700,
        1e3,
        1.5e3,
        2e3,
        3e3,
        5e3,
        7e3,
        1e4,
        1.5e4,
        2e4,
        3e4,
        5e4,
        7e4,
        1e5,
        1.5e5,
        2e5,
        3e5,
        5e5,
        7e5,
        1e6,
        1.5e6,
        2e6,
        3e6,
        5e6,
        7e6,
        1e7,
        1.5e7,
        2e7,
        3e7,
        5e7,
    ]
)
_YEN = np.array(
    [
        30,
        50,
        80,
        100,
        150,
        300,
        400,
        500,
        700,
        1e3,
        1.5e3,
        3e3,
        4e3,
        5e3,
        7e3,
        1e4,
        1.5e4,
        3e4,
        4e4,
        5e4,
        7e4,
        1e5,
        1.5e5,
        3e5,
        4e5,
        5e5,
        7e5,
        1e6,
        1.5e6,
        3e6,
        4e6,
        5e6,
        7e6,
        1e7,
    ]
)

NARROWEST = 0.09
"""No limit of a price up to 100 million yen is nearer to its base price than this share of it."""


def daily_limit_yen(base: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Widest move of a session, in yen either way, for a base price in yen (the last close).

    Source: Tokyo Stock Exchange, "Daily price limits". After sessions that end at the limit
    without a trade the exchange widens it; that is not in this table.
    """
    width: npt.NDArray[np.float64] = _YEN[np.searchsorted(_BELOW, base, side="right")]
    return width


def limit_prices(
    base: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Lowest and highest price of a session, in yen; NaN where the base price is NaN.

    Parameters
    ----------
    base : float
        The last close, in today's shares.

    Rounded to the usual tick towards the base price. The exchange takes a special quote as the base
    of the session after one without a trade, and widens limits after sessions at the limit; neither
    is known here, so that a price beyond these limits counts as one at them.
    """
    known = np.isfinite(base)
    width = daily_limit_yen(np.where(known, base, 1.0))
    upper, lower = base + width, np.maximum(base - width, 1.0)
    return (
        on_tick(lower, tick_size("tokyo", lower), up=True),
        on_tick(upper, tick_size("tokyo", upper), up=False),
    )
