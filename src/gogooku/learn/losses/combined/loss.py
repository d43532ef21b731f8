"""A weighted sum of losses."""

from __future__ import annotations

from torch import Tensor

from gogooku.learn.losses.batch import apply_loss, relative
from gogooku.learn.losses.combined.config import CombinedConfig
from gogooku.learn.losses.inputs import LossInputs


def combined_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    weight_H: Tensor,
    config: CombinedConfig,
    *,
    inputs: LossInputs | None,
) -> Tensor:
    """Sum of the parts, each times its weight, each with horizon weights of its own or these.

    Shapes are those of `gogooku.learn.losses.batch`. Weights fixed by hand, as in Caruana (1997),
    Multitask learning.
    """
    total = score_BNH.new_zeros(())
    for part in config.parts:
        weights = (
            relative(part.horizon_weights, like=weight_H) if part.horizon_weights else weight_H
        )
        made = apply_loss(score_BNH, label_BNH, mask_BNH, weights, part.loss, inputs=inputs)
        total = total + part.weight * made
    return total
