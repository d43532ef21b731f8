"""Announced dates of earnings: the dated history, and the own archive of the old calendar."""

from __future__ import annotations

import polars as pl

from gogooku.tables.conversion import (
    As,
    Column,
    Derived,
    Table,
    choice,
    day,
    event_day,
    stock_code,
    text,
)

_QUARTERS = {"1Q": "1Q", "2Q": "2Q", "3Q": "3Q", "FY": "FY"}

EARNINGS_DATES = Table(
    name="earnings_dates",
    event_date="event_date",
    columns=(
        event_day("PubDate", "date of publication"),
        day("scheduled_date", "SchDate", "announced date of the results; null while undecided"),
        choice("period", "FQName", _QUARTERS, unit="period"),
        text("fiscal_year_end", "FYE", "MMDD"),
        stock_code(),
        text("name", "CoName"),
        text("name_en", "CoNameEn"),
    ),
    key=("event_date", "code", "fiscal_year_end", "period"),
)
"""A change of date is a further row; the old one stays."""

EARNINGS_CALENDAR = Table(
    name="earnings_calendar",
    event_date=(pl.col("_fetched_at") + pl.duration(hours=9)).dt.date(),
    columns=(
        day("scheduled_date", "Date", "announced date of the results; null while undecided"),
        Column("code", "Code", As.TEXT, "5 characters", required=True, pattern=r"^[0-9A-Z]{5}$"),
        text("name", "CoName"),
        text("fiscal_year_end", "FY", "in Japanese"),
        text("sector_name", "SectorNm", "in Japanese"),
        text("period", "FQ", "in Japanese"),
        text("section", "Section", "in Japanese"),
    ),
    key=("event_date", "code", "period", "scheduled_date"),
    derived=(Derived("fetched_at", pl.Datetime("us"), "UTC, own archive", pl.col("_fetched_at")),),
)
"""The vendor keeps no history of it: what was fetched on an evening is known from then on. Its
event date is the Tokyo day of the fetch."""
