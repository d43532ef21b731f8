"""The wire of ``/fins/dividend``: announcements of interim and final dividends.

A forecast comes with the results of the year before and with every dividend revision, the decision
with the results of the half year and of the year. Rates are those of the statements, raw. Some
announcements are corrected (the payment day) or deleted (forecasts) some sessions later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.quirks import IntArray
from gogooku.sandbox.sources.companies import Days, month_end, month_number, stream
from gogooku.sandbox.sources.documents import Book, Kind, book
from gogooku.sandbox.sources.rendering import number_text, to_wire, tokyo_instant
from gogooku.sandbox.sources.reports import is_listed
from gogooku.sandbox.sources.wire import VISIBLE, Wire

T_PLUS_2_FROM: Final = np.datetime64("2019-07-16")
"""From this ex-date settlement takes two sessions, and the ex-date is one before the record."""
SPECIAL_FROM: Final = date(2022, 6, 6)
"""From this announcement date commemorative and special parts have rates of their own."""
INTERIM, FINAL = "1", "2"
DECIDED, FORECAST = "1", "2"
NEW, CORRECTED, DELETED = "1", "2", "3"
_PAY_DAYS: Final = {INTERIM: 68, FINAL: 86}
_FIRST_HOUR, _LAST_HOUR = 12, 19


def wires(market: Market) -> dict[str, Wire]:
    """Wire of the dividends."""
    return {"dividends": Dividends(market)}


@dataclass(frozen=True)
class Dividends:
    """Renders ``/fins/dividend``."""

    market: Market

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Announcements of the span."""
        frame = self._announcements.filter(pl.col("date").is_between(first, last))
        return to_wire("dividends", _texts(frame, self.market))

    @cached_property
    def _announcements(self) -> pl.DataFrame:
        volume = book(self.market)
        frame = _first_announcements(volume)
        later = _later_announcements(frame, self.market)
        numbered = pl.concat([frame, later]).sort(
            "row", "minute", "stock", "place", "status", maintain_order=True
        )
        number = (pl.int_range(pl.len()).over("row") + 100_001).cast(pl.String)
        dates = pl.Series("date", volume.days.date(numbered["row"].to_numpy()))
        numbered = numbered.with_columns(dates).with_columns(
            ref=pl.col("date").dt.strftime("%Y%m%d") + number
        )
        first_ref = pl.col("ref").filter(pl.col("status") == NEW).first().over("place")
        numbered = numbered.with_columns(ca_ref=first_ref)
        inside = (pl.col("row") >= 0) & (pl.col("row") < len(self.market.sessions))
        return _with_dates(numbered.filter(inside), volume.days)


def _first_announcements(volume: Book) -> pl.DataFrame:
    """New announcements that belong to documents; ``place`` numbers them."""
    pays = pl.Series("pays", volume.companies.pays_interim)
    frame = volume.frame.with_columns(pays=pays.gather(volume.frame["stock"]))
    frame = frame.with_columns(
        month=pl.Series(month_number(frame["year_end"].to_numpy())),
        rate_int=(pl.col("f_int") * pl.col("product")).round(2),
        rate_fin=(pl.col("f_fin") * pl.col("product")).round(2),
        paid_int=(pl.col("div_int") * pl.col("product")).round(2),
        paid_fin=(pl.col("div_fin") * pl.col("product")).round(2),
    )
    results = pl.col("kind") == int(Kind.RESULTS)
    full, half = results & (pl.col("quarter") == 4), results & (pl.col("quarter") == 2)
    moved = pl.col("kind") == int(Kind.DIVIDEND)
    ended = pl.col("quarter") == 4
    year = pl.col("month") + pl.when(ended).then(12).otherwise(0)
    pays_interim = pl.col("pays")
    open_interim = pl.col("quarter").is_in([1, 4])
    parts = [
        _part(frame, half & pays_interim, (INTERIM, DECIDED, "paid_int"), pl.col("month") - 6),
        _part(frame, full, (FINAL, DECIDED, "paid_fin"), pl.col("month")),
        _part(frame, full & pays_interim, (INTERIM, FORECAST, "rate_int"), year - 6),
        _part(frame, full, (FINAL, FORECAST, "rate_fin"), year),
        _part(
            frame,
            moved & pays_interim & open_interim,
            (INTERIM, FORECAST, "rate_int"),
            year - 6,
        ),
        _part(frame, moved, (FINAL, FORECAST, "rate_fin"), year),
    ]
    return (
        pl.concat(parts)
        .sort("row", "minute", "stock", "result", "term", "record_month", maintain_order=True)
        .with_row_index("place")
    )


def _part(
    frame: pl.DataFrame, chosen: pl.Expr, label: tuple[str, str, str], month: pl.Expr
) -> pl.DataFrame:
    term, result, rate = label
    known = pl.lit(value=True) if result == DECIDED else pl.col("f_np") > 0
    return frame.filter(chosen).select(
        "stock",
        "row",
        "minute",
        "size",
        term=pl.lit(term),
        result=pl.lit(result),
        status=pl.lit(NEW),
        record_month=month,
        rate=pl.when(known).then(pl.col(rate)),
    )


def _later_announcements(frame: pl.DataFrame, market: Market) -> pl.DataFrame:
    """Corrections and deletions of announcements, one to five sessions later."""
    rng, count = stream(market, 5), frame.height
    draw, delay = rng.random(count), rng.integers(1, 6, count)
    forecast = frame["result"].to_numpy() == FORECAST
    deleted, corrected = forecast & (draw < 0.006), ~forecast & (draw < 0.03)
    rows = frame["row"].to_numpy() + delay
    kept = (deleted | corrected) & is_listed(market, rows, frame["stock"].to_numpy())
    status = np.where(deleted, DELETED, CORRECTED)
    return frame.with_columns(
        row=pl.Series(rows),
        status=pl.Series(status, dtype=pl.String),
    ).filter(pl.Series(kept))


def _with_dates(frame: pl.DataFrame, days: Days) -> pl.DataFrame:
    record = month_end(frame["record_month"].to_numpy())
    actual = days.at_or_before(record)
    one, two = days.date(actual - 1), days.date(actual - 2)
    interim = frame["term"].to_numpy() == INTERIM
    after = np.where(interim, _PAY_DAYS[INTERIM], _PAY_DAYS[FINAL])
    after = after + 3 * (frame["status"].to_numpy() == CORRECTED)
    pay = days.date(days.at_or_after(record + after.astype("timedelta64[D]")))
    return frame.with_columns(
        record=pl.Series(record),
        ex=pl.Series(ex_dates(one, two)),
        actual=pl.Series(days.date(actual)),
        pay=pl.Series(pay),
    )


def ex_dates(one_before: DateArray, two_before: DateArray) -> DateArray:
    """Ex-date from the sessions one and two before the record date."""
    chosen: DateArray = np.where(one_before >= T_PLUS_2_FROM, one_before, two_before)
    return chosen


def visible_minutes(minute: IntArray) -> IntArray:
    """Minutes after midnight of the announcement date at which the vendor delivers.

    The next whole hour from 12:00 to 19:00; later announcements at 12:00 of the next day.
    """
    hour = np.maximum(minute // 60 + 1, _FIRST_HOUR)
    shown: IntArray = np.where(hour > _LAST_HOUR, 24 + _FIRST_HOUR, hour) * 60
    return shown


def _texts(frame: pl.DataFrame, market: Market) -> pl.DataFrame:
    decided = pl.col("result") == DECIDED
    special = (
        decided & (pl.col("term") == FINAL) & (pl.col("size").abs() > 2.2) & (pl.col("rate") >= 2)
    )
    shown = special & (pl.col("date") >= SPECIAL_FROM)
    upward = pl.col("size") > 0
    minute, empty = pl.col("minute"), pl.lit("")
    minutes = visible_minutes(frame["minute"].to_numpy())
    visible = tokyo_instant(frame["date"].to_numpy(), minutes=0) + minutes.astype("timedelta64[m]")
    code = pl.Series(market.codes, dtype=pl.String).gather(frame["stock"])
    dates = {
        name: pl.col(column).dt.to_string("%Y-%m-%d")
        for name, column in {"PubDate": "date", "RecDate": "record", "ExDate": "ex"}.items()
    }
    part = (pl.col("rate") / 4).round(2)
    return frame.select(
        **dates,
        PubTime=pl.format(
            "{}:{}",
            (minute // 60).cast(pl.String).str.zfill(2),
            (minute % 60).cast(pl.String).str.zfill(2),
        ),
        Code=code,
        RefNo="ref",
        CARefNo="ca_ref",
        StatCode="status",
        BoardDate=pl.when(decided).then(dates["PubDate"]).otherwise(empty),
        IFCode="term",
        FRCode="result",
        IFTerm=pl.col("record").dt.to_string("%Y-%m"),
        DivRate=number_text(pl.col("rate")).fill_null("-"),
        ActRecDate=pl.col("actual").dt.to_string("%Y-%m-%d"),
        PayDate=pl.when(decided)
        .then(pl.col("pay").dt.to_string("%Y-%m-%d"))
        .otherwise(pl.lit("-")),
        **{name: pl.when(decided).then(empty).otherwise(pl.lit("-")) for name in _DISTRIBUTION},
        CommSpecCode=pl.when(special & upward)
        .then(pl.lit("1"))
        .when(special)
        .then(pl.lit("2"))
        .otherwise(pl.lit("0")),
        CommDivRate=pl.when(shown & upward).then(number_text(part)).otherwise(empty),
        SpecDivRate=pl.when(shown & ~upward).then(number_text(part)).otherwise(empty),
        **{VISIBLE: pl.Series(visible)},
    )


_DISTRIBUTION: Final = ("DistAmt", "RetEarn", "DeemDiv", "DeemCapGains", "NetAssetDecRatio")
