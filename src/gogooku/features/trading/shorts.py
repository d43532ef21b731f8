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

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray, IntArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import col, declared, known
from gogooku.features.engine.inputs import InputTable
from gogooku.features.engine.kernels import CLOSE, RETURN, Values, chain
from gogooku.features.trading.short_positions import POSITIONS_INPUT, SHORT_POSITION_FEATURES
from gogooku.features.trading.short_sectors import CODES, SECTOR_SHORTS_INPUT

_SHARE: Final = "ss_sec33_short_share"
_RESTRICT: Final = "ss_sec33_restrict_share"

_sector = partial(Feature, group="shorts", axis=Axis.ACROSS)
_stock = partial(Feature, group="shorts")
_stock_of = partial(declared, group="shorts")
_market = partial(Feature, group="shorts", role=Role.MARKET, axis=Axis.ACROSS)


def _tables(x: Values, *columns: str) -> tuple[list[FloatArray], IntArray]:
    """Series per sector [T, S] from what its names carry, and each name's cell in them [T, N]."""
    sector = x["sr_sector33"]
    kind = np.where(np.isnan(sector), CODES, sector).astype(np.int64)
    present = np.zeros(CODES + 1, dtype=np.bool_)
    present[kind] = True
    present[CODES] = True
    width = int(present.sum())
    number = np.cumsum(present) - 1
    cell = number[kind] + np.arange(len(kind), dtype=np.int64)[:, np.newaxis] * width
    tables = []
    for column in columns:
        table = np.full((len(kind), width), np.nan)
        table.ravel()[cell] = x[column]
        table[:, -1] = np.nan
        tables.append(table)
    return tables, cell


def _of_sector(x: Values, *, of: str, statistic: Callable[[FloatArray], FloatArray]) -> FloatArray:
    (table,), cell = _tables(x, of)
    return np.asarray(statistic(table).ravel()[cell])


def _against_market(x: Values) -> FloatArray:
    (table,), cell = _tables(x, _SHARE)
    excess = table - x["ss_mkt_short_share"][:, np.newaxis]
    return np.asarray(_z(excess, window=60).ravel()[cell])


def _sector_share(x: Values, *, top: str, bottom: str) -> FloatArray:
    return k.ratio(x[top], x[bottom])


def _sector_change(values: FloatArray, *, sessions: int) -> FloatArray:
    return values - k.shift(values, sessions)


def _from_mean(values: FloatArray) -> FloatArray:
    return values - k.rolling_mean(values, 5)


def _acceleration(values: FloatArray) -> FloatArray:
    return values - 2.0 * k.shift(values, 1) + k.shift(values, 2)


def _z(values: FloatArray, *, window: int) -> FloatArray:
    return np.clip(m.zscore(values, window), -10.0, 10.0)


def _sector_log_z(values: FloatArray) -> FloatArray:
    return _z(k.log_positive(values), window=252)


def _log_means(values: FloatArray) -> FloatArray:
    return k.log_positive(k.ratio(k.rolling_mean(values, 5), k.rolling_mean(values, 60)))


def _series(x: Values, *, of: str, statistic: Callable[[FloatArray], FloatArray]) -> FloatArray:
    return statistic(x[of])


def _pressure_flag(x: Values, *, returns: str, sign: float) -> FloatArray:
    z, moved = x["ss_sec33_short_share_z60"], x[returns]
    hit = (z > 1.0) & (k.sign(moved) == sign)
    return np.where(np.isnan(z) | np.isnan(moved), np.nan, hit.astype(np.float64))


def _unusual_sectors(x: Values) -> FloatArray:
    (table,), _ = _tables(x, _SHARE)
    z = m.zscore(table, 60)
    known = ~np.isnan(z)
    return k.ratio((z > 1.0).sum(axis=1).astype(np.float64), known.sum(axis=1).astype(np.float64))


def _share_dispersion(x: Values) -> FloatArray:
    (table,), _ = _tables(x, _SHARE)
    known = ~np.isnan(table)
    count = known.sum(axis=1).astype(np.float64)
    mean = k.ratio(np.where(known, table, 0.0).sum(axis=1), count, floor=1.5)
    gap = np.where(known, table - mean[:, np.newaxis], 0.0)
    return k.ratio(k.root((gap * gap).sum(axis=1) / count), mean)


_LEVEL = (
    _stock(
        name=_SHARE,
        inputs=("sr_short_yen", "sr_total_yen"),
        compute=partial(_sector_share, top="sr_short_yen", bottom="sr_total_yen"),
        lookback=1,
        unit="share",
        meaning="Short sales over all sales of the name's sector.",
    ),
    _stock(
        name=_RESTRICT,
        inputs=("sr_restricted_yen", "sr_short_yen"),
        compute=partial(_sector_share, top="sr_restricted_yen", bottom="sr_short_yen"),
        lookback=1,
        unit="share",
        meaning="Short sales under price rules over all short sales of the sector.",
    ),
)

_SERIES = tuple(
    _sector(
        name=name,
        inputs=("sr_sector33", of),
        compute=partial(_of_sector, of=of, statistic=statistic),
        lookback=lookback,
        unit=unit,
        meaning=meaning,
    )
    for name, of, statistic, lookback, unit, meaning in (
        (
            f"{_SHARE}_d1",
            _SHARE,
            partial(_sector_change, sessions=1),
            2,
            "share",
            "Change of ss_sec33_short_share from the session before.",
        ),
        (
            f"{_SHARE}_d5",
            _SHARE,
            partial(_sector_change, sessions=5),
            6,
            "share",
            "Change of ss_sec33_short_share over 5 sessions.",
        ),
        (
            f"{_RESTRICT}_d1",
            _RESTRICT,
            partial(_sector_change, sessions=1),
            2,
            "share",
            "Change of ss_sec33_restrict_share from the session before.",
        ),
        (
            "ss_sec33_short_mom5",
            _SHARE,
            _from_mean,
            5,
            "share",
            "ss_sec33_short_share less its mean of 5 sessions.",
        ),
        (
            "ss_sec33_short_accel",
            _SHARE,
            _acceleration,
            3,
            "share",
            "Second difference of ss_sec33_short_share.",
        ),
        (
            f"{_SHARE}_z60",
            _SHARE,
            partial(_z, window=60),
            60,
            "z",
            "ss_sec33_short_share against its mean and spread of 60 sessions.",
        ),
        (
            f"{_RESTRICT}_z60",
            _RESTRICT,
            partial(_z, window=60),
            60,
            "z",
            "ss_sec33_restrict_share against its mean and spread of 60 sessions.",
        ),
        (
            "ss_sec33_short_turnover_z252",
            "sr_short_yen",
            _sector_log_z,
            252,
            "z",
            "Log short sales of the sector against mean and spread of 252 sessions.",
        ),
        (
            "ss_sec33_short_turnover_5_60",
            "sr_short_yen",
            _log_means,
            60,
            "log",
            "Log of the sector's mean short sales of 5 sessions over that of 60.",
        ),
    )
)

_RELATIVE = (
    _sector(
        name="ss_rel_short_share_z60",
        inputs=("sr_sector33", _SHARE, "ss_mkt_short_share"),
        compute=_against_market,
        lookback=60,
        unit="z",
        meaning="ss_sec33_short_share less that of the market, against mean and spread of 60 "
        "sessions.",
    ),
)

_CONDITIONS = (
    _stock(
        name="ss_cond_pressure",
        inputs=(f"{_SHARE}_z60", "ret_prev_1d"),
        compute=partial(_pressure_flag, returns="ret_prev_1d", sign=-1.0),
        lookback=max(60, RETURN),
        unit="flag",
        meaning="The name fell and ss_sec33_short_share_z60 is above 1.",
    ),
    _stock(
        name="ss_squeeze_setup",
        inputs=(f"{_SHARE}_z60", "ret_prev_5d"),
        compute=partial(_pressure_flag, returns="ret_prev_5d", sign=1.0),
        lookback=max(60, chain(6, CLOSE)),
        unit="flag",
        meaning="The name rose over 5 sessions and ss_sec33_short_share_z60 is above 1.",
    ),
    _stock_of(
        "is_ss_valid",
        known(col(_SHARE)),
        "flag",
        "The short sales of the name's sector are known.",
        role=Role.MASK,
    ),
)

_WHOLE = (
    *(
        _market(
            name=f"ss_mkt_{word}_share",
            inputs=(f"sr_mkt_{top}_yen", f"sr_mkt_{bottom}_yen"),
            compute=partial(_sector_share, top=f"sr_mkt_{top}_yen", bottom=f"sr_mkt_{bottom}_yen"),
            lookback=1,
            unit="share",
            meaning=meaning,
        )
        for word, top, bottom, meaning in (
            ("short", "short", "total", "Short sales over all sales of all industries."),
            (
                "restrict",
                "restricted",
                "short",
                "Short sales under price rules over all short sales of all industries.",
            ),
        )
    ),
    *(
        _market(
            name=name,
            inputs=(of,),
            compute=partial(_series, of=of, statistic=statistic),
            lookback=lookback,
            unit=unit,
            meaning=meaning,
        )
        for name, of, statistic, lookback, unit, meaning in (
            (
                "ss_mkt_short_share_d5",
                "ss_mkt_short_share",
                partial(_sector_change, sessions=5),
                6,
                "share",
                "Change of ss_mkt_short_share over 5 sessions.",
            ),
            (
                "ss_mkt_short_share_z60",
                "ss_mkt_short_share",
                partial(_z, window=60),
                60,
                "z",
                "ss_mkt_short_share against its mean and spread of 60 sessions.",
            ),
            (
                "ss_mkt_short_turnover_z252",
                "sr_mkt_short_yen",
                _sector_log_z,
                252,
                "z",
                "Log short sales of all industries against mean and spread of 252 sessions.",
            ),
        )
    ),
    _market(
        name="ss_mkt_short_breadth",
        inputs=("sr_sector33", _SHARE),
        compute=_unusual_sectors,
        lookback=60,
        unit="share",
        meaning="Share of sectors whose short share is above 1 in z of its own 60 sessions.",
    ),
    _market(
        name="ss_mkt_short_dispersion",
        inputs=("sr_sector33", _SHARE),
        compute=_share_dispersion,
        lookback=1,
        unit="ratio",
        meaning="Standard deviation of the sectors' short shares over their mean.",
    ),
)

SHORTS_INPUTS: Final[tuple[InputTable, ...]] = (SECTOR_SHORTS_INPUT, POSITIONS_INPUT)
SHORTS: Final[tuple[Feature, ...]] = (
    *_LEVEL,
    *_WHOLE[:2],
    *_SERIES,
    *_RELATIVE,
    *_CONDITIONS,
    *_WHOLE[2:],
    *SHORT_POSITION_FEATURES,
)
