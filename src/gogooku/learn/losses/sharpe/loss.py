"""Ratios of return and risk over the sessions of a step, which lie in a row."""

from __future__ import annotations

from typing import Final

from torch import Tensor

from gogooku.core.errors import ContractError
from gogooku.learn.losses.inputs import LossInputs
from gogooku.learn.losses.sessions import EPSILON
from gogooku.learn.losses.sharpe.config import SharpeConfig, SortinoConfig
from gogooku.learn.losses.strips import earned, holdings, turnover

_BASIS_POINTS: Final = 1e4


def sharpe_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    weight_H: Tensor,
    config: SharpeConfig,
    *,
    inputs: LossInputs,
) -> Tensor:
    """Minus the Sharpe ratio S of the strip as ``S / sqrt(1 + S^2)``, horizons weighted.

    Lim, Zohren and Roberts (2019), Enhancing time-series momentum strategies using deep neural
    networks: holdings are trained on the ratio itself, with the cost of changing them. The cost of
    a strip is taken from its mean, at the mean rate of the sessions of which it is known. The form
    grows with S and is S for small ones, and a strip of few sessions cannot run away with it. At
    h sessions the returns of a strip overlap; each horizon is one ratio.
    """
    del label_BNH
    gross_BH, net_H = _strip(score_BNH, mask_BNH, config, inputs)
    spread_H = (gross_BH - gross_BH.mean(dim=0)).square().mean(dim=0)
    return -(_bounded(net_H, spread_H) * weight_H).sum()


def sortino_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    weight_H: Tensor,
    config: SortinoConfig,
    *,
    inputs: LossInputs,
) -> Tensor:
    """`sharpe_loss` with the root mean square of the losses as risk.

    Sortino and van der Meer (1991), Downside risk: what is above zero is no risk.
    """
    del label_BNH
    gross_BH, net_H = _strip(score_BNH, mask_BNH, config, inputs)
    losses_BH = (gross_BH - (gross_BH.mean(dim=0) - net_H)).clamp_max(0.0)
    return -(_bounded(net_H, losses_BH.square().mean(dim=0)) * weight_H).sum()


def _strip(
    score_BNH: Tensor, mask_BNH: Tensor, config: SharpeConfig | SortinoConfig, inputs: LossInputs
) -> tuple[Tensor, Tensor]:
    """Returns before costs of each session, [B, H], and their mean after costs, [H]."""
    if inputs.returns_BNH is None:
        raise ContractError("loss: returns are needed and were not kept beside their ranks")
    held = holdings(score_BNH, mask_BNH, config.holding)
    gross_BH = earned(held, mask_BNH, inputs.returns_BNH)
    net_H = gross_BH.mean(dim=0)
    if config.cost_bps:
        traded_H = turnover(held, mask_BNH, inputs, lags=tuple(inputs.horizons))
        net_H = net_H - config.cost_bps / _BASIS_POINTS * traded_H
    return gross_BH, net_H


def _bounded(mean_H: Tensor, square_H: Tensor) -> Tensor:
    """A mean over the root of a mean square, kept within -1 and 1."""
    return mean_H / (mean_H.square() + square_H + EPSILON).sqrt()
