"""The loss of a batch: what every kind of loss may rely on, and the call of the chosen one.

A loss is a function ``loss(score_BNH, label_BNH, mask_BNH, weight_H, config)``:

- score_BNH : float32 [B, N, H], scores of B sessions, N names, H horizons.
- label_BNH : float32 [B, N, H], normal scores of the session's ranks; meaningless where masked out.
- mask_BNH : bool [B, N, H], in the universe, tradable, label known; `MIN_NAMES` or more names in
  every session and horizon.
- weight_H : float32 [H], weights of the horizons, 1 in sum.
- config : its own settings.

It gives a float32 scalar with a finite gradient; what is masked out does not enter.
"""

from __future__ import annotations

from torch import Tensor, tensor

from gogooku.core.errors import ContractError
from gogooku.core.metrics import MIN_NAMES
from gogooku.core.registry import VariantConfig, load
from gogooku.learn.registry import LOSSES


def batch_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    *,
    horizon_weights: tuple[float, ...],
    config: VariantConfig,
) -> Tensor:
    """The chosen loss of a batch of sessions.

    Parameters
    ----------
    horizon_weights : tuple of float, length H
        Only their ratios matter.
    config : VariantConfig
        Of one of the registered losses.

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
    fewest = int(mask_BNH.sum(dim=1).min())
    if fewest < MIN_NAMES:
        raise ContractError(
            f"loss: a session has {fewest} labels at a horizon, needs {MIN_NAMES}; "
            "leave such sessions out of the batch"
        )
    weight_H = tensor(horizon_weights, device=score_BNH.device)
    weight_H = weight_H / weight_H.sum()
    function = load(LOSSES.row(config.kind).function)
    out: Tensor = function(score_BNH, label_BNH, mask_BNH, weight_H, config)
    return out
