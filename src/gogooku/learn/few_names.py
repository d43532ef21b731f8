"""Settings of learners for markets of some hundred names, where these differ from the defaults.

The defaults are for whole markets of real prices. With some hundred names a wide network learns the
market context by heart, and an epoch has few rows: narrower, more noise, one market feature, all
rows, longer. Peers are on, as planted peers can be found there; trees see half of the features
each. Chosen on sandbox seeds 4 to 9 at size ``demo``, 300 names, and 11 to 13 at ``study``, 500
(LOG.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gogooku.core.registry import VariantConfig
from gogooku.learn.registry import LEARNERS

_ONE_MARKET_FEATURE: Final = ("mkt_vol_20d|uni_vol_20",)
_TRAINING: Final = {"max_epochs": 6, "row_share": 1.0}
_NOISE: Final = {"dropout": 0.4, "feature_dropout": 0.3}

FEW_NAMES: Final[Mapping[str, Mapping[str, Any]]] = {
    "atft_gat_fan": {
        "hidden": 64,
        "trunk": "gated",
        "context_features": _ONE_MARKET_FEATURE,
        "context_in_trunk": False,
        "raw_channels": (),
        "raw_norm": "none",
        "graph": "knn",
        **_NOISE,
        "training": _TRAINING,
    },
    "apex_ranker": {
        "hidden": 32,
        "lookback": 30,
        "context_features": _ONE_MARKET_FEATURE,
        **_NOISE,
        "training": _TRAINING,
    },
    "master": {"training": _TRAINING},
    "lightgbm": {"rounds": 300, "feature_share": 0.5},
}
"""Settings by kind of learner; a kind that is absent has one set for any number of names."""


def few_names_config(kind: str) -> VariantConfig:
    """The config of a learner for some hundred names; of a blend, of each of its usual members.

    A kind that has one set of settings has its defaults.
    """
    config = LEARNERS.config(kind).model_validate(FEW_NAMES.get(kind, {}))
    members = tuple(few_names_config(one.kind) for one in getattr(config, "members", ()))
    return config.model_copy(update={"members": members}) if members else config
