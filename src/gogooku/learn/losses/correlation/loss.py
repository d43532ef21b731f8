"""One minus the correlation of scores and labels, one term per session."""

from __future__ import annotations

import torch
from torch import Tensor

from gogooku.learn.losses.correlation.config import CorrelationConfig

_EPSILON = 1e-8


def day_correlation(score_BNH: Tensor, label_BNH: Tensor, mask_BNH: Tensor) -> Tensor:
    """Pearson correlation [B, H] over the names of each session and horizon.

    Only masked-in values enter; a constant score has correlation 0, with a finite gradient.
    """
    weight = mask_BNH.to(score_BNH.dtype)
    count = weight.sum(dim=1).clamp_min(1.0)
    score = _centred(score_BNH, weight, count)
    label = _centred(label_BNH, weight, count)
    cross = (score * label).sum(dim=1)
    scale = (score.square().sum(dim=1) + _EPSILON).sqrt() * (
        label.square().sum(dim=1) + _EPSILON
    ).sqrt()
    return cross / scale


def _centred(values_BNH: Tensor, weight_BNH: Tensor, count_BH: Tensor) -> Tensor:
    known = torch.where(weight_BNH > 0, values_BNH, torch.zeros_like(values_BNH))
    mean = known.sum(dim=1) / count_BH
    return (known - mean.unsqueeze(1)) * weight_BNH


def correlation_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    weight_H: Tensor,
    config: CorrelationConfig,
) -> Tensor:
    """Mean over sessions of ``1 - correlation + mse_weight * squared error``, horizons weighted.

    Shapes are those of `gogooku.learn.losses.batch`; each session is one term.
    """
    loss_BH = 1.0 - day_correlation(score_BNH, label_BNH, mask_BNH)
    known = torch.where(mask_BNH, label_BNH, torch.zeros_like(label_BNH))
    error = torch.where(mask_BNH, score_BNH - known, torch.zeros_like(known))
    loss_BH = loss_BH + config.mse_weight * error.square().sum(dim=1) / mask_BNH.sum(dim=1)
    return (loss_BH * weight_H).sum(dim=1).mean()
