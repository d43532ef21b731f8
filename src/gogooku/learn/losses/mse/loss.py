"""Mean squared error, one term per session."""

from __future__ import annotations

from torch import Tensor

from gogooku.learn.losses.mse.config import MseConfig
from gogooku.learn.losses.sessions import known, mean_of_names, over_sessions


def mse_loss(
    score_BNH: Tensor, label_BNH: Tensor, mask_BNH: Tensor, weight_H: Tensor, config: MseConfig
) -> Tensor:
    """Mean over sessions of the mean squared error over names, horizons weighted.

    Regression on normal scores of ranks: Gu, Kelly and Xiu (2020), Empirical asset pricing via
    machine learning, use the squared error; ranks in place of returns keep tails from ruling it.
    """
    del config
    error = known(score_BNH, mask_BNH) - known(label_BNH, mask_BNH)
    return over_sessions(mean_of_names(error.square(), mask_BNH), weight_H)
