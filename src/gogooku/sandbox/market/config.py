"""What a generated market is made from: its size, its seed and the few knobs of its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Annotated

from pydantic import Field, model_validator

from gogooku.core.config import Config
from gogooku.core.errors import ConfigError
from gogooku.core.findings import Unit

FAMILIES = ("linear", "gated", "order", "peers", "level")
"""Planted families that prices alone show, in the order of every family axis."""

SOURCE_FAMILIES = ("revision", "crowding", "covering", "segment_flow")
"""Planted families that only the other sources show; they follow `FAMILIES` on every family axis of
a market that has them (see `MarketConfig.families`)."""


MAX_SECTORS = 33


class FamilyScales(Config):
    """Size of each family as a multiple of `MarketConfig.strength`; 0 leaves a family out."""

    linear: float = Field(default=1.0, ge=0.0)
    gated: float = Field(default=1.3, ge=0.0)
    order: float = Field(default=1.0, ge=0.0)
    peers: float = Field(default=1.0, ge=0.0)
    level: float = Field(default=0.8, ge=0.0)
    revision: float = Field(default=0.0, ge=0.0)
    crowding: float = Field(default=0.0, ge=0.0)
    covering: float = Field(default=0.0, ge=0.0)
    segment_flow: float = Field(default=0.0, ge=0.0)

    def values(self) -> tuple[float, ...]:
        """Return the scales in the order of `FAMILIES`."""
        return tuple(float(getattr(self, name)) for name in FAMILIES)

    def source_values(self) -> tuple[float, ...]:
        """Return the scales in the order of `SOURCE_FAMILIES`."""
        return tuple(float(getattr(self, name)) for name in SOURCE_FAMILIES)


class MarketConfig(Config):
    """A generated market. Every field changes its content; the same fields give the same bits.

    Attributes
    ----------
    num_stocks, num_sessions : int
        Codes ever listed, and sessions delivered (the burn-in comes before them).
    burn_in_sessions : int
        Sessions simulated and thrown away, so that every state is warm at the first date.
    first_session : date
        The first delivered session is the first Tokyo session on or after this date.
    seed : int
        Root of every random stream.
    num_sectors, peer_group_size : int
        Sectors (at random) and hidden peer groups across sectors.
    strength : float
        Standard deviation of a family of scale 1, expected return per session (4.8e-4).
    scales : FamilyScales
        Relative size of the families.
    size_spread : float
        Cross-sectional standard deviation of the log of traded value that belongs to the name and
        not to the slow characteristic. Small on purpose: the characteristic is seen only through
        traded value, and a realistic spread (about 2) would hide it.
    quirk_rate : float
        Multiplies the rates of listings, delistings, splits, suspensions and no-trade sessions;
        0 gives a market without them (limits and rounding stay).
    num_branches : int
        Monte Carlo branches of the market regime behind the 10- and 20-session expectations;
        0 leaves those two horizons NaN.
    halts : tuple of date
        Sessions on which no name trades: the exchange's own systems failed.
    """

    num_stocks: Annotated[int, Unit("stocks")] = Field(ge=24, le=8_800)
    num_sessions: Annotated[int, Unit("sessions")] = Field(ge=2)
    seed: int = Field(ge=0)
    burn_in_sessions: Annotated[int, Unit("sessions")] = Field(default=140, ge=64)
    first_session: date = date(2021, 1, 4)
    num_sectors: Annotated[int, Unit("sectors")] = Field(default=25, ge=1, le=MAX_SECTORS)
    peer_group_size: Annotated[int, Unit("stocks")] = Field(default=12, ge=2)
    strength: float = Field(default=4.8e-4, ge=0.0)
    scales: FamilyScales = FamilyScales()
    size_spread: float = Field(default=0.25, ge=0.0)
    quirk_rate: float = Field(default=1.0, ge=0.0, le=5.0)
    num_branches: Annotated[int, Unit("branches")] = Field(default=64, ge=0)
    halts: tuple[date, ...] = ()

    @property
    def families(self) -> tuple[str, ...]:
        """Names on the family axis: `FAMILIES`, then the source families of non-zero scale."""
        scales = zip(SOURCE_FAMILIES, self.scales.source_values(), strict=True)
        return FAMILIES + tuple(name for name, scale in scales if scale > 0.0)

    @property
    def has_sources(self) -> bool:
        """Whether any source family is planted."""
        return len(self.families) > len(FAMILIES)

    @model_validator(mode="after")
    def _check(self) -> MarketConfig:
        if self.num_branches % 2:
            raise ValueError("num_branches must be even: branches come in antithetic pairs")
        if self.num_stocks < 2 * max(self.num_sectors, self.peer_group_size):
            raise ValueError("num_stocks must be at least twice num_sectors and peer_group_size")
        return self


@dataclass(frozen=True)
class MarketSize:
    """Extent of a named market: codes, delivered sessions, sectors, first possible date."""

    num_stocks: int
    num_sessions: int
    num_sectors: int = 25
    first_session: date = date(2021, 1, 4)


SIZES: Mapping[str, MarketSize] = MappingProxyType(
    {
        "tiny": MarketSize(60, 260, num_sectors=6),
        "demo": MarketSize(300, 750),
        "study": MarketSize(500, 1_000),
        "full": MarketSize(4_400, 2_434, first_session=date(2016, 11, 17)),
    }
)
"""The named sizes."""


def market_config(size: str, *, seed: int) -> MarketConfig:
    """Build the configuration of a named size.

    Raises
    ------
    ConfigError
        No such size; the message lists the valid ones.
    """
    if size not in SIZES:
        raise ConfigError(f"market size {size!r} is unknown; valid: {', '.join(SIZES)}")
    extent = SIZES[size]
    return MarketConfig(
        num_stocks=extent.num_stocks,
        num_sessions=extent.num_sessions,
        num_sectors=extent.num_sectors,
        first_session=extent.first_session,
        seed=seed,
    )


EXCHANGE_HALTS = (date(2020, 10, 1),)
"""Sessions that the sandbox exchange lost as a whole, as Tokyo did."""


def exchange_config(size: str, *, seed: int) -> MarketConfig:
    """Build the configuration of a named size with what only the other sources show.

    `market_config` with the source families planted and the full-day halt of 2020-10-01 (when it
    lies inside): the market that the sandbox exchange serves.

    Raises
    ------
    ConfigError
        No such size; the message lists the valid ones.
    """
    config = market_config(size, seed=seed)
    scales = FamilyScales(revision=1.0, crowding=1.0, covering=1.0, segment_flow=1.0)
    return config.model_copy(update={"scales": scales, "halts": EXCHANGE_HALTS})
