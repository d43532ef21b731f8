"""Margin trading: balances per name, and the daily alerts of names under watch.

All share counts are on the basis of their event date; the vendor does not adjust them for later
splits. `gogooku.features.engine.timeline.Timeline.share_basis` converts.
"""

from __future__ import annotations

import polars as pl

from gogooku.tables.checks import Severity, between, not_below, one_of
from gogooku.tables.conversion import (
    As,
    Column,
    Derived,
    Table,
    choice,
    day,
    event_day,
    marked,
    number,
    stock_code,
    text,
)

_BALANCES = (
    ("short", "Shrt"),
    ("long", "Long"),
    ("short_negotiable", "ShrtNeg"),
    ("long_negotiable", "LongNeg"),
    ("short_standardized", "ShrtStd"),
    ("long_standardized", "LongStd"),
)
_SHARES_UNIT = "shares on the basis of event_date, balance"
_SHARES = tuple(number(f"{n}_shares", f"{w}Vol", _SHARES_UNIT) for n, w in _BALANCES)
_YEN = tuple(number(f"{n}_yen", f"{w}Val", "yen, balance; daily era") for n, w in _BALANCES)
_ISSUE_TYPES = {"1": "credit", "2": "lendable", "3": "other"}

MARGIN_INTEREST = Table(
    name="margin_interest",
    event_date="event_date",
    columns=(
        event_day(unit="application date: a week's last session, from 2026-09-25 every session"),
        stock_code(),
        day("published_date", "PubDate", "daily era only"),
        choice("margin_class", "IssType", _ISSUE_TYPES, unit="class"),
        *_SHARES,
        *_YEN,
    ),
    key=("event_date", "code"),
    checks=(not_below([c.name for c in (*_SHARES, *_YEN)], 0.0, what="a balance"),),
    session=True,
)

_REASONS = (
    ("restricted", "Restricted"),
    ("daily_publication", "DailyPublication"),
    ("monitoring", "Monitoring"),
    ("restricted_by_jsf", "RestrictedByJSF"),
    ("precaution_by_jsf", "PrecautionByJSF"),
    ("unclear_or_on_alert", "UnclearOrSecOnAlert"),
)
_REGULATIONS = ("001", "002", "003", "004", "005", "006", "101", "102")


def _outstanding(name: str, wire: str) -> tuple[Column, Column]:
    return (
        number(f"{name}_shares", f"{wire}Out", _SHARES_UNIT),
        marked(f"{name}_change_shares", f"{wire}OutChg", "shares, against the day before"),
    )


def _reason(name: str, wire: str) -> Derived:
    given = pl.col("PubReason").str.json_path_match(f"$.{wire}")
    value = pl.when(given.is_not_null()).then(given.is_in(["1", "true"]))
    return Derived(f"reason_{name}", pl.Boolean(), f"published because: {wire}", value)


_ALERT_SHARES = [f"{name}_shares" for name, _ in _BALANCES]

MARGIN_ALERT = Table(
    name="margin_alert",
    event_date="event_date",
    columns=(
        Column("published_date", "PubDate", As.DATE, "date of publication", required=True),
        stock_code(),
        event_day("AppDate", "application date"),
        text("publication_reasons", "PubReason", "JSON object of flags"),
        *_outstanding("short", "Shrt"),
        marked("short_listed_ratio", "ShrtOutRatio", "fraction of listed shares", 0.01),
        *_outstanding("long", "Long"),
        marked("long_listed_ratio", "LongOutRatio", "fraction of listed shares", 0.01),
        number("short_long_ratio", "SLRatio", "fraction: short divided by long", 0.01),
        *_outstanding("short_negotiable", "ShrtNeg"),
        *_outstanding("short_standardized", "ShrtStd"),
        *_outstanding("long_negotiable", "LongNeg"),
        *_outstanding("long_standardized", "LongStd"),
        text("regulation", "TSEMrgnRegCls", "001-006 caution to 4th stage, 101 lifted, 102 watch"),
    ),
    key=("published_date", "code", "event_date"),
    derived=tuple(_reason(name, wire) for name, wire in _REASONS),
    checks=(
        not_below(_ALERT_SHARES, 0.0, what="a balance"),
        between("short_listed_ratio", 0.0, 10.0),
        between("long_listed_ratio", 0.0, 10.0),
        not_below(["short_long_ratio"], 0.0, what="SLRatio"),
        one_of("TSEMrgnRegCls", _REGULATIONS, severity=Severity.NOTE),
    ),
)
"""A correction is a further row with the same application date and a newer publication date."""
