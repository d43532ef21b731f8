"""Configuration of APEX-Ranker; imports no torch."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

from pydantic import Field, model_validator

from gogooku.learn.network_config import NetworkConfig

MOST_CHANNELS: Final = 32
"""Rank and raw channels that are mixed at the patch embedding."""


class ReadoutKind(StrEnum):
    """What of the tokens, after the last block, becomes the hidden state of the history."""

    FLATTEN = "flatten"
    """One linear map of all tokens: position is kept."""
    LAST = "last"
    """The token of the newest patch."""
    MEAN = "mean"
    """The mean of all tokens."""


class LevelKind(StrEnum):
    """How the last session's features are read, beside the history."""

    NONE = "none"
    """Only the history is read."""
    LINEAR = "linear"
    """A linear skip of features and history, with coefficients that the market context moves."""
    MLP = "mlp"
    """That, and layers on features, market context and the hidden state of the history."""


class ApexRankerConfig(NetworkConfig):
    """APEX-Ranker, beside what every network chooses.

    Attributes
    ----------
    patch, stride : int
        Sessions of a patch, and between the beginnings of two; together they cover the lookback.
    hidden, heads, blocks : int
        Width, attention heads (a divisor of the width), transformer blocks.
    readout, level : enum
        What is read of the tokens and of the last session.
    depth : int
        Layers of the level ``mlp``.
    gates : int
        Market gates of the linear skip.
    missing_flags : bool
        Whether the last session's features are joined by one flag each: 1 where null.
    revin : bool
        Whether each channel of a window loses its own mean and spread, which the level reads.
    dropout, feature_dropout, context_noise : float
        Share of hidden units and of input features dropped, and the standard deviation of the
        noise on the context; all in training only.
    """

    kind: Literal["apex_ranker"] = "apex_ranker"
    raw_channels: tuple[str, ...] = ("log_return", "log_value", "abs_return")
    lookback: int = Field(default=60, ge=4)
    patch: int = Field(default=5, ge=1)
    stride: int = Field(default=5, ge=1)
    hidden: int = Field(default=64, ge=4)
    heads: int = Field(default=4, ge=1)
    blocks: int = Field(default=2, ge=0)
    readout: ReadoutKind = ReadoutKind.FLATTEN
    level: LevelKind = LevelKind.MLP
    depth: int = Field(default=2, ge=1)
    gates: int = Field(default=2, ge=1)
    missing_flags: bool = False
    revin: bool = False
    dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
    feature_dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    context_noise: float = Field(default=0.2, ge=0.0)

    @model_validator(mode="after")
    def _check(self) -> ApexRankerConfig:
        if not self.stride <= self.patch <= self.lookback:
            raise ValueError(
                f"stride {self.stride}, patch {self.patch}, lookback {self.lookback}: a patch "
                "longer than the lookback, or a stride longer than the patch, skips sessions"
            )
        if self.hidden % self.heads:
            raise ValueError(f"hidden {self.hidden} is not a multiple of heads {self.heads}")
        if not self.blocks and self.readout is ReadoutKind.LAST:
            raise ValueError("readout=last without blocks reads the newest patch only; blocks=1")
        channels = len(self.dynamic_features) + len(self.raw_channels)
        if channels > MOST_CHANNELS:
            raise ValueError(
                f"{channels} channels of history, at most {MOST_CHANNELS}: "
                "shorten dynamic_features or raw_channels"
            )
        if self.patches * self.stride != self.lookback - self.patch + self.stride:
            raise ValueError(
                f"lookback {self.lookback}: patches of {self.patch} sessions every {self.stride} "
                f"leave the oldest out; take lookback - patch as a multiple of stride"
            )
        return self

    @property
    def patches(self) -> int:
        """Patches of a window."""
        return (self.lookback - self.patch) // self.stride + 1
