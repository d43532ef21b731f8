"""What decides the scores of a run: a training, or scores that were made elsewhere.

A training is a learner, how time is cut, and whose labels it is given.

What judges it and what is traded of it are chosen later: see `judge` and `trade`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gogooku.core.config import Config
from gogooku.core.registry import VariantConfig
from gogooku.core.variants import OneOf
from gogooku.evaluate.split import FractionSplit, SplitConfig
from gogooku.learn.registry import LEARNERS

LearnerConfig = Annotated[VariantConfig, OneOf(LEARNERS)]
"""The config of any learner of the table."""


class LabelOrder(StrEnum):
    """Whether labels belong to their names."""

    TRUE = "true"
    SHUFFLED = "shuffled"
    """Permuted within each session, for training and judging: skill must vanish."""


class TrainConfig(Config):
    """Everything that decides a run's scores."""

    learner: LearnerConfig
    split: SplitConfig = FractionSplit()
    warmup_sessions: int = Field(default=60, ge=0)
    """First sessions of the dataset that are never trained on: features are still filling."""
    refit: bool = False
    """Fit once more on the train and validation parts together, with what was selected (rounds,
    epochs, a penalty) frozen. Validation scores stay those of the first fit."""
    label_order: LabelOrder = LabelOrder.TRUE
    seed: int = Field(default=1, ge=0, lt=2**63)


class GivenScores(VariantConfig):
    """Scores that were made elsewhere: no learner of this package, so no training has it."""

    kind: Literal["given"] = "given"
    content: str
    """Hash of the scores with their dates, codes and horizons."""


class GivenSplit(Config):
    """What such scores were fitted on is not known: all of them are a test part."""

    kind: Literal["given"] = "given"


class GivenConfig(Config):
    """What a run of scores that were made elsewhere is decided by: the scores themselves."""

    learner: GivenScores
    split: GivenSplit = GivenSplit()

    label_order: ClassVar[LabelOrder] = LabelOrder.TRUE
    seed: ClassVar[int] = 0
