"""Settings of ridge."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gogooku.learn.config import FittedConfig


class RidgeConfig(FittedConfig):
    """Ridge regression on the last session's features, one per horizon.

    Attributes
    ----------
    penalties : tuple of float
        Grid of penalties per row and unit feature variance; validation RankIC picks one.
    """

    kind: Literal["ridge"] = "ridge"
    penalties: tuple[float, ...] = Field(
        default=(1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0), min_length=1
    )
