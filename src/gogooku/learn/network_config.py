"""Settings shared by the networks: their inputs and their training; imports no torch."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gogooku.core.config import Config
from gogooku.core.registry import VariantConfig
from gogooku.core.variants import OneOf
from gogooku.learn.config import FittedConfig
from gogooku.learn.losses.correlation.config import CorrelationConfig
from gogooku.learn.registry import LOSSES

LossConfig = Annotated[VariantConfig, OneOf(LOSSES)]
"""The config of any loss of the table."""


class TrainingConfig(Config):
    """The one training loop of the networks.

    Attributes
    ----------
    days_per_batch : int
        Sessions per step; each session is one loss term.
    row_share : float
        Share of a session's names that an epoch trains on, drawn anew from the seed for every epoch
        and session (see `gogooku.learn.thinning`); 1 takes all.
    max_epochs, patience, smoothing : int
        Most epochs; epochs without one that is kept before stopping; epochs in the trailing mean
        that smooths validation RankIC.
    tolerance : float
        A later epoch is kept unless its smoothed validation RankIC is this much below the best:
        smaller differences are noise (the standard error over 100 sessions is about 0.006).
    learning_rate, weight_decay, clip_norm : float
        AdamW (decay on matrices only) and the largest gradient norm.
    warmup_steps : int
        Steps of linear warm-up.
    final_rate_share : float
        Share of the learning rate that a cosine leaves after ``max_epochs``; 1 keeps it constant.
    ema_decay : float
        Decay of the averaged weights, which are what is validated and kept.
    horizon_weights : tuple of float
        Weight of each horizon in the loss; one per horizon of the labels.
    loss : LossConfig
        What a session's scores are measured by, with settings of its own.
    """

    days_per_batch: int = Field(default=4, ge=1)
    row_share: float = Field(default=1.0, gt=0.0, le=1.0)
    max_epochs: int = Field(default=6, ge=1)
    patience: int = Field(default=3, ge=1)
    smoothing: int = Field(default=3, ge=1)
    tolerance: float = Field(default=0.003, ge=0.0)
    learning_rate: float = Field(default=1e-3, gt=0.0)
    weight_decay: float = Field(default=0.5, ge=0.0)
    clip_norm: float = Field(default=1.0, gt=0.0)
    warmup_steps: int = Field(default=20, ge=0)
    final_rate_share: float = Field(default=0.05, ge=0.0, le=1.0)
    ema_decay: float = Field(default=0.995, ge=0.0, lt=1.0)
    horizon_weights: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)
    loss: LossConfig = CorrelationConfig()


class PruneKind(StrEnum):
    """Which features a network is fitted on."""

    NONE = "none"
    """All that the dataset has."""
    IMPORTANCE = "importance"
    """Those whose absence may cost a probe something."""
    RANDOM = "random"
    """As many as that, drawn by chance: the control."""


class PruningConfig(Config):
    """Features that a first fit made no use of, left out (`gogooku.learn.pruning`).

    Attributes
    ----------
    by : PruneKind
    correlation : float
        Features whose ranks correlate more than this, either sign, are judged together.
    errors : float
        A group goes if the RankIC lost without it, and so many of its standard errors on top, is
        at or below zero: with 2 only what is nearly sure to do nothing or harm, with 0 what did
        harm.
    tail : float
        Share of the train part that is held back from the probe, and judged on.
    sessions, names : int
        Most sessions of the tail, and most names of each, that are scored without each group.
    """

    by: PruneKind = PruneKind.NONE
    correlation: float = Field(default=0.9, ge=0.0, lt=1.0)
    errors: float = 2.0
    tail: float = Field(default=0.3, gt=0.0, lt=1.0)
    sessions: int = Field(default=60, ge=2)
    names: int = Field(default=256, ge=10)


class NetworkConfig(FittedConfig):
    """What every network chooses: its inputs and its training.

    Attributes
    ----------
    dynamic_features : tuple of str
        Stock features whose last ``lookback`` sessions are read, by name.
    context_features : tuple of str, or ``all``
        Market features that are read, by name, or all of the dataset; scaled by what train dates
        show.
    raw_channels : tuple of str
        Raw channels of the dataset whose last ``lookback`` sessions are read as well: levels and
        sizes in fixed units (`gogooku.learn.raw_history`); none by default.
    lookback : int
        Sessions of history, the current one included.
    pruning : PruningConfig
        Whether all features of the dataset are read.
    training : TrainingConfig
    """

    dynamic_features: tuple[str, ...] = Field(
        default=("ret_1d_sec_z|ret_1d_uni_z", "volume_z_20"), min_length=1
    )
    context_features: Literal["all"] | Annotated[tuple[str, ...], Field(min_length=1)] = (
        "mkt_vol_20d|uni_vol_20",
    )
    raw_channels: tuple[str, ...] = ()
    lookback: int = Field(default=24, ge=4)
    pruning: PruningConfig = PruningConfig()
    training: TrainingConfig = TrainingConfig()


def reads_raw(config: BaseModel) -> bool:
    """Whether a learner, or a member of it, reads raw channels.

    They are outside the content hash of a dataset, so a run that reads some names their hash too.
    """
    if isinstance(config, NetworkConfig):
        return bool(config.raw_channels)
    values = [getattr(config, name) for name in type(config).model_fields]
    nested = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
    return any(reads_raw(one) for one in nested if isinstance(one, BaseModel))
