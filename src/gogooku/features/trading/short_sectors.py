"""Sales and short sales of each name's 33-sector, as base columns.

The source has one row per sector and session. A name gets the sector of the newest list known at
the decision, never a later one; the list of the next session is known the evening before.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from gogooku.core.types import FloatArray, IntArray
from gogooku.features.engine.chains import first_day, standing
from gogooku.features.engine.inputs import InputTable, Made, Tables
from gogooku.features.engine.kernels import STALE_LIMIT
from gogooku.features.engine.timeline import Timeline

CODES: Final = 10_000
"""Sector codes lie below; the number itself stands for no known sector."""
_OTHER: Final = 9_999
"""Sector code of funds and the like: no part of the market sums."""
_PARTS: Final = (
    "sell_excluding_short_yen",
    "short_with_restrictions_yen",
    "short_without_restrictions_yen",
)
_MADE: Final = ("total_yen", "short_yen", "restricted_yen")


def sector_codes(tables: Tables, timeline: Timeline) -> FloatArray:
    """33-sector code of each listed name by the newest list known at each decision, [T, N].

    A list stands for `STALE_LIMIT` sessions; without a newer one the sector is not known.
    """
    rows = tables.read("master", ["code", "sector33"], since=first_day(timeline, days=0))
    placed = timeline.place(rows)
    state = standing(timeline, placed, sessions=STALE_LIMIT)
    numbers = placed.frame.get_column("sector33").cast(pl.Int64, strict=False)
    known = numbers.set(~numbers.is_between(0, CODES - 1), None).cast(pl.Float64)
    return np.where(timeline.listed_TN, state.show(known.fill_null(np.nan).to_numpy()), np.nan)


def make_sector_shorts(tables: Tables, timeline: Timeline) -> Made:
    """Sales of each name's sector and of all sectors, each session's own rows only."""
    sector = sector_codes(tables, timeline)
    first = timeline.sessions[0].item()
    rows = tables.read("short_ratio", ["sector33", *_PARTS], since=first)
    placed = timeline.place(rows, code=None)
    placed = placed.where((placed.t == placed.event) & (placed.t >= 0))
    codes = placed.frame.get_column("sector33").cast(pl.Int64, strict=False).fill_null(CODES)
    number = np.full(CODES + 1, -1, dtype=np.int64)
    present = np.unique(codes.to_numpy())
    number[present] = np.arange(len(present))
    number[CODES] = -1
    at = number[np.where(np.isnan(sector), CODES, sector).astype(np.int64)]
    row, column = placed.t, number[codes.to_numpy()]
    plain, restricted, free = (placed.values(name) for name in _PARTS)
    made: dict[str, FloatArray] = {"sr_sector33": sector}
    industry = codes.to_numpy() != _OTHER
    for name, values in zip(
        _MADE, (plain + restricted + free, restricted + free, restricted), strict=True
    ):
        # the last column stands for sectors without a row, and is what -1 points to
        table = np.full((timeline.shape[0], len(present) + 1), np.nan)
        table[row, column] = values
        table[:, -1] = np.nan
        made[f"sr_{name}"] = np.take_along_axis(table, at, axis=1)
        made[f"sr_mkt_{name}"] = _sums(placed.t[industry], values[industry], len(table))
    return made


def _sums(t: IntArray, values: FloatArray, num_sessions: int) -> FloatArray:
    rows = np.bincount(t, minlength=num_sessions)
    return np.where(rows > 0, np.bincount(t, values, num_sessions), np.nan)


SECTOR_SHORTS_INPUT: Final[InputTable] = InputTable(
    tables=("short_ratio", "master"),
    stock={
        "sr_sector33": "33-sector code by the list known at the decision",
        "sr_total_yen": "sales in the name's sector, yen",
        "sr_short_yen": "short sales in the name's sector, yen",
        "sr_restricted_yen": "short sales under price rules in the name's sector, yen",
    },
    market={
        "sr_mkt_total_yen": "sales in all industries, yen",
        "sr_mkt_short_yen": "short sales in all industries, yen",
        "sr_mkt_restricted_yen": "short sales under price rules in all industries, yen",
    },
    make=make_sector_shorts,
)
