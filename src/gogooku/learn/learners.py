"""The learners: one row each. A new one is a folder in ``models/`` and a row here."""

from __future__ import annotations

from typing import Final

from gogooku.learn.registry import LearnerRow, network_row

ROWS: Final = (
    LearnerRow(
        kind="ridge",
        meaning="Linear on the last session's ranks: the first floor.",
        config="gogooku.learn.models.ridge.config:RidgeConfig",
        learner="gogooku.learn.models.ridge.learner:RidgeLearner",
        checkpoint="gogooku.learn.models.ridge.learner:RidgeCheckpoint.load",
    ),
    LearnerRow(
        kind="lightgbm",
        meaning="Gradient-boosted trees: the floor that every network must beat.",
        config="gogooku.learn.models.lightgbm.config:LightGBMConfig",
        learner="gogooku.learn.models.lightgbm.learner:LightGBMLearner",
        checkpoint="gogooku.learn.models.lightgbm.learner:LightGBMCheckpoint.load",
    ),
    LearnerRow(
        kind="momentum",
        meaning="One past return, as it is.",
        config="gogooku.learn.models.single_feature.config:MomentumConfig",
        learner="gogooku.learn.models.single_feature.learner:SingleFeatureLearner",
        checkpoint="gogooku.learn.models.single_feature.learner:SingleFeatureCheckpoint.load",
    ),
    LearnerRow(
        kind="reversal",
        meaning="One recent return, with the sign turned.",
        config="gogooku.learn.models.single_feature.config:ReversalConfig",
        learner="gogooku.learn.models.single_feature.learner:SingleFeatureLearner",
        checkpoint="gogooku.learn.models.single_feature.learner:SingleFeatureCheckpoint.load",
    ),
    network_row(
        kind="atft_gat_fan",
        meaning="The network: frequency-adaptive normalisation, history, peers, market gates.",
        config="gogooku.learn.models.atft_gat_fan.config:AtftGatFanConfig",
        network="gogooku.learn.models.atft_gat_fan.network:AtftGatFan",
    ),
    network_row(
        kind="apex_ranker",
        meaning="Patches of one name's history and its level; no name sees another.",
        config="gogooku.learn.models.apex_ranker.config:ApexRankerConfig",
        network="gogooku.learn.models.apex_ranker.network:ApexRanker",
    ),
    network_row(
        kind="master",
        meaning="A market-guided transformer over sessions and names: the published reference.",
        config="gogooku.learn.models.master.config:MasterConfig",
        network="gogooku.learn.models.master.network:Master",
    ),
    LearnerRow(
        kind="blend",
        meaning="Several learners, or several seeds of one: the mean of their ranks.",
        config="gogooku.learn.models.blend.config:BlendConfig",
        learner="gogooku.learn.models.blend.learner:BlendLearner",
        checkpoint="gogooku.learn.models.blend.learner:BlendCheckpoint.load",
    ),
)
