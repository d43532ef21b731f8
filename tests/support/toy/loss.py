"""A loss of one line."""

from __future__ import annotations

import torch
from torch import Tensor

from support.toy.config import SquaredConfig


def squared_loss(
    score_BNH: Tensor, label_BNH: Tensor, mask_BNH: Tensor, weight_H: Tensor, config: SquaredConfig
) -> Tensor:
    """Mean squared error per session, horizons weighted."""
    error = torch.where(mask_BNH, score_BNH - label_BNH, torch.zeros_like(score_BNH))
    loss_BH = error.square().sum(dim=1) / mask_BNH.sum(dim=1)
    return config.scale * (loss_BH * weight_H).sum(dim=1).mean()
