"""Trading by type of investor, weekly and by section of the exchange."""

from __future__ import annotations

import polars as pl

from gogooku.tables.checks import Check, Severity, not_below, one_of
from gogooku.tables.conversion import As, Column, Table, event_day, number

INVESTORS = (
    ("proprietary", "Prop"),
    ("brokerage", "Brk"),
    ("total", "Tot"),
    ("individuals", "Ind"),
    ("foreigners", "Frgn"),
    ("securities_companies", "SecCo"),
    ("investment_trusts", "InvTr"),
    ("business_companies", "BusCo"),
    ("other_companies", "OthCo"),
    ("insurance_companies", "InsCo"),
    ("banks", "Bank"),
    ("trust_banks", "TrstBnk"),
    ("other_financials", "OthFin"),
)
"""Types of investor: name here and the stem on the wire."""

SECTIONS = (
    "TSE1st",
    "TSE2nd",
    "TSEMothers",
    "TSEJASDAQ",
    "TSEPrime",
    "TSEStandard",
    "TSEGrowth",
    "TokyoNagoya",
)

_PARTS = (("sell", "Sell"), ("buy", "Buy"), ("turnover", "Tot"), ("balance", "Bal"))
_THOUSAND = 1000.0
_ROUNDING_YEN = 2000.0
"""Each of three figures is rounded to a thousand yen by itself."""


def _columns() -> tuple[Column, ...]:
    return tuple(
        number(f"{who}_{part}_yen", f"{stem}{wire}", "yen (thousand yen on the wire)", _THOUSAND)
        for who, stem in INVESTORS
        for part, wire in _PARTS
    )


def _sums() -> tuple[Check, ...]:
    checks = []
    for who, stem in INVESTORS:
        sell, buy, turnover, balance = (pl.col(f"{who}_{part}_yen") for part, _ in _PARTS)
        off = (balance - (buy - sell)).abs() > _ROUNDING_YEN
        checks.append(Check(f"{stem}Bal is not {stem}Buy - {stem}Sell", off))
        off = (turnover - (buy + sell)).abs() > _ROUNDING_YEN
        checks.append(Check(f"{stem}Tot is not {stem}Buy + {stem}Sell", off))
    return tuple(checks)


_POSITIVE = [f"{who}_{part}_yen" for who, _ in INVESTORS for part in ("sell", "buy", "turnover")]

INVESTOR_TYPES = Table(
    name="investor_types",
    event_date="event_date",
    columns=(
        Column("published_date", "PubDate", As.DATE, "date of publication", required=True),
        Column("week_start", "StDate", As.DATE, "first day of the week", required=True),
        event_day("EnDate", "last day of the week"),
        Column("section", "Section", As.TEXT, ", ".join(SECTIONS), required=True),
        *_columns(),
    ),
    key=("section", "week_start", "event_date", "published_date"),
    checks=(
        not_below(_POSITIVE, 0.0, what="a value"),
        *_sums(),
        one_of("Section", SECTIONS, severity=Severity.NOTE),
        Check("EnDate is before StDate", pl.col("event_date") < pl.col("week_start")),
        Check("PubDate is before EnDate", pl.col("published_date") < pl.col("event_date")),
    ),
)
"""A correction is a further row of the same week with a newer publication date."""
