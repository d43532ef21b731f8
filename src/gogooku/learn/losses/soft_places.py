"""Where a name stands in its session, as a smooth function of the scores.

The share of names below name i is the mean over j of a step at ``s_i - s_j``. With a logistic curve
instead of the step it has a gradient (Qin, Liu and Li 2010: A general approximation framework for
direct optimization of information retrieval measures). Instead of all names j, a few reference
names stand for them: those at evenly spaced places of the session's order, each for as many names
as lie around it. That draws nothing at random, does not depend on the order of the names, and is
the full sum where there are no more names than references.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gogooku.learn.losses.sessions import counts, descending, standardised


def soft_places(
    score_BNH: Tensor,
    mask_BNH: Tensor,
    *,
    temperature: float,
    references: int,
    top: int = 0,
) -> Tensor:
    """Soft share of the names below each, the name itself counted as half: [B, N, H] in (0, 1).

    For temperature to 0 this is ``(rank - 0.5) / n``. Scale and shift of a session's scores do not
    matter. Memory: twice B x N x (references + top) x H numbers.

    Parameters
    ----------
    temperature : float
        Width of the step, in standard deviations of a session's scores.
    references : int
        Most names of a session that stand for all.
    top : int
        So many of the highest names are references of their own, beside the others: where only
        the first places matter, they are exact.
    """
    score = standardised(score_BNH, mask_BNH)
    ordered = score.gather(1, descending(score, mask_BNH))
    place_BRH, weight_BRH = _references(counts(mask_BNH), score.shape[1], references, top)
    reference_BRH = ordered.gather(1, place_BRH)
    step = ((score[:, :, None] - reference_BRH[:, None]) / temperature).sigmoid()
    below = torch.einsum("bnrh,brh->bnh", step, weight_BRH.to(score.dtype))
    return below / counts(mask_BNH)


def _references(count_B1H: Tensor, width: int, references: int, top: int) -> tuple[Tensor, Tensor]:
    """Places in descending order, and for how many names each stands; the sum is the count."""
    number = torch.arange(min(references + top, width), device=count_B1H.device)[None, :, None]
    single = count_B1H.clamp_max(top)
    rest = count_B1H - single
    most = rest.clamp_max(references)
    share = rest / most.clamp_min(1)
    spaced = single + ((number - single + 0.5) * share).floor().long()
    place = torch.where(number < single, number, spaced)
    weight = torch.where(number < single, torch.ones_like(share), share)
    used = number < single + most
    return torch.where(used, place, 0), torch.where(used, weight, 0.0)
