"""From where on the gates of a release refuse: settings, kept in the bundle that they judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from gogooku.core.config import Config
from gogooku.core.findings import Unit
from gogooku.portfolio.backtest import TradeConfig


class GateLimits(Config):
    """From where on a gate refuses.

    Attributes
    ----------
    margin : float
        RankIC that a bundle may lose against the one in service. 0.005 is a tenth of what a good
        daily equity signal has; a smaller loss is no reason to keep an older model.
    least_sessions : int
        Sessions, tested or shared, below which skill is not known. Over 60 sessions of labels of
        5 the error of a mean RankIC is about 0.02 to 0.03: as large as the skill.
    most_tied : float
        Share of a session's names that have the score of another name. Ranks within ties follow
        the order of the codes; above a fifth they decide who is among the best.
    turnover : float
        Equity replaced per year. At 15 bps of costs a side, 60 times cost a fifth of the equity.
    turnover_times : float
        The same in multiples of the turnover of the bundle in service.
    look_ahead_dates : int
        Sessions whose values are computed again where no audit of the dataset is kept.
    scored_again : int
        Test sessions that the checkpoints score again.
    """

    margin: float = Field(default=0.005, ge=0.0, le=1.0)
    least_sessions: Annotated[int, Unit("sessions")] = Field(default=60, ge=2)
    most_tied: float = Field(default=0.2, ge=0.0, le=1.0)
    turnover: float = Field(default=60.0, gt=0.0)
    turnover_times: float = Field(default=3.0, gt=0.0)
    look_ahead_dates: Annotated[int, Unit("sessions")] = Field(default=2, ge=1)
    scored_again: Annotated[int, Unit("sessions")] = Field(default=3, ge=1)


class ReleaseConfig(TradeConfig):
    """How a bundle is traded, and the limits of the gates that it has to pass."""

    gates: GateLimits = GateLimits()


LOOSER: Final[Mapping[str, int]] = {
    "margin": 1,
    "least_sessions": -1,
    "most_tied": 1,
    "turnover": 1,
    "turnover_times": 1,
    "look_ahead_dates": -1,
    "scored_again": -1,
}
"""Which way a limit lets more through: 1 where a larger value does, -1 where a smaller one."""


def looser(limits: GateLimits) -> list[str]:
    """Of limits, those that let more through than usual, each in words."""
    usual, found = GateLimits(), []
    for name, way in LOOSER.items():
        value, default = getattr(limits, name), getattr(usual, name)
        if way * (value - default) > 0:
            found.append(f"gates.{name} is {value:g}, usually {default:g}")
    return found
