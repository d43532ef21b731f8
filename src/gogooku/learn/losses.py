"""The loss: one session, one term."""

from __future__ import annotations

import torch
from torch import Tensor

from gogooku.core.errors import ContractError
from gogooku.core.metrics import MIN_NAMES

_EPSILON = 1e-8


def day_correlation(score_BNH: Tensor, label_BNH: Tensor, mask_BNH: Tensor) -> Tensor:
    """Pearson correlation [B, H] over the names of each session and horizon.

    Unmasked values do not enter; a constant score has correlation 0, with a finite gradient.
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


def day_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    *,
    horizon_weights: tuple[float, ...],
    mse_weight: float,
) -> Tensor:
    """Mean over sessions of ``1 - correlation + mse_weight * squared error``, horizons weighted.

    Parameters
    ----------
    score_BNH : float32 [B, N, H]
    label_BNH : float32 [B, N, H]
        Normal scores of the session's ranks; NaN where unknown (must be masked out).
    mask_BNH : bool [B, N, H]
        In the universe, tradable, label known.
    horizon_weights : tuple of float, length H
    mse_weight : float
        The anchor that keeps the scale of the scores near that of the labels.

    Returns
    -------
    float32 scalar

    Raises
    ------
    ContractError
        The horizon axes differ, or a session has too few labels at a horizon.
    """
    widths = {score_BNH.shape[-1], label_BNH.shape[-1], len(horizon_weights)}
    if len(widths) != 1:
        raise ContractError(
            f"loss: {score_BNH.shape[-1]} score horizons, {label_BNH.shape[-1]} label horizons, "
            f"{len(horizon_weights)} horizon weights"
        )
    count_BH = mask_BNH.sum(dim=1)
    if int(count_BH.min()) < MIN_NAMES:
        raise ContractError(
            f"loss: a session has {int(count_BH.min())} labels at a horizon, needs {MIN_NAMES}; "
            "leave such sessions out of the batch"
        )
    weight_H = torch.tensor(horizon_weights, device=score_BNH.device)
    weight_H = weight_H / weight_H.sum()
    loss_BH = 1.0 - day_correlation(score_BNH, label_BNH, mask_BNH)
    known = torch.where(mask_BNH, label_BNH, torch.zeros_like(label_BNH))
    error = torch.where(mask_BNH, score_BNH - known, torch.zeros_like(known))
    loss_BH = loss_BH + mse_weight * error.square().sum(dim=1) / count_BH
    return (loss_BH * weight_H).sum(dim=1).mean()
