"""The wires of announced report dates: ``/fins/earnings-date`` and ``/equities/earnings-calendar``.

The plan of reports, not the documents, is announced: nobody knows weeks ahead whether a name will
still be listed. A changed date adds a row; the old one remains.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.quirks import IntArray
from gogooku.sandbox.sources.companies import stream
from gogooku.sandbox.sources.documents import book
from gogooku.sandbox.sources.listings import MARKET_NAMES, Issues
from gogooku.sandbox.sources.rendering import date_text, to_wire, tokyo_instant
from gogooku.sandbox.sources.reports import is_listed
from gogooku.sandbox.sources.wire import VISIBLE, Wire

CALENDAR_MONTHS: Final = (3, 9)
_DATES_VISIBLE, _CALENDAR_VISIBLE = 10 * 60 + 5, 19 * 60
_QUARTERS: Final = ("1Q", "2Q", "3Q", "FY")
_QUARTERS_JA: Final = ("第１四半期", "第２四半期", "第３四半期", "本決算")


def wires(market: Market) -> dict[str, Wire]:
    """Wires of the announced report dates."""
    return {"earnings_dates": EarningsDates(market), "earnings_calendar": EarningsCalendar(market)}


@dataclass(frozen=True)
class EarningsDates:
    """Renders ``/fins/earnings-date``."""

    market: Market

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Announcements of the span; ``SchDate`` is ``""`` while undecided."""
        frame = self._announcements.filter(pl.col("date").is_between(first, last))
        stock = frame["stock"]
        facts = self._facts[stock.to_list()]
        visible = tokyo_instant(frame["date"].to_numpy(), minutes=_DATES_VISIBLE)
        shown = frame.select(
            PubDate=pl.col("date").dt.to_string("%Y-%m-%d"),
            SchDate=pl.col("scheduled").dt.to_string("%Y-%m-%d").fill_null(""),
            FQName=pl.Series(_QUARTERS).gather(frame["quarter"] - 1),
            FYE=pl.col("year_end").dt.strftime("%m%d"),
            Code=facts["Code"],
            CoName=facts["CoName"],
            CoNameEn=facts["CoNameEn"],
            **{VISIBLE: pl.Series(visible)},
        )
        return to_wire("earnings_dates", shown)

    @cached_property
    def _facts(self) -> pl.DataFrame:
        """Names, sectors and segments by place."""
        return Issues(self.market).facts

    @cached_property
    def _announcements(self) -> pl.DataFrame:
        """All announcements: first undecided for some, then a date, then another for some."""
        volume = book(self.market)
        actual = volume.reports.row
        rng = stream(self.market, 6)
        announced = actual - rng.integers(18, 36, actual.shape)
        open_first = rng.random(actual.shape) < 0.3
        opened = announced - rng.integers(3, 12, actual.shape)
        moved = rng.random(actual.shape) < 0.12
        shift = rng.integers(1, 8, actual.shape) * rng.choice([-1, 1], actual.shape)
        planned = np.where(moved, actual + shift, actual)
        changed = np.minimum(planned, actual) - rng.integers(2, 9, actual.shape)
        none = np.full(actual.shape, np.iinfo(np.int64).min)
        parts = [
            self._part(opened, none, chosen=open_first),
            self._part(announced, planned, chosen=np.ones_like(moved)),
            self._part(changed, actual, chosen=moved),
        ]
        return pl.concat(parts).sort("date", "stock", "quarter")

    def _part(
        self, rows: IntArray, scheduled: IntArray, *, chosen: npt.NDArray[np.bool_]
    ) -> pl.DataFrame:
        volume = book(self.market)
        stocks = np.broadcast_to(np.arange(rows.shape[0])[:, np.newaxis], rows.shape)
        kept = chosen & (rows >= 0) & is_listed(self.market, rows, stocks)
        kept &= scheduled < len(volume.days.sessions) - volume.days.offset
        known = scheduled[kept] >= 0
        dates = volume.days.date(np.maximum(scheduled[kept], 0))
        data: dict[str, Any] = {
            "stock": stocks[kept],
            "date": volume.days.date(rows[kept]),
            "scheduled": dates,
            "quarter": volume.reports.quarter[kept],
            "year_end": volume.reports.year_end[kept],
        }
        missing = pl.when(pl.Series(known)).then(pl.col("scheduled")).alias("scheduled")
        return pl.DataFrame(data).with_columns(missing)


@dataclass(frozen=True)
class EarningsCalendar:
    """Renders ``/equities/earnings-calendar``: who reports on the next session.

    Only fiscal years that end in March or September. The axis is the report date; a row can be
    seen from 19:00 of the session before.
    """

    market: Market

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Reports of the span."""
        volume, market = book(self.market), self.market
        months = volume.companies.fiscal_month
        stocks, numbers = np.nonzero(volume.reports.row >= 1)
        rows = volume.reports.row[stocks, numbers]
        kept = np.isin(months[stocks], CALENDAR_MONTHS) & is_listed(market, rows - 1, stocks)
        stocks, numbers, rows = stocks[kept], numbers[kept], rows[kept]
        dates = volume.days.date(rows)
        inside = (dates >= np.datetime64(first)) & (dates <= np.datetime64(last))
        stocks, numbers, rows, dates = stocks[inside], numbers[inside], rows[inside], dates[inside]
        quarter = volume.reports.quarter[stocks, numbers]
        issues = Issues(market)
        facts = self._facts[stocks.tolist()]
        # The list of the report date is out before: it has the segment.
        segment = issues.market_codes(rows, stocks)
        visible = tokyo_instant(volume.days.date(rows - 1), minutes=_CALENDAR_VISIBLE)
        return to_wire(
            "earnings_calendar",
            {
                "Date": date_text(dates),
                "Code": facts["Code"],
                "CoName": facts["CoName"],
                "FY": [f"{month}月{30 if month == 9 else 31}日" for month in months[stocks]],
                "SectorNm": facts["S33Nm"],
                "FQ": pl.Series(_QUARTERS_JA).gather(quarter - 1),
                "Section": segment.replace_strict(MARKET_NAMES, return_dtype=pl.String),
                VISIBLE: visible,
            },
        )

    @cached_property
    def _facts(self) -> pl.DataFrame:
        """Names, sectors and segments by place."""
        return Issues(self.market).facts
