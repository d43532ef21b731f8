"""The market context on a scale that train dates show; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gogooku.core.types import FloatArray

CONTEXT_LIMIT: Final = 3.0
"""Scaled market context is clipped to this many standard deviations."""

SCALE_KEY: Final = "context_scale"
"""Name of the scale in the header of a checkpoint."""


@dataclass(frozen=True)
class ContextScale:
    """Centre and spread of the market context on train dates; both [M], in names order."""

    center: tuple[float, ...]
    spread: tuple[float, ...]

    @classmethod
    def fitted(cls, market_TM: npt.NDArray[np.float32]) -> ContextScale:
        """Mean and standard deviation over sessions; an unknown or constant column becomes 0."""
        known = np.isfinite(market_TM)
        count = np.maximum(known.sum(axis=0), 1)
        values: FloatArray = np.where(known, market_TM, 0.0).astype(np.float64)
        center = values.sum(axis=0) / count
        variance = (np.where(known, values - center, 0.0) ** 2).sum(axis=0) / count
        spread = np.sqrt(variance)
        spread[spread <= 1e-12 * np.maximum(np.abs(center), 1e-12)] = np.inf
        return cls(center=tuple(center.tolist()), spread=tuple(spread.tolist()))

    def apply(self, market_TM: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Scaled and clipped context; 0 where unknown."""
        scaled = (market_TM - np.array(self.center)) / np.array(self.spread)
        clipped = np.clip(np.nan_to_num(scaled, nan=0.0), -CONTEXT_LIMIT, CONTEXT_LIMIT)
        return np.asarray(clipped, dtype=np.float32)

    def to_json(self) -> dict[str, Any]:
        """Plain lists; an infinite spread (constant column) is null."""
        spread = [None if np.isinf(value) else value for value in self.spread]
        return {"center": list(self.center), "spread": spread}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ContextScale:
        """Read what `to_json` wrote."""
        spread = tuple(np.inf if value is None else float(value) for value in raw["spread"])
        return cls(center=tuple(raw["center"]), spread=spread)
