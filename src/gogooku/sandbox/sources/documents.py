"""Every document that companies disclose, as numbers: one frame per market, rendered elsewhere.

Companies forecast, revise and report: all documents of a name are run through in the order of
their instants, all names side by side. A revision of the market's drivers moves the forecast; the
quarters after it move towards the revised forecast. Amounts in yen, rounded to a million.
Share counts and dividends per share are kept on the split basis before any factor of the market;
a document shows them on the basis of its own session (ex-dates up to and including it).
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.quirks import BoolArray, IntArray
from gogooku.sandbox.sources.companies import (
    Companies,
    Days,
    companies,
    days_of,
    split_product,
    stream,
)
from gogooku.sandbox.sources.reports import (
    Reports,
    disclosure_minutes,
    is_listed,
    plan_reports,
    year_targets,
)

REVISION_STEP: Final = (0.03, 0.085, 0.08, 0.08)
"""Relative change of the forecast of each of `ITEMS` per unit of `RevisionEvents.size`."""
REVISION_NOISE: Final = (0.012, 0.03, 0.025, 0.012)
"""Standard deviation of what a revision changes in one item alone."""
SIZE_LIMIT: Final = 3.0
BOOK_PULL: Final = 0.25
"""Share of the log distance between equity and its usual multiple of market value closed a year."""
LATE_MINUTES: Final = (17 * 60 + 35, 22 * 60)
ITEMS: Final = ("sales", "op", "odp", "np")
_MILLION: Final = 1e6
_SALES_SD, _PROFIT_SD = 0.03, 0.12
_QUARTER_DRAWS: Final = 10


class Kind(IntEnum):
    """Kind of a document, in the order in which those of one minute are numbered."""

    RESULTS = 0
    CORRECTION = 1
    REVISION = 2
    DIVIDEND = 3


@dataclass(frozen=True)
class Events:
    """What makes documents, sorted by name, then instant; arrays [E].

    ``report`` is the results document (place in `Reports`) that the event is about or follows;
    ``size`` is used by revisions and dividend revisions, ``own`` (standard normal, [E, 4], one per
    item) by revisions; ``public``: the name was listed.
    """

    stock: IntArray
    row: IntArray
    minute: IntArray
    kind: IntArray
    report: IntArray
    size: FloatArray
    own: FloatArray
    public: BoolArray


@dataclass(frozen=True)
class Book:
    """The companies of a market and all their documents.

    ``frame`` has one row per document, sorted by instant and number: ``stock row date minute kind
    quarter period_end year_end disc_no`` and the float columns that `_Ledger` writes. Documents
    before the first delivered session have a negative ``row``.
    """

    companies: Companies
    days: Days
    reports: Reports
    frame: pl.DataFrame


_BOOKS: dict[int, Book] = {}


def book(market: Market) -> Book:
    """Documents of a market, built once while the market lives."""
    key = id(market)
    if key not in _BOOKS:
        _BOOKS[key] = _build(market)
        weakref.finalize(market, _BOOKS.pop, key, None)
    return _BOOKS[key]


def _build(market: Market) -> Book:
    firms, days = companies(market), days_of(market)
    reports = plan_reports(market, firms, days)
    events = _events(market, reports)
    ledger = _Ledger(market, firms, reports, days)
    columns = ledger.run(events)
    frame = _frame(events, reports, columns, days)
    return Book(firms, days, reports, frame)


def _events(market: Market, reports: Reports) -> Events:
    """Results, corrections, forecast revisions and dividend revisions, in order."""
    rng = stream(market, 3)
    stocks = np.indices(reports.row.shape)[0]
    rows, minutes = reports.row, reports.minute
    parts = [_part(Kind.RESULTS, stocks, rows, minutes)]
    corrected = rng.random(rows.shape) < 0.01
    after = rows + rng.integers(2, 21, rows.shape)
    parts.append(
        _part(Kind.CORRECTION, stocks, after, disclosure_minutes(rng, rows.shape), corrected)
    )
    with_results = rng.random(rows.shape) < 0.10
    later = ~with_results & (rng.random(rows.shape) < 0.06)
    changed_row = np.where(later, rows + rng.integers(5, 41, rows.shape), rows)
    changed_minute = np.where(later, disclosure_minutes(rng, rows.shape), minutes)
    moved = with_results | later
    parts.append(_part(Kind.DIVIDEND, stocks, changed_row, changed_minute, moved))
    sizes = [rng.standard_normal(len(part[0])) for part in parts]
    revised, size = _revisions(market, rng)
    parts.append(revised)
    sizes.append(size)
    stock, row, minute, kind = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((kind, minute, row, stock))
    stock, row, minute, kind = stock[order], row[order], minute[order], kind[order]
    return Events(
        stock=stock,
        row=row,
        minute=minute,
        kind=kind,
        report=_last_report(stock, kind),
        size=np.concatenate(sizes)[order],
        own=stream(market, 9).standard_normal((len(stock), len(ITEMS))),
        public=is_listed(market, row, stock),
    )


_Part = tuple[IntArray, IntArray, IntArray, IntArray]


def _part(
    kind: Kind,
    stocks: IntArray,
    rows: IntArray,
    minutes: IntArray,
    chosen: BoolArray | None = None,
) -> _Part:
    kept = np.ones(rows.shape, dtype=np.bool_) if chosen is None else chosen
    count = int(kept.sum())
    kinds = np.full(count, int(kind), dtype=np.int64)
    return stocks[kept].astype(np.int64), rows[kept], minutes[kept], kinds


def _revisions(market: Market, rng: np.random.Generator) -> tuple[_Part, FloatArray]:
    """Forecast revisions of the market's drivers; none without drivers."""
    drivers = market.drivers
    if drivers is None:
        none = np.zeros(0, dtype=np.int64)
        return (none, none, none, none), np.zeros(0)
    found = drivers.revisions
    count = len(found.row)
    minute = np.minimum(disclosure_minutes(rng, (count,)), 17 * 60 + 30)
    late = 5 * rng.integers(LATE_MINUTES[0] // 5, LATE_MINUTES[1] // 5 + 1, count)
    minute = np.where(found.late, late, minute).astype(np.int64)
    kinds = np.full(count, int(Kind.REVISION), dtype=np.int64)
    return (found.stock, found.row, minute, kinds), found.size


def _last_report(stock: IntArray, kind: IntArray) -> IntArray:
    """Place in `Reports` of the newest results up to each event; -1 before the first."""
    results = np.cumsum(kind == Kind.RESULTS)
    first = np.searchsorted(stock, stock)
    before = results[first] - (kind[first] == Kind.RESULTS)
    newest: IntArray = (results - before - 1).astype(np.int64)
    return newest


def _rounded(values: FloatArray) -> FloatArray:
    out: FloatArray = np.round(values / _MILLION) * _MILLION
    return out


class _Ledger:
    """State of all companies while their documents are run through; arrays [N] or [N, 4].

    Float columns written per document: the cumulated items ``sales op odp np``, ``ta eq sheq``,
    ``cfo cfi cff cash`` (2Q and FY), ``div_int div_fin`` of the document's fiscal year, ``f_*``
    (forecast of the items: of the running year, in FY documents of the next one), ``f_int f_fin``
    likewise, ``product`` (split basis), ``roe`` (FY), ``ttm`` (profit of four quarters), all NaN
    where unknown.
    """

    def __init__(self, market: Market, firms: Companies, reports: Reports, days: Days) -> None:
        num = len(market.codes)
        self.firms, self.reports = firms, reports
        self.product = split_product(market)
        self.targets, self.value = year_targets(market, firms, reports, days)
        rng = stream(market, 4)
        self.noise = rng.standard_normal((*reports.row.shape, _QUARTER_DRAWS))
        self.forecast = self.targets[:, 0].copy()
        self.done = np.zeros((num, 4))
        self.sheq = _rounded(self.value[:, 0] * firms.book_ratio)
        self.year_sheq = self.sheq.copy()
        self.year_cash = _rounded(0.1 * self.forecast[:, 0])
        self.dividend = np.zeros((num, 2))
        self.this_year = np.full((num, 5), np.nan)
        self.last_year = np.full((num, 5), np.nan)
        self.sheet = {
            name: np.full(num, np.nan)
            for name in (*ITEMS, "ta", "eq", "cfo", "cfi", "cff", "cash", "roe")
        }
        self.paid = np.full((num, 2), np.nan)
        everyone = np.arange(num)
        self._set_dividend(everyone, np.ones(num))

    def run(self, events: Events) -> dict[str, FloatArray]:
        """Run through all events; float columns [E]."""
        count = len(events.stock)
        starts = np.searchsorted(events.stock, np.arange(len(self.forecast)))
        lengths = np.diff(starts, append=count)
        columns: dict[str, FloatArray] = {}
        for turn in range(int(lengths.max(initial=0))):
            places = starts[lengths > turn] + turn
            for kind in Kind:
                self._apply(kind, places[events.kind[places] == kind], events)
            self._write(columns, places, events)
        return columns

    def _apply(self, kind: Kind, places: IntArray, events: Events) -> None:
        stocks, report = events.stock[places], events.report[places]
        if kind is Kind.RESULTS:
            self._report(stocks, report, product=self._product(places, events))
            self._remember(kind, stocks, report, public=events.public[places])
        elif kind is Kind.CORRECTION:
            tweak = 1 + 0.02 * np.clip(events.size[places], -2, 2)
            self._correct(stocks, report, tweak=tweak)
            self._remember(kind, stocks, report, public=events.public[places])
        elif kind is Kind.REVISION:
            self._revise(stocks, events.size[places], own=events.own[places])
        else:
            self._move_dividend(
                stocks, report, size=events.size[places], product=self._product(places, events)
            )

    def _product(self, places: IntArray, events: Events) -> FloatArray:
        """Split basis of each event; 1 before the first delivered session."""
        rows = np.clip(events.row[places], 0, len(self.product) - 1)
        known: FloatArray = self.product[rows, events.stock[places]]
        return np.where(events.row[places] < 0, 1.0, known)

    def _report(self, stocks: IntArray, report: IntArray, *, product: FloatArray) -> None:
        quarter = self.reports.quarter[stocks, report]
        draws = self.noise[stocks, report]
        self._earn(stocks, quarter, draws)
        ended = quarter == 4
        shares = self.firms.net_shares[stocks]
        payout = np.where(ended, self.dividend[stocks].sum(axis=1) * shares, 0.0)
        floor = 0.03 * np.abs(self.forecast[stocks, 0])
        equity = np.maximum(self.sheq[stocks] - payout, floor)
        # Other income: equity follows market values slowly, else ten years part the two.
        usual = self.value[stocks, self._next_year(stocks, report)] * self.firms.book_ratio[stocks]
        pulled = equity ** (1 - BOOK_PULL) * usual**BOOK_PULL
        self.sheq[stocks] = _rounded(np.where(ended, pulled, equity))
        total = self.sheq[stocks] / (1 - self.firms.minority_ratio[stocks])
        self.sheet["eq"][stocks] = _rounded(total)
        assets = self.sheq[stocks] / self.firms.equity_ratio[stocks]
        self.sheet["ta"][stocks] = _rounded(
            np.maximum(assets * np.exp(0.02 * draws[:, 5]), 1.02 * total)
        )
        self._flows(stocks, quarter, draws)
        mean = (self.sheq[stocks] + self.year_sheq[stocks]) / 2
        self.sheet["roe"][stocks] = np.where(ended, self.done[stocks, 3] / mean, np.nan)
        self.paid[stocks] = self.dividend[stocks]
        self._close_year(stocks[ended], report[ended], product=product[ended])

    def _next_year(self, stocks: IntArray, report: IntArray) -> IntArray:
        """Fiscal year after that of the reports; the last planned one at most."""
        following = self.reports.year[stocks, report] + 1
        last: IntArray = np.minimum(following, self.targets.shape[1] - 1)
        return last

    def _earn(self, stocks: IntArray, quarter: IntArray, draws: FloatArray) -> None:
        """Add a quarter to the cumulated items, on the way to the forecast of the year."""
        aim, done = self.forecast[stocks], self.done[stocks]
        weights = np.stack([self.firms.sales_weights[stocks], self.firms.profit_weights[stocks]])
        weight = np.take_along_axis(weights, (quarter - 1)[None, :, None], axis=2)[..., 0]
        left = np.where(np.arange(4) >= (quarter - 1)[:, None], weights, 0.0).sum(axis=2)
        sales, profit = 0, 1
        share = (weight / left)[[sales, profit, profit, profit]].T
        usual = weight[[sales, profit, profit, profit]].T * aim
        common = draws[:, :1] * np.array([0.0, 0.97, 0.97, 0.97])
        own = draws[:, 1:5] * np.array([1.0, 0.24, 0.24, 0.24])
        spread = np.array([_SALES_SD, _PROFIT_SD, _PROFIT_SD, _PROFIT_SD])
        quarterly = (aim - done) * share * (1 + spread * (common + own))
        least = usual * np.array([0.3, 0.1, 0.1, 0.1])
        quarterly = _rounded(np.where(aim > 0, np.maximum(quarterly, least), quarterly))
        self.done[stocks] = done + quarterly
        self.sheq[stocks] += quarterly[:, 3]
        for item, name in enumerate(ITEMS):
            self.sheet[name][stocks] = self.done[stocks, item]

    def _flows(self, stocks: IntArray, quarter: IntArray, draws: FloatArray) -> None:
        """Cash flows since the start of the year; only 2Q and FY documents show them."""
        sales, profit = self.done[stocks, 0], self.done[stocks, 3]
        operating = _rounded(profit + sales * (0.04 + 0.01 * draws[:, 6]))
        investing = _rounded(-0.045 * sales * np.exp(0.3 * draws[:, 7]))
        payout = self.dividend[stocks].sum(axis=1) * self.firms.net_shares[stocks] * quarter / 4
        financing = -payout + 0.004 * sales * draws[:, 8]
        year_sales = np.abs(self.forecast[stocks, 0])
        cash = self.year_cash[stocks] + operating + investing + financing
        target = np.clip(cash, 0.03 * year_sales, 0.5 * year_sales)
        financing = _rounded(financing + target - cash)
        cash = self.year_cash[stocks] + operating + investing + financing
        shown = quarter % 2 == 0
        flows = {"cfo": operating, "cfi": investing, "cff": financing, "cash": cash}
        for name, values in flows.items():
            self.sheet[name][stocks] = np.where(shown, values, np.nan)
        self.year_cash[stocks] = np.where(quarter == 4, cash, self.year_cash[stocks])

    def _close_year(self, stocks: IntArray, report: IntArray, *, product: FloatArray) -> None:
        """Open the next fiscal year with its first forecast."""
        self.forecast[stocks] = self.targets[stocks, self._next_year(stocks, report)]
        self.done[stocks] = 0.0
        self.year_sheq[stocks] = self.sheq[stocks]
        self._set_dividend(stocks, product)

    def _set_dividend(self, stocks: IntArray, product: FloatArray) -> None:
        profit = np.maximum(self.forecast[stocks, 3], 0.0) / self.firms.net_shares[stocks]
        annual = profit * self.firms.payout_ratio[stocks]
        interim = np.where(self.firms.pays_interim[stocks], annual / 2, 0.0)
        self.dividend[stocks, 0] = _whole_yen(interim, product)
        self.dividend[stocks, 1] = _whole_yen(annual - interim, product)

    def _correct(self, stocks: IntArray, report: IntArray, *, tweak: FloatArray) -> None:
        """Restate the profits of the newest results; the running year goes on from them."""
        running = self.reports.quarter[stocks, report] < 4
        for item, name in enumerate(ITEMS[1:], start=1):
            values = _rounded(self.sheet[name][stocks] * tweak)
            self.sheet[name][stocks] = values
            self.done[stocks, item] = np.where(running, values, self.done[stocks, item])

    def _remember(
        self, kind: Kind, stocks: IntArray, report: IntArray, *, public: BoolArray
    ) -> None:
        """Keep the net profit of the period for the sum of four quarters."""
        quarter = self.reports.quarter[stocks, report]
        profit = np.where(public, self.sheet["np"][stocks], np.nan)
        ended = quarter == 4
        if kind is Kind.CORRECTION:
            self.last_year[stocks[ended], 4] = profit[ended]
            self.this_year[stocks[~ended], quarter[~ended]] = profit[~ended]
            return
        self.this_year[stocks, quarter] = profit
        over = stocks[ended]
        self.last_year[over] = self.this_year[over]
        self.this_year[over] = np.nan

    def _revise(self, stocks: IntArray, size: FloatArray, *, own: FloatArray) -> None:
        """Move a forecast by its step per unit; small and negative ones by a share of sales."""
        aim = self.forecast[stocks]
        scale = np.maximum(np.abs(aim), 0.002 * aim[:, :1])
        common = np.clip(size, -SIZE_LIMIT, SIZE_LIMIT)[:, np.newaxis]
        alone = np.clip(own, -SIZE_LIMIT, SIZE_LIMIT)
        step = np.asarray(REVISION_STEP) * common + np.asarray(REVISION_NOISE) * alone
        self.forecast[stocks] = _rounded(aim + step * scale)

    def _move_dividend(
        self, stocks: IntArray, report: IntArray, *, size: FloatArray, product: FloatArray
    ) -> None:
        """Change what is not yet decided: the final, and before 2Q the interim dividend."""
        factor = np.clip(1 + 0.15 * size, 0.5, 1.6)
        quarter = np.where(report >= 0, self.reports.quarter[stocks, np.maximum(report, 0)], 4)
        undecided = (quarter == 4) | (quarter == 1)
        interim, final = self.dividend[stocks].T
        self.dividend[stocks, 0] = np.where(
            undecided, _whole_yen(interim * factor, product), interim
        )
        self.dividend[stocks, 1] = _whole_yen(final * factor, product)

    def _write(self, columns: dict[str, FloatArray], places: IntArray, events: Events) -> None:
        stocks, report = events.stock[places], np.maximum(events.report[places], 0)
        quarter = self.reports.quarter[stocks, report]
        four = np.where(
            quarter == 4,
            self.last_year[stocks, 4],
            self.last_year[stocks, 4]
            + self.this_year[stocks, quarter]
            - self.last_year[stocks, quarter],
        )
        values: dict[str, FloatArray] = {name: held[stocks] for name, held in self.sheet.items()}
        values |= {f"f_{name}": self.forecast[stocks, item] for item, name in enumerate(ITEMS)}
        values |= {"div_int": self.paid[stocks, 0], "div_fin": self.paid[stocks, 1]}
        values |= {"f_int": self.dividend[stocks, 0], "f_fin": self.dividend[stocks, 1]}
        values |= {"sheq": self.sheq[stocks], "ttm": four}
        values["product"] = self._product(places, events)
        for name, value in values.items():
            if name not in columns:
                columns[name] = np.full(len(events.stock), np.nan)
            columns[name][places] = value


def _whole_yen(per_share: FloatArray, product: FloatArray) -> FloatArray:
    """Round a dividend to half a yen on the basis of its announcement (a tenth when small)."""
    raw = per_share * product
    half: FloatArray = np.where(raw >= 5.0, np.round(raw * 2) / 2, np.round(raw * 10) / 10)
    return half / product


def _frame(
    events: Events, reports: Reports, columns: Mapping[str, FloatArray], days: Days
) -> pl.DataFrame:
    """Public documents as one frame, numbered in the order of their instants."""
    limit = days.offset
    kept = events.public & (events.report >= 0) & (events.row >= -limit)
    stock, report = events.stock[kept], events.report[kept]
    dates = days.date(events.row[kept])
    data: dict[str, npt.NDArray[Any]] = {
        "stock": stock,
        "row": events.row[kept],
        "date": dates,
        "minute": events.minute[kept],
        "kind": events.kind[kept],
        "quarter": reports.quarter[stock, report],
        "period_end": reports.period_end[stock, report],
        "year_end": reports.year_end[stock, report],
        "size": events.size[kept],
        **{name: values[kept] for name, values in columns.items()},
    }
    frame = pl.DataFrame(data).sort("row", "minute", "stock", "kind", maintain_order=True)
    number = pl.int_range(pl.len()).over("row") + 400_001
    return frame.with_columns(disc_no=pl.col("date").dt.strftime("%Y%m%d") + number.cast(pl.String))
