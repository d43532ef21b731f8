"""How much the scores follow given features, one term per session."""

from __future__ import annotations

from torch import Tensor

from gogooku.learn.losses.correlation.loss import day_correlation
from gogooku.learn.losses.decorrelation.config import DecorrelationConfig
from gogooku.learn.losses.inputs import LossInputs
from gogooku.learn.losses.sessions import over_sessions
from gogooku.learn.names import positions


def decorrelation_loss(
    score_BNH: Tensor,
    label_BNH: Tensor,
    mask_BNH: Tensor,
    weight_H: Tensor,
    config: DecorrelationConfig,
    *,
    inputs: LossInputs,
) -> Tensor:
    """Mean over sessions and features of the squared correlation with the scores.

    What a known style (size, volatility, reversal) earns can be had without a network, and its
    falls come all at once: the penalty keeps the scores from being that style. It is the term for
    diversity of negative correlation learning (Liu and Yao, 1999, Ensemble learning via negative
    correlation) against given predictors. The scores of one network at several horizons are left
    alone: they foresee parts of one path, and to force them apart costs skill.
    """
    del label_BNH
    columns = positions(inputs.features, config.features, setting="loss.features")
    terms = [
        day_correlation(score_BNH, inputs.features_BNF[:, :, [column]], mask_BNH).square()
        for column in columns.tolist()
    ]
    return over_sessions(sum(terms[1:], terms[0]) / len(terms), weight_H)
