"""Raw channels as a network reads them: levels and sizes of one name's recent sessions.

A dataset keeps the step of the log price of each session, because half precision is too coarse for
the price itself; a window turns the steps back into a level that ends at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
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
    """`windowed` of one window in host memory, [n, l, C]."""
    return windowed(torch.from_numpy(raw_nlC.astype(np.float32)), channels).numpy()


def windowed(raw: Tensor, channels: Sequence[str]) -> Tensor:
    """Raw channels of windows, ready for a network; the same to the bit on every device.

    Parameters
    ----------
    raw : float32 [..., l, C]
        Oldest session first; NaN where not known, 0 before the first session of the dataset.
    channels : sequence of str
        Names of the last axis.

    Returns
    -------
    float32 [..., l, C]
        Log price less that of the last session (units of 10 %) in the place of `STEPS`, the others
        in their own unit; 0 where not known, none beyond `RAW_LIMIT`.
    """
    values = raw.nan_to_num(nan=0.0)
    for place, name in enumerate(channels):
        if name == STEPS:
            total = values[..., place].clone()
            for lag in range(1, total.shape[-1]):  # cumsum adds up in no fixed order or precision
                total[..., lag] += total[..., lag - 1]
            values[..., place] = LEVEL_SCALE * (total - total[..., -1:])
    return values.clamp(-RAW_LIMIT, RAW_LIMIT)
