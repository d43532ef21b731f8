"""All declared features, the named sets of them, and what a source can support of a set."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gogooku.core.calendar import Clock
from gogooku.core.errors import ConfigError
from gogooku.core.types import Feature, Role
from gogooku.features.aliases import ALIASES
from gogooku.features.bars.liquidity import LIQUIDITY
from gogooku.features.bars.price import PRICE
from gogooku.features.bars.raw import RAW_CHANNELS
from gogooku.features.bars.volatility import VOLATILITY
from gogooku.features.combined.interactions import INTERACTIONS
from gogooku.features.combined.masks import MASKS, MASKS_INPUTS
from gogooku.features.combined.ranks import RANKS
from gogooku.features.company.dividend import DIVIDEND, DIVIDEND_INPUTS
from gogooku.features.company.events import EVENTS, EVENTS_INPUTS
from gogooku.features.company.statements import STATEMENTS, STATEMENTS_INPUTS
from gogooku.features.company.valuation import VALUATION, VALUATION_INPUTS
from gogooku.features.derivatives.futures import FUTURES, FUTURES_INPUTS
from gogooku.features.derivatives.options import OPTIONS, OPTIONS_INPUTS
from gogooku.features.engine.compute import (
    CALENDAR_COLUMNS,
    MARKET_COLUMNS,
    SECTOR_COLUMNS,
    STOCK_COLUMNS,
)
from gogooku.features.engine.inputs import InputTable
from gogooku.features.market.breadth import BREADTH
from gogooku.features.market.dates import DATES, DATES_INPUTS
from gogooku.features.market.index_state import INDEX_STATE, INDEX_STATE_INPUTS
from gogooku.features.market.limits import LIMITS
from gogooku.features.market.listing import LISTING, LISTING_INPUTS
from gogooku.features.market.market import MARKET
from gogooku.features.market.sector import SECTOR
from gogooku.features.peers.peer_columns import PEER_MARKET, PEER_STOCK, PEER_STOCK_SECTOR
from gogooku.features.peers.peers import PEERS
from gogooku.features.peers.shared import SHARED
from gogooku.features.trading.alert import ALERT, ALERT_INPUTS
from gogooku.features.trading.breakdown import BREAKDOWN, BREAKDOWN_INPUTS
from gogooku.features.trading.flow import FLOW, FLOW_INPUTS
from gogooku.features.trading.margin import MARGIN, MARGIN_INPUTS
from gogooku.features.trading.morning import MORNING, MORNING_INPUTS
from gogooku.features.trading.shorts import SHORTS, SHORTS_INPUTS
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.plans import Plan
from gogooku.tables.publication import clock_of as source_clock

CATALOGUE: Final[tuple[Feature, ...]] = (
    *PRICE,
    *VOLATILITY,
    *LIQUIDITY,
    *RAW_CHANNELS,
    *LIMITS,
    *BREADTH,
    *MARKET,
    *SECTOR,
    *PEERS,
    *SHARED,
    *LISTING,
    *INDEX_STATE,
    *FLOW,
    *MARGIN,
    *ALERT,
    *SHORTS,
    *BREAKDOWN,
    *MORNING,
    *STATEMENTS,
    *VALUATION,
    *EVENTS,
    *DIVIDEND,
    *OPTIONS,
    *FUTURES,
    *DATES,
    *INTERACTIONS,
    *RANKS,
    *MASKS,
)
"""Every feature; a name with a leading underscore is an intermediate and enters no dataset."""

INPUT_TABLES: Final[tuple[InputTable, ...]] = (
    *LISTING_INPUTS,
    *INDEX_STATE_INPUTS,
    *FLOW_INPUTS,
    *MARGIN_INPUTS,
    *ALERT_INPUTS,
    *SHORTS_INPUTS,
    *BREAKDOWN_INPUTS,
    *MORNING_INPUTS,
    *STATEMENTS_INPUTS,
    *VALUATION_INPUTS,
    *EVENTS_INPUTS,
    *DIVIDEND_INPUTS,
    *OPTIONS_INPUTS,
    *FUTURES_INPUTS,
    *DATES_INPUTS,
    *MASKS_INPUTS,
)
"""Base columns from typed tables other than bars; a source without the table lacks them."""

BASE_INPUTS: Final = frozenset(
    (
        *STOCK_COLUMNS,
        *SECTOR_COLUMNS,
        *MARKET_COLUMNS,
        *CALENDAR_COLUMNS,
        *PEER_STOCK,
        *PEER_STOCK_SECTOR,
        *PEER_MARKET,
        *(name for table in INPUT_TABLES for name in table.columns),
    )
)
"""Columns that a source may have; all other inputs are features."""

BASIC: Final[tuple[str, ...]] = (
    # Returns and shape of one name's prices
    "ret_prev_1d",
    "ret_prev_5d",
    "ret_prev_20d",
    "ret_prev_60d",
    "ret_prev_120d",
    "ret_overnight",
    "ret_intraday",
    "day_range",
    "close_location",
    "range_expansion",
    "price_to_sma20",
    "price_to_sma60",
    "dist_high_252",
    "max_ret_20",
    "min_ret_20",
    "skew_60",
    "autocorr_60",
    "rsi_14",
    "natr_14",
    "adx_14",
    # Volatility
    "volatility_20d",
    "volatility_60d",
    "pk_vol_20",
    "yz_vol_60",
    "vol_ratio_20_60",
    "downside_share_60",
    "overnight_vol_share_20",
    # Trading
    "volume_ratio_20",
    "volume_z_20",
    "turnover_5_60",
    "turnover_20_120",
    "adv20_log",
    "adv60_log",
    "volume_cv_60",
    "amihud_20",
    "price_volume_corr_60",
    "obv_share_20",
    # The universe
    "uni_ret_20d",
    "uni_vol_20",
    "uni_net_advances_10",
    "uni_dispersion_20",
    "beta_uni_60d",
    "resid_vol_uni_60d",
    # The index
    "mkt_ret_5d",
    "mkt_ret_20d",
    "mkt_vol_20d",
    # The sector
    "sec_ret_5d_eq",
    "sec_mom_20",
    "ret_1d_sec_z",
    "sec_z_5d",
    "sec_z_20d",
    "sec_z_40d",
    "sec_z_60d",
)
"""Plain features on which the skill gates of the sandbox market are measured. Frozen: no single
past sessions, no peers beyond the sector mean, no products with a regime; windows of one series are
few, so that an order pattern of the last 20 sessions is not a difference of them."""

_BY_NAME: Final = MappingProxyType({feature.name: feature for feature in CATALOGUE})

FEATURE_SETS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"all": tuple(f.name for f in CATALOGUE if not f.name.startswith("_")), "basic": BASIC}
)
"""Names of each set, in catalogue order for ``all``."""


@dataclass(frozen=True)
class Selection:
    """What is computed for a set of features on a given source.

    Attributes
    ----------
    ordered : tuple of Feature
        Everything to evaluate, intermediates included, each after its inputs.
    visible : tuple of Feature
        What enters the dataset, in catalogue order.
    absent : mapping of str to str
        Wanted features that the source cannot support, and what it lacks.
    """

    ordered: tuple[Feature, ...]
    visible: tuple[Feature, ...]
    absent: Mapping[str, str]

    @property
    def stock(self) -> list[Feature]:
        """Visible stock features and masks."""
        return [f for f in self.visible if f.role is not Role.MARKET]

    @property
    def context(self) -> list[Feature]:
        """Visible market features."""
        return [f for f in self.visible if f.role is Role.MARKET]


def by_name(name: str) -> Feature:
    """Look a feature up; a `ConfigError` gives the name that an old one has now, or the nearest."""
    if name in ALIASES:
        raise ConfigError(f"feature {name!r} is an old name; here it is {ALIASES[name]!r}")
    if name not in _BY_NAME:
        near = difflib.get_close_matches(name, list(_BY_NAME), n=3, cutoff=0.5)
        hint = f"nearest: {', '.join(near)}" if near else "list them: gogooku features"
        raise ConfigError(f"feature {name!r} does not exist; {hint}")
    return _BY_NAME[name]


def base_inputs(feature: Feature) -> frozenset[str]:
    """Columns of the source that a feature needs, through all its inputs."""
    needed: set[str] = set()
    for name in feature.inputs:
        needed |= {name} if name in BASE_INPUTS else base_inputs(by_name(name))
    return frozenset(needed)


_BAR_TABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(STOCK_COLUMNS, "quotes"),
        **dict.fromkeys((*CALENDAR_COLUMNS, *PEER_STOCK, *PEER_MARKET), "quotes"),
        **dict.fromkeys((*SECTOR_COLUMNS, *PEER_STOCK_SECTOR), "master"),
        **dict.fromkeys(MARKET_COLUMNS, "topix"),
    }
)


def sources_of(feature: Feature) -> tuple[str, ...]:
    """Typed tables that a feature is made from, in alphabetical order."""
    needed = base_inputs(feature)
    found = {_BAR_TABLES[name] for name in needed if name in _BAR_TABLES}
    read = (one.tables for one in INPUT_TABLES if not needed.isdisjoint(one.columns))
    found.update(*read)
    return tuple(sorted(found))


def plan_of(feature: Feature) -> Plan:
    """Smallest J-Quants plan under which a feature exists."""
    needed = base_inputs(feature)
    plans = [ENDPOINTS[_BAR_TABLES[name]].plan for name in needed if name in _BAR_TABLES]
    plans += [one.plan for one in INPUT_TABLES if not needed.isdisjoint(one.columns)]
    return max(plans)


def clock_of(feature: Feature) -> Clock:
    """Premarket where the night adds rows to a source of the feature, else evening.

    At the premarket clock an evening feature has the value that it had in the evening, but for
    corrections and for rows dated on days without a session.
    """
    night = any(source_clock(name) is Clock.PREMARKET for name in sources_of(feature))
    return Clock.PREMARKET if night else Clock.EVENING


def described(feature: Feature) -> dict[str, Any]:
    """What there is to know of a feature, for programs."""
    return {
        "name": feature.name,
        "group": feature.group,
        "role": str(feature.role),
        "meaning": feature.meaning,
        "unit": feature.unit,
        "source": list(sources_of(feature)),
        "inputs": list(feature.inputs),
        "lookback": feature.lookback,
        "clock": str(clock_of(feature)),
        "plan": plan_of(feature).label.lower(),
        "allowed_null": feature.max_null_share,
    }


def raw_channels(available: Sequence[str]) -> tuple[Feature, ...]:
    """Raw channels that a source with these base columns gives, in their order."""
    return tuple(f for f in RAW_CHANNELS if base_inputs(f) <= frozenset(available))


def select(
    which: str | Sequence[str], *, available: Sequence[str], also: Sequence[str] = ()
) -> Selection:
    """Choose features for a source.

    Parameters
    ----------
    which : str or sequence of str
        A named set (``all``, ``basic``), one feature, or a list of features.
    available : sequence of str
        Base columns of the source.
    also : sequence of str
        Features that are evaluated in any case, visible only if ``which`` asks for them.

    Raises
    ------
    ConfigError
        An unknown name, an intermediate asked for, a feature of ``also`` that the source cannot
        support, or nothing left.
    """
    wanted = _wanted(which)
    missing = {
        name: sorted(base_inputs(by_name(name)) - set(available)) for name in (*wanted, *also)
    }
    broken = [name for name in also if missing[name]]
    if broken:
        raise ConfigError(f"feature {broken[0]} is needed, the source lacks {missing[broken[0]]}")
    kept = [name for name in wanted if not missing[name]]
    if not kept:
        raise ConfigError(f"features {which!r}: the source supports none; it has {available}")
    needed: set[str] = set()
    for name in (*kept, *also):
        _collect(by_name(name), needed)
    return Selection(
        ordered=_in_order(needed),
        visible=tuple(f for f in CATALOGUE if f.name in set(kept)),
        absent={n: f"the source lacks {', '.join(missing[n])}" for n in wanted if missing[n]},
    )


def _wanted(which: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(which, str):
        which = FEATURE_SETS.get(which, (which,))
    for name in which:
        if by_name(name).name.startswith("_"):
            raise ConfigError(f"feature {name!r} is an intermediate, not for datasets")
    return tuple(dict.fromkeys(which))


def _collect(feature: Feature, into: set[str]) -> None:
    into.add(feature.name)
    for name in feature.inputs:
        if name in _BY_NAME and name not in into:
            _collect(by_name(name), into)


def _in_order(names: set[str]) -> tuple[Feature, ...]:
    out: list[Feature] = []
    placed: set[str] = set()

    def place(feature: Feature) -> None:
        if feature.name in placed:
            return
        placed.add(feature.name)
        for name in feature.inputs:
            if name in _BY_NAME:
                place(_BY_NAME[name])
        out.append(feature)

    for feature in CATALOGUE:
        if feature.name in names:
            place(feature)
    return tuple(out)
