"""One minus the soft rank correlation, one term per session."""

from __future__ import annotations

from torch import Tensor
from torch.special import ndtr

from gogooku.learn.losses.correlation.loss import day_correlation
from gogooku.learn.losses.sessions import known, over_sessions
from gogooku.learn.losses.soft_places import soft_places
from gogooku.learn.losses.soft_spearman.config import SoftSpearmanConfig


def soft_spearman_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    weight_H: Tensor,
    config: SoftSpearmanConfig,
) -> Tensor:
    """Mean over sessions of one minus Spearman's correlation with soft ranks, horizons weighted.

    Ranks by pairwise logistic curves: Qin, Liu and Li (2010); their use in a rank correlation:
    Blondel, Teboul, Berthet and Djolonga (2020), Fast differentiable sorting and ranking, whose
    own projection is exact but goes name by name. The labels are normal scores, so their places
    are the normal distribution's share below them.
    """
    place = soft_places(
        score_BNH, mask_BNH, temperature=config.temperature, references=config.references
    )
    wanted = ndtr(known(label_BNH, mask_BNH))
    return over_sessions(1.0 - day_correlation(place, wanted, mask_BNH), weight_H)
