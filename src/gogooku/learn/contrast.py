"""A loss without labels: what is the same in two views is found among all else.

Source: Yue et al., TS2Vec: Towards Universal Representation of Time Series (AAAI 2022). Two views
of the same steps of the same names are alike, other names at the same step and other steps of the
same name are not, and so at every level of a hierarchy in which neighbouring steps become one by
their maximum. Likeness is the scalar product, as published.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def partner_loss(one_GMW: Tensor, other_GMW: Tensor) -> Tensor:
    """Cross-entropy of finding the other view of each member among all of its group.

    Parameters
    ----------
    one_GMW, other_GMW : Tensor
        Two views of M members of G groups; a member alone in its group has no loss.

    Returns
    -------
    Tensor
        A scalar: the mean over groups, views and members.
    """
    members = one_GMW.shape[1]
    both = torch.cat([one_GMW, other_GMW], dim=1)
    itself = torch.eye(2 * members, dtype=torch.bool, device=both.device)
    like = (both @ both.transpose(1, 2)).masked_fill(itself, -torch.inf)
    place = torch.arange(2 * members, device=both.device)
    share = like.log_softmax(dim=-1)[:, place, place.roll(members)]
    return -share.mean()


def hierarchical_contrast(one_NPW: Tensor, other_NPW: Tensor, *, across: float) -> Tensor:
    """The mean over the levels of the hierarchy, from the steps themselves to one for all of them.

    Parameters
    ----------
    one_NPW, other_NPW : Tensor
        Two views of the same P steps of N names of one session. Where a level has an odd number of
        steps, the last one has no part in the next.
    across : float
        Weight of names at one step; the rest is of the steps of one name.

    Returns
    -------
    Tensor
        A scalar.
    """
    levels = []
    while True:
        names = partner_loss(one_NPW.transpose(0, 1), other_NPW.transpose(0, 1))
        steps = partner_loss(one_NPW, other_NPW)
        levels.append(across * names + (1.0 - across) * steps)
        if one_NPW.shape[1] == 1:
            return torch.stack(levels).mean()
        one_NPW, other_NPW = _halved(one_NPW), _halved(other_NPW)


def _halved(x_NPW: Tensor) -> Tensor:
    return functional.max_pool1d(x_NPW.transpose(1, 2), 2).transpose(1, 2)
