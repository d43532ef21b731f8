"""Margin balances: every name at the week end or, since September 2026, daily; alerts daily.

The long balance shows the crowding of `gogooku.sandbox.market.drivers` against traded value. The
short balance contains, beside its own noise, some of the return between its date and its
publication: joined at its date it looks ahead, joined at its publication it is an old return
(`gogooku.sandbox.exchange.traps`). Balances are raw shares of their date, never adjusted for
splits.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.ingest.jquants.endpoints import MARGIN_DAILY_FROM
from gogooku.sandbox.market.drivers import MARGIN_LAG
from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.quirks import BoolArray, IntArray
from gogooku.sandbox.sources.rendering import (
    Basis,
    basis_of,
    date_text,
    no_rows,
    number_text,
    rows_between,
    session_rng,
    stack,
    to_wire,
    tokyo_instant,
)
from gogooku.sandbox.sources.segments import Segments, segments_of
from gogooku.sandbox.sources.wire import VISIBLE, Wire

LONG_MULTIPLE: Final = 3.0
"""Usual long balance over the mean traded value of a session."""
CROWDING_WEIGHT: Final = 0.5
"""Log of the long balance per unit of crowding."""
SHORT_TO_LONG: Final = 0.3
LATER_WEIGHT: Final = 40.0
"""Log of the short balance per unit of the return between date and publication."""
SHORT_NOISE: Final = 0.3
MOST_OF_ISSUE: Final = 0.4
"""No balance is a larger share of the issued shares."""
LOT: Final = 100
LENDABLE, CREDIT_ONLY = "2", "1"
ETF_CODE: Final = "13060"
"""A fund that is always on daily publication: its shares outstanding change daily, so "*"."""
FLAGS: Final = (
    "Restricted",
    "DailyPublication",
    "Monitoring",
    "RestrictedByJSF",
    "PrecautionByJSF",
    "UnclearOrSecOnAlert",
)
SPELLS_PER_YEAR: Final = 0.08
"""Daily-publication spells per name and year."""
CORRECTION_RATE: Final = 0.02
"""Share of alert rows that are published once more, corrected, a session later."""
_MINUTES: Final = 16 * 60 + 30
_SIDES: Final = ("Shrt", "Long")
PARTS: Final = ("Shrt", "ShrtNeg", "ShrtStd", "Long", "LongNeg", "LongStd")
"""Balances of a name: both sides, and of each the negotiable and the standardised part."""


def margin_types(market: Market, row: int) -> pl.Series:
    """``IssType`` of each name on a session, as ``Mrgn`` of the list of that session; [N]."""
    return pl.Series([CREDIT_ONLY, LENDABLE]).gather(segments_of(market).lendable[row] * 1)


@dataclass(frozen=True)
class Balances:
    """Margin balances of every name at the end of any session; N names."""

    basis: Basis

    @cached_property
    def _segments(self) -> Segments:
        return segments_of(self.basis.market)

    @cached_property
    def _fixed(self) -> FloatArray:
        """Per name: log short-to-long ratio, negotiable shares of the short and long side; [3, N].

        The negotiable share holds while a name is lendable.
        """
        market = self.basis.market
        rng = session_rng(market, "margin_names", 0)
        num = len(market.codes)
        return np.stack(
            [
                np.log(SHORT_TO_LONG) + 0.3 * rng.standard_normal(num),
                rng.uniform(0.1, 0.5, num),
                rng.uniform(0.2, 0.6, num),
            ]
        )

    def at(self, row: int) -> dict[str, FloatArray]:
        """Balances of a session by `PARTS`; shares, multiples of `LOT`; [N] each.

        ``Neg`` and ``Std`` add up to the whole. What the short side knows of the return to come
        ends at the next session, the earliest publication there is. Names that cannot be borrowed
        have negotiable short positions only.
        """
        basis, market = self.basis, self.basis.market
        log_ratio, short_negotiable, long_negotiable = self._fixed
        noise = session_rng(market, "margin_interest", row).standard_normal((2, len(market.codes)))
        crowding = market.drivers.crowding[row].astype(np.float64)
        usual = LONG_MULTIPLE * basis.mean_value_yen(row) / basis.price_yen(row)
        log_short = log_ratio + SHORT_NOISE * noise[0]
        log_short += LATER_WEIGHT * basis.later_return(row, 1)
        whole = {
            "Shrt": usual * np.exp(np.clip(log_short, -8.0, 4.0)),
            "Long": usual * np.exp(CROWDING_WEIGHT * crowding + 0.05 * noise[1]),
        }
        limit = MOST_OF_ISSUE * basis.shares(row)
        lendable = self._segments.lendable[row]
        parts = {"Shrt": np.where(lendable, short_negotiable, 1.0), "Long": long_negotiable}
        out: dict[str, FloatArray] = {}
        for side in _SIDES:
            lots = np.round(np.minimum(whole[side], limit) / LOT)
            negotiable = np.floor(parts[side] * lots)
            out[side] = lots * LOT
            out[f"{side}Neg"] = negotiable * LOT
            out[f"{side}Std"] = (lots - negotiable) * LOT
        return out


@dataclass(frozen=True)
class MarginInterest:
    """``/markets/margin-interest``: balances of every listed name.

    Until `MARGIN_DAILY_FROM` the last session of each week of more than two sessions, visible at
    16:30 of the second session after the week, without ``PubDate`` and yen. From then on every
    session, published and visible at 16:30 of the next one.
    """

    balances: Balances

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows whose ``Date`` lies in ``first`` to ``last``."""
        market = self.balances.basis.market
        chosen = rows_between(market.sessions, first, last)
        daily = market.sessions[chosen] >= np.datetime64(MARGIN_DAILY_FROM)
        weeks = market.drivers.weeks
        week_end = np.isin(chosen, weeks.last_row[weeks.has_margin])
        frames = [
            self._session(int(row), lag=1 if is_daily else MARGIN_LAG)
            for row, is_daily in zip(chosen, daily, strict=True)
            if is_daily or week_end[row - chosen[0]]
        ]
        return stack("margin_interest", frames)

    def _session(self, row: int, *, lag: int) -> pl.DataFrame:
        basis, market = self.balances.basis, self.balances.basis.market
        stocks = np.flatnonzero(market.listed[row])
        num = len(stocks)
        calendar = market.drivers.calendar
        public = calendar[row + lag : row + lag + 1]
        daily = lag == 1
        columns: dict[str, object] = {
            "PubDate": date_text(np.repeat(public, num)) if daily else [None] * num,
            "Date": date_text(np.repeat(calendar[row : row + 1], num)),
            "Code": basis.codes.gather(stocks.astype(np.uint32)),
            "IssType": margin_types(market, row).gather(stocks.astype(np.uint32)),
            VISIBLE: np.repeat(tokyo_instant(public, minutes=_MINUTES), num),
        }
        price = basis.price_yen(row)[stocks]
        for name, shares in self.balances.at(row).items():
            columns[f"{name}Vol"] = shares[stocks]
            value = np.round(shares[stocks] * price) if daily else [None] * num
            columns[f"{name}Val"] = pl.Series(value, dtype=pl.Float64)
        return to_wire("margin_interest", columns)


@dataclass(frozen=True)
class Spells:
    """Runs of sessions on which a name's balance is published daily; arrays [E].

    ``first_row`` and ``last_row`` are application dates; ``step`` is what the exchange does: 0
    publication only, 1 restricts, in up to four stages, 2 the securities finance company cautions
    or restricts. ``course``, uniform in [0, 1), decides how far it goes (`stages`).
    """

    stock: IntArray
    first_row: IntArray
    last_row: IntArray
    step: IntArray
    course: FloatArray


def draw_spells(market: Market) -> Spells:
    """Draw the daily-publication spells of a market; spells of one name do not overlap."""
    rng = np.random.default_rng([market.config.seed, zlib.crc32(b"margin_alert")])
    num_sessions, num = market.listed.shape
    count = max(3, round(num * num_sessions / SESSIONS_PER_YEAR * SPELLS_PER_YEAR))
    stock = rng.integers(num, size=count)
    start = rng.integers(1, num_sessions, size=count)
    stop = np.minimum(start + rng.integers(8, 60, size=count), num_sessions - 1)
    step = rng.choice(3, size=count, p=[0.6, 0.25, 0.15])
    order = np.lexsort((start, stock))
    stock, start, stop, step = stock[order], start[order], stop[order], step[order]
    clear = np.ones(count, dtype=np.bool_)
    clear[1:] = (stock[1:] != stock[:-1]) | (start[1:] > stop[:-1] + 1)
    stock = stock[clear]
    course = np.random.default_rng([market.config.seed, zlib.crc32(b"margin_course")])
    return Spells(
        stock=stock,
        first_row=start[clear],
        last_row=stop[clear],
        step=step[clear],
        course=course.random(len(stock)),
    )


@dataclass(frozen=True)
class Stage:
    """What the list says of a name at one time of a spell: regulation class and flags raised."""

    regulation: str
    reasons: frozenset[str]


_RESTRICTED: Final = frozenset({"DailyPublication", "Restricted"})
STAGES: Final = (
    Stage("002", frozenset({"DailyPublication"})),
    Stage("003", _RESTRICTED),
    Stage("004", _RESTRICTED),
    Stage("005", _RESTRICTED),
    Stage("006", _RESTRICTED),
    Stage("101", frozenset({"DailyPublication"})),
    Stage("102", frozenset({"DailyPublication", "Monitoring"})),
    Stage("002", frozenset({"DailyPublication", "UnclearOrSecOnAlert"})),
    Stage("001", frozenset({"DailyPublication", "PrecautionByJSF"})),
    Stage("001", frozenset({"DailyPublication", "RestrictedByJSF"})),
)
_PUBLISHED, _FIRST, _LIFTED, _WATCHED, _UNCLEAR, _PRECAUTION, _JSF = 0, 1, 5, 6, 7, 8, 9
_COURSES: Final[tuple[tuple[tuple[float, tuple[int, ...]], ...], ...]] = (
    ((0.6, (_PUBLISHED,)), (0.8, (_WATCHED,)), (1.0, (_UNCLEAR,))),
    (
        (0.5, (_PUBLISHED, _FIRST, _LIFTED)),
        (0.7, (_PUBLISHED, _FIRST, 2, _LIFTED)),
        (0.85, (_PUBLISHED, _FIRST, 2, 3, _LIFTED)),
        (1.0, (_FIRST, 2, 3, 4, _LIFTED)),
    ),
    ((0.6, (_PRECAUTION,)), (1.0, (_PRECAUTION, _JSF, _PRECAUTION))),
)
"""Courses of a spell for each `Spells.step`: cumulated share, and the stages in equal parts."""


def stages(spells: Spells, active: BoolArray, *, row: int) -> IntArray:
    """Place in `STAGES` of each active spell on a session."""
    found = []
    for number in np.flatnonzero(active):
        courses = _COURSES[spells.step[number]]
        course = next(way for share, way in courses if spells.course[number] < share)
        begun = row - spells.first_row[number]
        length = spells.last_row[number] + 1 - spells.first_row[number]
        found.append(course[int(len(course) * begun // length)])
    return np.array(found, dtype=np.int64)


def publish_reason(raised: frozenset[str]) -> str:
    """JSON text of the six flags, keys sorted."""
    flags = {name: str(int(name in raised)) for name in FLAGS}
    return json.dumps(flags, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class MarginAlert:
    """``/markets/margin-alert``: balances of the names on daily publication.

    Published and visible at 16:30 of the session after ``AppDate``; a corrected row comes one
    session later with the same ``AppDate``.
    """

    balances: Balances

    @cached_property
    def spells(self) -> Spells:
        """The spells of the whole market."""
        return draw_spells(self.balances.basis.market)

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows whose ``PubDate`` lies in ``first`` to ``last``."""
        published = rows_between(self.balances.basis.market.drivers.calendar, first, last)
        if not len(published):
            return no_rows("margin_alert")
        found = [
            entry
            for applied in range(int(published[0]) - 2, int(published[-1]))
            if (entry := self._applied(applied, published)) is not None
        ]
        if not found:
            return no_rows("margin_alert")
        columns = {key: np.concatenate([part[key] for part in found], axis=-1) for key in found[0]}
        return self._frame(columns)

    def _applied(self, row: int, published: IntArray) -> dict[str, npt.NDArray[np.float64]] | None:
        """Numbers of the rows about a session that are published in a span; None without any.

        ``now`` and ``before`` are [6, rows]: what is said of the session and of the one before.
        """
        market = self.balances.basis.market
        if not 1 <= row < len(market.sessions):
            return None
        spells, fund = self.spells, len(market.codes)
        active = (spells.first_row <= row) & (row <= spells.last_row)
        active &= market.listed[row, spells.stock] & market.listed[row - 1, spells.stock]
        has_fund = [] if ETF_CODE in market.codes else [fund]
        stock = np.concatenate([spells.stock[active], has_fund]).astype(np.int64)
        stage = np.concatenate([stages(spells, active, row=row), [_PUBLISHED] * len(has_fund)])
        opening = np.concatenate(
            [spells.first_row[active] == row, np.full(len(has_fund), row == 1)]
        )
        now, before = self._all_balances(row), self._all_balances(row - 1)
        wrong = session_rng(market, "margin_alert", row).random(fund + 1)[stock] < CORRECTION_RATE
        shares = np.append(self.balances.basis.shares(row), np.nan)
        first = np.where(wrong, before[:, stock], now[:, stock])
        parts = []
        for delay, kept, said in ((1, np.ones_like(wrong), first), (2, wrong, now[:, stock])):
            if row + delay < published[0] or row + delay > published[-1]:
                continue
            parts.append(
                {
                    "stock": stock[kept],
                    "stage": stage[kept],
                    "opening": opening[kept],
                    "outstanding": shares[stock[kept]],
                    "applied": np.full(int(kept.sum()), row),
                    "published": np.full(int(kept.sum()), row + delay),
                    "now": said[:, kept],
                    "before": before[:, stock[kept]],
                }
            )
        if not parts:
            return None
        return {key: np.concatenate([part[key] for part in parts], axis=-1) for key in parts[0]}

    def _all_balances(self, row: int) -> FloatArray:
        """Balances of every name and then of the fund, in the order of `PARTS`; [6, N + 1]."""
        names, fund = self.balances.at(row), _fund_balances(self.balances.basis.market, row)
        return np.stack([np.append(names[part], fund[part]) for part in PARTS])

    def _frame(self, found: Mapping[str, npt.NDArray[np.float64]]) -> pl.DataFrame:
        market = self.balances.basis.market
        calendar = market.drivers.calendar
        codes = pl.Series([*market.codes, ETF_CODE]).gather(found["stock"].astype(np.uint32))
        published = calendar[found["published"].astype(np.int64)]
        columns: dict[str, object] = {
            "PubDate": date_text(published),
            "AppDate": date_text(calendar[found["applied"].astype(np.int64)]),
            "Code": codes,
            VISIBLE: tokyo_instant(published, minutes=_MINUTES),
        }
        opening = pl.Series(found["opening"].astype(np.bool_))
        now = dict(zip(PARTS, found["now"], strict=True))
        before = dict(zip(PARTS, found["before"], strict=True))
        for part in PARTS:
            columns[f"{part}Out"] = now[part]
            columns[f"{part}OutChg"] = _marked(now[part] - before[part], opening, mark="-")
        for side in _SIDES:
            ratio = np.round(now[side] / found["outstanding"] * 100.0, 2)
            columns[f"{side}OutRatio"] = _marked(ratio, pl.Series(np.isnan(ratio)), mark="*")
        relation = np.round(now["Shrt"] / np.maximum(now["Long"], LOT) * 100.0, 2)
        known = np.where(now["Long"] > 0, relation, np.nan)
        columns["SLRatio"] = pl.Series(known, nan_to_null=True)
        places = found["stage"].astype(np.uint32)
        reasons = pl.Series([publish_reason(stage.reasons) for stage in STAGES])
        columns["PubReason"] = reasons.gather(places)
        columns["TSEMrgnRegCls"] = pl.Series([stage.regulation for stage in STAGES]).gather(places)
        return to_wire("margin_alert", columns)


def _fund_balances(market: Market, row: int) -> dict[str, float]:
    """Balances of the fund, sized by the index; shares, keys of `PARTS`."""
    draws = session_rng(market, "margin_fund", row).uniform(0.9, 1.1, 2)
    out: dict[str, float] = {}
    for side, base, draw in zip(_SIDES, (4e8, 1e9), draws, strict=True):
        lots = float(np.round(base * draw / market.index[row, 3] / LOT))
        negotiable = float(np.floor(0.3 * lots))
        out[side], out[f"{side}Neg"] = lots * LOT, negotiable * LOT
        out[f"{side}Std"] = (lots - negotiable) * LOT
    return out


def _marked(values: FloatArray, marked: pl.Series, *, mark: str) -> pl.Series:
    """Numbers as text, with a mark where asked."""
    frame = pl.DataFrame({"value": np.nan_to_num(values), "marked": marked})
    text = pl.when(pl.col("marked")).then(pl.lit(mark)).otherwise(number_text(pl.col("value")))
    return frame.select(text.alias("text")).to_series()


def wires(market: Market) -> dict[str, Wire]:
    """Wires of this module by endpoint name."""
    balances = Balances(basis_of(market))
    return {"margin_interest": MarginInterest(balances), "margin_alert": MarginAlert(balances)}
