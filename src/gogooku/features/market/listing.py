"""What kind of listing a name is, from the daily list of issues (`master`).

A fact is that of the newest list known at the decision, which in the evening is the list of the
next session: a move to another segment counts from the evening on which the exchange shows it.
Names that are not listed that session have none, nor have those that have been on no list for
`STANDS` sessions.

The base columns ``lst_segment``, ``lst_scale`` and ``lst_sector33`` also serve other groups, which
hand a series per segment, size class or sector to the names that belong to it.

Left out on purpose: flags of the product category (the universe is domestic common stock, so they
are constant in it), the class that can be bought on margin only (what is not lendable) and one-hot
columns of sectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.core.sections import SEGMENTS
from gogooku.core.types import BoolArray, Feature, FloatArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine.combinators import Expression, col, declared, highest, over
from gogooku.features.engine.inputs import InputTable, Made, Tables, published
from gogooku.features.engine.lazy import Lazy
from gogooku.features.engine.timeline import IndexArray, Timeline

GROWTH, STANDARD, PRIME = 0.0, 1.0, 2.0
_SEGMENT_VALUES: Final = {"Growth": GROWTH, "Standard": STANDARD, "Prime": PRIME}
SCALES: Final = ("-", "Small 2", "Small 1", "Mid400", "Large70", "Core30")
"""Size classes of TOPIX, ascending; ``lst_scale`` is the position."""
SMALL2, SMALL1, MID400, LARGE70, CORE30 = 1.0, 2.0, 3.0, 4.0, 5.0
MARGIN_CLASSES: Final = ("other", "credit", "lendable")
"""``lst_margin`` is the position: what may be borrowed ranks highest."""
LENDABLE = 2.0
# fmt: off
SECTORS33: Final = (
    "0050", "1050", "2050", "3050", "3100", "3150", "3200", "3250", "3300", "3350", "3400",
    "3450", "3500", "3550", "3600", "3650", "3700", "3750", "3800", "4050", "5050", "5100",
    "5150", "5200", "5250", "6050", "6100", "7050", "7100", "7150", "7200", "8050", "9050",
)
# fmt: on
"""The 33 sectors in the exchange's order; ``lst_sector33`` is the position."""
OLDEST: Final = 750
"""Sessions from which on a listing counts as old, whatever its age."""
STANDS: Final = 20
"""Sessions for which a list stands for a listed name that is on no later one."""
RECENT: Final = 60
"""Sessions for which a move counts as recent."""

_FACTS: Final[Mapping[str, tuple[str, Mapping[str, float]]]] = MappingProxyType(
    {
        "lst_segment": (
            "market_code",
            {c: _SEGMENT_VALUES[s] for c, s in SEGMENTS.items() if s in _SEGMENT_VALUES},
        ),
        "lst_scale": (
            "scale",
            {s if s == "-" else f"TOPIX {s}": float(i) for i, s in enumerate(SCALES)},
        ),
        "lst_margin": ("margin_class", {c: float(i) for i, c in enumerate(MARGIN_CLASSES)}),
        "lst_sector33": ("sector33", {c: float(i) for i, c in enumerate(SECTORS33)}),
    }
)
"""Base column: column of the master, and the number of each of its texts."""


@dataclass(frozen=True)
class _Lists:
    """Rows of the master as U lists in the order in which they became known, ascending by date.

    ``first`` is the first session that knows a list (from 0, negative before the window); ``rows``
    are the rows of the table that count, ``cells`` where they belong: list x N + name. A list that
    comes after one of a later date adds nothing and is left out.
    """

    dates: DateArray
    first: IndexArray
    rows: IndexArray
    cells: IndexArray
    shape: tuple[int, int]

    @classmethod
    def read(cls, tables: Tables, timeline: Timeline, *, since: date | None) -> _Lists:
        """Lists from a date on."""
        frame = tables.read("master", ["code"], since=since)
        days, known = (
            np.asarray(frame.get_column(name).to_physical().cast(pl.Int64).to_numpy())
            for name in ("event_date", "available_at")
        )
        # rows of a list lie together: one search for all of them
        starts = np.flatnonzero((days[1:] != days[:-1]) | (known[1:] != known[:-1])) + 1
        starts = np.concatenate([np.arange(min(len(days), 1)), starts])
        length = np.diff(np.append(starts, len(days)))
        keys = pl.DataFrame({"known": known[starts], "day": days[starts]})
        lists = keys.unique().sort("known", "day")
        lists = lists.filter(pl.col("day") >= pl.col("day").cum_max())
        first = timeline.known_at(lists.get_column("known").to_numpy().astype("datetime64[us]"))
        lists = lists.with_row_index("u").filter(pl.Series(first < len(timeline.sessions)))
        number = keys.join(lists, on=["known", "day"], how="left", maintain_order="left")
        u = np.repeat(number.get_column("u").cast(pl.Int64).fill_null(-1).to_numpy(), length)
        n = timeline.name_of(frame.get_column("code"))
        rows = np.flatnonzero((u >= 0) & (n >= 0))
        return cls(
            dates=lists.get_column("day").to_numpy().astype("datetime64[D]"),
            first=first[: lists.height],
            rows=rows,
            cells=u[rows] * timeline.shape[1] + n[rows],
            shape=(lists.height, timeline.shape[1]),
        )

    def spread(self, values: npt.NDArray[np.generic], *, absent: int) -> npt.NDArray[np.uint8]:
        """Values of the rows, ``absent`` for names that are not on a list; [U, N]."""
        out = np.full(self.shape, absent, dtype=np.uint8)
        out.reshape(-1)[self.cells] = values[self.rows]
        return out

    def present(self) -> BoolArray:
        """Who is on each list; [U, N]."""
        out = np.zeros(self.shape, dtype=np.bool_)
        out.reshape(-1)[self.cells] = True
        return out


def _back(timeline: Timeline, sessions: int) -> date | None:
    """So many sessions before the first one; None where the history is not that long."""
    past = timeline.past.sessions
    return past[-sessions].item() if len(past) >= sessions else None


def _make_listing(tables: Tables, timeline: Timeline) -> Made:
    since = _back(timeline, STANDS)
    lists = _Lists.read(tables, timeline, since=since)
    cell = _newest_list(lists, timeline)

    def fact(column: str, numbers: Mapping[str, float]) -> FloatArray:
        kinds = pl.Enum(list(numbers))
        texts = tables.read("master", [column], since=since).get_column(column)
        places = texts.cast(kinds, strict=False).to_physical().fill_null(len(numbers))
        spread = lists.spread(places.to_numpy(), absent=len(numbers))
        values = np.append([*numbers.values()], np.nan)
        return np.asarray(values[np.append(spread, np.uint8(len(numbers)))[cell]])

    facts = {name: partial(fact, *about) for name, about in _FACTS.items()}
    whole = lists if since is None else None
    return Lazy({"listing_age": lambda: _listing_age(tables, timeline, whole), **facts})


def _newest_list(lists: _Lists, timeline: Timeline) -> IndexArray:
    """Cell of the newest known list with each name, that after the last for none; [T, N]."""
    num_lists, num_names = lists.shape
    row = np.where(lists.present(), np.arange(num_lists, dtype=np.int32)[:, None], np.int32(-1))
    np.maximum.accumulate(row, axis=0, out=row)
    row = np.concatenate([row, np.full((1, num_names), -1, dtype=np.int32)])
    now = np.arange(timeline.shape[0])
    row = row[np.searchsorted(lists.first, now, side="right") - 1]
    oldest = np.searchsorted(timeline.session_at(lists.dates), now - STANDS, side="left")
    known = (row >= oldest[:, None]) & timeline.listed_TN
    return np.where(known, row * num_names + np.arange(num_names), num_lists * num_names)


def _listing_age(tables: Tables, timeline: Timeline, whole: _Lists | None) -> FloatArray:
    """Sessions since the list on which a name appeared, 0 on that one, at most `OLDEST`; [T, N].

    The age of a name on the very first list is known only as "at least": null until `OLDEST`. So
    lists that reach back `OLDEST` sessions suffice. A list that was not known
    on its own session is none.
    """
    since = _back(timeline, OLDEST)
    lists = whole or _Lists.read(tables, timeline, since=since)
    day, on_list = _by_day(lists, timeline)
    began = timeline.session_at(day)
    if since is not None and (not len(day) or began[0] > -OLDEST):  # that list is missing
        lists = _Lists.read(tables, timeline, since=None)
        day, on_list = _by_day(lists, timeline)
        began = timeline.session_at(day)
    begins = on_list.copy()
    begins[1:] &= ~on_list[:-1]
    number = np.arange(len(day), dtype=np.int32)[:, None]
    start = np.where(begins, number, np.int32(-1))
    np.maximum.accumulate(start, axis=0, out=start)
    start[~on_list] = -1
    start = np.concatenate([start, np.full((1, start.shape[1]), -1, dtype=np.int32)])
    start = start[np.searchsorted(day, timeline.sessions, side="right") - 1]
    age = np.arange(timeline.shape[0], dtype=np.float64)[:, None] - np.append(began, 0)[start]
    np.minimum(age, OLDEST, out=age)
    age[~timeline.listed_TN | (start < 0) | ((start == 0) & (age < OLDEST))] = np.nan
    return np.asarray(age)


def _by_day(lists: _Lists, timeline: Timeline) -> tuple[DateArray, BoolArray]:
    """Dates D of the lists that were known on their own session, and who is on them [D, N]."""
    before = timeline.session_at(lists.dates - np.timedelta64(1, "D"))
    kept = np.flatnonzero(lists.first <= before + 1)
    day, starts = np.unique(lists.dates[kept], return_index=True)
    present = lists.present()[kept]
    if len(starts) < len(kept):
        present = np.logical_or.reduceat(present, starts, axis=0)
    return day, present


def pick(table_TS: FloatArray, which_TN: FloatArray) -> FloatArray:
    """Hand a series per kind to the names of that kind; null for names of no kind; [T, n]."""
    padded = np.concatenate([table_TS, np.full((len(table_TS), 1), np.nan)], axis=1)
    kind = np.where(np.isnan(which_TN), table_TS.shape[1], which_TN).astype(np.int64)
    return np.asarray(np.take_along_axis(padded, kind, axis=1))


def handed(table_TS: Expression, kind: Expression) -> Expression:
    """A series per kind, handed to the names of that kind, see `pick`."""
    return over(pick, table_TS, kind)


def _one_of(values: FloatArray, *, kinds: tuple[float, ...]) -> FloatArray:
    return np.where(np.isnan(values), np.nan, np.isin(values, kinds).astype(np.float64))


def _moved(values: FloatArray, *, way: float) -> FloatArray:
    step = way * (values - k.shift(values, 1))
    moved = (step > 0.0).astype(np.float64)
    moved[np.isnan(step)] = np.nan
    return moved


def _mask(name: str, what: Expression, meaning: str) -> Feature:
    nulls = 0.5 if what.inputs == ("lst_margin",) else 0.2
    return declared(
        name, what, "flag", meaning, group="listing", role=Role.MASK, max_null_share=nulls
    )


_KINDS = tuple(
    _mask(name, over(partial(_one_of, kinds=kinds), col(of)), meaning)
    for name, of, kinds, meaning in (
        (
            "is_borrowable",
            "lst_margin",
            (LENDABLE,),
            "Lendable issue: it can be borrowed and sold short on margin, not only bought; null "
            "where the list does not give the class.",
        ),
        ("is_prime", "lst_segment", (PRIME,), "Prime or first section."),
        ("is_standard", "lst_segment", (STANDARD,), "Standard, second section or JASDAQ Standard."),
        ("is_growth", "lst_segment", (GROWTH,), "Growth, Mothers or JASDAQ Growth."),
        ("is_scale_core30", "lst_scale", (CORE30,), "TOPIX Core30."),
        ("is_scale_large70", "lst_scale", (LARGE70,), "TOPIX Large70."),
        ("is_scale_mid400", "lst_scale", (MID400,), "TOPIX Mid400."),
        ("is_scale_small", "lst_scale", (SMALL2, SMALL1), "TOPIX Small 1 or Small 2."),
    )
)

_MOVES = tuple(
    _mask(
        name,
        highest(over(partial(_moved, way=way), col(of), window=2), RECENT),
        f"{what} within {RECENT} sessions.",
    )
    for name, of, way, what in (
        ("is_segment_up_60", "lst_segment", 1.0, "Moved to a higher segment"),
        ("is_segment_down_60", "lst_segment", -1.0, "Moved to a lower segment"),
        ("is_scale_up_60", "lst_scale", 1.0, "Moved to a larger size class"),
        ("is_scale_down_60", "lst_scale", -1.0, "Moved to a smaller size class"),
        (
            "is_margin_up_60",
            "lst_margin",
            1.0,
            "Became eligible for margin buying or for lending (null where the list has no class)",
        ),
    )
)

_AGE = (
    published(
        "listing_age",
        "sessions",
        f"Sessions since the listing, at most {OLDEST}; null in the first "
        f"{OLDEST} sessions of the source for names that were listed before it.",
        group="listing",
        max_null_share=1.0,
    ),
)

LISTING: Final[tuple[Feature, ...]] = (*_KINDS, *_MOVES, *_AGE)
LISTING_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("master",),
        stock={
            "lst_segment": "0 Growth, 1 Standard, 2 Prime, or the predecessor; null elsewhere",
            "lst_scale": "size class of TOPIX: 0 none, 1 Small 2, ... 5 Core30",
            "lst_margin": "0 other, 1 credit, 2 lendable",
            "lst_sector33": "place of the sector among the 33",
        },
        market={},
        make=_make_listing,
        features=LISTING,
    ),
)
