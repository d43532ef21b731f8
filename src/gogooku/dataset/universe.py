"""Which names are ranked, trained on and listed at night: known at the clock, and stated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from gogooku.core.config import Config
from gogooku.core.findings import Unit
from gogooku.core.sections import Wanted
from gogooku.core.terms import USUAL
from gogooku.core.types import BoolArray, FloatArray, Panel
from gogooku.features.engine.kernels import window_sum


class UniverseConfig(Config):
    """A trailing floor on traded value, and the markets whose names belong.

    The defaults are those of Tokyo; a build takes those of its source's exchange, see
    `gogooku.core.terms`.
    """

    min_traded_value: float = Field(default=USUAL.min_traded_value, ge=0.0)
    """Mean traded value per session over the lookback, in the currency of the prices; a session
    without a trade counts as zero."""
    lookback: Annotated[int, Unit("sessions")] = Field(default=60, ge=1)
    """Sessions in that mean, the current one included."""
    min_traded_sessions: Annotated[int, Unit("sessions")] = Field(default=20, ge=0)
    """Fewest of them with a trade."""
    markets: tuple[str, ...] = USUAL.markets
    """Markets whose names belong, in any spelling (Prime, プライム, 0111), and the old sections
    that preceded them; an empty list for all. Ignored where the source does not say."""


def mean_traded_value(panel: Panel, config: UniverseConfig) -> FloatArray:
    """Mean traded value per session over the lookback, [T, N]; unknown ones count as zero."""
    turnover = panel.dense("turnover_value")
    values = np.where(np.isfinite(turnover), turnover, 0.0)
    return np.asarray(window_sum(values, config.lookback) / config.lookback)


def conditions(panel: Panel, config: UniverseConfig) -> Mapping[str, BoolArray]:
    """What a listed name must meet, each [T, N], in the order in which a message names them.

    A name that the next session's list no longer has cannot be bought at the next open.
    """
    known = np.isfinite(panel.dense("turnover_value"))
    traded = window_sum(known.astype(np.float64), config.lookback)
    return {
        "leaving": ~(panel.dense("leaving") > 0),
        "market": of_wanted_market(panel, config),
        "traded": traded >= config.min_traded_sessions,
        "value": mean_traded_value(panel, config) >= config.min_traded_value,
    }


def of_wanted_market(panel: Panel, config: UniverseConfig) -> BoolArray:
    """Whether a name's market on the session is one that the config names, [T, N].

    The market of a session is that of the session itself where the source dates it. Everything is
    wanted where the config names no market, or the source gives none.
    """
    segment, names = panel.dense_labels("market")
    if not names or not config.markets:
        return np.ones(panel.shape, dtype=bool)
    markets = Wanted.of(config.markets)
    return np.isin(segment, [i for i, name in enumerate(names) if markets.has(name)])


def universe_of(panel: Panel, config: UniverseConfig) -> BoolArray:
    """Membership [T, N]: listed and staying, of a wanted market, traded enough until then."""
    member = panel.listed()
    for met in conditions(panel, config).values():
        member &= met
    return np.asarray(member)
