"""Announcements of dividends: new, corrected and deleted, decided and forecast."""

from __future__ import annotations

import polars as pl

from gogooku.tables.checks import not_below
from gogooku.tables.conversion import (
    As,
    Column,
    Derived,
    Table,
    choice,
    day,
    event_day,
    instant_of,
    marked,
    stock_code,
    text,
)

_PER_OLD_SHARE = (
    "yen per share on the basis of event_date, from ex_date on of the session before it"
)

DIVIDENDS = Table(
    name="dividends",
    event_date="event_date",
    columns=(
        event_day("PubDate", "date of the announcement"),
        Column("disclosed_time", "PubTime", As.TIME, "Tokyo time", kept=False),
        stock_code(),
        Column("reference", "RefNo", As.TEXT, "number of this announcement", required=True),
        choice("status", "StatCode", {"1": "new", "2": "correction", "3": "deletion"}, unit="kind"),
        day("board_date", "BoardDate", "meeting of the board"),
        choice("term", "IFCode", {"1": "interim", "2": "final"}, unit="term"),
        choice("certainty", "FRCode", {"1": "decided", "2": "forecast"}, unit="certainty"),
        text("term_month", "IFTerm", "YYYY-MM of the record date's term"),
        marked("dividend_yen", "DivRate", f"{_PER_OLD_SHARE}, before tax"),
        day("record_date", "RecDate"),
        day("ex_date", "ExDate", "first session without the dividend; null while undecided"),
        day("actual_record_date", "ActRecDate"),
        day("payable_date", "PayDate"),
        text("corrects", "CARefNo", "reference of the announcement that this one amends"),
        marked("distribution_yen", "DistAmt", f"{_PER_OLD_SHARE}, paid out of capital; since 2014"),
        marked("retained_earnings_yen", "RetEarn", f"{_PER_OLD_SHARE}; since 2014"),
        marked("deemed_dividend_yen", "DeemDiv", f"{_PER_OLD_SHARE}; since 2014"),
        marked("deemed_capital_gains_yen", "DeemCapGains", f"{_PER_OLD_SHARE}; since 2014"),
        marked("net_asset_decrease_ratio", "NetAssetDecRatio", "fraction; since 2014"),
        choice(
            "special",
            "CommSpecCode",
            {"0": "ordinary", "1": "commemorative", "2": "special", "3": "both"},
            unit="kind of dividend",
        ),
        marked("commemorative_yen", "CommDivRate", f"{_PER_OLD_SHARE}; since June 2022"),
        marked("special_yen", "SpecDivRate", f"{_PER_OLD_SHARE}; since June 2022"),
    ),
    key=("reference",),
    derived=(
        Derived(
            "disclosed_at",
            pl.Datetime("us"),
            "UTC; null where no time was given",
            instant_of("event_date", "disclosed_time"),
        ),
    ),
    checks=(
        not_below(["dividend_yen", "commemorative_yen", "special_yen"], 0.0, what="a dividend"),
    ),
)
