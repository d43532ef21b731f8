"""From one session's scores to target weights."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from gogooku.core.config import Config
from gogooku.core.findings import Unit
from gogooku.core.metrics import FloatArray
from gogooku.core.terms import USUAL
from gogooku.core.types import IntArray, Portfolio
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.decide import Decision


class PortfolioConfig(Config):
    """The best names, equally weighted.

    Attributes
    ----------
    top_k : int
        Names held.
    rebalance_every : int
        Sessions between two decisions.
    horizon : int
        Which horizon's score ranks.
    max_weight : float
        Largest share of equity in one name at the decision.
    """

    top_k: Annotated[int, Unit("names")] = Field(default=USUAL.top_k, ge=1)
    rebalance_every: Annotated[int, Unit("sessions")] = Field(default=5, ge=1)
    horizon: Annotated[int, Unit("sessions")] = Field(default=5, ge=1)
    max_weight: float = Field(default=0.05, gt=0.0, le=1.0)


def ranked_names(score_N: FloatArray, *, top_k: int) -> IntArray:
    """Positions of the ``top_k`` highest finite scores, best first; ties go by position."""
    order = np.argsort(-np.where(np.isfinite(score_N), score_N, -np.inf), kind="stable")
    return order[: min(top_k, int(np.isfinite(score_N).sum()))].astype(np.int64)


def target_weight(num_names: int, *, config: PortfolioConfig, costs: CostConfig) -> float:
    """Weight of each chosen name: equal, capped, and leaving cash for its own purchase cost."""
    if not num_names:
        return 0.0
    return min(1.0 / num_names, config.max_weight) / (1.0 + costs.rate)


def build_portfolio(decision: Decision, *, config: PortfolioConfig, costs: CostConfig) -> Portfolio:
    """Target portfolio of one decision, its weights in the order of rank, best first."""
    chosen = ranked_names(decision.score_N, top_k=config.top_k)
    weight = target_weight(len(chosen), config=config, costs=costs)
    return Portfolio(
        decided_at=decision.decided_at,
        filled_at=decision.filled_at,
        weights={decision.codes[place]: weight for place in chosen.tolist()},
        max_weight=config.max_weight,
    )
