"""Short selling: by sector and day, and the positions that their holders must report."""

from __future__ import annotations

from gogooku.tables.checks import between, not_below
from gogooku.tables.conversion import As, Column, Table, day, event_day, number, stock_code, text

_RATIO_YEN = (
    number("sell_excluding_short_yen", "SellExShortVa", "yen, sales that are not short"),
    number("short_with_restrictions_yen", "ShrtWithResVa", "yen, short sales under price rules"),
    number("short_without_restrictions_yen", "ShrtNoResVa", "yen, short sales exempt from them"),
)

SHORT_RATIO = Table(
    name="short_ratio",
    event_date="event_date",
    columns=(
        event_day(),
        Column("sector33", "S33", As.TEXT, "33-sector code", required=True, pattern=r"^[0-9]{4}$"),
        *_RATIO_YEN,
    ),
    key=("event_date", "sector33"),
    checks=(not_below([column.name for column in _RATIO_YEN], 0.0, what="a value"),),
    session=True,
)

SHORT_POSITIONS = Table(
    name="short_positions",
    event_date="event_date",
    columns=(
        event_day("CalcDate", "date of the position"),
        Column("disclosed_date", "DiscDate", As.DATE, "date of the report", required=True),
        stock_code(),
        text("seller_name", "SSName"),
        text("seller_address", "SSAddr"),
        text("contractor_name", "DICName", "of a discretionary investment contract"),
        text("contractor_address", "DICAddr"),
        text("fund_name", "FundName"),
        number("position_ratio", "ShrtPosToSO", "fraction of the shares outstanding"),
        number("position_shares", "ShrtPosShares", "shares on the basis of event_date"),
        number("position_units", "ShrtPosUnits", "trading units"),
        day("previous_date", "PrevRptDate", "date of the position reported before"),
        number("previous_ratio", "PrevRptRatio", "fraction, as reported before"),
        text("notes", "Notes"),
    ),
    key=(
        "disclosed_date",
        "event_date",
        "code",
        "seller_name",
        "contractor_name",
        "fund_name",
    ),
    apart=("position_shares",),
    checks=(
        between("position_ratio", 0.0, 1.0),
        between("previous_ratio", 0.0, 1.0),
        not_below(["position_shares", "position_units"], 0.0, what="a position"),
    ),
)
"""One row per seller of 0.5 % or more; the names are free text and may be missing, and several
private persons share one text, so that only the position distinguishes them."""
