"""Raw channels as a network reads them: levels and sizes of one name's recent sessions.

A dataset keeps the step of the log price of each session, because half precision is too coarse for
the price itself; a window turns the steps back into a level that ends at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from torch import Tensor

STEPS: Final = "log_return"
"""The channel that a window turns into the log price less that of its last session."""
LEVEL_SCALE: Final = 0.2
"""From units of 2 % to units of 10 %, in which log prices of 24 to 60 sessions are of order one."""
RAW_LIMIT: Final = 8.0
"""Largest size of any raw channel that a network reads."""


def read_window(
    raw_nlC: npt.NDArray[np.float16], channels: Sequence[str]
) -> npt.NDArray[np.float32]:
    """Raw channels of a window, ready for a network.

    Parameters
    ----------
    raw_nlC : float16 [n, l, C]
        Oldest session first; NaN where not known.
    channels : sequence of str
        Names of the last axis.

    Returns
    -------
    float32 [n, l, C]
        Log price less that of the last session (units of 10 %) in the place of `STEPS`, the others
        in their own unit; 0 where not known, none beyond `RAW_LIMIT`.
    """
    values = np.nan_to_num(raw_nlC.astype(np.float32), nan=0.0)
    for place, name in enumerate(channels):
        if name == STEPS:
            total = values[:, :, place].cumsum(axis=1)
            values[:, :, place] = LEVEL_SCALE * (total - total[:, -1:])
    return np.clip(values, -RAW_LIMIT, RAW_LIMIT)


def windowed(raw_BNLR: Tensor, channels: Sequence[str]) -> Tensor:
    """The same of windows on a device, to the bit: their log prices are added up in the same order.

    Parameters
    ----------
    raw_BNLR : float32 [B, N, L, R]
        Oldest session first; NaN where not known, 0 before the first session of the dataset.
    channels : sequence of str
        Names of the last axis.
    """
    values = raw_BNLR.nan_to_num(nan=0.0)
    for place, name in enumerate(channels):
        if name == STEPS:
            total = values[..., place].clone()
            for lag in range(1, total.shape[-1]):
                total[..., lag] += total[..., lag - 1]
            values[..., place] = LEVEL_SCALE * (total - total[..., -1:])
    return values.clamp(-RAW_LIMIT, RAW_LIMIT)
