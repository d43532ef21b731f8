"""How far a price may move in a session: the Tokyo Stock Exchange's daily price limits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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


def daily_limit_yen(base: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Widest move of a session, in yen either way, for a base price in yen (the last close).

    Source: Tokyo Stock Exchange, "Daily price limits". After sessions that end at the limit
    without a trade the exchange widens it; that is not in this table.
    """
    width: npt.NDArray[np.float64] = _YEN[np.searchsorted(_BELOW, base, side="right")]
    return width
