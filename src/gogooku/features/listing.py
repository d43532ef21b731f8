"""What kind of listing a name is, from the daily list of issues (`master`).

A fact is that of the newest list known at the decision, which in the evening is the list of the
next session: a move to another segment counts from the evening on which the exchange shows it.
Names off the list that session have none.

The base columns ``lst_segment``, ``lst_scale`` and ``lst_sector33`` also serve other groups, which
hand a series per segment, size class or sector to the names that belong to it.

Left out on purpose: flags of the product category (the universe is domestic common stock, so they
are constant in it) and one-hot columns of sectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.core.types import BoolArray, Feature, FloatArray, Role
from gogooku.features import kernels as k
from gogooku.features.inputs import InputTable, Made, Tables
from gogooku.features.kernels import Values, chain
from gogooku.features.timeline import IndexArray, Timeline
from gogooku.tables.listings import SEGMENTS

GROWTH, STANDARD, PRIME = 0.0, 1.0, 2.0
_SEGMENT_VALUES: Final = {"Growth": GROWTH, "Standard": STANDARD, "Prime": PRIME}
SCALES: Final = ("-", "Small 2", "Small 1", "Mid400", "Large70", "Core30")
"""Size classes of TOPIX, ascending; ``lst_scale`` is the position."""
SMALL, MID400, LARGE70, CORE30 = 2.0, 3.0, 4.0, 5.0
MARGIN_CLASSES: Final = ("other", "credit", "lendable")
"""``lst_margin`` is the position: what may be borrowed ranks highest."""
CREDIT, LENDABLE = 1.0, 2.0
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
    """The lists by date: D dates, and for each row of the master its date and its name.

    ``present_DN`` says who is on each list.
    """

    dates: DateArray
    d: IndexArray
    n: IndexArray
    present_DN: BoolArray

    def begins(self) -> BoolArray:
        """Whether a name is on a list and not on the one before; [D, N]."""
        begins = self.present_DN.copy()
        begins[1:] &= ~self.present_DN[:-1]
        return begins


def _lists(rows: pl.DataFrame, timeline: Timeline) -> _Lists:
    days = rows.get_column("event_date").to_physical().to_numpy()
    dates = rows.get_column("event_date").unique().sort().to_numpy().astype("datetime64[D]")
    numbers = dates.astype(np.int64)
    first = numbers[0] if len(numbers) else 0
    place = np.zeros(numbers[-1] - first + 1 if len(numbers) else 0, dtype=np.int64)
    place[numbers - first] = np.arange(len(numbers))
    d, n = place[days - first], timeline.name_of(rows.get_column("code"))
    present = np.zeros((len(dates), len(timeline.codes)), dtype=np.bool_)
    present[d, n] = True
    return _Lists(dates=dates, d=d, n=n, present_DN=present)


def _make(tables: Tables, timeline: Timeline) -> Made:
    texts = {name: (column, list(numbers)) for name, (column, numbers) in _FACTS.items()}
    rows = tables.read("master", ["code", *(column for column, _ in texts.values())]).select(
        "event_date",
        "available_at",
        pl.col("code").cast(pl.Enum(list(timeline.codes)), strict=False),
        *(
            pl.col(column)
            .cast(pl.Enum(known), strict=False)
            .to_physical()
            .cast(pl.Int32)
            .fill_null(len(known))
            .alias(name)
            for name, (column, known) in texts.items()
        ),
    )
    rows = rows.filter(pl.col("code").is_not_null())
    lists = _lists(rows, timeline)
    placed = timeline.place(rows.filter(pl.Series(_is_new(rows, lists))))
    newest = timeline.latest_row(placed)
    newest[~timeline.listed_TN] = -1
    out = {"lst_age": _age(lists, timeline)}
    for name, (_, numbers) in _FACTS.items():
        values = np.append([*numbers.values()], np.nan)[placed.frame.get_column(name).to_numpy()]
        out[name] = np.append(values, np.nan)[newest]
    return out


def _is_new(rows: pl.DataFrame, lists: _Lists) -> BoolArray:
    """Whether a row says something else than the list before: a fact stands until it changes."""
    facts = np.zeros(rows.height, dtype=np.int32)
    for name, (_, numbers) in _FACTS.items():
        facts = facts * np.int32(len(numbers) + 1) + rows.get_column(name).to_numpy()
    dense = np.full(lists.present_DN.shape, -1, dtype=np.int32)
    dense[lists.d, lists.n] = facts
    new = lists.begins()
    new[1:] |= dense[1:] != dense[:-1]
    return np.asarray(new[lists.d, lists.n])


def _age(lists: _Lists, timeline: Timeline) -> FloatArray:
    """Lists since the one on which a name appeared, 0 on that one, at most `OLDEST`; [T, N].

    The age of a name on the very first list is known only as "at least": null until `OLDEST`.
    """
    number = np.arange(len(lists.dates), dtype=np.int32)[:, None]
    since = np.where(lists.begins(), number, np.int32(-1))
    np.maximum.accumulate(since, axis=0, out=since)
    age = np.minimum(number - since, OLDEST).astype(np.float64)
    age[~lists.present_DN | ((since == 0) & (age < OLDEST))] = np.nan
    at = np.searchsorted(lists.dates, timeline.sessions, side="right") - 1
    age = np.concatenate([age, np.full((1, age.shape[1]), np.nan)])[at]
    age[~timeline.listed_TN] = np.nan
    return age


LISTING_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("master",),
        stock={
            "lst_segment": "0 Growth, 1 Standard, 2 Prime, or the predecessor; null elsewhere",
            "lst_scale": "size class of TOPIX: 0 none, 1 Small 2, ... 5 Core30",
            "lst_margin": "0 other, 1 credit, 2 lendable",
            "lst_sector33": "place of the sector among the 33",
            "lst_age": f"sessions since the first list with the name, at most {OLDEST}",
        },
        market={},
        make=_make,
    ),
)


def pick(table_TS: FloatArray, which_TN: FloatArray) -> FloatArray:
    """Hand a series per kind to the names of that kind; null for names of no kind; [T, n]."""
    padded = np.concatenate([table_TS, np.full((len(table_TS), 1), np.nan)], axis=1)
    kind = np.where(np.isnan(which_TN), table_TS.shape[1], which_TN).astype(np.int64)
    return np.asarray(np.take_along_axis(padded, kind, axis=1))


def _is(x: Values, *, of: str, low: float, high: float) -> FloatArray:
    values = x[of]
    inside = ((values >= low) & (values <= high)).astype(np.float64)
    inside[np.isnan(values)] = np.nan
    return inside


def _moved(x: Values, *, of: str, way: float) -> FloatArray:
    step = way * (x[of] - k.shift(x[of], 1))
    moved = (step > 0.0).astype(np.float64)
    moved[np.isnan(step)] = np.nan
    return k.rolling_extreme(moved, RECENT, kind="max")


def _log_age(x: Values) -> FloatArray:
    return np.log1p(x["lst_age"])


_mask = partial(Feature, group="listing", role=Role.MASK, unit="flag")

_KINDS = tuple(
    _mask(
        name=name,
        concept=concept,
        inputs=(of,),
        compute=partial(_is, of=of, low=low, high=high),
        lookback=1,
        max_null_share=null_share,
        meaning=meaning,
    )
    for name, concept, of, low, high, null_share, meaning in (
        (
            "is_borrowable",
            "margin class",
            "lst_margin",
            LENDABLE,
            LENDABLE,
            1.0,
            "Lendable issue: it can be borrowed and sold short on margin; null where the list does "
            "not give the class.",
        ),
        (
            "is_margin_credit",
            "margin class",
            "lst_margin",
            CREDIT,
            CREDIT,
            1.0,
            "Bought on margin, but not lent for short sales; null where the list does not give the "
            "class.",
        ),
        ("is_prime", "segment", "lst_segment", PRIME, PRIME, 0.2, "Prime or first section."),
        (
            "is_standard",
            "segment",
            "lst_segment",
            STANDARD,
            STANDARD,
            0.2,
            "Standard, second section or JASDAQ Standard.",
        ),
        (
            "is_growth",
            "segment",
            "lst_segment",
            GROWTH,
            GROWTH,
            0.2,
            "Growth, Mothers or JASDAQ Growth.",
        ),
        ("is_scale_core30", "size class", "lst_scale", CORE30, CORE30, 0.2, "TOPIX Core30."),
        ("is_scale_large70", "size class", "lst_scale", LARGE70, LARGE70, 0.2, "TOPIX Large70."),
        ("is_scale_mid400", "size class", "lst_scale", MID400, MID400, 0.2, "TOPIX Mid400."),
        ("is_scale_small", "size class", "lst_scale", 1.0, SMALL, 0.2, "TOPIX Small 1 or Small 2."),
    )
)

_MOVES = tuple(
    _mask(
        name=name,
        concept="move",
        inputs=(of,),
        compute=partial(_moved, of=of, way=way),
        lookback=chain(RECENT, 2),
        max_null_share=1.0 if of == "lst_margin" else 0.2,
        meaning=f"{what} within {RECENT} sessions.",
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
    Feature(
        name="listing_age_log",
        concept="age",
        group="listing",
        inputs=("lst_age",),
        compute=_log_age,
        lookback=1,
        unit="log",
        max_null_share=1.0,
        meaning=f"Log of 1 + sessions since the listing, at most {OLDEST}; null in the first "
        f"{OLDEST} sessions of the source for names that were listed before it.",
    ),
)

LISTING: Final[tuple[Feature, ...]] = (*_KINDS, *_MOVES, *_AGE)
