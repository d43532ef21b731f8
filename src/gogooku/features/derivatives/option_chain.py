"""Chains of Nikkei 225 options as base columns: one row per trade date, out of the money only.

Puts below the underlying and calls at or above it count, by log strike over underlying. Implied
volatility at a moneyness lies on the line between the two nearest strikes; to a constant maturity
the total variance is interpolated between the two nearest expiries. A chain is delivered at 03:00
on the next day, so a session's evening sees that of the session before.
"""

from __future__ import annotations

import math
from typing import Final

import polars as pl

from gogooku.features.derivatives import contracts as c
from gogooku.features.derivatives.contracts import DAY, DAYS, EXPIRY
from gogooku.features.engine.inputs import Made, Tables
from gogooku.features.engine.timeline import Timeline

NEAR_DAYS: Final = 7
"""The near contract month is the first with at least so many days left."""
MAX_STRIKE_GAP: Final = 0.06
"""Log strikes further apart are not joined by a line."""
MAX_EXPIRY_GAP_DAYS: Final = 70.0
"""Expiries further apart are not interpolated between."""
NEAR_MONEY: Final = 0.05
AROUND_MONEY: Final = 0.10
FEWEST_CONTRACTS: Final = 4
"""Fewest contracts of a spread of volatilities or of a night jump."""

_MONEYNESS: Final = {
    "atm": 0.0,
    "put5": math.log(0.95),
    "put10": math.log(0.90),
    "call5": math.log(1.05),
    "call10": math.log(1.10),
}
AT_MONEY: Final = "opt_iv_cmat_30d"
_SURFACE: Final = (
    ("atm", 30),
    ("put5", 30),
    ("put10", 30),
    ("call5", 30),
    ("call10", 30),
    ("atm", 60),
    ("put5", 60),
    ("call5", 60),
)
_ACTIVITY: Final = (
    "io_put_oi",
    "io_call_oi",
    "io_put_volume",
    "io_call_volume",
    "io_near_put_oi",
    "io_near_call_oi",
    "opt_near_volume_share",
    "opt_oi_put_distance",
    "opt_oi_call_distance",
    "opt_smile_width",
)
_READ: Final = (
    "code",
    "settlement",
    "contract_month",
    "special_quotation_date",
    "put_call",
    "strike_price",
    "underlying_price",
    "implied_volatility_ratio",
    "volume_contracts",
    "open_interest_contracts",
    "settlement_price",
    "night_close",
)
_X: Final = "log_moneyness"
_VOL: Final = "implied_volatility_ratio"


def make_options(tables: Tables, timeline: Timeline) -> Made:
    """Chains of the Nikkei 225 options as one row per trade date, as known at each session."""
    rows = tables.read("index_options", _READ, since=c.reach(timeline))
    chain_rows = c.with_expiry(c.settled_once(rows))
    outside = _out_of_the_money(chain_rows)
    days = chain_rows.group_by(DAY).agg(pl.col("available_at").max())
    for part in (_positions(outside), *_surface(outside)):
        days = days.join(part, on=DAY, how="left")
    columns = [_surface_name(name, tenor) for name, tenor in _SURFACE] + list(_ACTIVITY)
    made = c.market_series(days, timeline, columns)
    night = _night_jump(outside, chain_rows, days)
    made.update(c.market_series(night, timeline, ["opt_night_jump"]))
    return made


def _surface_name(name: str, tenor: int) -> str:
    """Base column of a point of the surface; that at the money in 30 days is a feature."""
    return AT_MONEY if (name, tenor) == ("atm", 30) else f"io_iv_{name}_{tenor}"


def _out_of_the_money(rows: pl.DataFrame) -> pl.DataFrame:
    """Contracts out of the money, with their log moneyness and whether they are near.

    Sorted, and so summed in one order whatever other rows there are.
    """
    put = pl.col("put_call") == "put"
    below = pl.col("strike_price") < pl.col("underlying_price")
    kept = rows.filter((pl.col("underlying_price") > 0.0) & (put == below))
    near = pl.col(EXPIRY).filter(pl.col(DAYS) >= NEAR_DAYS).min().alias("near")
    nearest = kept.group_by(DAY).agg(near)
    marked = kept.join(nearest, on=DAY, how="left", maintain_order="left").with_columns(
        (pl.col("strike_price") / pl.col("underlying_price")).log().alias(_X),
        (pl.col(EXPIRY) == pl.col("near")).alias("near"),
    )
    return marked.sort(DAY, EXPIRY, _X, "code", maintain_order=True)


def _positions(outside: pl.DataFrame) -> pl.DataFrame:
    put, call = pl.col("put_call") == "put", pl.col("put_call") == "call"
    near = pl.col("near")
    around = near & (pl.col(_X).abs() <= AROUND_MONEY)
    interest, volume = pl.col("open_interest_contracts"), pl.col("volume_contracts")
    vols = pl.col(_VOL).filter(around & (pl.col(_VOL) > 0.0))

    def distance(side: pl.Expr) -> pl.Expr:
        total = interest.filter(side).sum()
        return pl.when(total > 0.0).then((interest * pl.col(_X)).filter(side).sum() / total)

    return outside.group_by(DAY, maintain_order=True).agg(
        interest.filter(put).sum().alias("io_put_oi"),
        interest.filter(call).sum().alias("io_call_oi"),
        volume.filter(put).sum().alias("io_put_volume"),
        volume.filter(call).sum().alias("io_call_volume"),
        interest.filter(put & around).sum().alias("io_near_put_oi"),
        interest.filter(call & around).sum().alias("io_near_call_oi"),
        pl.when(volume.sum() > 0.0)
        .then(volume.filter(near).sum() / volume.sum())
        .alias("opt_near_volume_share"),
        distance(put).alias("opt_oi_put_distance"),
        distance(call).alias("opt_oi_call_distance"),
        pl.when(vols.len() >= FEWEST_CONTRACTS).then(vols.std()).alias("opt_smile_width"),
    )


def _surface(outside: pl.DataFrame) -> list[pl.DataFrame]:
    """Implied volatility at each moneyness and tenor, one frame of trade dates each."""
    smiles = _smiles(outside)
    return [_constant_maturity(smiles, name, tenor) for name, tenor in _SURFACE]


def _smiles(outside: pl.DataFrame) -> pl.DataFrame:
    """Volatility of each trade date and expiry at the wanted moneyness, linear between strikes."""
    quoted = outside.filter(pl.col(_VOL) > 0.0).select(DAY, EXPIRY, DAYS, _X, _VOL)
    ordered = quoted.with_columns(
        pl.col(_X).shift(1).alias("x0"),
        pl.col(_VOL).shift(1).alias("v0"),
        (pl.col(DAY).eq(pl.col(DAY).shift(1)) & pl.col(EXPIRY).eq(pl.col(EXPIRY).shift(1)))
        .fill_null(value=False)
        .alias("joined"),
    )
    x, x0, v0 = pl.col(_X), pl.col("x0"), pl.col("v0")
    usable = pl.col("joined") & (x - x0 <= MAX_STRIKE_GAP)
    slope = (pl.col(_VOL) - v0) / (x - x0)
    return ordered.group_by(DAY, EXPIRY, DAYS).agg(
        pl.when(usable & (x0 <= at) & (x > at)).then(v0 + slope * (at - x0)).max().alias(name)
        for name, at in _MONEYNESS.items()
    )


def _constant_maturity(smiles: pl.DataFrame, name: str, tenor: int) -> pl.DataFrame:
    """Volatility at ``tenor`` days: total variance, linear in time between two expiries.

    Before the first expiry the line starts at no variance in no time: the volatility is flat.
    """
    variance = pl.col(name) ** 2 * pl.col(DAYS)
    joined = pl.col(DAY).eq(pl.col(DAY).shift(1)).fill_null(value=False)
    ordered = (
        smiles.filter(pl.col(name).is_not_null())
        .sort(DAY, DAYS)
        .select(DAY, DAYS, variance.alias("w"))
        .with_columns(
            pl.when(joined).then(pl.col(DAYS).shift(1)).otherwise(0.0).alias("d0"),
            pl.when(joined).then(pl.col("w").shift(1)).otherwise(0.0).alias("w0"),
        )
    )
    d, d0, w0 = pl.col(DAYS), pl.col("d0"), pl.col("w0")
    around = (d0 <= tenor) & (d > tenor) & (d - d0 <= MAX_EXPIRY_GAP_DAYS)
    total = w0 + (pl.col("w") - w0) / (d - d0) * (tenor - d0)
    return ordered.filter(around).select(
        DAY, (total / tenor).sqrt().alias(_surface_name(name, tenor))
    )


def _night_jump(outside: pl.DataFrame, rows: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """Night closes over the settlement before, of the near options around the money then."""
    pairs = c.with_session_before(days)
    held = outside.filter(
        pl.col("near") & (pl.col(_X).abs() <= NEAR_MONEY) & (pl.col("settlement_price") > 0.0)
    ).select(pl.col(DAY).alias("before"), "code", pl.col("settlement_price").alias("paid"))
    wanted = held.join(pairs.select(DAY, "before"), on="before", maintain_order="left")
    night = rows.filter(pl.col("night_close") > 0.0).select(DAY, "code", "night_close")
    both = wanted.join(night, on=[DAY, "code"], maintain_order="left_right")
    jump = both.group_by(DAY, maintain_order=True).agg(
        pl.when(pl.len() >= FEWEST_CONTRACTS)
        .then(pl.col("night_close").sum() / pl.col("paid").sum() - 1.0)
        .alias("opt_night_jump")
    )
    return pairs.join(jump, on=DAY, how="left")


SERIES: Final[dict[str, str]] = {
    **{
        _surface_name(name, tenor): f"fraction a year: {name} at {tenor} calendar days"
        for name, tenor in _SURFACE
        if _surface_name(name, tenor) != AT_MONEY
    },
    "io_put_oi": "contracts, out of the money",
    "io_call_oi": "contracts, out of the money",
    "io_put_volume": "contracts, out of the money",
    "io_call_volume": "contracts, out of the money",
    "io_near_put_oi": "contracts of the near month within 10 % of the underlying",
    "io_near_call_oi": "contracts of the near month within 10 % of the underlying",
}
"""Base columns that are no features, and their units."""
