"""How much of what is held changes from one session to the next."""

from __future__ import annotations

from torch import Tensor

from gogooku.learn.losses.inputs import LossInputs
from gogooku.learn.losses.strips import holdings, turnover
from gogooku.learn.losses.turnover.config import TurnoverConfig


def turnover_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    weight_H: Tensor,
    config: TurnoverConfig,
    *,
    inputs: LossInputs,
) -> Tensor:
    """Mean absolute change of the holdings over the strip, from 0 to 2, horizons weighted.

    The penalty on changes of position of Lim, Zohren and Roberts (2019), as a loss beside another:
    scores that keep still cost less to follow.
    """
    del label_BNH
    held = holdings(score_BNH, mask_BNH, config.holding)
    traded_H = turnover(held, mask_BNH, inputs, lags=(1,) * len(inputs.horizons))
    return (traded_H * weight_H).sum()
