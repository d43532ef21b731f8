"""Settings shared by fitted learners; imports no torch, so that ``--help`` is instant."""

from __future__ import annotations

from enum import StrEnum

from gogooku.core.registry import VariantConfig


class LabelVariant(StrEnum):
    """Which forward return is meant."""

    RAW = "raw"
    """Open-to-open return."""
    EXCESS = "excess"
    """Less the mean of the universe."""
    RESIDUAL = "residual"
    """Less sector and trailing beta."""


class FittedConfig(VariantConfig):
    """What every fitted learner chooses.

    Attributes
    ----------
    train_label, select_label : LabelVariant
        What the loss sees on train dates, and what validation RankIC is measured on.
    """

    train_label: LabelVariant = LabelVariant.RESIDUAL
    select_label: LabelVariant = LabelVariant.RAW
