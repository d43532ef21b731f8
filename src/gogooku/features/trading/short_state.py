"""Large short positions as a standing state, from the reports of their holders.

A holder reports a position of 0.5 % of the shares outstanding or more whenever it changes by a
tenth of a percent, and once more when it falls below. So the newest known report of each holder
stands until the next one, and a report below the floor closes it. Summing the reports of one day
instead (the earlier system's ``ssp_ratio_sum``) measures who reported, not what is open.

Holders differ by the names of seller, contractor and fund, whatever their case, width and
blanks. Private persons all have the same name: a report of theirs follows the one whose date and
ratio it states as the previous one.

What nobody has confirmed for `FORGOTTEN_DAYS` is forgotten: a report about a day further back is no
open position and no report before. A report that comes more than `chains.OLDEST_DAYS` after its day
changes the state, and is no change that happened on the session that knows it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.core.types import BoolArray, FloatArray, IntArray
from gogooku.features.engine.chains import OLDEST_DAYS, days_after, first_day
from gogooku.features.engine.inputs import Made, Tables
from gogooku.features.engine.lazy import Lazy
from gogooku.features.engine.timeline import Placed, Timeline

FLOOR: Final = 0.005
"""Positions from here on are reported, as a share of shares outstanding."""
FORGOTTEN_DAYS: Final = 730
PRIVATE_PERSONS: Final = ("個人", "individual")
"""As `folded`."""
_ROUNDING: Final = 1e-9
_TEXTS: Final = ("seller_name", "contractor_name", "fund_name")
_READ: Final = (
    "code",
    *_TEXTS,
    "position_ratio",
    "position_shares",
    "previous_date",
    "previous_ratio",
)
STATE: Final = {
    "sp_sellers": "number of open positions",
    "sp_top_ratio": "largest open position, share of shares outstanding; 0 without one",
    "sp_top_seller": "a number made of the name of the seller of that position; null without one, "
    "and for private persons",
    "sp_square_sum": "sum of the squares of the open ratios",
    "sp_shares": "shares of the open positions, forward basis",
    "sp_added": "increases that became known on that session, share of shares outstanding",
    "sp_reduced": "decreases that became known on that session, share of shares outstanding",
    "sp_opened": "positions first known on that session",
    "sp_closed": "positions known on that session to have fallen below the floor",
    "sp_reports": "reports that became known on that session",
}


@dataclass(frozen=True)
class Reports:
    """Reports in the order in which they became known; arrays [R].

    ``t``, ``n`` place them, ``end`` is the session from which a position is no longer open by them:
    the next report of the holder is known, or they are forgotten (T: none). ``ratio`` is the open
    position (0 below the floor), ``before`` that of the holder's report before, ``shares`` is on
    the forward basis, ``seller`` a number made of the seller's name (NaN for private persons).
    """

    t: IntArray
    n: IntArray
    end: IntArray
    ratio: FloatArray
    before: FloatArray
    shares: FloatArray
    seller: FloatArray
    prompt: BoolArray
    """Whether it became known on its session, soon after its day."""


def reports_of(placed: Placed, timeline: Timeline) -> Reports:
    """Chain the reports of every holder."""
    rows = _report_rows(placed, timeline).filter(pl.col("ratio").is_not_null())
    private = pl.col("private")
    chained = pl.concat([_named(rows.filter(~private)), _private(rows.filter(private))]).sort("at")
    t, day = chained.get_column("t").to_numpy(), chained.get_column("day")
    forgotten = timeline.session_at(days_after(day, FORGOTTEN_DAYS)) + 1
    end = chained.get_column("end").fill_null(timeline.shape[0]).to_numpy()
    known_on = _all_sessions(timeline)[t + len(timeline.past)]
    late = known_on > days_after(day, OLDEST_DAYS)
    return Reports(
        t=t,
        n=chained.get_column("n").to_numpy(),
        end=np.minimum(end, forgotten),
        ratio=_open(chained.get_column("ratio")),
        before=_open(chained.get_column("before")),
        shares=chained.get_column("shares").fill_null(float("nan")).to_numpy(),
        seller=np.where(
            chained.get_column("private").to_numpy(),
            np.nan,
            chained.get_column("seller").to_numpy(),
        ),
        prompt=chained.get_column("recent").to_numpy() & ~late,
    )


def _all_sessions(timeline: Timeline) -> DateArray:
    """All sessions, those before the window first."""
    return np.concatenate([timeline.past.sessions, timeline.sessions])


def _report_rows(placed: Placed, timeline: Timeline) -> pl.DataFrame:
    """Reports with the columns that the chains need; ``tick`` counts ten-thousandths."""
    first_day = _all_sessions(timeline)[0].item()
    seller = _folded(placed.frame.get_column("seller_name"))
    basis = pl.Series(timeline.share_basis(placed))
    return placed.frame.select(
        pl.Series("at", np.arange(len(placed), dtype=np.int64)),
        pl.Series("t", placed.t),
        pl.Series("n", placed.n),
        pl.Series("holder", _holders(placed)),
        seller.is_in(["", *PRIVATE_PERSONS]).alias("private"),
        _numbers(seller).alias("seller"),
        pl.col("event_date").alias("day"),
        pl.col("position_ratio").alias("ratio"),
        (pl.col("position_shares") * pl.lit(basis)).alias("shares"),
        (pl.col("available_at").dt.date() >= first_day).alias("recent"),
        pl.col("previous_date").alias("previous_day"),
        pl.col("previous_ratio"),
        _tick("position_ratio").alias("tick"),
        _tick("previous_ratio").alias("previous_tick"),
    )


def _holders(placed: Placed) -> IntArray:
    """A number for each name and holder of it: equal numbers, texts equal but for their writing."""
    number = placed.n
    for name in _TEXTS:
        texts = _folded(placed.frame.get_column(name))
        kinds = texts.unique()
        part = texts.cast(pl.Enum(kinds)).to_physical().cast(pl.Int64).to_numpy()
        number = number * len(kinds) + part
    return np.asarray(number, dtype=np.int64)


def folded(text: str) -> str:
    """A name without its case, the width of its letters and doubled blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _folded(texts: pl.Series) -> pl.Series:
    """Names as `folded`; null is an empty one."""
    texts = texts.fill_null("")
    kinds = texts.unique().to_list()
    return texts.replace_strict(kinds, [folded(kind) for kind in kinds], return_dtype=pl.String)


def _numbers(texts: pl.Series) -> pl.Series:
    """A number of 24 bits for each text, the same in every delivery; float32 holds it exactly."""
    kinds = texts.unique().to_list()
    numbers = [int.from_bytes(blake2b(kind.encode(), digest_size=3).digest()) for kind in kinds]
    return texts.replace_strict(kinds, numbers, return_dtype=pl.Float64).cast(pl.Float64)


def _tick(column: str) -> pl.Expr:
    return (pl.col(column) * 1e4).round().cast(pl.Int64)


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """The newest report stands; one about an older day than a report known before does not."""
    newest = rows.filter(pl.col("day") >= pl.col("day").cum_max().over("holder"))
    remembered = (pl.col("day") - pl.col("day").shift(1)).dt.total_days() <= FORGOTTEN_DAYS
    before = pl.when(remembered).then(pl.col("ratio").shift(1))
    return newest.with_columns(
        pl.col("t").shift(-1).over("holder").alias("end"),
        pl.coalesce(before.over("holder"), "previous_ratio").alias("before"),
    )


def _private(rows: pl.DataFrame) -> pl.DataFrame:
    """A report ends the one it states as its previous; equal ones end in order of appearance."""
    place = pl.col("at").cum_count()
    numbered = rows.with_columns(place.over(["holder", "day", "tick"]).alias("place"))
    followers = rows.filter(pl.col("previous_day") <= pl.col("day")).select(
        "holder",
        pl.col("previous_day").alias("day"),
        pl.col("previous_tick").alias("tick"),
        place.over(["holder", "previous_day", "previous_tick"]).alias("place"),
        pl.col("t").alias("end"),
    )
    joined = numbered.join(
        followers.drop_nulls(["day", "tick"]),
        on=["holder", "day", "tick", "place"],
        how="left",
        maintain_order="left",
    )
    return joined.drop("place").with_columns(pl.col("previous_ratio").alias("before"))


def _open(ratios: pl.Series) -> FloatArray:
    values = ratios.fill_null(0.0).to_numpy()
    return np.where(values >= FLOOR - _ROUNDING, values, 0.0)


def make_positions(tables: Tables, timeline: Timeline) -> Made:
    """The standing state and the changes of every name, null before the source and off the list."""
    since = first_day(timeline, days=FORGOTTEN_DAYS)
    rows = tables.read("short_positions", _READ, since=since)
    reports = reports_of(timeline.place(rows), timeline)
    hidden = ~timeline.listed_TN
    hidden[~_delivered(rows, timeline)] = True
    made = _state(reports, timeline) | _report_changes(reports, timeline)

    def shown(make: Callable[[], FloatArray]) -> FloatArray:
        values = make()
        values[hidden] = np.nan
        return values

    return Lazy({name: partial(shown, make) for name, make in made.items()})


def _delivered(rows: pl.DataFrame, timeline: Timeline) -> BoolArray:
    """Sessions that know a report about a day that is not forgotten, of any name; [T]."""
    num_sessions = timeline.shape[0]
    known = rows.get_column("available_at").to_numpy().astype("datetime64[us]")
    start = np.maximum(timeline.known_at(known), 0)
    forgotten = days_after(rows.get_column("event_date"), FORGOTTEN_DAYS)
    end = timeline.session_at(forgotten) + 1
    stands = start < end
    steps = np.bincount(start[stands], minlength=num_sessions + 1)
    steps -= np.bincount(end[stands], minlength=num_sessions + 1)
    return np.asarray(np.cumsum(steps)[:num_sessions] > 0)


def _state(reports: Reports, timeline: Timeline) -> dict[str, Callable[[], FloatArray]]:
    """Sums over what is open from each change to the next: pairs of (change, open report)."""
    num_sessions, num_names = timeline.shape
    t, width = np.maximum(reports.t, 0), num_sessions + 1
    stands = np.flatnonzero((reports.ratio > 0.0) & (t < reports.end))
    base = reports.n[stands] * width
    changes = np.zeros(num_names * width, dtype=np.bool_)
    changes[base + t[stands]] = True
    changes[base + reports.end[stands]] = True
    number = np.cumsum(changes, dtype=np.int64) - 1
    first = number[base + t[stands]]
    count = number[base + reports.end[stands]] - first
    report = np.repeat(stands, count)
    point = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
    # cells before the first change of a name show a point at which nothing is open
    number = number.reshape(num_names, width)
    number[~np.logical_or.accumulate(changes.reshape(number.shape), axis=1)] = -1
    at_TN = np.ascontiguousarray(number.T[:num_sessions])
    num_points = int(changes.sum())
    ratio = reports.ratio[report]

    def total(weights: FloatArray) -> FloatArray:
        sums = np.bincount(point, weights, num_points + 1).astype(np.float64)
        return np.asarray(sums[at_TN])

    def top() -> FloatArray:
        highest = np.zeros(num_points + 1)
        np.maximum.at(highest, point, ratio)
        return np.asarray(highest[at_TN])

    def top_seller() -> FloatArray:
        seller = reports.seller[report]
        order = np.lexsort((-seller, ratio, point))
        largest = np.full(num_points + 1, np.nan)
        largest[point[order]] = seller[order]  # of several for a point the last one stays
        return np.asarray(largest[at_TN])

    return {
        "ssp_ratio_sum": partial(total, ratio),
        "sp_sellers": partial(total, np.ones(len(ratio))),
        "sp_top_ratio": top,
        "sp_top_seller": top_seller,
        "sp_square_sum": partial(total, ratio * ratio),
        "sp_shares": partial(total, reports.shares[report]),
    }


def _report_changes(reports: Reports, timeline: Timeline) -> dict[str, Callable[[], FloatArray]]:
    """Sums over the reports of each session, 0 without one."""
    num_sessions, num_names = timeline.shape
    here = reports.prompt & (reports.t >= 0)
    cell = (reports.t * num_names + reports.n)[here]
    ratio, before = reports.ratio[here], reports.before[here]
    step = ratio - before

    def total(weights: FloatArray) -> FloatArray:
        counted = np.bincount(cell, weights, num_sessions * num_names)
        return np.asarray(counted, dtype=np.float64).reshape(timeline.shape)

    return {
        "sp_added": partial(total, np.maximum(step, 0.0)),
        "sp_reduced": partial(total, np.maximum(-step, 0.0)),
        "sp_opened": partial(total, ((ratio > 0.0) & (before == 0.0)).astype(np.float64)),
        "sp_closed": partial(total, ((ratio == 0.0) & (before > 0.0)).astype(np.float64)),
        "sp_reports": partial(total, np.ones(len(step))),
        "ssp_days_since": partial(_report_age, reports, timeline),
    }


def _report_age(reports: Reports, timeline: Timeline) -> FloatArray:
    """Sessions since the newest prompt report, null without one that is not forgotten; [T, N]."""
    none = -len(timeline.past) - 1
    newest = np.full(timeline.shape, none, dtype=np.int64)
    t, n = reports.t[reports.prompt], reports.n[reports.prompt]
    newest[np.maximum(t, 0), n] = t
    np.maximum.accumulate(newest, axis=0, out=newest)
    oldest = timeline.sessions - np.timedelta64(FORGOTTEN_DAYS, "D")
    begins = np.searchsorted(_all_sessions(timeline), oldest) - len(timeline.past)
    age = (np.arange(timeline.shape[0])[:, np.newaxis] - newest).astype(np.float64)
    age[newest < begins[:, np.newaxis]] = np.nan
    return age
