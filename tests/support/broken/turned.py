"""A loss with the wrong sign, and its settings; imports no torch before it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gogooku.core.registry import VariantConfig

if TYPE_CHECKING:
    from torch import Tensor


class TurnedConfig(VariantConfig):
    """As the correlation loss, of the labels with the sign turned."""

    kind: Literal["broken_turned"] = "broken_turned"
    mse_weight: float = 0.1


def turned_loss(
    score_BNH: Tensor, label_BNH: Tensor, mask_BNH: Tensor, weight_H: Tensor, config: TurnedConfig
) -> Tensor:
    from gogooku.learn.losses.correlation.config import CorrelationConfig
    from gogooku.learn.losses.correlation.loss import correlation_loss

    plain = CorrelationConfig(mse_weight=config.mse_weight)
    return correlation_loss(score_BNH, -label_BNH, mask_BNH, weight_H, plain)
