"""RankNet over drawn pairs, one term per session."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from gogooku.learn.losses.rank_net.config import RankNetConfig
from gogooku.learn.losses.sessions import counts, descending, known, over_sessions


def rank_net_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    weight_H: Tensor,
    config: RankNetConfig,
) -> Tensor:
    """Mean over sessions and drawn pairs of the logistic loss of the difference of scores.

    Burges, Shaked, Renshaw, Lazier, Deeds, Hamilton and Hullender (2005), Learning to rank using
    gradient descent. A session's names are put in a random order, by torch's generator, and each is
    compared with the ``pairs`` names behind it, round the end: every name enters as often. With as
    many pairs as names every pair is there, twice. Pairs of equal labels do not count. Memory: a
    few times B x N x H numbers for each of ``pairs``. A shift of a session's scores does not
    matter, their scale does.
    """
    order = descending(torch.rand_like(score_BNH), mask_BNH)
    score = known(score_BNH, mask_BNH).gather(1, order)
    label = known(label_BNH, mask_BNH).gather(1, order)
    inside = mask_BNH.gather(1, order)
    count = counts(mask_BNH)
    place = torch.arange(score.shape[1], device=score.device)[None, :, None]
    total = torch.zeros_like(score[:, 0])
    number = torch.zeros_like(total)
    for shift in range(1, min(config.pairs, score.shape[1] - 1) + 1):
        partner = (place + shift) % count
        ahead = torch.sign(label - label.gather(1, partner))
        counted = inside & (shift < count) & (ahead != 0)
        gap = ahead * (score - score.gather(1, partner)) / config.temperature
        total = total + known(functional.softplus(-gap), counted).sum(dim=1)
        number = number + counted.sum(dim=1)
    return over_sessions(total / number.clamp_min(1.0), weight_H)
