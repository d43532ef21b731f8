"""Settings of ridge."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gogooku.learn.config import FittedConfig


class RidgeConfig(FittedConfig):
    """Ridge regression on the last session's features, one per horizon.

    Attributes
    ----------
    penalties : tuple of float
        Grid of penalties per row and unit feature variance; validation RankIC picks one.
    context_features : tuple of str
        Market features by which every coefficient moves: beside the features themselves stand their
        products with each of these, scaled by what train dates show. None by default. Time grows
        with the cube of one more than their number.
    """

    kind: Literal["ridge"] = "ridge"
    penalties: tuple[float, ...] = Field(
        default=(1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0), min_length=1
    )
    context_features: Annotated[tuple[str, ...], Field(max_length=8)] = ()
