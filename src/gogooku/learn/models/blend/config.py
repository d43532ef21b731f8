"""Settings of a blend; imports nothing heavy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gogooku.core.registry import VariantConfig
from gogooku.core.variants import OneOf
from gogooku.learn.registry import LEARNERS

Member = Annotated[VariantConfig, OneOf(LEARNERS)]
"""The config of any learner of the table."""


def _usual() -> tuple[VariantConfig, ...]:
    """Trees and the network, as they are when nothing is chosen."""
    return tuple(LEARNERS.config(kind).model_validate({}) for kind in ("lightgbm", "atft_gat_fan"))


class BlendConfig(VariantConfig):
    """Learners whose ranks are averaged, session by session.

    Attributes
    ----------
    members : tuple of config
        Any learners but another blend; ``[{kind="lightgbm"}, {kind="atft_gat_fan"}]`` when none
        are named.
    weights : tuple of float
        One a member, of any sum; none is equal weights.
    seeds : int
        How often each member is fitted, each time with another seed.
    member_spread : bool
        Whether it is kept beside the scores how far the members' places are apart.
    """

    kind: Literal["blend"] = "blend"
    members: tuple[Member, ...] = Field(default_factory=_usual, min_length=1)
    weights: tuple[Annotated[float, Field(gt=0.0)], ...] = ()
    seeds: int = Field(default=1, ge=1)
    member_spread: bool = False

    @model_validator(mode="after")
    def _check(self) -> BlendConfig:
        if any(one.kind == self.kind for one in self.members):
            raise ValueError("a member of a blend cannot be a blend; name its members instead")
        if self.weights and len(self.weights) != len(self.members):
            raise ValueError(f"{len(self.weights)} weights for {len(self.members)} members")
        if self.member_spread and len(self.members) * self.seeds < 2:
            raise ValueError("member_spread needs two fits: more members, or seeds=2")
        return self
