"""Sectors: what a name's peers did, and the name against them. Absent where none are known.

Statistics run over universe members of the same sector on the same session. Means of a sector that
a name is compared with leave the name itself out where they stand for its peers (``sec_*``). A
name of a sector with fewer than `FEWEST_MEMBERS` members with the value, or of no known sector,
gets the universe's mean instead. Series over time are built per sector first, then handed to the
names that belong to it on that session; they are null without a known sector.

Left out on purpose: encodings of past labels, member counts and one-hot columns; returns of a week
over the spread of the sector and turnover against the sector, which rank as without it (.996).
"""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray, IntArray
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import col, declared, total
from gogooku.features.engine.kernels import CLOSE, RETURN, Values, chain
from gogooku.features.market.breadth import (
    SURPRISE_LENGTH,
    annualised_vol,
    log_z,
    member_mean,
    surprise,
)

FEWEST_MEMBERS: Final = 3

_sector = partial(Feature, group="sector", axis=Axis.ACROSS)
_along = partial(Feature, group="sector")
_along_of = partial(declared, group="sector")


class _Groups(NamedTuple):
    """Sums and counts per (session, sector) and where each name belongs.

    ``total``, ``counts`` are [T, S]; ``cell`` [T, N] indexes them flat, its last column being the
    unknown sector; ``member`` [T, N] says who was counted.
    """

    total: FloatArray
    counts: FloatArray
    cell: IntArray
    member: FloatArray

    def of_names(self, table_TS: FloatArray) -> FloatArray:
        """Hand a table per sector to the names of each sector."""
        return np.asarray(table_TS.ravel()[self.cell])


def _groups(values_TN: FloatArray, x: Values) -> _Groups:
    sector = x["sector"]
    known = ~np.isnan(sector)
    num_sectors = int(np.max(sector, initial=-1.0, where=known)) + 1
    width = num_sectors + 1
    kind = np.where(known, sector, num_sectors).astype(np.int64)
    cell = kind + np.arange(len(sector), dtype=np.int64)[:, None] * width
    member = (x["universe"] == 1.0) & ~np.isnan(values_TN) & known
    shape = (len(sector), width)
    flat = cell[member]
    total = np.zeros(shape)
    total.ravel()[:] = np.bincount(flat, values_TN[member], shape[0] * width)
    counts = np.bincount(flat, minlength=shape[0] * width).astype(np.float64).reshape(shape)
    return _Groups(total=total, counts=counts, cell=cell, member=member.astype(np.float64))


def sector_mean(values_TN: FloatArray, x: Values) -> FloatArray:
    """Mean over the members of each name's sector, the name included; see the module for few."""
    groups = _groups(values_TN, x)
    means = k.ratio(groups.total, groups.counts, floor=FEWEST_MEMBERS - 0.5)
    return _or_universe(groups.of_names(means), values_TN, x)


def peer_mean(values_TN: FloatArray, x: Values) -> FloatArray:
    """Mean over the other members of each name's sector."""
    groups = _groups(values_TN, x)
    others = groups.of_names(groups.counts) - groups.member
    own = np.where(groups.member == 1.0, values_TN, 0.0)
    means = k.ratio(groups.of_names(groups.total) - own, others, floor=FEWEST_MEMBERS - 1.5)
    return _or_universe(means, values_TN, x)


def _or_universe(means_TN: FloatArray, values_TN: FloatArray, x: Values) -> FloatArray:
    whole = member_mean(values_TN, x["universe"])
    return np.where(np.isnan(means_TN), whole[:, None], means_TN)


def _peer_mean(x: Values, *, of: str) -> FloatArray:
    return peer_mean(x[of], x)


def _excess(x: Values, *, of: str) -> FloatArray:
    return x[of] - sector_mean(x[of], x)


def _sector_z(x: Values, *, of: str) -> FloatArray:
    excess = x[of] - sector_mean(x[of], x)
    spread = k.root(sector_mean(excess * excess, x))
    return np.clip(k.ratio(excess, spread, floor=k.FLAT), -5.0, 5.0)


def _log_excess(x: Values, *, of: str) -> FloatArray:
    values = k.log_positive(x[of])
    return values - sector_mean(values, x)


def _sector_series(x: Values) -> tuple[FloatArray, _Groups]:
    groups = _groups(x["ret_prev_1d"], x)
    return k.ratio(groups.total, groups.counts, floor=FEWEST_MEMBERS - 0.5), groups


def _sector_gap(x: Values) -> FloatArray:
    series, groups = _sector_series(x)
    gap = k.rolling_mean(series, 5) - k.rolling_mean(series, 20)
    return groups.of_names(k.ratio(gap, m.rolling_sd(series, 20), floor=k.FLAT))


def _sector_vol(x: Values) -> FloatArray:
    series, groups = _sector_series(x)
    return groups.of_names(annualised_vol(series, 20))


def _sector_vol_z(x: Values) -> FloatArray:
    series, groups = _sector_series(x)
    return groups.of_names(log_z(annualised_vol(series, 20), 252))


def _sector_dispersion(x: Values) -> FloatArray:
    excess = x["ret_1d_demeaned"]
    groups = _groups(excess * excess, x)
    variance = k.ratio(groups.total, groups.counts, floor=FEWEST_MEMBERS - 0.5)
    return groups.of_names(k.rolling_mean(np.sqrt(variance), 20))


def _surprise(x: Values) -> FloatArray:
    return surprise(x["ret_1d_demeaned"])


def _beta(x: Values) -> FloatArray:
    return m.rolling_beta(x["ret_prev_1d"], x["sec_ret_1d_eq"], 60)


def _alpha(x: Values) -> FloatArray:
    return x["ret_prev_1d"] - x["beta_to_sec_60"] * x["sec_ret_1d_eq"]


_PLACE = ("sector", "universe")

_PEERS = (
    *(
        _sector(
            name=name,
            inputs=(of, *_PLACE),
            compute=partial(_peer_mean, of=of),
            lookback=lookback,
            window=1,
            unit="return",
            meaning=f"Mean {of} of the other members of the sector.",
        )
        for name, of, lookback in (
            ("sec_ret_1d_eq", "ret_prev_1d", RETURN),
            ("sec_ret_5d_eq", "ret_prev_5d", chain(6, CLOSE)),
            ("sec_mom_20", "ret_prev_20d", chain(21, CLOSE)),
            ("sec_mom_60", "ret_prev_60d", chain(61, CLOSE)),
        )
    ),
    _sector(
        name="sec_gap_5_20",
        inputs=("ret_prev_1d", *_PLACE),
        compute=_sector_gap,
        lookback=chain(20, RETURN),
        window=20,
        unit="ratio",
        meaning="Mean sector return of 5 sessions less that of 20, over their spread.",
    ),
    _sector(
        name="sec_vol_20",
        inputs=("ret_prev_1d", *_PLACE),
        compute=_sector_vol,
        lookback=chain(20, RETURN),
        window=20,
        unit="return",
        meaning="Annualised standard deviation of 20 sector returns.",
    ),
    _sector(
        name="sec_vol_20_z",
        inputs=("ret_prev_1d", *_PLACE),
        compute=_sector_vol_z,
        lookback=chain(252, 20, RETURN),
        window=chain(252, 20),
        unit="z",
        meaning="Log sec_vol_20 against its mean and spread of 252 sessions.",
    ),
    _sector(
        name="sec_dispersion_20",
        inputs=("ret_1d_demeaned", *_PLACE),
        compute=_sector_dispersion,
        lookback=chain(20, RETURN),
        window=20,
        unit="return",
        meaning="Spread of one-session returns within the sector, mean of 20 sessions.",
    ),
)

_AGAINST = (
    _sector(
        name="ret_1d_demeaned",
        inputs=("ret_prev_1d", *_PLACE),
        compute=partial(_excess, of="ret_prev_1d"),
        lookback=RETURN,
        window=1,
        unit="return",
        meaning="One-session return less the mean of the sector.",
    ),
    *(
        _along_of(
            f"rel_to_sec_{w}d",
            total(col("ret_1d_demeaned", RETURN), w),
            "return",
            f"Sum of ret_1d_demeaned over {w} sessions.",
        )
        for w in (5, 20, 60)
    ),
    _along(
        name="ret_1d_sec_z",
        inputs=("ret_1d_demeaned",),
        compute=_surprise,
        lookback=chain(1 + SURPRISE_LENGTH, RETURN),
        unit="z",
        meaning="ret_1d_demeaned over its exponential standard deviation (decay .98) up to the "
        "session before, within +-4.",
    ),
    *(
        _along_of(
            f"sec_z_{w}d",
            total(col("ret_1d_sec_z", chain(1 + SURPRISE_LENGTH, RETURN)), w),
            "z",
            f"Sum of ret_1d_sec_z over {w} sessions.",
        )
        for w in (5, 20, 40, 60)
    ),
    _sector(
        name="z_in_sec_ma_gap_5_20",
        inputs=("ma_gap_5_20", *_PLACE),
        compute=partial(_sector_z, of="ma_gap_5_20"),
        lookback=k.ewm_length(20),
        unit="z",
        meaning="ma_gap_5_20 against mean and spread of the sector, within +-5.",
    ),
    _sector(
        name="volatility_20d_vs_sec",
        inputs=("volatility_20d", *_PLACE),
        compute=partial(_log_excess, of="volatility_20d"),
        lookback=chain(20, RETURN),
        window=1,
        unit="log",
        meaning="Log volatility_20d less the mean of the sector.",
    ),
    _along(
        name="beta_to_sec_60",
        inputs=("ret_prev_1d", "sec_ret_1d_eq"),
        compute=_beta,
        lookback=chain(60, RETURN),
        unit="ratio",
        meaning="Slope of one-session returns on sec_ret_1d_eq over 60 sessions, same sessions.",
    ),
    _along(
        name="alpha_vs_sec_1d",
        inputs=("ret_prev_1d", "sec_ret_1d_eq", "beta_to_sec_60"),
        compute=_alpha,
        lookback=chain(60, RETURN),
        window=1,
        unit="return",
        meaning="Today's return less beta_to_sec_60 times sec_ret_1d_eq.",
    ),
    _along_of(
        "alpha_vs_sec_5d",
        total(col("alpha_vs_sec_1d", chain(60, RETURN)), 5),
        "return",
        "Sum of alpha_vs_sec_1d over 5 sessions.",
    ),
)

SECTOR: Final[tuple[Feature, ...]] = (*_PEERS, *_AGAINST)
