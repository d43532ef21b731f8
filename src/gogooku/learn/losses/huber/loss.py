"""The Huber loss, one term per session."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from gogooku.learn.losses.huber.config import HuberConfig
from gogooku.learn.losses.sessions import known, mean_of_names, over_sessions


def huber_loss(
    score_BNH: Tensor, label_BNH: Tensor, mask_BNH: Tensor, weight_H: Tensor, config: HuberConfig
) -> Tensor:
    """Mean over sessions of Huber's loss over names, horizons weighted.

    ``e^2 / 2`` for an error up to ``delta``, ``delta (|e| - delta / 2)`` beyond: Huber (1964),
    Robust estimation of a location parameter.
    """
    loss = functional.huber_loss(
        known(score_BNH, mask_BNH),
        known(label_BNH, mask_BNH),
        reduction="none",
        delta=config.delta,
    )
    return over_sessions(mean_of_names(loss, mask_BNH), weight_H)
