"""Whether quantiles are what they say: how often what came lies below each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gogooku.core.forecast import Scores
from gogooku.core.metrics import MIN_NAMES, mean_estimate


@dataclass(frozen=True)
class Calibrated:
    """A quantile at a horizon, and how often it was right.

    Attributes
    ----------
    horizon : int
    level : float
        Share of names that should come out below it.
    share : float
        Share that did: mean over sessions; not a number where there is none.
    error : float
        Newey-West error of that mean; not a number for fewer than three sessions.
    sessions, labels : int
        Sessions that count, with `MIN_NAMES` names or more, and names of all of them together.
    """

    horizon: int
    level: float
    share: float
    error: float
    sessions: int
    labels: int


def calibrated(
    quantiles: Mapping[float, Scores], realised_tNH: Scores, *, horizons: Sequence[int]
) -> list[Calibrated]:
    """A row for every horizon and level.

    Parameters
    ----------
    quantiles : mapping of float to float32 [t, N, H]
        By level.
    realised_tNH : float32 [t, N, H]
        What came, on the scale of the quantiles. Names without it, or without a quantile, do not
        count.
    """
    rows = []
    for h, horizon in enumerate(horizons):
        realised_tN = realised_tNH[:, :, h]
        for level, quantile_tNH in quantiles.items():
            quantile_tN = quantile_tNH[:, :, h]
            known_tN = np.isfinite(realised_tN) & np.isfinite(quantile_tN)
            count = known_tN.sum(axis=1)
            enough = count >= MIN_NAMES
            below = (known_tN & (realised_tN < quantile_tN)).sum(axis=1)
            share = np.where(enough, below / np.maximum(count, 1), np.nan)
            mean = mean_estimate(share, horizon=horizon)
            rows.append(
                Calibrated(
                    horizon=horizon,
                    level=level,
                    share=mean.value,
                    error=mean.error,
                    sessions=mean.n,
                    labels=int(count[enough].sum()),
                )
            )
    return rows
