"""The loss of quantiles, one term per session."""

from __future__ import annotations

import torch
from torch import Tensor

from gogooku.core.errors import ContractError
from gogooku.learn.losses.inputs import LossInputs
from gogooku.learn.losses.pinball.config import PinballConfig
from gogooku.learn.losses.sessions import known, mean_of_names, over_sessions


def pinball_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    weight_H: Tensor,
    config: PinballConfig,
    *,
    inputs: LossInputs,
) -> Tensor:
    """Mean over sessions, names and levels of the pinball loss of the quantiles.

    A label above the quantile of level p costs p a unit, one below costs 1 - p: Koenker and Bassett
    (1978), Regression quantiles. Scores do not enter.
    """
    del score_BNH, config
    if inputs.quantiles_BNHQ is None:
        raise ContractError("loss pinball: the network gives no quantiles")
    level_Q = inputs.quantiles_BNHQ.new_tensor(inputs.levels)
    error = known(label_BNH, mask_BNH)[..., None] - inputs.quantiles_BNHQ
    cost = torch.maximum(level_Q * error, (level_Q - 1.0) * error).mean(dim=-1)
    return over_sessions(mean_of_names(cost, mask_BNH), weight_H)
