"""Futures and options. A price of zero on the wire means that the session had no trade: null."""

from __future__ import annotations

import polars as pl

from gogooku.tables.checks import Check, not_below
from gogooku.tables.conversion import (
    As,
    Column,
    Derived,
    Table,
    choice,
    day,
    event_day,
    flag,
    number,
    text,
)

_PERCENT = 0.01
_PARTS = (("open", "O"), ("high", "H"), ("low", "L"), ("close", "C"))
_TRADING = {"": "", "night_": "E", "day_": "A", "morning_": "M"}
"""Prefix here and on the wire: whole day, night, day and (old products) morning session."""

_CODE = Column(
    "code", "Code", As.TEXT, "contract, opaque", required=True, pattern=r"^[0-9A-Z]{4,16}$"
)
_SETTLEMENT = Column(
    "settlement",
    "EmMrgnTrgDiv",
    As.CHOICE,
    "normal or emergency_margin",
    required=True,
    choices={"001": "emergency_margin", "002": "normal"},
)


def _raw(prefix: str) -> tuple[Column, ...]:
    wire = _TRADING[prefix]
    return tuple(
        Column(f"{prefix}{name}_given", f"{wire}{letter}", As.NUMBER, "", kept=False)
        for name, letter in _PARTS
    )


def _traded(prefix: str) -> tuple[Derived, ...]:
    unit = "price; null without a trade in that session"
    made = []
    for name, _ in _PARTS:
        given = pl.col(f"{prefix}{name}_given")
        made.append(
            Derived(f"{prefix}{name}", pl.Float64(), unit, pl.when(given != 0.0).then(given))
        )
    return tuple(made)


def _bars(prefix: str) -> tuple[Check, ...]:
    first, high, low, last = (pl.col(f"{prefix}{name}") for name, _ in _PARTS)
    negative = pl.any_horizontal(pl.col(f"{prefix}{name}_given") < 0 for name, _ in _PARTS)
    return (
        Check(f"{prefix}bar: a price is negative", negative),
        Check(
            f"{prefix}bar: high is below open, low or close",
            (high < first) | (high < low) | (high < last),
        ),
        Check(f"{prefix}bar: low is above open or close", (low > first) | (low > last)),
    )


_SIZES = (
    number("volume_contracts", "Vo", "contracts"),
    number("open_interest_contracts", "OI", "contracts"),
    number("turnover_yen", "Va", "yen"),
    text("contract_month", "CM", "YYYY-MM, for weekly contracts YYYY-WW"),
    number("auction_volume_contracts", "VoOA", "contracts; since 2016-07-19"),
    _SETTLEMENT,
    day("last_trading_date", "LTD", "since 2016-07-19"),
    day("special_quotation_date", "SQD", "since 2016-07-19"),
    number("settlement_price", "Settle", "price; since 2016-07-19"),
)
_OPTION = (
    number("strike_price", "Strike", "price"),
    choice("put_call", "PCDiv", {"1": "put", "2": "call"}, unit="side"),
    number("theoretical_price", "Theo", "price"),
    number("base_volatility_ratio", "BaseVol", "fraction a year (percent on the wire)", _PERCENT),
    number("underlying_price", "UnderPx", "price"),
    number("implied_volatility_ratio", "IV", "fraction a year (percent on the wire)", _PERCENT),
    number("interest_rate_ratio", "IR", "fraction a year (percent on the wire)", _PERCENT),
)
_CATEGORY = Column("product", "ProdCat", As.TEXT, "category such as NK225F", required=True)
_CENTRAL = flag("is_central_month", "CCMFlag", "central contract month; since 2016-07-19")
_COUNTS = not_below(
    ["volume_contracts", "open_interest_contracts", "turnover_yen", "auction_volume_contracts"],
    0.0,
    what="volume, open interest or turnover",
)
_VOLATILITY = not_below(
    ["base_volatility_ratio", "implied_volatility_ratio", "theoretical_price"],
    0.0,
    what="a volatility or theoretical price",
)
_STRIKE = Check(
    "Strike is missing or not positive",
    pl.col("strike_price").is_null() | (pl.col("strike_price") <= 0),
)
_SIDE = Check("PCDiv is missing", pl.col("put_call").is_null())


def _table(name: str, columns: tuple[Column, ...], prefixes: tuple[str, ...]) -> Table:
    is_option = any(column.name == "strike_price" for column in columns)
    prices = tuple(column for prefix in prefixes for column in _raw(prefix))
    return Table(
        name=name,
        event_date="event_date",
        columns=(event_day(unit="trade date"), _CODE, *columns, *_SIZES, *prices),
        key=("event_date", "code", "settlement"),
        derived=tuple(made for prefix in prefixes for made in _traded(prefix)),
        checks=(
            *(check for prefix in prefixes for check in _bars(prefix)),
            _COUNTS,
            *((_VOLATILITY, _STRIKE, _SIDE) if is_option else ()),
        ),
        session=True,
    )


FUTURES = _table("futures", (_CATEGORY, _CENTRAL), ("", "night_", "day_", "morning_"))
OPTIONS = _table(
    "options",
    (
        _CATEGORY,
        Column("underlying_code", "UndSSO", As.TEXT, '5 characters of a stock option, else "-"'),
        *_OPTION,
        _CENTRAL,
    ),
    ("", "night_", "day_", "morning_"),
)
INDEX_OPTIONS = _table("index_options", _OPTION, ("", "night_", "day_"))
"""Nikkei 225 options without the weekly and the flexible ones."""
