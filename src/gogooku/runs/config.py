"""One run: a learner, how time is cut, what judges it, and the portfolio made of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from gogooku.core.config import Config
from gogooku.core.registry import VariantConfig
from gogooku.core.variants import OneOf
from gogooku.evaluate.split import FractionSplit, SplitConfig
from gogooku.learn.config import LabelVariant
from gogooku.learn.registry import LEARNERS
from gogooku.portfolio.backtest import BacktestConfig

LearnerConfig = Annotated[VariantConfig, OneOf(LEARNERS)]
"""The config of any learner of the table."""


class LabelOrder(StrEnum):
    """Whether labels belong to their names."""

    TRUE = "true"
    SHUFFLED = "shuffled"
    """Permuted within each session, for training and judging: skill must vanish."""


class RunConfig(Config):
    """Everything that decides a run's scores and what is made of them."""

    learner: LearnerConfig
    split: SplitConfig = FractionSplit()
    warmup_sessions: int = Field(default=60, ge=0)
    """First sessions of the dataset that are never trained on: features are still filling."""
    judge_label: LabelVariant = LabelVariant.RAW
    """Forward return that RankIC and the other measures are taken against."""
    label_order: LabelOrder = LabelOrder.TRUE
    backtest: BacktestConfig = BacktestConfig()
    seed: int = Field(default=1, ge=0)
