"""Settings of a sum of losses; imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from gogooku.core.config import Config
from gogooku.core.registry import VariantConfig
from gogooku.learn.losses.correlation.config import CorrelationConfig
from gogooku.learn.registry import LossConfig


class LossPart(Config):
    """A loss of a sum.

    Attributes
    ----------
    loss : LossConfig
        Any but another sum.
    weight : float
    horizon_weights : tuple of float
        Weight of each horizon in this part; none is those of the training.
    """

    loss: LossConfig = CorrelationConfig()
    weight: float = Field(default=1.0, gt=0.0)
    horizon_weights: tuple[Annotated[float, Field(ge=0.0)], ...] = ()

    @field_validator("loss", mode="after")
    @classmethod
    def _no_sum(cls, loss: VariantConfig) -> VariantConfig:
        if isinstance(loss, CombinedConfig):
            raise ValueError("a part cannot be combined itself; name its parts instead")
        return loss

    @field_validator("horizon_weights", mode="after")
    @classmethod
    def _some(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if weights and not sum(weights):
            raise ValueError("all horizons of the part have the weight 0; leave the part out")
        return weights


class CombinedConfig(VariantConfig):
    """A weighted sum of losses.

    Attributes
    ----------
    parts : tuple of LossPart
    """

    kind: Literal["combined"] = "combined"
    parts: tuple[LossPart, ...] = Field(default_factory=lambda: (LossPart(),), min_length=1)
