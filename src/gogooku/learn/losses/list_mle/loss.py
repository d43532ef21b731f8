"""ListMLE, one term per session."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from gogooku.learn.losses.list_mle.config import ListMleConfig
from gogooku.learn.losses.sessions import counts, descending, over_sessions

_BELOW: Final = 60.0
"""What is masked out gets the lowest score less this: exp(-60) adds nothing to a sum."""


def list_mle_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    weight_H: Tensor,
    config: ListMleConfig,
) -> Tensor:
    """Mean over sessions of the negative log likelihood of the labels' order, a name.

    The order is drawn from the top, each name with a chance that grows with the exponential of its
    score (Plackett and Luce): Xia, Liu, Wang, Zhang and Li (2008), Listwise approach to learning to
    rank. A shift of a session's scores does not matter, their scale does. Equal labels are taken in
    the order of the names.
    """
    del config
    order = descending(label_BNH, mask_BNH)
    lowest = torch.where(mask_BNH, score_BNH, torch.full_like(score_BNH, torch.inf))
    floor = lowest.amin(dim=1, keepdim=True).detach() - _BELOW
    score = torch.where(mask_BNH, score_BNH, floor).gather(1, order)
    left = score.flip(1).logcumsumexp(dim=1).flip(1)
    loss = torch.where(mask_BNH.gather(1, order), left - score, torch.zeros_like(score))
    return over_sessions(loss.sum(dim=1) / counts(mask_BNH).squeeze(1), weight_H)
