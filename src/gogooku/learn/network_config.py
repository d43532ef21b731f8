"""Settings shared by the networks: their inputs and their training; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gogooku.core.config import Config
from gogooku.learn.config import FittedConfig
from gogooku.learn.losses.correlation.config import CorrelationConfig
from gogooku.learn.registry import LossConfig


class Precision(StrEnum):
    """Of the products in a training pass; weights, losses and sums over steps are float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    """About three digits: faster on a GPU, slower on most CPUs."""


class PhaseSettings(Config):
    """What each phase of a training may have of its own.

    Attributes
    ----------
    max_epochs, patience : int
        Most epochs; epochs without one that is kept before stopping.
    learning_rate : float
        Of AdamW.
    horizon_weights : tuple of float
        Weight of each horizon in the loss; one per horizon of the labels.
    loss : LossConfig
        What a session's scores are measured by, with settings of its own.
    """

    max_epochs: int = Field(default=4, ge=1)
    patience: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0.0)
    horizon_weights: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)
    loss: LossConfig = CorrelationConfig()


class PhaseConfig(PhaseSettings):
    """One phase of a training in several; what it does not state is as the training states it.

    Attributes
    ----------
    name : str
        In the events.
    train : tuple of str
        Parts of the network whose weights are trained, by the beginning of their names (``graph``,
        ``fuse.outer``); the others stand still. Empty for all.
    off : tuple of str
        Parts that are left out, of those that the network can do without; none in the last phase.
    """

    name: str = Field(min_length=1)
    train: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


class TrainingConfig(PhaseSettings):
    """The one training loop of the networks.

    Attributes
    ----------
    days_per_batch : int
        Sessions per step; each session is one loss term.
    row_share : float
        Share of a session's names that an epoch trains on, drawn anew from the seed for every epoch
        and session (see `gogooku.learn.thinning`); 1 takes all.
    smoothing : int
        Epochs in the trailing mean that smooths validation RankIC.
    tolerance : float
        A later epoch is kept unless its smoothed validation RankIC is this much below the best:
        smaller differences are noise (the standard error over 100 sessions is about 0.006).
    weight_decay, clip_norm : float
        Of AdamW (decay on matrices only), and the largest gradient norm.
    warmup_steps : int
        Steps of linear warm-up.
    final_rate_share : float
        Share of the learning rate that a cosine leaves after ``max_epochs``; 1 keeps it constant.
    ema_decay : float
        Decay of the averaged weights, which are what is validated and kept.
    precision : enum
        Of training; validation and scores are in float32.
    phases : tuple of PhaseConfig
        One after the other, each from the weights that the one before kept, with an optimiser of
        its own; none for a training in one.
    """

    days_per_batch: int = Field(default=4, ge=1)
    row_share: float = Field(default=0.34, gt=0.0, le=1.0)
    smoothing: int = Field(default=3, ge=1)
    tolerance: float = Field(default=0.003, ge=0.0)
    weight_decay: float = Field(default=0.5, ge=0.0)
    clip_norm: float = Field(default=1.0, gt=0.0)
    warmup_steps: int = Field(default=20, ge=0)
    final_rate_share: float = Field(default=0.05, ge=0.0, le=1.0)
    ema_decay: float = Field(default=0.995, ge=0.0, lt=1.0)
    precision: Precision = Precision.FLOAT32
    phases: tuple[PhaseConfig, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, raw: Any) -> Any:
        """Give each phase what it does not state."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("phases"), (list, tuple)):
            return raw
        stated = {name: raw[name] for name in PhaseSettings.model_fields if name in raw}
        return {**raw, "phases": [_filled(phase, stated) for phase in raw["phases"]]}

    @model_validator(mode="after")
    def _check(self) -> TrainingConfig:
        names = [phase.name for phase in self.phases]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two phases are called {twice[0]!r}; give each a name of its own")
        if self.phases and self.phases[-1].off:
            raise ValueError(
                f"the last phase leaves {', '.join(self.phases[-1].off)} out, and what is kept "
                "scores with the whole network; build the network without it instead"
            )
        return self


def _filled(phase: Any, stated: Mapping[str, Any]) -> Any:
    if isinstance(phase, PhaseConfig):
        return {**stated, **{name: getattr(phase, name) for name in phase.model_fields_set}}
    return {**stated, **phase} if isinstance(phase, Mapping) else phase


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


class PretrainingConfig(Config):
    """What reads the history, trained without labels first (`gogooku.learn.pretraining`).

    Attributes
    ----------
    epochs : int
        Over the train sessions; 0 for no pre-training.
    learning_rate : float
        Of Adam.
    names : int
        Most names of a session that are compared, drawn anew for every epoch and session.
    masked : float
        Share of the steps of a crop whose content is hidden.
    shortest : int
        Fewest steps that two crops of a window share.
    across : float
        Weight of comparing names at one step; the rest is of comparing the steps of one name.
    """

    epochs: int = Field(default=0, ge=0)
    learning_rate: float = Field(default=1e-3, gt=0.0)
    names: int = Field(default=128, ge=10)
    masked: float = Field(default=0.5, ge=0.0, lt=1.0)
    shortest: int = Field(default=2, ge=2)
    across: float = Field(default=0.5, ge=0.0, le=1.0)


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
    context_features: Literal["all"] | Annotated[tuple[str, ...], Field(min_length=1)] = "all"
    raw_channels: tuple[str, ...] = ()
    lookback: int = Field(default=24, ge=4)
    pruning: PruningConfig = PruningConfig()
    training: TrainingConfig = TrainingConfig()

    @property
    def shuffled_by(self) -> int | None:
        """Seed of the shuffle of the neighbour tables; None where they are read as they are."""
        return None

    @property
    def pretrained_by(self) -> PretrainingConfig | None:
        """How the reading of the history is trained first; None where it is not."""
        return None


class HeadsConfig(NetworkConfig):
    """A network that gives more than a score at each horizon; none of it by default.

    Attributes
    ----------
    quantiles : tuple of float
        Levels, ascending, of the quantiles of a name's normal score that are given beside its
        scores. They need ``pinball`` as a part of the loss.
    dropout_passes : int
        Passes with dropout on, from which it is measured how far a name's place moves.
    blended_horizon, blend_weights : int, tuple of float
        The score that is given out at this horizon is the mean of the places by the heads of all
        horizons, weighted by these; without weights it is its own head's. Validation selects by
        the heads themselves.
    """

    quantiles: tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...] = ()
    dropout_passes: int = Field(default=0, ge=0)
    blended_horizon: int = Field(default=5, ge=1)
    blend_weights: tuple[Annotated[float, Field(ge=0.0)], ...] = ()

    @model_validator(mode="after")
    def _check_heads(self) -> HeadsConfig:
        if list(self.quantiles) != sorted(set(self.quantiles)):
            raise ValueError("quantiles are levels that ascend, each once: [0.1, 0.5, 0.9]")
        if self.dropout_passes == 1:
            raise ValueError("dropout_passes=1 shows no spread; 2 or more, or 0 for none")
        if self.blend_weights and not sum(self.blend_weights):
            raise ValueError("blend_weights are all 0; leave them out")
        return self
