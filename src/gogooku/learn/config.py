"""Settings shared by fitted learners; imports no torch, so that ``--help`` is instant."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel

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


def reads_raw(config: BaseModel) -> bool:
    """Whether a learner, or a member of it, reads raw channels: its setting ``raw_channels``.

    They are outside the content hash of a dataset, so a run that reads some names their hash too.
    """
    if getattr(config, "raw_channels", ()):
        return True
    values = [getattr(config, name) for name in type(config).model_fields]
    nested = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
    return any(reads_raw(one) for one in nested if isinstance(one, BaseModel))
