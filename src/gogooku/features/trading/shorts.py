"""Short selling by sector: what share of its sales is short, and each name by its sector.

The source has one row per 33-sector and session. A name gets the sector of the newest list known
that evening, never a later one. Windows run over the series of the sector and are handed to the
names that belong to it on the session, so a name that changes sector does not mix two series. A
session on which the exchange stood still has no rows and is null.

Left out on purpose: ``ss_rel_short_share`` and ``ss_rel_restrict_share`` in levels (same ranks
within a session as the sector's own; the z-score of the first is here, that of the second ranks
names as `ss_sec33_restrict_share_z60` does), ``ss_mkt_short_breadth_q80`` (0.2 by
construction; `ss_mkt_short_breadth` counts sectors against their own past), ``ss_sec33_short_
turnover`` in yen (its z-score is here), and per-stock ``ss_*``: the source has no stocks in it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray, IntArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import (
    Expression,
    before,
    change,
    col,
    declared,
    known,
    log,
    mean,
    over,
    ratio,
    z,
)
from gogooku.features.engine.inputs import InputTable
from gogooku.features.engine.kernels import CLOSE, RETURN, Values, chain
from gogooku.features.trading.short_positions import POSITIONS_INPUT, SHORT_POSITION_FEATURES
from gogooku.features.trading.short_sectors import CODES, SECTOR_SHORTS_INPUT

_SHARE: Final = "ss_sec33_short_share"
_RESTRICT: Final = "ss_sec33_restrict_share"
_CODE: Final = "sr_sector33"
_MARKET_SHARE: Final = col("ss_mkt_short_share")

_stock = partial(declared, group="shorts")
_market = partial(_stock, role=Role.MARKET, axis=Axis.ACROSS)


def _cells(sector: FloatArray) -> tuple[IntArray, int]:
    """Each name's cell in a table of sectors [T, S], the last of them not known; [T, N] and S."""
    kind = np.where(np.isnan(sector), CODES, sector).astype(np.int64)
    present = np.zeros(CODES + 1, dtype=np.bool_)
    present[kind] = True
    present[CODES] = True
    width = int(present.sum())
    number = np.cumsum(present) - 1
    return number[kind] + np.arange(len(kind), dtype=np.int64)[:, np.newaxis] * width, width


def _table(values: FloatArray, cell: IntArray, width: int) -> FloatArray:
    """Series per sector [T, S] from what its names carry; one of the market stands for each."""
    if values.ndim == 1:
        return values[:, np.newaxis]
    table = np.full((len(values), width), np.nan)
    table.ravel()[cell] = values
    table[:, -1] = np.nan
    return table


def _per_sector(what: Expression) -> Expression:
    """An expression over the series of each sector, handed to the names that belong to it."""

    def compute(x: Values) -> FloatArray:
        cell, width = _cells(x[_CODE])
        tables = {name: _table(x[name], cell, width) for name in what.inputs}
        return np.asarray(what.compute(tables).ravel()[cell])

    return replace(what, inputs=(_CODE, *what.inputs), compute=compute)


def _sector(name: str, what: Expression, unit: str, meaning: str) -> Feature:
    """Declare a feature made `_per_sector`."""
    return _stock(name, _per_sector(what), unit, meaning, axis=Axis.ACROSS)


def _flag(z: FloatArray, moved: FloatArray, *, sign: float) -> FloatArray:
    hit = (z > 1.0) & (k.sign(moved) == sign)
    return np.where(np.isnan(z) | np.isnan(moved), np.nan, hit.astype(np.float64))


def _unusual_sectors(sector: FloatArray, share: FloatArray) -> FloatArray:
    z = m.zscore(_table(share, *_cells(sector)), 60)
    known = ~np.isnan(z)
    return k.ratio((z > 1.0).sum(axis=1).astype(np.float64), known.sum(axis=1).astype(np.float64))


def _share_dispersion(sector: FloatArray, share: FloatArray) -> FloatArray:
    table = _table(share, *_cells(sector))
    known = ~np.isnan(table)
    count = known.sum(axis=1).astype(np.float64)
    mean = k.ratio(np.where(known, table, 0.0).sum(axis=1), count, floor=1.5)
    gap = np.where(known, table - mean[:, np.newaxis], 0.0)
    return k.ratio(k.root((gap * gap).sum(axis=1) / count), mean)


_LEVEL = (
    _stock(
        _SHARE,
        ratio(col("sr_short_yen"), col("sr_total_yen")),
        "share",
        "Short sales over all sales of the name's sector.",
    ),
    _stock(
        _RESTRICT,
        ratio(col("sr_restricted_yen"), col("sr_short_yen")),
        "share",
        "Short sales under price rules over all short sales of the sector.",
    ),
    _market(
        "ss_mkt_short_share",
        ratio(col("sr_mkt_short_yen"), col("sr_mkt_total_yen")),
        "share",
        "Short sales over all sales of all industries.",
    ),
    _market(
        "ss_mkt_restrict_share",
        ratio(col("sr_mkt_restricted_yen"), col("sr_mkt_short_yen")),
        "share",
        "Short sales under price rules over all short sales of all industries.",
    ),
)

_SERIES = (
    _sector(
        f"{_SHARE}_d1",
        change(col(_SHARE), 1),
        "share",
        "Change of ss_sec33_short_share from the session before.",
    ),
    _sector(
        f"{_SHARE}_d5",
        change(col(_SHARE), 5),
        "share",
        "Change of ss_sec33_short_share over 5 sessions.",
    ),
    _sector(
        f"{_RESTRICT}_d1",
        change(col(_RESTRICT), 1),
        "share",
        "Change of ss_sec33_restrict_share from the session before.",
    ),
    _sector(
        "ss_sec33_short_mom5",
        col(_SHARE) - mean(col(_SHARE), 5),
        "share",
        "ss_sec33_short_share less its mean of 5 sessions.",
    ),
    _sector(
        "ss_sec33_short_accel",
        col(_SHARE) - 2.0 * before(col(_SHARE), 1) + before(col(_SHARE), 2),
        "share",
        "Second difference of ss_sec33_short_share.",
    ),
    *(
        _sector(
            f"{of}_z60", z(col(of), 60), "z", f"{of} against its mean and spread of 60 sessions."
        )
        for of in (_SHARE, _RESTRICT)
    ),
    _sector(
        "ss_sec33_short_turnover_z252",
        z(log(col("sr_short_yen")), 252),
        "z",
        "Log short sales of the sector against mean and spread of 252 sessions.",
    ),
    _sector(
        "ss_sec33_short_turnover_5_60",
        log(ratio(mean(col("sr_short_yen"), 5), mean(col("sr_short_yen"), 60))),
        "log",
        "Log of the sector's mean short sales of 5 sessions over that of 60.",
    ),
    _sector(
        "ss_rel_short_share_z60",
        z(col(_SHARE) - _MARKET_SHARE, 60),
        "z",
        "ss_sec33_short_share less that of the market, against mean and spread of 60 sessions.",
    ),
)

_CONDITIONS = (
    _stock(
        "ss_cond_pressure",
        over(partial(_flag, sign=-1.0), col(f"{_SHARE}_z60", 60), col("ret_prev_1d", RETURN)),
        "flag",
        "The name fell and ss_sec33_short_share_z60 is above 1.",
    ),
    _stock(
        "ss_squeeze_setup",
        over(
            partial(_flag, sign=1.0), col(f"{_SHARE}_z60", 60), col("ret_prev_5d", chain(6, CLOSE))
        ),
        "flag",
        "The name rose over 5 sessions and ss_sec33_short_share_z60 is above 1.",
    ),
    _stock(
        "is_ss_valid",
        known(col(_SHARE)),
        "flag",
        "The short sales of the name's sector are known.",
        role=Role.MASK,
    ),
)

_WHOLE = (
    _market(
        "ss_mkt_short_share_d5",
        change(_MARKET_SHARE, 5),
        "share",
        "Change of ss_mkt_short_share over 5 sessions.",
    ),
    _market(
        "ss_mkt_short_share_z60",
        z(_MARKET_SHARE, 60),
        "z",
        "ss_mkt_short_share against its mean and spread of 60 sessions.",
    ),
    _market(
        "ss_mkt_short_turnover_z252",
        z(log(col("sr_mkt_short_yen")), 252),
        "z",
        "Log short sales of all industries against mean and spread of 252 sessions.",
    ),
    _market(
        "ss_mkt_short_breadth",
        over(_unusual_sectors, col(_CODE), col(_SHARE), window=60),
        "share",
        "Share of sectors whose short share is above 1 in z of its own 60 sessions.",
    ),
    _market(
        "ss_mkt_short_dispersion",
        over(_share_dispersion, col(_CODE), col(_SHARE)),
        "ratio",
        "Standard deviation of the sectors' short shares over their mean.",
    ),
)

SHORTS_INPUTS: Final[tuple[InputTable, ...]] = (SECTOR_SHORTS_INPUT, POSITIONS_INPUT)
SHORTS: Final[tuple[Feature, ...]] = (
    *_LEVEL,
    *_SERIES,
    *_CONDITIONS,
    *_WHOLE,
    *SHORT_POSITION_FEATURES,
)
