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
from gogooku.features.engine.inputs import InputTable, Made, Tables
from gogooku.features.engine.kernels import Values, chain
from gogooku.features.engine.timeline import Timeline
from gogooku.features.market.listing import SECTORS33, pick
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


def _stack(x: Values, codes: tuple[str, ...]) -> FloatArray:
    return np.stack([x[_index_column(code)] for code in codes], axis=1)


def _relative(x: Values, codes: tuple[str, ...]) -> FloatArray:
    """Log of some indices over TOPIX, [T, C]."""
    topix = k.log_positive(x[_index_column(TOPIX_CODE)])
    return k.log_positive(_stack(x, codes)) - topix[:, None]


def _returns(x: Values, codes: tuple[str, ...]) -> FloatArray:
    logs = k.log_positive(_stack(x, codes))
    return logs - k.shift(logs, 1)


def _strength(x: Values, *, codes: tuple[str, ...], window: int, by: str) -> FloatArray:
    relative = _relative(x, codes)
    return _of_names(relative - k.shift(relative, window), x, by)


def _of_names(table_TC: FloatArray, x: Values, by: str) -> FloatArray:
    # size class 0 has no index, so the classes count from 1
    which = x[by] - 1.0 if by == "lst_scale" else x[by]
    return pick(table_TC, np.where(which < 0.0, np.nan, which))


def _sector_trend(x: Values) -> FloatArray:
    relative = _relative(x, SECTOR_CODES)
    return _of_names(relative - k.rolling_mean(relative, 120), x, "lst_sector33")


def _sector_high(x: Values) -> FloatArray:
    relative = _relative(x, SECTOR_CODES)
    high = k.rolling_extreme(relative, 250, kind="max")
    return _of_names(relative - high, x, "lst_sector33")


def _sector_risk(x: Values) -> FloatArray:
    sector = m.rolling_sd(_returns(x, SECTOR_CODES), 60)
    topix = m.rolling_sd(_returns(x, (TOPIX_CODE,)), 60)
    return _of_names(k.log_positive(k.ratio(sector, topix, floor=k.FLAT)), x, "lst_sector33")


def _sector_beta(x: Values) -> FloatArray:
    topix = _returns(x, (TOPIX_CODE,))[:, 0]
    beta = m.rolling_beta(_returns(x, SECTOR_CODES), topix, 60)
    return _of_names(beta, x, "lst_sector33")


def _against(x: Values, *, first: str, second: str, window: int) -> FloatArray:
    logs = k.log_positive(_stack(x, (first, second)))
    change = logs - k.shift(logs, window)
    return np.asarray(change[:, 0] - change[:, 1])


def _enough(values_TC: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Values with zero for null, and how many there are; null below `FEWEST_SECTORS`."""
    known, valid = k.masked(values_TC)
    count = valid.sum(axis=1).astype(np.float64)
    count[count < FEWEST_SECTORS] = np.nan
    return known, count


def _sectors_above_mean(x: Values) -> FloatArray:
    logs = k.log_positive(_stack(x, SECTOR_CODES))
    away = logs - k.rolling_mean(logs, 60)
    _, count = _enough(away)
    return np.asarray((away > 0.0).sum(axis=1) / count)


def _sector_return_spread(x: Values) -> FloatArray:
    logs = k.log_positive(_stack(x, SECTOR_CODES))
    change = logs - k.shift(logs, 20)
    known, count = _enough(change)
    away = np.where(np.isnan(change), 0.0, change - (known.sum(axis=1) / count)[:, None])
    return np.asarray(np.sqrt((away * away).sum(axis=1) / (count - 1.0)))


# ------------------------------------------------------------------------------------- features

_stock = partial(Feature, group="index")
_market = partial(Feature, group="index", role=Role.MARKET, axis=Axis.ACROSS)


def _inputs(*codes: str) -> tuple[str, ...]:
    return tuple(_index_column(code) for code in dict.fromkeys(codes))


_STOCK = (
    *(
        _stock(
            name=f"idx_{short}_rel_{window}d",
            inputs=(*_inputs(TOPIX_CODE, *codes), by),
            compute=partial(_strength, codes=codes, window=window, by=by),
            lookback=window + 1,
            unit="log",
            max_null_share=nulls,
            meaning=f"Log return of {text} over {window} sessions less that of TOPIX.",
        )
        for short, codes, by, windows, nulls, text in (
            (
                "segment",
                _SEGMENTS,
                "lst_segment",
                (20, 60),
                0.8,
                "the name's segment index (from 2022-04-04 on)",
            ),
            (
                "size",
                _SIZES,
                "lst_scale",
                (20, 60),
                0.7,
                "the index of the name's size class (null without one)",
            ),
            (
                "sector",
                SECTOR_CODES,
                "lst_sector33",
                (60, 250),
                0.2,
                "the index of the name's sector (null without one)",
            ),
        )
        for window in windows
    ),
    *(
        _stock(
            name=name,
            inputs=(*_inputs(TOPIX_CODE, *SECTOR_CODES), "lst_sector33"),
            compute=compute,
            lookback=lookback,
            unit=unit,
            meaning=f"{meaning} (null without a sector).",
        )
        for name, compute, lookback, unit, meaning in (
            (
                "idx_sector_trend_120",
                _sector_trend,
                120,
                "log",
                "Log of the sector's index over TOPIX less its mean of 120 sessions",
            ),
            (
                "idx_sector_high_250",
                _sector_high,
                250,
                "log",
                "Log of the sector's index over TOPIX less its highest of 250 sessions",
            ),
            (
                "idx_sector_vol_rel_60",
                _sector_risk,
                chain(60, 2),
                "log",
                "Log of the 60-session volatility of the sector's index over that of TOPIX",
            ),
            (
                "idx_sector_beta_60",
                _sector_beta,
                chain(60, 2),
                "ratio",
                "Slope of the sector index's log returns on those of TOPIX, 60 sessions",
            ),
        )
    ),
)

_MARKET = (
    *(
        _market(
            name=f"mkt_{name}_{window}d",
            inputs=_inputs(first, second),
            compute=partial(_against, first=first, second=second, window=window),
            lookback=window + 1,
            unit="log",
            max_null_share=0.8 if first in (GROWTH, STANDARD) else 0.2,
            meaning=f"Log return of {text} over {window} sessions.",
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
        name="mkt_sector_breadth_60",
        inputs=_inputs(*SECTOR_CODES),
        compute=_sectors_above_mean,
        lookback=60,
        unit="share",
        meaning="Share of the sector indices above their mean log level of 60 sessions.",
    ),
    _market(
        name="mkt_sector_dispersion_20",
        inputs=_inputs(*SECTOR_CODES),
        compute=_sector_return_spread,
        lookback=21,
        unit="return",
        meaning="Standard deviation of 20-session log returns across the sector indices.",
    ),
)

INDEX_STATE: Final[tuple[Feature, ...]] = (*_STOCK, *_MARKET)
