"""A control chart of live skill: a cumulative sum that notices when less comes than was promised.

Page (1954), one-sided. Values are means over as many sessions as a label lasts, which makes them
nearly independent though labels overlap, in units of their own standard deviation, less what was
promised. ``S = max(0, S - z - k)``; the alarm is at ``S > h``. The reference value ``k`` is half
the distance from the promise to no skill at all, the best one for noticing just that; the threshold
``h`` is the one at which a promise that is kept gives a false alarm once in
`IN_CONTROL_SESSIONS` (Siegmund, "Sequential Analysis", 1985, chapter 2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from gogooku.core.metrics import FloatArray

IN_CONTROL_SESSIONS: Final = 1_000
"""Mean number of sessions to a false alarm while the promise is kept: about four years."""
LEAST_REFERENCE: Final = 0.1
MOST_REFERENCE: Final = 1.0
_OVERSHOOT: Final = 1.166
"""By which a sum of normal values goes beyond its threshold: two times 0.583."""


@dataclass(frozen=True)
class Chart:
    """What a promise is held by.

    Attributes
    ----------
    promised : float
        Mean of the values if the promise is kept.
    spread : float
        Standard deviation of a mean over ``block`` sessions.
    block : int
        Sessions that are averaged.
    reference, threshold : float
        ``k`` and ``h``, in spreads.
    """

    promised: float
    spread: float
    block: int
    reference: float
    threshold: float

    @classmethod
    def of(
        cls, *, promised: float | None, error: float | None, n: int, horizon: int
    ) -> Chart | None:
        """From a mean over ``n`` sessions with its standard error; None where nothing is promised.

        Parameters
        ----------
        horizon : int
            Sessions that a label lasts.
        """
        if promised is None or error is None or promised <= 0.0 or error <= 0.0:
            return None
        spread = error * math.sqrt(n / horizon)
        reference = min(max(promised / spread / 2.0, LEAST_REFERENCE), MOST_REFERENCE)
        threshold = threshold_for(reference, IN_CONTROL_SESSIONS / horizon)
        return cls(promised, spread, horizon, reference, threshold)

    def path(self, daily: FloatArray) -> FloatArray:
        """The sum after each whole block of daily values, oldest first."""
        count = len(daily) // self.block
        blocks = daily[: count * self.block].reshape(count, self.block).mean(axis=1)
        z = (blocks - self.promised) / self.spread
        out, total = np.zeros(count), 0.0
        for b, value in enumerate(z.tolist()):
            total = max(0.0, total - value - self.reference)
            out[b] = total
        return out

    def first_alarm(self, daily: FloatArray) -> int | None:
        """Sessions after which the sum first lay beyond the threshold; None for never."""
        beyond = np.flatnonzero(self.path(daily) > self.threshold)
        return int(beyond[0] + 1) * self.block if len(beyond) else None


def run_length(reference: float, threshold: float) -> float:
    """Mean number of independent normal values to an alarm when they have mean 0."""
    height = 2.0 * reference * (threshold + _OVERSHOOT)
    return (math.exp(height) - height - 1.0) / (2.0 * reference**2)


def threshold_for(reference: float, wanted: float) -> float:
    """The threshold with a mean run length, by bisection; 0 where even that has a longer one."""
    low, high = 0.0, 1.0
    while run_length(reference, high) < wanted:
        high *= 2.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if run_length(reference, middle) < wanted else (low, middle)
    return high
