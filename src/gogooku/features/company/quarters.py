"""Quarters, sums of four quarters and forecasts, as they were known when each document came out.

Documents are numbered in the order in which they became known. What a document changes is looked
up among the documents up to it and no later one: a correction of an old quarter changes the growth
of the quarter after it from that correction on, and never before. What stood before a document was
known at an earlier session: results and a revised forecast of one evening are one piece of news.

Flows are cumulated within a fiscal year, so a quarter is a difference of two documents of the same
year, and four quarters are ``cumulated + last fiscal year - the same part of last fiscal year``.
Documents are compared only within one kind of accounts (consolidated or not, accounting standard)
and between fiscal years whose months are twelve apart: a changed year end gives null, not a sum of
nine months.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.types import BoolArray, FloatArray
from gogooku.features.engine.timeline import IndexArray, Placed, Timeline

QUARTERS: Final = {"1Q": 1, "2Q": 2, "3Q": 3, "FY": 4}
_ORDER_BITS: Final = 22
"""Four million documents."""
_FIRST_YEAR: Final = 1900

CLIP: Final = 10.0
"""Growth, changes and yields beyond this, of figures near zero, say no more."""


def month_serial(days: pl.Series) -> IndexArray:
    """Months since January 1900 of each date, -1 for null."""
    serial = (days.dt.year().cast(pl.Int64) - _FIRST_YEAR) * 12 + days.dt.month() - 1
    return np.asarray(serial.fill_null(-1).to_numpy(), dtype=np.int64)


def gathered(values: FloatArray, rows: IndexArray) -> FloatArray:
    """Values of rows, NaN for row -1."""
    return np.asarray(np.append(values, np.nan)[rows])


@dataclass(frozen=True)
class Standing(Mapping[str, FloatArray]):
    """Columns [T, N] that stand from document to document, spread out when they are read.

    ``row_TN`` is the number of the newest document, -1 before the first. ``ages`` names the columns
    that hold the session at which something became known: they are read as sessions since then.
    One column of a whole market takes as much memory as ten years of documents, so no two are held.
    """

    columns: Mapping[str, FloatArray]
    row_TN: IndexArray
    ages: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> FloatArray:
        """One column."""
        values = gathered(self.columns[name], self.row_TN)
        if name not in self.ages:
            return values
        return np.arange(len(values), dtype=np.float64)[:, np.newaxis] - values

    def __iter__(self) -> Iterator[str]:
        """Names."""
        return iter(self.columns)

    def __len__(self) -> int:
        """Columns."""
        return len(self.columns)


def growth(now: FloatArray, before: FloatArray) -> FloatArray:
    """``(now - before) / |before|``; null where ``before`` is zero."""
    out = np.full(now.shape, np.nan)
    np.divide(now - before, np.abs(before), out=out, where=before != 0.0)
    return out


def news_of(placed: Placed, timeline: Timeline) -> IndexArray:
    """Number of the session that first knows each row, ascending; equal ones are one evening's.

    What became known before the first session of the history is ordered by its day.
    """
    first = -len(timeline.past)
    decisions = np.concatenate([timeline.past.decisions, timeline.decisions])
    known = placed.frame.get_column("available_at").to_numpy().astype("datetime64[D]")
    days = (known - decisions[0].astype("datetime64[D]")).astype(np.int64)
    return np.where(placed.t == first, first + np.minimum(days, 0), placed.t)


@dataclass(frozen=True)
class History:
    """Numbers of rows under keys; ``packed`` is ``key << 22 | number``, ascending."""

    packed: npt.NDArray[np.int64]

    @classmethod
    def of(cls, keys: IndexArray, numbers: IndexArray) -> History:
        """File rows under their keys; a negative key is left out."""
        kept = keys >= 0
        return cls(np.sort((keys[kept] << _ORDER_BITS) | numbers[kept]))

    def find(self, keys: IndexArray, upto: IndexArray) -> IndexArray:
        """Position of the newest row of each key whose number is at most ``upto``, -1 for none."""
        if not len(self.packed):
            return np.full(len(keys), -1, dtype=np.int64)
        wanted = (keys << _ORDER_BITS) | np.maximum(upto, 0)
        at = np.searchsorted(self.packed, wanted, side="right") - 1
        same = (self.packed[np.maximum(at, 0)] >> _ORDER_BITS) == keys
        return np.where((at >= 0) & same & (keys >= 0) & (upto >= 0), at, -1)

    def number(self, positions: IndexArray) -> IndexArray:
        """Numbers of the rows at positions, -1 for position -1."""
        return np.append(self.packed & ((1 << _ORDER_BITS) - 1), -1)[positions]

    def opening(self) -> IndexArray:
        """Position of the first row under the same key; [positions]."""
        keys = self.packed >> _ORDER_BITS
        return np.searchsorted(self.packed, keys << _ORDER_BITS).astype(np.int64)


@dataclass(frozen=True)
class Forecasts:
    """What was forecast for a fiscal year, at positions of a history of (name, year end).

    ``before`` [documents] is the number of the last document known at an earlier session.
    """

    history: History
    values: FloatArray
    before: IndexArray

    def at(self, keys: IndexArray, upto: IndexArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Find the newest forecast of each key, that of an earlier session and the first; NaN."""
        found = self.history.find(keys, upto)
        earlier = np.append(self.before, -1)[self.history.number(found)]
        before = self.history.find(keys, earlier)
        first = np.append(self.history.opening(), -1)[found]
        return (
            gathered(self.values, found),
            gathered(self.values, before),
            gathered(self.values, first),
        )


@dataclass(frozen=True)
class Documents:
    """Typed statements on the axes, in the order in which they became known.

    ``asked`` [A] are the numbers of the documents after which the state is wanted; what is looked
    up is looked up among all. Public arrays have one value per asked document: the state after it.
    ``years`` counts fiscal years before, ``back`` quarters before that of the newest results known
    then. ``news`` is the session that first knows each document, as of `news_of`.
    """

    placed: Placed
    asked: IndexArray
    news: IndexArray

    def __len__(self) -> int:
        """Documents."""
        return len(self.placed)

    @cached_property
    def _order(self) -> IndexArray:
        """Number of each document."""
        return np.arange(len(self), dtype=np.int64)

    @cached_property
    def before(self) -> IndexArray:
        """Number of the last document known at an earlier session than each one, -1; over all."""
        return np.searchsorted(self.news, self.news, side="left").astype(np.int64) - 1

    @cached_property
    def _quarter(self) -> IndexArray:
        """Quarter of documents with results, 0 for others."""
        period = self.placed.frame.get_column("document_period")
        quarter = period.replace_strict(QUARTERS, default=0, return_dtype=pl.Int64).fill_null(0)
        usable = (self._end >= 0) & (self._start >= 0) & (self._end - self._start < 32)
        return np.where(usable & (self._end >= self._start), quarter.to_numpy(), 0)

    @cached_property
    def _start(self) -> IndexArray:
        return month_serial(self.placed.frame.get_column("fiscal_year_start"))

    @cached_property
    def _end(self) -> IndexArray:
        return month_serial(self.placed.frame.get_column("fiscal_year_end"))

    @cached_property
    def _next_end(self) -> IndexArray:
        return month_serial(self.placed.frame.get_column("next_fiscal_year_end"))

    @cached_property
    def _basis(self) -> IndexArray:
        """Kind of accounts: standard and consolidation."""
        frame = self.placed.frame
        kinds = pl.Enum(["JP", "US", "IFRS", "JMIS", "Foreign", "REIT"])
        standard = frame.get_column("accounting_standard").cast(kinds, strict=False)
        number = standard.to_physical().cast(pl.Int64).fill_null(7).to_numpy()
        group = frame.get_column("is_consolidated").cast(pl.Int64).fill_null(0).to_numpy()
        return np.asarray(2 * number + group, dtype=np.int64)

    def _newest(self, chosen: BoolArray) -> IndexArray:
        """Number of the last chosen document of the name up to each document, -1 for none."""
        return self.placed.running_max(np.where(chosen, self._order, -1))

    def newest(self, chosen: BoolArray) -> IndexArray:
        """Number of the last chosen document of the name, -1 for none; ``chosen`` is over all."""
        return self._newest(chosen)[self.asked]

    @cached_property
    def is_result(self) -> BoolArray:
        """Documents with results of a quarter; over all."""
        return np.asarray(self._quarter > 0)

    @cached_property
    def current(self) -> IndexArray:
        """Number of the document with the newest period; the last one of several."""
        days = self.placed.frame.get_column("period_end").to_physical().cast(pl.Int64)
        ends = days.fill_null(-(10**6)).to_numpy()
        newest = self.placed.running_max(np.where(self.is_result, ends, -(10**6)))
        return self.newest(self.is_result & (ends >= newest))

    def of_current(self, values: npt.NDArray[np.int64]) -> IndexArray:
        """Whole numbers of the newest results, -1 before the first."""
        return np.append(values, -1)[self.current]

    @cached_property
    def quarter_now(self) -> IndexArray:
        """Quarter of the newest results, -1 before the first."""
        return self.of_current(self._quarter)

    @cached_property
    def _results(self) -> History:
        keys = self._key(self.placed.n, self._start, self._end, self._quarter, self._basis)
        return History.of(np.where(self.is_result, keys, -1), self._order)

    @staticmethod
    def _key(
        n: IndexArray, start: IndexArray, end: IndexArray, quarter: IndexArray, basis: IndexArray
    ) -> IndexArray:
        key = (((n << 12) | end) << 5) | (end - start)
        return (((key << 3) | quarter) << 4) | basis

    def _step(self, years: int, back: int) -> tuple[IndexArray, IndexArray]:
        """Fiscal years before and quarter, some quarters before the newest."""
        quarter = self.quarter_now - back
        wrapped = quarter < 1
        return years + wrapped.astype(np.int64), np.where(wrapped, quarter + 4, quarter)

    @cached_property
    def _found(self) -> dict[bytes, IndexArray]:
        """Rows that were looked up before."""
        return {}

    def _rows(self, years: IndexArray, quarter: IndexArray) -> IndexArray:
        """Number of the results of a quarter as known at each asked document, -1 for none."""
        asked = (8 * years + quarter).tobytes()
        if asked not in self._found:
            self._found[asked] = self._search(years, quarter)
        return self._found[asked]

    def _search(self, years: IndexArray, quarter: IndexArray) -> IndexArray:
        start = self.of_current(self._start) - 12 * years
        end = self.of_current(self._end) - 12 * years
        n = self.placed.n[self.asked]
        keys = self._key(n, start, end, quarter, self.of_current(self._basis))
        known = (self.current >= 0) & (start >= 0)
        found = self._results.find(np.where(known, keys, -1), self.asked)
        return self._results.number(found)

    def cumulated(self, values: FloatArray, years: int = 0, back: int = 0) -> FloatArray:
        """Flow from the start of the fiscal year to the end of a quarter."""
        return gathered(values, self._rows(*self._step(years, back)))

    def quarter(self, values: FloatArray, years: int = 0, back: int = 0) -> FloatArray:
        """Flow of a single quarter."""
        year, quarter = self._step(years, back)
        before = gathered(values, self._rows(year, quarter - 1))
        before = np.where(quarter == 1, 0.0, before)
        return gathered(values, self._rows(year, quarter)) - before

    def four_quarters(self, values: FloatArray, years: int = 0, back: int = 0) -> FloatArray:
        """Flow of the four quarters that end with a quarter."""
        year, quarter = self._step(years, back)
        now = gathered(values, self._rows(year, quarter))
        whole = gathered(values, self._rows(year + 1, np.full_like(quarter, 4)))
        part = gathered(values, self._rows(year + 1, quarter))
        cumulated = np.where(quarter == 4, now, now + whole - part)
        return np.where(self._of_year, cumulated, np.nan)

    @cached_property
    def _of_year(self) -> BoolArray:
        """Whether the fiscal year of the newest results has about twelve months."""
        frame = self.placed.frame
        length = (frame.get_column("fiscal_year_end") - frame.get_column("fiscal_year_start")).dt
        usual = length.total_days().is_between(350, 380).fill_null(value=False).to_numpy()
        return np.asarray(np.append(usual, False)[self.current])

    @cached_property
    def last_year(self) -> IndexArray:
        """Number of the results of the newest fiscal year of twelve months, -1 for none."""
        quarter = np.full_like(self.quarter_now, 4)
        rows = self._rows((self.quarter_now != 4).astype(np.int64), quarter)
        return np.where(self._of_year, rows, -1)

    @cached_property
    def year_before(self) -> IndexArray:
        """Number of the results of the whole year before that of the newest results, -1."""
        return self._rows(np.ones_like(self.quarter_now), np.full_like(self.quarter_now, 4))

    # ------------------------------------------------------------------------------- forecasts

    @cached_property
    def key_target(self) -> IndexArray:
        """Key of the fiscal year whose results come next."""
        following = np.where(self._next_end >= 0, self._next_end, self._end + 12)
        own = np.where(self._quarter == 4, following, self._end)
        newest = self.placed.running_max(np.where(self._end >= 0, own, -1))
        return _year_key(self.placed.n, newest)[self.asked]

    @cached_property
    def key_now(self) -> IndexArray:
        """Key of the fiscal year of the newest results."""
        return _year_key(self.placed.n[self.asked], self.of_current(self._end))

    def key_own(self, rows: IndexArray) -> IndexArray:
        """Key of the own fiscal year of some documents, -1 for none."""
        return np.append(_year_key(self.placed.n, self._end), -1)[rows]

    @cached_property
    def _forecast_rows(self) -> tuple[IndexArray, IndexArray]:
        """Places of forecasts that can be asked for, own year then next, and their keys."""
        n = np.concatenate([self.placed.n, self.placed.n])
        keys = _year_key(n, np.concatenate([self._end, self._next_end]))
        wanted = np.zeros((int(n.max(initial=0)) + 2) << 12, dtype=np.bool_)
        for asked in (self.key_target, self.key_now, self.key_own(self.last_year)):
            wanted[asked] = True
        wanted[-1] = False
        rows = np.flatnonzero(wanted[keys])
        packed = (keys[rows] << _ORDER_BITS) | rows % max(len(self), 1)
        order = np.argsort(packed, kind="stable")
        return rows[order], packed[order]

    def forecasts(self, this_year: FloatArray, next_year: FloatArray) -> Forecasts:
        """All forecasts of an item: documents' own year, and the next one in those of a year.

        Only of the years `key_target`, `key_now` and that of `last_year`.
        """
        rows, packed = self._forecast_rows
        values = np.concatenate([this_year, next_year])[rows]
        kept = ~np.isnan(values)
        return Forecasts(History(packed[kept]), values[kept], self.before)


def _year_key(n: IndexArray, ends: IndexArray) -> IndexArray:
    """Key of (name, fiscal year) of forecasts, -1 for no year."""
    return np.where(ends >= 0, (n << 12) | ends, -1)
