"""Which names are ranked, trained on and listed at night: known at the clock, and stated."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from gogooku.core.config import Config
from gogooku.core.findings import Unit
from gogooku.core.types import BoolArray, FloatArray, Panel


class UniverseConfig(Config):
    """A trailing floor on traded value."""

    min_traded_value: float = Field(default=50_000_000.0, ge=0.0)
    """Mean traded value per session over the lookback, in the currency of the prices; a session
    without a trade counts as zero."""
    lookback: Annotated[int, Unit("sessions")] = Field(default=60, ge=1)
    """Sessions in that mean, the current one included."""
    min_traded_sessions: Annotated[int, Unit("sessions")] = Field(default=20, ge=0)
    """Fewest of them with a trade."""
    markets: tuple[str, ...] = ("Prime", "Standard", "Growth")
    """Segments that belong; ignored where the source does not say."""


def trailing_sum(values_TN: FloatArray, lookback: int) -> FloatArray:
    """Sum of the last ``lookback`` rows, fewer at the start; a function of those rows alone.

    Block sums of doubling length are combined, so no running total drags old rounding along.
    """
    total = np.zeros_like(values_TN)
    block, size, covered = values_TN, 1, 0
    remaining = lookback
    while remaining:
        if remaining & 1:
            total[covered:] += block[: max(len(block) - covered, 0)]
            covered += size
        remaining >>= 1
        if remaining:
            doubled = block.copy()
            doubled[size:] += block[:-size] if size < len(block) else 0.0
            block, size = doubled, size * 2
    return total


def universe_of(panel: Panel, config: UniverseConfig) -> BoolArray:
    """Membership [T, N]: listed and staying, of a wanted segment, traded enough until then.

    A name that the next session's list no longer has cannot be bought at the next open.
    """
    turnover = panel.dense("turnover_value")
    known = np.isfinite(turnover)
    mean = trailing_sum(np.where(known, turnover, 0.0), config.lookback) / config.lookback
    traded = trailing_sum(known.astype(np.float64), config.lookback)
    member = panel.listed() & ~(panel.dense("leaving") > 0) & (mean >= config.min_traded_value)
    member &= traded >= config.min_traded_sessions
    segment, names = panel.dense_labels("market")
    if names:
        wanted = [i for i, name in enumerate(names) if name in config.markets]
        member &= np.isin(segment, wanted)
    return np.asarray(member)
