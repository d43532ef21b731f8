"""Daily bars of listed names, and the morning bars: raw prices, never the vendor's adjusted ones.

The vendor rewrites its adjusted history at every split; here raw prices and the adjustment factor
are kept, and features adjust forward (see `gogooku.features.engine.compute.growth_of`).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from gogooku.core.frames import QUOTES_SCHEMA
from gogooku.tables.checks import Check, bar_checks, not_below, whole_bar
from gogooku.tables.conversion import (
    Column,
    Derived,
    Table,
    choice,
    event_day,
    flag,
    number,
    stock_code,
)

_EX_RIGHTS = {"1": "split", "2": "consolidation", "3": "rights_issue"}


def _bar(prefix: str, wire: str) -> tuple[Column, ...]:
    parts = (("open", "O"), ("high", "H"), ("low", "L"), ("close", "C"))
    unit = "yen per share, raw; null without a trade"
    return (
        *(number(f"{prefix}{name}", f"{wire}{letter}", unit) for name, letter in parts),
        number(f"{prefix}volume_shares", f"{wire}Vo", "shares of that day's basis"),
        number(f"{prefix}turnover_yen", f"{wire}Va", "yen"),
    )


def _limits(prefix: str, wire: str) -> tuple[Column, ...]:
    return (
        flag(f"{prefix}limit_up_touched", f"{wire}UL", "traded at the upper limit at some time"),
        flag(f"{prefix}limit_down_touched", f"{wire}LL", "traded at the lower limit at some time"),
    )


def _closed_at(side: str, extreme: str) -> Derived:
    """Closed at the limit: it was touched, so that it is the day's extreme, and is the close."""
    touched = pl.col(f"limit_{side}_touched")
    at_extreme = pl.col("close") == pl.col(extreme)
    return Derived(
        f"limit_{side}",
        pl.Boolean(),
        f"closed at the limit; null where the vendor does not say (close = {extreme} = limit)",
        pl.when(touched).then(at_extreme).when(touched.is_not_null()).then(touched),
    )


_SIZES = ("volume_shares", "turnover_yen")

QUOTES = Table(
    name="quotes",
    event_date="event_date",
    columns=(
        event_day(),
        stock_code(),
        *_bar("", ""),
        number("adjustment_factor", "AdjFactor", "1, on an ex-date 0.5 for two new shares for one"),
        *_limits("", ""),
        number("market_cap_yen", "MktCap", "yen; from August 2026", 1e6),
        choice("ex_rights", "ExRT", _EX_RIGHTS, unit="ex-rights day"),
        *_bar("morning_", "M"),
        *_limits("morning_", "M"),
        *_bar("afternoon_", "A"),
        *_limits("afternoon_", "A"),
    ),
    key=("event_date", "code"),
    derived=(_closed_at("up", "high"), _closed_at("down", "low")),
    checks=(
        *bar_checks(),
        whole_bar(),
        *bar_checks("morning_"),
        *bar_checks("afternoon_"),
        not_below(_SIZES, 0.0, what="volume or turnover"),
        not_below([f"morning_{n}" for n in _SIZES], 0.0, what="morning volume or turnover"),
        not_below([f"afternoon_{n}" for n in _SIZES], 0.0, what="afternoon volume or turnover"),
        not_below(["market_cap_yen"], 0.0, what="market value"),
        Check("AdjFactor is missing", pl.col("adjustment_factor").is_null()),
        Check("AdjFactor is not positive", pl.col("adjustment_factor") <= 0),
    ),
    session=True,
)

MORNING = Table(
    name="morning",
    event_date="event_date",
    columns=(event_day(), stock_code(), *_bar("morning_", "M")),
    key=("event_date", "code"),
    checks=(
        *bar_checks("morning_"),
        whole_bar("morning_"),
        not_below([f"morning_{n}" for n in _SIZES], 0.0, what="morning volume or turnover"),
    ),
    session=True,
)


def store_quotes(frame: pl.DataFrame, *, also: Sequence[str] = ()) -> pl.DataFrame:
    """Typed quotes as a source stores them (`QUOTES_SCHEMA`), sorted by (date, code).

    Columns ``also`` are kept as they are.
    """
    renamed = {"date": pl.col("event_date"), "turnover_value": pl.col("turnover_yen")}
    stored = [
        renamed.get(name, pl.col(name)).cast(dtype).alias(name)
        for name, dtype in QUOTES_SCHEMA.items()
    ]
    return frame.select(*stored, *also).sort("date", "code", *also)
