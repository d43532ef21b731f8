"""From a learner's config to the learner; torch is imported only when a network is made."""

from __future__ import annotations

from gogooku.core.types import Learner
from gogooku.learn.baselines_config import (
    LightGBMConfig,
    MomentumConfig,
    ReversalConfig,
    RidgeConfig,
)
from gogooku.learn.models.atft_gat_fan_config import AtftGatFanConfig


def make_learner(
    config: RidgeConfig | LightGBMConfig | MomentumConfig | ReversalConfig | AtftGatFanConfig,
) -> Learner:
    """Make the learner of a config."""
    if isinstance(config, RidgeConfig):
        from gogooku.learn.baselines import RidgeLearner

        return RidgeLearner(config)
    if isinstance(config, LightGBMConfig):
        from gogooku.learn.boosting import LightGBMLearner

        return LightGBMLearner(config)
    if isinstance(config, AtftGatFanConfig):
        from gogooku.learn.networks import NetworkLearner

        return NetworkLearner(config)
    from gogooku.learn.baselines import SignLearner

    return SignLearner(config)
