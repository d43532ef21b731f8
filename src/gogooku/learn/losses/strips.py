"""Holdings over sessions in a row: what they are, earn, and cost to change."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from gogooku.learn.losses.inputs import LossInputs
from gogooku.learn.losses.sessions import centred, counts, known
from gogooku.learn.losses.strip_config import Holding

_LEAST_GROSS: Final = 1e-6


def holdings(score_BNH: Tensor, mask_BNH: Tensor, holding: Holding) -> Tensor:
    """Shares of the money held in each name, [B, N, H]; at most 1 in absolute sum, 0 masked out."""
    if holding is Holding.OUTRIGHT:
        return known(score_BNH.tanh(), mask_BNH) / counts(mask_BNH)
    middle = centred(score_BNH, mask_BNH)
    return middle / (middle.abs().sum(dim=1, keepdim=True) + _LEAST_GROSS)


def earned(held_BNH: Tensor, mask_BNH: Tensor, returns_BNH: Tensor) -> Tensor:
    """Return of what is held, before costs, [B, H]."""
    return (held_BNH * known(returns_BNH, mask_BNH)).sum(dim=1)


def turnover(
    held_BNH: Tensor, mask_BNH: Tensor, inputs: LossInputs, *, lags: tuple[int, ...]
) -> Tensor:
    """Mean share of the money that changes hands, buying and selling counted apart, [H].

    Of horizon h, between sessions that lie ``lags[h]`` sessions apart and are both there; names
    that are missing in one of the two do not count. 0 where no two sessions lie so.
    """
    _, slot_BN = torch.unique(inputs.place_BN, return_inverse=True)
    slot_BNH = slot_BN[:, :, None].expand_as(held_BNH)
    shape = (len(held_BNH), int(slot_BN.max()) + 1, held_BNH.shape[2])
    aligned = held_BNH.new_zeros(shape).scatter_add(1, slot_BNH, known(held_BNH, mask_BNH))
    there = held_BNH.new_zeros(shape).scatter_add(1, slot_BNH, mask_BNH.to(held_BNH.dtype)) > 0
    means = []
    for h, lag in enumerate(lags):
        sooner = torch.searchsorted(inputs.index_B, inputs.index_B - lag)
        apart = inputs.index_B[sooner] == inputs.index_B - lag
        both = there[:, :, h] & there[sooner, :, h] & apart[:, None]
        moved = known((aligned[:, :, h] - aligned[sooner, :, h]).abs(), both)
        means.append(moved.sum() / apart.sum().clamp_min(1))
    return torch.stack(means)
