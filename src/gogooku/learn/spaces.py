"""What a search may change of each learner, within which bounds: the spaces by kind.

Bounds are those that have been tried on real prices or that memory allows, not what a setting may
be at all. Settings that contradict each other are one knob, or exist on a condition only. A search
can be given another space as a file (`gogooku.search`); `gogooku tune RUN --print-space` writes
this one as a beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gogooku.core.errors import ConfigError
from gogooku.core.space import (
    AnyKnob,
    ChoiceKnob,
    NumberKnob,
    Space,
    TogetherKnob,
    WholeKnob,
)

_LABEL: Final = ChoiceKnob(path="learner.train_label", options=("raw", "excess", "residual"))
_NO_HISTORY: Final[dict[str, Any]] = {
    "learner.temporal": "none",
    "learner.raw_channels": [],
    "learner.raw_norm": "none",
    "learner.fan": "none",
}
_CHANNELS: Final = ["log_return", "log_value", "abs_return"]
_REVIN: Final = {"learner.raw_channels": _CHANNELS, "learner.raw_norm": "revin"}

_RIDGE: Final = (
    _LABEL,
    TogetherKnob(
        called="penalties",
        options={
            "usual": {"learner.penalties": [1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0]},
            "strong": {"learner.penalties": [1e-1, 3e-1, 1.0, 3.0, 10.0]},
            "very strong": {"learner.penalties": [3.0, 10.0, 30.0, 100.0, 300.0]},
        },
    ),
    TogetherKnob(
        called="market gates",
        options={
            "none": {"learner.context_features": []},
            "volatility": {"learner.context_features": ["mkt_vol_20d|uni_vol_20"]},
        },
    ),
)

_LIGHTGBM: Final = (
    WholeKnob(path="learner.leaves", low=4, high=127, log=True),
    NumberKnob(path="learner.learning_rate", low=0.005, high=0.1, log=True),
    NumberKnob(path="learner.feature_share", low=0.03, high=0.6, log=True),
    NumberKnob(path="learner.row_share", low=0.3, high=1.0),
    NumberKnob(path="learner.min_leaf_share", low=0.0002, high=0.02, log=True),
    NumberKnob(path="learner.l2", low=0.1, high=100.0, log=True),
    _LABEL,
)

_NETWORK_TRAINING: Final = (
    NumberKnob(path="learner.training.learning_rate", low=2e-4, high=4e-3, log=True),
    NumberKnob(path="learner.training.weight_decay", low=0.05, high=2.0, log=True),
    ChoiceKnob(path="learner.training.days_per_batch", options=(2, 4, 8)),
    NumberKnob(path="learner.dropout", low=0.1, high=0.6),
    NumberKnob(path="learner.feature_dropout", low=0.0, high=0.5),
    NumberKnob(path="learner.context_noise", low=0.0, high=0.5),
)

_ATFT_GAT_FAN: Final = (
    TogetherKnob(
        called="history",
        options={
            "none": _NO_HISTORY,
            "flatten": {"learner.temporal": "flatten", **_REVIN},
            "fusion": {"learner.temporal": "fusion", **_REVIN},
        },
    ),
    ChoiceKnob(
        path="learner.fan", options=("none", "fan"), when={"history": ("flatten", "fusion")}
    ),
    ChoiceKnob(path="learner.fusion.patch", options=(2, 4, 5), when={"history": ("fusion",)}),
    ChoiceKnob(path="learner.hidden", options=(64, 128, 256, 384)),
    ChoiceKnob(path="learner.trunk", options=("gated", "mlp")),
    ChoiceKnob(path="learner.depth", options=(1, 2, 3), when={"learner.trunk": ("mlp",)}),
    ChoiceKnob(path="learner.graph", options=("none", "knn")),
    ChoiceKnob(
        path="learner.edge_features", options=(False, True), when={"learner.graph": ("knn",)}
    ),
    *_NETWORK_TRAINING,
)

_APEX_RANKER: Final = (
    TogetherKnob(
        called="window",
        options={
            "20 sessions": {"learner.lookback": 20, "learner.patch": 4, "learner.stride": 4},
            "60 sessions": {"learner.lookback": 60, "learner.patch": 5, "learner.stride": 5},
            "60 sessions, halves": {
                "learner.lookback": 60,
                "learner.patch": 10,
                "learner.stride": 5,
            },
        },
    ),
    ChoiceKnob(path="learner.hidden", options=(32, 64, 128)),
    ChoiceKnob(path="learner.blocks", options=(1, 2, 3)),
    ChoiceKnob(path="learner.readout", options=("flatten", "last", "mean")),
    ChoiceKnob(path="learner.level", options=("linear", "mlp")),
    ChoiceKnob(path="learner.depth", options=(1, 2, 3), when={"learner.level": ("mlp",)}),
    *_NETWORK_TRAINING,
)

_KNOBS: Final[Mapping[str, tuple[AnyKnob, ...]]] = {
    "ridge": _RIDGE,
    "lightgbm": _LIGHTGBM,
    "atft_gat_fan": _ATFT_GAT_FAN,
    "apex_ranker": _APEX_RANKER,
}


def space_of(kind: str) -> Space:
    """The space of a kind of learner.

    Raises
    ------
    ConfigError
        It has none of its own.
    """
    if kind not in _KNOBS:
        raise ConfigError(
            f"learner {kind} has no search space of its own (those that have: "
            f"{', '.join(_KNOBS)}); give one with --space FILE.toml"
        )
    return Space(knobs=_KNOBS[kind])
