"""Sectors: what a name's peers did, and the name against them. Absent where none are known.

Statistics run over universe members of the same sector on the same session. Means of a sector that
a name is compared with leave the name itself out where they stand for its peers (``sec_*``). A
name of a sector with fewer than `FEWEST_MEMBERS` members with the value (see `groups`), or of no
known sector, gets the universe's mean instead. Series over time are built per sector first, then
handed to the names that belong to it on that session; they are null without a known sector.

Left out on purpose: encodings of past labels, member counts and one-hot columns; returns of a week
over the spread of the sector and turnover against the sector, which rank as without it (.996).
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray
from gogooku.features.bars.columns import RETURNS
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import (
    Expression,
    col,
    declared,
    log,
    mean,
    over,
    rolling,
    total,
    z,
)
from gogooku.features.engine.groups import grouped, others_mean
from gogooku.features.engine.kernels import CLOSE, RETURN, chain
from gogooku.features.market.breadth import (
    SURPRISE_LENGTH,
    annualised_vol,
    member_mean,
    surprise,
)
from gogooku.features.market.listing import handed

_along = partial(declared, group="sector")
_sector = partial(_along, axis=Axis.ACROSS)
_SECTOR = col("sector")
_PLACE = (_SECTOR, col("universe"))
_DEMEANED = col("ret_1d_demeaned", RETURN)
_MEAN_RETURN = col("sec_ret_1d_eq", RETURN)


def sector_mean(values_TN: FloatArray, sector: FloatArray, universe: FloatArray) -> FloatArray:
    """Mean over the members of each name's sector, the name included; see the module for few."""
    groups = grouped(values_TN, sector, universe)
    return _or_universe(groups.of_names(groups.means()), values_TN, universe)


def peer_mean(values_TN: FloatArray, sector: FloatArray, universe: FloatArray) -> FloatArray:
    """Mean over the other members of each name's sector."""
    return _or_universe(others_mean(values_TN, sector, universe), values_TN, universe)


def _or_universe(means_TN: FloatArray, values_TN: FloatArray, universe: FloatArray) -> FloatArray:
    whole = member_mean(values_TN, universe)
    return np.where(np.isnan(means_TN), whole[:, None], means_TN)


def excess(of: Expression) -> Expression:
    """Value less the mean of the sector."""
    return over(lambda values, *place: values - sector_mean(values, *place), of, *_PLACE)


def _sector_z(values: FloatArray, *place: FloatArray) -> FloatArray:
    away = values - sector_mean(values, *place)
    spread = k.root(sector_mean(away * away, *place))
    return np.clip(k.ratio(away, spread, floor=k.FLAT), -5.0, 5.0)


def _means(of: Expression) -> Expression:
    """Mean of each sector, [T, S]."""
    return over(lambda values, *place: grouped(values, *place).means(), of, *_PLACE)


def _gap(series: FloatArray) -> FloatArray:
    gap = k.rolling_mean(series, 5) - k.rolling_mean(series, 20)
    return k.ratio(gap, m.rolling_sd(series, 20), floor=k.FLAT)


_SECTOR_RETURNS = _means(RETURNS)
_SECTOR_VOL = rolling(annualised_vol, _SECTOR_RETURNS, window=20)

_PEERS = (
    *(
        _sector(
            name,
            over(peer_mean, col(of, lookback), *_PLACE),
            "return",
            f"Mean {of} of the other members of the sector.",
        )
        for name, of, lookback in (
            ("sec_ret_1d_eq", "ret_prev_1d", RETURN),
            ("sec_ret_5d_eq", "ret_prev_5d", chain(6, CLOSE)),
            ("sec_mom_20", "ret_prev_20d", chain(21, CLOSE)),
            ("sec_mom_60", "ret_prev_60d", chain(61, CLOSE)),
        )
    ),
    _sector(
        "sec_gap_5_20",
        handed(over(_gap, _SECTOR_RETURNS, window=20), _SECTOR),
        "ratio",
        "Mean sector return of 5 sessions less that of 20, over their spread.",
    ),
    _sector(
        "sec_vol_20",
        handed(_SECTOR_VOL, _SECTOR),
        "return",
        "Annualised standard deviation of 20 sector returns.",
    ),
    _sector(
        "sec_vol_20_z",
        handed(z(log(_SECTOR_VOL), 252), _SECTOR),
        "z",
        "Log sec_vol_20 against its mean and spread of 252 sessions.",
    ),
    _sector(
        "sec_dispersion_20",
        handed(mean(over(np.sqrt, _means(_DEMEANED * _DEMEANED)), 20), _SECTOR),
        "return",
        "Spread of one-session returns within the sector, mean of 20 sessions.",
    ),
)

_AGAINST = (
    _sector(
        "ret_1d_demeaned",
        excess(RETURNS),
        "return",
        "One-session return less the mean of the sector.",
    ),
    *(
        _along(
            f"rel_to_sec_{w}d",
            total(_DEMEANED, w),
            "return",
            f"Sum of ret_1d_demeaned over {w} sessions.",
        )
        for w in (5, 20, 60)
    ),
    _along(
        "ret_1d_sec_z",
        over(surprise, _DEMEANED, window=1 + SURPRISE_LENGTH),
        "z",
        "ret_1d_demeaned over its exponential standard deviation (decay .98) up to the "
        "session before, within +-4.",
    ),
    *(
        _along(
            f"sec_z_{w}d",
            total(col("ret_1d_sec_z", chain(1 + SURPRISE_LENGTH, RETURN)), w),
            "z",
            f"Sum of ret_1d_sec_z over {w} sessions.",
        )
        for w in (5, 20, 40, 60)
    ),
    _sector(
        "z_in_sec_ma_gap_5_20",
        over(_sector_z, col("ma_gap_5_20", k.ewm_length(20)), *_PLACE),
        "z",
        "ma_gap_5_20 against mean and spread of the sector, within +-5.",
    ),
    _sector(
        "volatility_20d_vs_sec",
        excess(log(col("volatility_20d", chain(20, RETURN)))),
        "log",
        "Log volatility_20d less the mean of the sector.",
    ),
    _along(
        "beta_to_sec_60",
        rolling(m.rolling_beta, RETURNS, _MEAN_RETURN, window=60),
        "ratio",
        "Slope of one-session returns on sec_ret_1d_eq over 60 sessions, same sessions.",
    ),
    _along(
        "alpha_vs_sec_1d",
        RETURNS - _MEAN_RETURN * col("beta_to_sec_60", chain(60, RETURN)),
        "return",
        "Today's return less beta_to_sec_60 times sec_ret_1d_eq.",
    ),
    _along(
        "alpha_vs_sec_5d",
        total(col("alpha_vs_sec_1d", chain(60, RETURN)), 5),
        "return",
        "Sum of alpha_vs_sec_1d over 5 sessions.",
    ),
)

SECTOR: Final[tuple[Feature, ...]] = (*_PEERS, *_AGAINST)
