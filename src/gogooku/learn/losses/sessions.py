"""What the losses share: sums over the names of a session that know the mask."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

EPSILON: Final = 1e-12
"""Added to a mean square before its root is taken: the gradient stays finite at 0."""


def known(values_BNH: Tensor, mask_BNH: Tensor) -> Tensor:
    """The values, 0 where masked out; no gradient comes back from there, NaN included."""
    return torch.where(mask_BNH, values_BNH, torch.zeros_like(values_BNH))


def counts(mask_BNH: Tensor) -> Tensor:
    """Names [B, 1, H] of each session and horizon, at least 1."""
    return mask_BNH.sum(dim=1, keepdim=True).clamp_min(1)


def over_sessions(loss_BH: Tensor, weight_H: Tensor) -> Tensor:
    """Mean over sessions, horizons weighted: a scalar."""
    return (loss_BH * weight_H).sum(dim=1).mean()


def mean_of_names(values_BNH: Tensor, mask_BNH: Tensor) -> Tensor:
    """Mean [B, H] over the names of each session and horizon."""
    return known(values_BNH, mask_BNH).sum(dim=1) / counts(mask_BNH).squeeze(1)


def centred(values_BNH: Tensor, mask_BNH: Tensor) -> Tensor:
    """The values less their mean of the session; 0 where masked out."""
    return known(
        values_BNH - mean_of_names(known(values_BNH, mask_BNH), mask_BNH)[:, None], mask_BNH
    )


def standardised(values_BNH: Tensor, mask_BNH: Tensor) -> Tensor:
    """Centred values over their standard deviation of the session; constant values become 0."""
    middle = centred(values_BNH, mask_BNH)
    variance = mean_of_names(middle.square(), mask_BNH)[:, None]
    return middle / (variance + EPSILON).sqrt()


def descending(keys_BNH: Tensor, mask_BNH: Tensor) -> Tensor:
    """Places [B, N, H] of the names from the largest key down; what is masked out comes last."""
    keys = torch.where(mask_BNH, keys_BNH, torch.full_like(keys_BNH, -torch.inf))
    return keys.argsort(dim=1, descending=True, stable=True)
