"""One minus the soft NDCG of the first K places, one term per session."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.special import ndtr

from gogooku.learn.losses.approx_ndcg.config import ApproxNdcgConfig
from gogooku.learn.losses.sessions import counts, descending, known, over_sessions
from gogooku.learn.losses.soft_places import soft_places

GRADES: Final = 4.0
"""A label's place from 0 to 1 becomes a grade from 0 to this, as graded search results have."""
EDGE: Final = 0.1
"""Softness of the edge at place K, as a share of K."""


def approx_ndcg_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    weight_H: Tensor,
    config: ApproxNdcgConfig,
) -> Tensor:
    """Mean over sessions of one minus ApproxNDCG at K, horizons weighted.

    Gain ``2^grade - 1`` over ``log2(1 + position)``, positions and the edge at K by logistic
    curves, over the same sum in the order of the labels: Qin, Liu and Li (2010), A general
    approximation framework for direct optimization of information retrieval measures. Scale and
    shift of a session's scores do not matter.
    """
    place = soft_places(
        score_BNH,
        mask_BNH,
        temperature=config.temperature,
        references=config.references,
        top=2 * config.top,
    )
    count = counts(mask_BNH)
    position = count * (1.0 - place) + 0.5
    gain = known(torch.exp2(GRADES * ndtr(known(label_BNH, mask_BNH))) - 1.0, mask_BNH)
    ordered = gain.gather(1, descending(label_BNH, mask_BNH))
    best = torch.arange(1, gain.shape[1] + 1, device=gain.device, dtype=gain.dtype)[None, :, None]
    ideal = (ordered * _worth(best, config.top)).sum(dim=1)
    reached = (gain * _worth(position, config.top)).sum(dim=1)
    return over_sessions(1.0 - reached / ideal, weight_H)


def _worth(position: Tensor, top: int) -> Tensor:
    """What a gain counts at a position: less and less, and nothing behind the first K."""
    return ((top + 0.5 - position) / (EDGE * top)).sigmoid() / torch.log2(1.0 + position)
