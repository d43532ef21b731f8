"""What a way of weighting is given, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray
from gogooku.portfolio.config import PortfolioConfig
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.decide import Decision


@dataclass(frozen=True)
class Choice:
    """The names that have a seat, and everything that their weights may depend on.

    Attributes
    ----------
    decision : Decision
    signal_N : float64 [N]
        What ranked the names; NaN where there is nothing to rank.
    long, short : int64
        Positions to buy and to sell short, the best and the worst first.
    config : PortfolioConfig
    costs : CostConfig
    """

    decision: Decision
    signal_N: FloatArray
    long: IntArray
    short: IntArray
    config: PortfolioConfig
    costs: CostConfig

    @property
    def after_costs(self) -> float:
        """What a weight is divided by, so that its own purchase cost is left in cash."""
        return 1.0 + self.costs.rate

    @cached_property
    def name_caps(self) -> FloatArray:
        """Largest weight [N] of each name, before its purchase cost is set aside."""
        caps = np.full(len(self.decision.codes), self.config.max_weight)
        sessions = self.config.limits.traded_value
        if sessions > 0.0:
            traded = self.decision.past.traded_value()
            caps = np.minimum(caps, sessions * traded / self.decision.equity)
        return caps


@dataclass(frozen=True)
class Weighed:
    """Signed target weights [N], and what had to be done to get them, for people."""

    weights_N: FloatArray
    notes: tuple[str, ...] = ()


Leg = Callable[[Choice, IntArray, int], FloatArray]
"""Weights of the names of one side (1 bought, -1 sold short): not negative, their sum 1."""
