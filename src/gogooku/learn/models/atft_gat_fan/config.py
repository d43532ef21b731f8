"""Configuration of ATFT-GAT-FAN; imports no torch."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from gogooku.core.config import Config
from gogooku.learn.network_config import HeadsConfig, PretrainingConfig


class TrunkKind(StrEnum):
    """How the last session's features become a hidden state, the history's map added."""

    GATED = "gated"
    """One linear map, then a gated residual."""
    MLP = "mlp"
    """``depth`` layers of one width, each normalised."""


class FanKind(StrEnum):
    """Normalisation of the history before the encoder."""

    NONE = "none"
    FAN = "fan"
    """Frequency-adaptive: the strongest frequencies are taken out and given back apart."""


class RawNorm(StrEnum):
    """Normalisation of the raw channels before the encoder, over the lookback."""

    NONE = "none"
    REVIN = "revin"
    """By the mean and the spread of each name and channel, which go to the trunk."""
    FAN = "fan"
    """The strongest frequencies are taken out, and a forecast of them goes to the trunk."""


class GraphKind(StrEnum):
    """How a name sees other names."""

    NONE = "none"
    KNN = "knn"
    """GATv2 over the dataset's neighbour table."""
    SHUFFLED = "shuffled"
    """The same over a shuffled table: a control, which the true one must beat."""


class TemporalKind(StrEnum):
    """How the history is read."""

    NONE = "none"
    """Only the last session is seen."""
    FLATTEN = "flatten"
    """One linear map of all sessions and channels: position is kept."""
    FUSION = "fusion"
    """Channels selected by the market's state, patches enriched, carried forward, attended to."""


class FusionConfig(Config):
    """Parts of ``temporal=fusion``; each false leaves its part out.

    Attributes
    ----------
    width, patch, heads : int
        Width of a token, sessions of a patch, heads of the attention (a divisor of the width).
    select : bool
        Whether the market context weighs the channels.
    recurrent : bool
        Whether a gated recurrent unit carries the past forward.
    static : bool
        Whether patches know the sector and the features of their name.
    attention : bool
        Whether a patch looks at those before it.
    """

    width: int = Field(default=32, ge=2)
    patch: int = Field(default=4, ge=1)
    heads: int = Field(default=2, ge=1)
    select: bool = True
    recurrent: bool = True
    static: bool = True
    attention: bool = True

    @model_validator(mode="after")
    def _check(self) -> FusionConfig:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class AtftGatFanConfig(HeadsConfig):
    """ATFT-GAT-FAN, beside what every network chooses.

    Attributes
    ----------
    hidden, heads, gates : int
        Width, attention heads (a divisor of the width), market gates of the linear skip.
    trunk, fan, graph, temporal : enum
        Which parts exist.
    depth : int
        Layers of the trunk ``mlp``.
    context_in_trunk : bool
        Whether the trunk reads the market context too, and not only the gates of the skip.
    missing_flags : bool
        Whether the last session's features are joined by one flag each: 1 where null. Needs a
        dataset in which null is negative zero (`gogooku.learn.batches.missing`).
    fan_bins : int
        Frequency bins that FAN takes out, per name and channel.
    raw_norm : enum
        Of the raw channels (``fan`` is of the ranks).
    raw_bins : int
        Frequency bins that ``raw_norm=fan`` takes out.
    fusion : FusionConfig
        Parts of ``temporal=fusion``.
    pretraining : PretrainingConfig
        Of what ``temporal=fusion`` reads the history with, without labels.
    edge_features : bool
        Whether the attention to peers knows of each its place among them and whether it is of the
        same sector.
    shuffle_seed : int
        Of ``graph=shuffled``: each name keeps its number of peers and is named as often as before.
    dropout, feature_dropout, context_noise : float
        Share of hidden units and of input features dropped, and the standard deviation of the
        noise on the context; all in training only.
    """

    kind: Literal["atft_gat_fan"] = "atft_gat_fan"
    raw_channels: tuple[str, ...] = ("log_return", "log_value", "abs_return")
    hidden: int = Field(default=256, ge=4)
    heads: int = Field(default=4, ge=1)
    gates: int = Field(default=2, ge=1)
    trunk: TrunkKind = TrunkKind.MLP
    depth: int = Field(default=2, ge=1)
    context_in_trunk: bool = True
    missing_flags: bool = False
    fan: FanKind = FanKind.NONE
    fan_bins: int = Field(default=2, ge=0)
    raw_norm: RawNorm = RawNorm.REVIN
    raw_bins: int = Field(default=2, ge=1)
    graph: GraphKind = GraphKind.NONE
    edge_features: bool = False
    shuffle_seed: int = Field(default=0, ge=0)
    temporal: TemporalKind = TemporalKind.FLATTEN
    fusion: FusionConfig = FusionConfig()
    pretraining: PretrainingConfig = PretrainingConfig()
    dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
    feature_dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    context_noise: float = Field(default=0.2, ge=0.0)

    @property
    def shuffled_by(self) -> int | None:
        """Seed of the shuffle of the neighbour tables; None where they are read as they are."""
        return self.shuffle_seed if self.graph is GraphKind.SHUFFLED else None

    @property
    def pretrained_by(self) -> PretrainingConfig | None:
        """How the reading of the history is trained first; None where it is not."""
        return self.pretraining if self.pretraining.epochs else None

    @model_validator(mode="after")
    def _check(self) -> AtftGatFanConfig:
        if self.hidden % self.heads:
            raise ValueError(f"hidden {self.hidden} is not a multiple of heads {self.heads}")
        if self.fan is FanKind.FAN and self.temporal is TemporalKind.NONE:
            raise ValueError("fan normalises the history, which temporal=none leaves out; fan=none")
        if self.raw_channels and self.temporal is TemporalKind.NONE:
            raise ValueError("temporal=none reads no history; raw_channels=[], raw_norm=none too")
        if self.dropout_passes and not self.dropout + self.feature_dropout:
            raise ValueError("dropout_passes needs dropout or feature_dropout above 0")
        if self.temporal is TemporalKind.FUSION and self.fusion.patch >= self.lookback:
            raise ValueError(
                f"fusion.patch {self.fusion.patch} makes one patch of lookback {self.lookback}; "
                "fusion needs two or more"
            )
        if self.raw_norm is not RawNorm.NONE and not self.raw_channels:
            raise ValueError(
                f"raw_norm={self.raw_norm} normalises raw_channels, which are empty; raw_norm=none"
            )
        return self

    @model_validator(mode="after")
    def _check_pretraining(self) -> AtftGatFanConfig:
        if not self.pretraining.epochs:
            return self
        if self.temporal is not TemporalKind.FUSION:
            raise ValueError(
                "pretraining compares the steps of a window, and only temporal=fusion has some: "
                f"temporal={self.temporal} reads it at once or not at all; pretraining.epochs=0"
            )
        if not (self.fusion.recurrent or self.fusion.attention):
            raise ValueError(
                "pretraining compares what a patch is in two crops, and without fusion.recurrent "
                "and fusion.attention no patch knows of another; pretraining.epochs=0"
            )
        steps = -(-self.lookback // self.fusion.patch)
        if self.pretraining.shortest > steps:
            raise ValueError(
                f"pretraining.shortest {self.pretraining.shortest} is more than the {steps} "
                f"patches of lookback {self.lookback}"
            )
        return self
