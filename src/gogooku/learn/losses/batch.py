"""The loss of a batch: what every kind of loss may rely on, and the call of the chosen one.

A loss is a function ``loss(score_BNH, label_BNH, mask_BNH, weight_H, config)``:

- score_BNH : float32 [B, N, H], scores of B sessions, N names, H horizons.
- label_BNH : float32 [B, N, H], normal scores of the session's ranks; meaningless where masked out.
- mask_BNH : bool [B, N, H], in the universe, tradable, label known; `MIN_NAMES` or more names in
  every session and horizon.
- weight_H : float32 [H], weights of the horizons, 1 in sum.
- config : its own settings.

One whose row states needs is given ``inputs`` too, a `LossInputs`. It gives a float32 scalar with a
finite gradient; what is masked out does not enter.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, tensor

from gogooku.core.errors import ContractError
from gogooku.core.metrics import MIN_NAMES
from gogooku.core.registry import VariantConfig, load
from gogooku.learn.losses.inputs import LossInputs
from gogooku.learn.registry import LOSSES, Need


def batch_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    *,
    horizon_weights: tuple[float, ...],
    config: VariantConfig,
    inputs: LossInputs | None = None,
    fewest: int | None = None,
) -> Tensor:
    """The chosen loss of a batch of sessions.

    Parameters
    ----------
    horizon_weights : tuple of float, length H
        Only their ratios matter.
    config : VariantConfig
        Of one of the registered losses.
    inputs : LossInputs, optional
        Needed by some losses.
    fewest : int, optional
        Labels of the session and horizon that has the fewest; counted if not given, for which a
        GPU has to be waited for.

    Returns
    -------
    float32 scalar

    Raises
    ------
    ContractError
        The horizon axes differ, a session has too few labels at a horizon, or the loss needs
        inputs and has none.
    """
    widths = {score_BNH.shape[-1], label_BNH.shape[-1], len(horizon_weights)}
    if len(widths) != 1:
        raise ContractError(
            f"loss: {score_BNH.shape[-1]} score horizons, {label_BNH.shape[-1]} label horizons, "
            f"{len(horizon_weights)} horizon weights"
        )
    fewest = int(mask_BNH.sum(dim=1).min()) if fewest is None else fewest
    if fewest < MIN_NAMES:
        raise ContractError(
            f"loss: a session has {fewest} labels at a horizon, needs {MIN_NAMES}; "
            "leave such sessions out of the batch"
        )
    weight_H = relative(horizon_weights, like=score_BNH)
    return apply_loss(score_BNH, label_BNH, mask_BNH, weight_H, config, inputs=inputs)


def relative(weights: Sequence[float], *, like: Tensor) -> Tensor:
    """Weights with sum 1, of the type and on the device of another tensor."""
    made = tensor(weights, dtype=like.dtype)
    return (made / made.sum()).to(like.device, non_blocking=True)


def apply_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    weight_H: Tensor,
    config: VariantConfig,
    *,
    inputs: LossInputs | None,
) -> Tensor:
    """Call the function of a loss with what its row says that it needs."""
    row = LOSSES.row(config.kind)
    function = load(row.function)
    out: Tensor
    if not row.needs:
        out = function(score_BNH, label_BNH, mask_BNH, weight_H, config)
        return out
    if inputs is None and Need.PARTS not in row.needs:
        raise ContractError(f"loss {config.kind}: needs {', '.join(row.needs)}, and has none")
    out = function(score_BNH, label_BNH, mask_BNH, weight_H, config, inputs=inputs)
    return out
