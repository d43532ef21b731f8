"""The trading calendar, and the breakdown of each name's trading by kind of order."""

from __future__ import annotations

import polars as pl

from gogooku.tables.checks import not_below
from gogooku.tables.conversion import Derived, Table, choice, event_day, number, stock_code

_DAYS = {"0": "closed", "1": "session", "2": "half_session", "3": "closed_holiday_trading"}

CALENDAR = Table(
    name="calendar",
    event_date="event_date",
    columns=(event_day(unit="calendar date"), choice("kind", "HolDiv", _DAYS, unit="day")),
    key=("event_date",),
    derived=(
        Derived(
            "is_session",
            pl.Boolean(),
            "stocks trade; not on a day with derivative holiday trading alone",
            pl.col("kind").is_in(["session", "half_session"]),
        ),
    ),
)


_ORDERS = (
    ("long_sell", "LongSell", "sales of own shares"),
    ("short_sell", "ShrtNoMrgn", "short sales other than on margin"),
    ("margin_sell_new", "MrgnSellNew", "short sales on margin, new positions"),
    ("margin_sell_close", "MrgnSellClose", "sales on margin that close long positions"),
    ("long_buy", "LongBuy", "purchases with cash"),
    ("margin_buy_new", "MrgnBuyNew", "purchases on margin, new positions"),
    ("margin_buy_close", "MrgnBuyClose", "purchases on margin that close short positions"),
)
_YEN = tuple(number(f"{name}_yen", f"{wire}Va", f"yen, {unit}") for name, wire, unit in _ORDERS)
_SHARES = tuple(
    number(f"{name}_shares", f"{wire}Vo", f"shares on the basis of event_date, {unit}")
    for name, wire, unit in _ORDERS
)

BREAKDOWN = Table(
    name="breakdown",
    event_date="event_date",
    columns=(event_day(), stock_code(), *_YEN, *_SHARES),
    key=("event_date", "code"),
    checks=(not_below([c.name for c in (*_YEN, *_SHARES)], 0.0, what="a value or volume"),),
    session=True,
)
"""Auction trading only. The vendor does not adjust the volumes for later splits."""
