"""Futures on TOPIX and on the Nikkei 225 as base columns: one row per trade date.

It is that of the central contract month (before 2016-07-19, when it was not marked, of the most
traded one). A change of price is that of one contract, never across a roll. A row is delivered at
03:00 on the next day, so a session's evening sees that of the session before.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from gogooku.core.types import FloatArray
from gogooku.features.derivatives import contracts as c
from gogooku.features.derivatives.contracts import DAY, DAYS, DAYS_PER_YEAR
from gogooku.features.engine.inputs import Made, Tables
from gogooku.features.engine.timeline import Timeline

PRODUCTS: Final[dict[str, str]] = {"topixf": "TOPIXF", "nk225f": "NK225F"}
CARRY_DAYS: Final = 7.0
"""A basis is spread over at least so many days."""

_READ: Final = (
    "code",
    "product",
    "is_central_month",
    "settlement",
    "contract_month",
    "special_quotation_date",
    "settlement_price",
    "night_high",
    "night_low",
    "night_close",
    "day_open",
    "day_close",
    "volume_contracts",
    "open_interest_contracts",
)
_OWN: Final = {
    "topixf": {
        "day_ret": "fut_day_ret_topixf",
        "term_slope": "fut_term_slope_topixf",
        "oi": "fu_topixf_oi",
        "volume": "fu_topixf_volume",
        "next_oi_share": "fut_next_oi_share_topixf",
    },
    "nk225f": {
        "day_ret": "fu_nk225f_day_ret",
        "term_slope": "fut_term_slope_nk225f",
        "oi": "fu_nk225f_oi",
        "volume": "fu_nk225f_volume",
    },
}
"""Base columns of each product that a trade date has by itself."""
_AGAINST: Final = {
    "topixf": {
        "night_ret": "fut_on_ret_topixf",
        "night_range": "fut_on_range_topixf",
        "settle_ret": "fu_topixf_settle_ret",
        "oi_chg": "fut_oi_chg_1d_topixf",
    },
    "nk225f": {
        "night_ret": "fu_nk225f_night_ret",
        "settle_ret": "fu_nk225f_settle_ret",
        "oi_chg": "fu_nk225f_oi_chg",
    },
}
"""Base columns that compare a trade date with the one before."""


def make_futures(tables: Tables, timeline: Timeline) -> Made:
    """Central contracts of both products, one row per trade date, as known at each session."""
    rows = _settled_rows(tables, timeline)
    made: dict[str, FloatArray] = {}
    for short, product in PRODUCTS.items():
        own = rows.filter(pl.col("product") == product)
        days = _days(own)
        before = _against_before(own, days)
        for rows_of, names in ((days, _OWN[short]), (before, _AGAINST[short])):
            made |= c.market_series(rows_of.rename(names), timeline, list(names.values()))
    return made


def _settled_rows(tables: Tables, timeline: Timeline) -> pl.DataFrame:
    rows = tables.read("futures", _READ, since=c.reach(timeline)).filter(
        pl.col("product").is_in(list(PRODUCTS.values()))
    )
    settle = pl.coalesce("settlement_price", "day_close").alias("settle")
    return c.with_expiry(c.settled_once(rows)).with_columns(
        pl.when(settle > 0.0).then(settle).alias("settle")
    )


def _best_first(rows: pl.DataFrame) -> pl.DataFrame:
    """Contracts of each trade date: the central one, then by volume, then the nearer."""
    central = pl.col("is_central_month").fill_null(value=False).alias("central")
    return rows.with_columns(central).sort(
        [DAY, "central", "volume_contracts", DAYS],
        descending=[False, True, True, False],
        maintain_order=True,
    )


def _days(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per trade date of a product."""
    central = _best_first(rows).unique(DAY, keep="first", maintain_order=True)
    central = central.select(
        DAY,
        DAYS,
        "settle",
        (pl.col("day_close") / pl.col("day_open") - 1.0).alias("day_ret"),
        pl.col("open_interest_contracts").alias("central_oi"),
    )
    start = central.select(DAY, pl.col(DAYS).alias("from"))
    later = rows.join(start, on=DAY, maintain_order="left").filter(pl.col(DAYS) > pl.col("from"))
    following = later.sort(DAY, DAYS, maintain_order=True).unique(
        DAY, keep="first", maintain_order=True
    )
    following = following.select(
        DAY,
        pl.col(DAYS).alias("next_days"),
        pl.col("settle").alias("next_settle"),
        pl.col("open_interest_contracts").alias("next_oi"),
    )
    total = rows.group_by(DAY).agg(
        pl.col("available_at").max(),
        pl.col("open_interest_contracts").sum().alias("oi"),
        pl.col("volume_contracts").sum().alias("volume"),
    )
    both = total.join(central, on=DAY, how="left").join(following, on=DAY, how="left")
    years = (pl.col("next_days") - pl.col(DAYS)) / DAYS_PER_YEAR
    pair = pl.col("central_oi") + pl.col("next_oi")
    return both.with_columns(
        ((pl.col("next_settle") / pl.col("settle")).log() / years).alias("term_slope"),
        pl.when(pair > 0.0).then(pl.col("next_oi") / pair).alias("next_oi_share"),
    )


def _against_before(rows: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """What compares a trade date with the one before, contract by contract.

    The night is that of the central contract or, if it had no trade then, of the most traded
    contract that had one. Open interest counts contracts listed on both dates: a new month is not
    a new position, and neither is an expired one a closed position.
    """
    pairs = c.with_session_before(days)
    old = rows.select(
        pl.col(DAY).alias("before"),
        "code",
        pl.col("settle").alias("old_settle"),
        pl.col("open_interest_contracts").alias("old_oi"),
    )
    joined = rows.join(pairs.select(DAY, "before"), on=DAY, maintain_order="left").join(
        old, on=["before", "code"], maintain_order="left_right"
    )
    ordered = _best_first(joined)
    night = ordered.filter(
        pl.col("night_close").is_not_null() & pl.col("old_settle").is_not_null()
    ).unique(DAY, keep="first", maintain_order=True)
    night = night.select(
        DAY,
        (pl.col("night_close") / pl.col("old_settle") - 1.0).alias("night_ret"),
        (pl.col("night_high") / pl.col("night_low")).log().alias("night_range"),
    )
    whole = ordered.unique(DAY, keep="first", maintain_order=True).select(
        DAY, (pl.col("settle") / pl.col("old_settle") - 1.0).alias("settle_ret")
    )
    held = joined.group_by(DAY).agg(
        pl.col("open_interest_contracts").sum().alias("now"), pl.col("old_oi").sum().alias("then")
    )
    change = (pl.col("now") / pl.col("then")).log()
    held = held.select(
        DAY, pl.when((pl.col("now") > 0.0) & (pl.col("then") > 0.0)).then(change).alias("oi_chg")
    )
    out = pairs
    for part in (night, whole, held):
        out = out.join(part, on=DAY, how="left")
    return out


def make_basis(tables: Tables, timeline: Timeline, *, short: str) -> Made:
    """Basis of the central contract to its index on the same date, once both are known."""
    rows = _settled_rows(tables, timeline).filter(pl.col("product") == PRODUCTS[short])
    spots = (_topix if short == "topixf" else _nikkei)(tables, timeline)
    days = _days(rows).join(spots, on=DAY)
    spot = pl.col("spot")
    basis = pl.when(spot > 0.0).then((pl.col("settle") / spot).log())
    made: dict[str, pl.Expr] = {f"fut_basis_{short}": basis}
    if short == "topixf":
        held = pl.max_horizontal(DAYS, pl.lit(CARRY_DAYS))
        made["fut_carry_ann_topixf"] = basis * DAYS_PER_YEAR / held
    known = pl.max_horizontal("available_at", "spot_known").alias("available_at")
    both = days.with_columns(known, **made)
    return c.market_series(both, timeline, list(made))


def _topix(tables: Tables, timeline: Timeline) -> pl.DataFrame:
    index = tables.read("topix", ("close",), since=c.reach(timeline))
    return index.select(
        DAY, pl.col("close").alias("spot"), pl.col("available_at").alias("spot_known")
    )


def _nikkei(tables: Tables, timeline: Timeline) -> pl.DataFrame:
    """Close of the Nikkei 225, as the options on it name their underlying."""
    columns = ("settlement", "underlying_price")
    rows = tables.read("index_options", columns, since=c.reach(timeline))
    known = rows.filter((pl.col("settlement") == "normal") & (pl.col("underlying_price") > 0.0))
    return known.group_by(DAY).agg(
        pl.col("underlying_price").median().alias("spot"),
        pl.col("available_at").max().alias("spot_known"),
    )


SERIES: Final[dict[str, str]] = {
    f"fu_{short}_{name}": text
    for name, text in (
        ("oi", "contracts, all months"),
        ("volume", "contracts, all months"),
        ("settle_ret", "settlement over that before, central contract"),
    )
    for short in PRODUCTS
} | {
    "fu_nk225f_day_ret": "return of the day session, central contract",
    "fu_nk225f_night_ret": "return of the night session on the settlement before",
    "fu_nk225f_oi_chg": "log change of open interest of contracts listed on both dates",
}
"""Base columns that are no features, and their units."""
