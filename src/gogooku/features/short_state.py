"""Large short positions as a standing state, from the reports of their holders.

A holder reports a position of 0.5 % of the shares outstanding or more whenever it changes by a
tenth of a percent, and once more when it falls below. So the newest known report of each holder
stands until the next one, and a report below the floor closes it. Summing the reports of one day
instead (the earlier system's ``ssp_ratio_sum``) measures who reported, not what is open.

Holders are told apart by the names of seller, contractor and fund. Private persons all have the
same name: a report of theirs follows the one whose date and ratio it states as the previous one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.types import FloatArray, IntArray
from gogooku.features.inputs import InputTable, Made, Tables
from gogooku.features.timeline import Placed, Timeline

FLOOR: Final = 0.005
"""Positions from here on are reported, as a share of shares outstanding."""
PRIVATE_PERSONS: Final = ("個人", "Individual")
_ROUNDING: Final = 1e-9
_TEXTS: Final = ("seller_name", "contractor_name", "fund_name")
_HOLDER: Final = ("n", *_TEXTS)
_READ: Final = (
    "code",
    *_TEXTS,
    "position_ratio",
    "position_shares",
    "previous_date",
    "previous_ratio",
)
_STOCK: Final = {
    "sp_ratio_sum": "open positions, share of shares outstanding; 0 without one",
    "sp_sellers": "number of open positions",
    "sp_top_ratio": "largest open position, share of shares outstanding; 0 without one",
    "sp_square_sum": "sum of the squares of the open ratios",
    "sp_shares": "shares of the open positions, forward basis",
    "sp_added": "increases that became known on that session, share of shares outstanding",
    "sp_reduced": "decreases that became known on that session, share of shares outstanding",
    "sp_opened": "positions first known on that session",
    "sp_closed": "positions known on that session to have fallen below the floor",
    "sp_reports": "reports that became known on that session",
    "sp_age": "sessions since the newest report of the name; null before the first",
}


@dataclass(frozen=True)
class Reports:
    """Reports in the order in which they became known; arrays [R].

    ``t``, ``n`` place them, ``end`` is the session from which the next report of the holder is
    known (T: none). ``ratio`` is the open position (0 below the floor), ``before`` that of the
    holder's report before, ``shares`` is on the forward basis.
    """

    t: IntArray
    n: IntArray
    end: IntArray
    ratio: FloatArray
    before: FloatArray
    shares: FloatArray
    recent: FloatArray
    """1 where the report became known on its session, 0 where it was known before the first."""


def reports_of(placed: Placed, timeline: Timeline) -> Reports:
    """Chain the reports of every holder."""
    rows = _rows(placed, timeline).filter(pl.col("ratio").is_not_null())
    private = pl.col("seller_name").is_in(["", *PRIVATE_PERSONS])
    chained = pl.concat([_named(rows.filter(~private)), _private(rows.filter(private))]).sort("at")
    end = chained.get_column("end").fill_null(timeline.shape[0]).to_numpy()
    return Reports(
        t=chained.get_column("t").to_numpy(),
        n=chained.get_column("n").to_numpy(),
        end=end,
        ratio=_open(chained.get_column("ratio")),
        before=_open(chained.get_column("before")),
        shares=chained.get_column("shares").fill_null(float("nan")).to_numpy(),
        recent=chained.get_column("recent").to_numpy(),
    )


def _rows(placed: Placed, timeline: Timeline) -> pl.DataFrame:
    """Reports with the columns that the chains need; ``tick`` counts ten-thousandths."""
    first_day = timeline.sessions[0].item()
    basis = pl.Series(timeline.share_basis(placed))
    return placed.frame.select(
        pl.Series("at", np.arange(len(placed), dtype=np.int64)),
        pl.Series("t", placed.t),
        pl.Series("n", placed.n),
        *(pl.col(name).fill_null("") for name in _TEXTS),
        pl.col("event_date").alias("day"),
        pl.col("position_ratio").alias("ratio"),
        (pl.col("position_shares") * pl.lit(basis)).alias("shares"),
        (pl.col("available_at").dt.date() >= first_day).cast(pl.Float64).alias("recent"),
        pl.col("previous_date").alias("previous_day"),
        pl.col("previous_ratio"),
        _tick("position_ratio").alias("tick"),
        _tick("previous_ratio").alias("previous_tick"),
    )


def _tick(column: str) -> pl.Expr:
    return (pl.col(column) * 1e4).round().cast(pl.Int64)


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """The newest report stands; one about an older day than a report known before does not."""
    newest = rows.filter(pl.col("day") >= pl.col("day").cum_max().over(_HOLDER))
    return newest.with_columns(
        pl.col("t").shift(-1).over(_HOLDER).alias("end"),
        pl.coalesce(pl.col("ratio").shift(1).over(_HOLDER), "previous_ratio").alias("before"),
    )


def _private(rows: pl.DataFrame) -> pl.DataFrame:
    """A report ends the one it states as its previous; equal ones end in order of appearance."""
    place = pl.col("at").cum_count()
    numbered = rows.with_columns(
        place.over([*_HOLDER, "day", "tick"]).alias("place"),
        place.over([*_HOLDER, "previous_day", "previous_tick"]).alias("previous_place"),
    )
    followers = numbered.select(
        *_HOLDER,
        pl.col("previous_day").alias("day"),
        pl.col("previous_tick").alias("tick"),
        pl.col("previous_place").alias("place"),
        pl.col("t").alias("end"),
    ).drop_nulls(["day", "tick"])
    joined = numbered.join(followers, on=[*_HOLDER, "day", "tick", "place"], how="left")
    return joined.drop("place", "previous_place").with_columns(
        pl.col("previous_ratio").alias("before")
    )


def _open(ratios: pl.Series) -> FloatArray:
    values = ratios.fill_null(0.0).to_numpy()
    return np.where(values >= FLOOR - _ROUNDING, values, 0.0)


def make_positions(tables: Tables, timeline: Timeline) -> Made:
    """The standing state and the changes of every name, null before the source and off the list."""
    rows = tables.read("short_positions", _READ)
    reports = reports_of(timeline.place(rows), timeline)
    made = _state(reports, timeline) | _changes(reports, timeline)
    known = rows.get_column("available_at").to_numpy().astype("datetime64[us]")
    begins = np.searchsorted(timeline.decisions, known).min(initial=timeline.shape[0])
    hidden = ~timeline.listed_TN
    hidden[:begins] = True
    for values in made.values():
        values[hidden] = np.nan
    return made


def _state(reports: Reports, timeline: Timeline) -> dict[str, FloatArray]:
    """Sums over what is open from each change to the next: pairs of (change, open report)."""
    num_sessions = timeline.shape[0]
    points = np.unique(reports.n * num_sessions + reports.t)
    stands = np.flatnonzero((reports.ratio > 0.0) & (reports.t < reports.end))
    base = reports.n[stands] * num_sessions
    first = np.searchsorted(points, base + reports.t[stands])
    count = np.searchsorted(points, base + reports.end[stands]) - first
    report = np.repeat(stands, count)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    point = np.repeat(first, count) + offset
    ratio = reports.ratio[report]
    top = np.zeros(len(points))
    np.maximum.at(top, point, ratio)

    def total(weights: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(point, weights, len(points)), dtype=np.float64)

    states = {
        "sp_ratio_sum": total(ratio),
        "sp_sellers": total(np.ones(len(ratio))),
        "sp_top_ratio": top,
        "sp_square_sum": total(ratio * ratio),
        "sp_shares": total(reports.shares[report]),
    }
    at = np.full(timeline.shape, -1, dtype=np.int64)
    at[points % num_sessions, points // num_sessions] = np.arange(len(points))
    np.maximum.accumulate(at, axis=0, out=at)
    return {name: np.append(values, 0.0)[at] for name, values in states.items()}


def _changes(reports: Reports, timeline: Timeline) -> dict[str, FloatArray]:
    """Sums over the reports of each session, 0 without one; none from before the first session."""
    num_sessions, num_names = timeline.shape
    cell = reports.t * num_names + reports.n

    def total(weights: FloatArray) -> FloatArray:
        counted = np.bincount(cell, weights * reports.recent, num_sessions * num_names)
        return np.asarray(counted, dtype=np.float64).reshape(timeline.shape)

    step = reports.ratio - reports.before
    opened = (reports.ratio > 0.0) & (reports.before == 0.0)
    closed = (reports.ratio == 0.0) & (reports.before > 0.0)
    made = {
        "sp_added": total(np.maximum(step, 0.0)),
        "sp_reduced": total(np.maximum(-step, 0.0)),
        "sp_opened": total(opened.astype(np.float64)),
        "sp_closed": total(closed.astype(np.float64)),
        "sp_reports": total(np.ones(len(step))),
    }
    now = np.arange(num_sessions, dtype=np.float64)[:, np.newaxis]
    newest = np.maximum.accumulate(np.where(made["sp_reports"] > 0.0, now, -np.inf), axis=0)
    return made | {"sp_age": np.where(np.isfinite(newest), now - newest, np.nan)}


POSITIONS_INPUT: Final = InputTable(
    tables=("short_positions",), stock=_STOCK, market={}, make=make_positions
)
