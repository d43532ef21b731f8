"""Segment, size, style and sector indices against TOPIX, and which of them a name belongs to.

Levels are compared as logs over TOPIX: relative strength is their change, so a common move drops
out. A name gets the statistics of the index it belongs to at the decision (`listing`): a move to
another sector brings that sector's whole window. A window needs most of its sessions with a bar;
segment indices exist from 2022-04-04 on, size and style indices where the plan has them, so the
features on them are null before.

Left out on purpose: each index's own volatility, oscillators and bands: 39 copies of ``mkt_*``;
sector indices over a week and a month (`sec_ret_5d_eq`, `sec_mom_20`).
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import (
    Expression,
    change,
    col,
    declared,
    highest,
    log,
    mean,
    over,
    ratio,
    rolling,
    sd,
)
from gogooku.features.engine.inputs import InputTable, Made, Tables
from gogooku.features.engine.timeline import Timeline
from gogooku.features.market.listing import SECTORS33, handed
from gogooku.tables.indices import TOPIX_CODE

SECTOR_CODES: Final = tuple(f"{0x40 + place:04X}" for place in range(len(SECTORS33)))
"""Index of each of the 33 sectors, in the order of ``lst_sector33``."""
GROWTH, STANDARD, PRIME = "0502", "0501", "0500"
CORE30, LARGE70, MID400, SMALL = "0028", "0029", "002B", "002D"
VALUE_STYLE, GROWTH_STYLE = "8100", "8200"
_SEGMENTS: Final = (GROWTH, STANDARD, PRIME)
_SIZES: Final = (SMALL, SMALL, MID400, LARGE70, CORE30)
"""Index of each size class, in the order of ``lst_scale`` from 1 on."""
_OTHERS: Final = (TOPIX_CODE, *_SEGMENTS, CORE30, LARGE70, MID400, SMALL, VALUE_STYLE, GROWTH_STYLE)
CODES: Final = (*_OTHERS, *SECTOR_CODES)
FEWEST_SECTORS: Final = 10
"""Sector indices that a statistic across them needs."""


def _index_column(code: str) -> str:
    return f"idx_close_{code.lower()}"


def _make_indices(tables: Tables, timeline: Timeline) -> Made:
    rows = tables.read("indices", ["code", "close"], since=timeline.sessions[0].item())
    placed = timeline.place(rows, code=None)
    # a bar of another session is not this session's bar
    days = placed.frame.get_column("event_date").to_numpy().astype("datetime64[D]")
    today = placed.where((placed.t >= 0) & (timeline.sessions[np.maximum(placed.t, 0)] == days))
    codes = today.frame.get_column("code")
    values = today.values("close")
    out = {}
    for code in CODES:
        one = np.asarray((codes == code).to_numpy())
        series = np.full(timeline.shape[0], np.nan)
        series[today.t[one]] = values[one]
        out[_index_column(code)] = series
    return out


INDEX_STATE_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("indices",),
        stock={},
        market={
            _index_column(code): f"close of index {code}, points, of that session" for code in CODES
        },
        make=_make_indices,
    ),
)


# ------------------------------------------------------------------------------------- kernels


def _index_close(code: str) -> Expression:
    return col(_index_column(code))


def _logs(codes: tuple[str, ...]) -> Expression:
    """Logs of some indices, [T, C]."""
    closes = (_index_close(code) for code in codes)
    return over(lambda *series: k.log_positive(np.stack(series, axis=1)), *closes)


def _relative(codes: tuple[str, ...]) -> Expression:
    """Log of some indices over TOPIX, [T, C]."""
    return _logs(codes) - _logs((TOPIX_CODE,))


def _slopes(sectors: FloatArray, topix: FloatArray, window: int) -> FloatArray:
    return m.rolling_beta(sectors, topix[:, 0], window)


def _enough(values_TC: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Values with zero for null, and how many there are; null below `FEWEST_SECTORS`."""
    known, valid = k.masked(values_TC)
    count = valid.sum(axis=1).astype(np.float64)
    count[count < FEWEST_SECTORS] = np.nan
    return known, count


def _share_above(away: FloatArray) -> FloatArray:
    _, count = _enough(away)
    return np.asarray((away > 0.0).sum(axis=1) / count)


def _spread_across(change: FloatArray) -> FloatArray:
    known, count = _enough(change)
    away = np.where(np.isnan(change), 0.0, change - (known.sum(axis=1) / count)[:, None])
    return np.asarray(np.sqrt((away * away).sum(axis=1) / (count - 1.0)))


# ------------------------------------------------------------------------------------- features

_stock = partial(declared, group="index")
_market = partial(_stock, role=Role.MARKET, axis=Axis.ACROSS)

# size class 0 has no index, so the classes count from 1
_SIZE = over(lambda scale: np.where(scale < 1.0, np.nan, scale - 1.0), col("lst_scale"))
_SECTOR = col("lst_sector33")
_SECTORS, _STRENGTH = _logs(SECTOR_CODES), _relative(SECTOR_CODES)
_TOPIX_RETURN, _SECTOR_RETURNS = change(_logs((TOPIX_CODE,)), 1), change(_SECTORS, 1)

_STOCK = (
    *(
        _stock(
            f"idx_{short}_rel_{window}d",
            handed(change(_relative(codes), window), kind),
            "log",
            f"Log return of {text} over {window} sessions less that of TOPIX.",
            max_null_share=nulls,
        )
        for short, codes, kind, windows, nulls, text in (
            (
                "segment",
                _SEGMENTS,
                col("lst_segment"),
                (20, 60),
                0.8,
                "the name's segment index (from 2022-04-04 on)",
            ),
            (
                "size",
                _SIZES,
                _SIZE,
                (20, 60),
                0.7,
                "the index of the name's size class (null without one)",
            ),
            (
                "sector",
                SECTOR_CODES,
                _SECTOR,
                (60, 250),
                0.2,
                "the index of the name's sector (null without one)",
            ),
        )
        for window in windows
    ),
    *(
        _stock(name, handed(what, _SECTOR), unit, f"{meaning} (null without a sector).")
        for name, what, unit, meaning in (
            (
                "idx_sector_trend_120",
                _STRENGTH - mean(_STRENGTH, 120),
                "log",
                "Log of the sector's index over TOPIX less its mean of 120 sessions",
            ),
            (
                "idx_sector_high_250",
                _STRENGTH - highest(_STRENGTH, 250),
                "log",
                "Log of the sector's index over TOPIX less its highest of 250 sessions",
            ),
            (
                "idx_sector_vol_rel_60",
                log(ratio(sd(_SECTOR_RETURNS, 60), sd(_TOPIX_RETURN, 60), floor=k.FLAT)),
                "log",
                "Log of the 60-session volatility of the sector's index over that of TOPIX",
            ),
            (
                "idx_sector_beta_60",
                rolling(_slopes, _SECTOR_RETURNS, _TOPIX_RETURN, window=60),
                "ratio",
                "Slope of the sector index's log returns on those of TOPIX, 60 sessions",
            ),
        )
    ),
)

_MARKET = (
    *(
        _market(
            f"mkt_{name}_{window}d",
            change(log(_index_close(first)), window) - change(log(_index_close(second)), window),
            "log",
            f"Log return of {text} over {window} sessions.",
            max_null_share=0.8 if first in (GROWTH, STANDARD) else 0.2,
        )
        for name, first, second, windows, text in (
            ("growth_prime", GROWTH, PRIME, (20, 60), "Growth less Prime (from 2022-04-04 on)"),
            ("standard_prime", STANDARD, PRIME, (20,), "Standard less Prime (from 2022-04-04 on)"),
            ("small_large", SMALL, CORE30, (20, 60), "TOPIX Small less Core30"),
            ("mid_large", MID400, CORE30, (20,), "TOPIX Mid400 less Core30"),
            ("value_growth", VALUE_STYLE, GROWTH_STYLE, (20, 60), "TOPIX Value less TOPIX Growth"),
        )
        for window in windows
    ),
    _market(
        "mkt_sector_breadth_60",
        over(_share_above, _SECTORS - mean(_SECTORS, 60)),
        "share",
        "Share of the sector indices above their mean log level of 60 sessions.",
    ),
    _market(
        "mkt_sector_dispersion_20",
        over(_spread_across, change(_SECTORS, 20)),
        "return",
        "Standard deviation of 20-session log returns across the sector indices.",
    ),
)

INDEX_STATE: Final[tuple[Feature, ...]] = (*_STOCK, *_MARKET)
