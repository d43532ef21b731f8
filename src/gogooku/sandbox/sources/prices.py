"""Prices as the vendor sends them: daily bars with both halves of the day, and AM bars.

The vendor adjusts *backwards*: each split rewrites all prices before it, so what a row says depends
on when it is asked for. `QuoteWire.rows_known` takes that instant; ``rows`` is what is known at the
end of the market. Everything else here never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.quirks import BoolArray, IntArray, to_tick
from gogooku.sandbox.sources.listings import Issues
from gogooku.sandbox.sources.rendering import (
    BAR_PRICES,
    BARS_MINUTES,
    date_text,
    rows_between,
    session_rng,
    to_wire,
    tokyo_instant,
)
from gogooku.sandbox.sources.wire import VISIBLE, Wire

_MORNING_MINUTES: Final = 12 * 60
_ETF: Final = "014"


@dataclass(frozen=True)
class Bars:
    """Raw bars of some sessions, every issue; float64 [rows, M], NaN without a trade."""

    O: FloatArray  # noqa: E741 - the vendor's names
    H: FloatArray
    L: FloatArray
    C: FloatArray
    Vo: FloatArray
    Va: FloatArray


@dataclass(frozen=True)
class Board:
    """Bars of all issues and what adjusts them."""

    market: Market
    issues: Issues

    def bars(self, rows: IntArray) -> Bars:
        """Raw bars of some sessions."""
        market, funds = self.market, self._fund_bars
        own = (
            market.open_,
            market.high,
            market.low,
            market.close,
            market.volume_shares,
            market.turnover_value,
        )
        parts = zip(own, funds, strict=True)
        return Bars(*(np.concatenate([a[rows], b[rows]], axis=1) for a, b in parts))

    @cached_property
    def _fund_bars(self) -> tuple[FloatArray, ...]:
        """O H L C Vo Va of the funds; [T, funds] each."""
        market, funds = self.market, self.issues.funds
        shape = (len(market.sessions), len(funds))
        rng = np.random.default_rng([market.config.seed, 0xF0D5])
        level = np.exp(np.cumsum(0.002 * rng.standard_normal(shape), axis=0))
        level *= np.array([fund.price_ratio for fund in funds])
        open_, high, low, close = (to_tick(level * column[:, None]) for column in market.index.T)
        volume = np.round(np.exp(8.0 + rng.standard_normal(shape)))
        value = np.round(volume * (open_ + close) / 2)
        halted = ~np.isfinite(market.close).any(axis=1, keepdims=True)
        quiet = rng.random(shape) < np.array([0.8 * (fund.market == "0105") for fund in funds])
        bars = (open_, high, low, close, volume, value)
        return tuple(np.where(halted | quiet, np.nan, values) for values in bars)

    @cached_property
    def splits(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Session row, place and factor of every adjustment, ascending by row."""
        factor = np.nan_to_num(self.market.adjustment_factor, nan=1.0)
        row, place = np.nonzero(factor != 1.0)
        return row, place, factor[row, place]

    def factors(self, rows: IntArray) -> FloatArray:
        """Adjustment factor of each session itself; [rows, M]."""
        own = np.nan_to_num(self.market.adjustment_factor[rows], nan=1.0)
        return np.concatenate([own, np.ones((len(rows), len(self.issues.funds)))], axis=1)

    def product_up_to(self, rows: IntArray) -> FloatArray:
        """Product of all factors up to and including each session; [rows, M]."""
        product = np.ones((len(rows), len(self.issues.codes)))
        for row, place, factor in zip(*self.splits, strict=True):
            product[rows >= row, place] *= factor
        return product

    def product_after(self, rows: IntArray, *, known_row: int) -> FloatArray:
        """Product of the factors after each session, up to ``known_row``; [rows, M]."""
        product = np.ones((len(rows), len(self.issues.codes)))
        for row, place, factor in zip(*self.splits, strict=True):
            if row <= known_row:
                product[rows < row, place] *= factor
        return product


@dataclass(frozen=True)
class Halves:
    """Morning and afternoon of some sessions: each O H L C Vo Va; [rows, M]."""

    morning: Bars
    afternoon: Bars


def halves(market: Market, bars: Bars, rows: IntArray) -> Halves:
    """Split days into halves: the first opens, the second closes; extremes and volumes add up.

    A day with a single share traded has it in the morning, with no afternoon volume.
    """
    shape = bars.O.shape
    draws = np.stack([session_rng(market, "quotes", int(r)).random((4, shape[1])) for r in rows])
    share, close, reopen, inner = (draws[:, i] for i in range(4))
    width = bars.H - bars.L
    m_close = np.clip(to_tick(bars.L + close * width), bars.L, bars.H)
    a_open = np.clip(to_tick(m_close + 0.1 * (reopen - 0.5) * width), bars.L, bars.H)
    high_first, low_first = share + inner > 1.0, close + reopen > 1.0
    m_top, m_floor = np.maximum(bars.O, m_close), np.minimum(bars.O, m_close)
    a_top, a_floor = np.maximum(a_open, bars.C), np.minimum(a_open, bars.C)
    volume = np.clip(np.floor(bars.Vo * (0.35 + 0.3 * share)), 1.0, np.maximum(bars.Vo - 1, 1))
    value = np.round(bars.Va * volume / bars.Vo)
    morning = Bars(
        O=bars.O,
        H=np.where(high_first, bars.H, _between(m_top, bars.H, inner)),
        L=np.where(low_first, bars.L, _between(m_floor, bars.L, inner)),
        C=m_close,
        Vo=volume,
        Va=value,
    )
    afternoon = Bars(
        O=a_open,
        H=np.where(high_first, _between(a_top, bars.H, inner), bars.H),
        L=np.where(low_first, _between(a_floor, bars.L, inner), bars.L),
        C=bars.C,
        Vo=bars.Vo - volume,
        Va=bars.Va - value,
    )
    return Halves(morning, afternoon)


def _between(start: FloatArray, end: FloatArray, share: FloatArray) -> FloatArray:
    """A tick price between two prices, ``share`` of the way."""
    low, high = np.minimum(start, end), np.maximum(start, end)
    return np.clip(to_tick(start + share * (end - start)), low, high)


def _flag(marks: BoolArray) -> pl.Series:
    return pl.Series(marks).replace_strict({True: "1", False: "0"}, return_dtype=pl.String)


def _number(values: FloatArray) -> pl.Series:
    return pl.Series(values, nan_to_null=True)


@dataclass(frozen=True)
class QuoteWire:
    """Daily bars of every listed issue; a row without values where there was no trade."""

    board: Board

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows of a span, adjusted by every split of the market."""
        return self._render(first, last, known_row=len(self.board.market.sessions) - 1)

    def rows_known(self, first: date, last: date, *, known: datetime) -> pl.DataFrame:
        """Rows of a span, adjusted by the splits whose ex-date bars are public at ``known``.

        Later rows are not left out: their `VISIBLE` says when they come.
        """
        known_row = int(np.searchsorted(self._public, _instant(known), side="right")) - 1
        return self._render(first, last, known_row=known_row)

    def restated_at(self, known: datetime) -> datetime | None:
        """Instant (UTC) of the last split that is public at ``known``; None before the first."""
        moments = self._public[self.board.splits[0]]
        moments = moments[moments <= _instant(known)]
        if not len(moments):
            return None
        newest: datetime = moments[-1].item()
        return newest.replace(tzinfo=UTC)

    @cached_property
    def _public(self) -> DateArray:
        """When the bars of each session are public."""
        return tokyo_instant(self.board.market.sessions, minutes=BARS_MINUTES)

    def _render(self, first: date, last: date, *, known_row: int) -> pl.DataFrame:
        board, market = self.board, self.board.market
        rows = rows_between(market.sessions, first, last)
        if not len(rows):
            return to_wire("quotes", _empty("quotes"))
        listed = board.issues.listed(rows)
        at, place = np.nonzero(listed)
        bars = board.bars(rows)
        parts = halves(market, bars, rows)
        product = board.product_after(rows, known_row=known_row)[listed]
        factor = board.factors(rows)[listed]
        columns: dict[str, pl.Series] = {
            "Date": date_text(market.sessions[rows[at]]),
            "Code": board.issues.codes.gather(place),
            "AdjFactor": pl.Series(factor),
            "MktCap": _number(self._value(rows, bars)[listed]),
            "ExRT": _ex_right(factor),
            VISIBLE: pl.Series(tokyo_instant(market.sessions[rows[at]], minutes=BARS_MINUTES)),
        }
        for prefix, half in (("", bars), ("M", parts.morning), ("A", parts.afternoon)):
            columns |= _half_columns(prefix, half, listed=listed, product=product)
        columns |= self._limits(rows, listed, bars, parts)
        return to_wire("quotes", columns)

    def _value(self, rows: IntArray, bars: Bars) -> FloatArray:
        """Market value in whole million yen; NaN for exchange-traded funds and without a trade."""
        shares = np.round(self.board.issues.shares / self.board.product_up_to(rows))
        value: FloatArray = np.round(shares * bars.C / 1e6)
        num_names = len(self.board.market.codes)
        for number, fund in enumerate(self.board.issues.funds):
            if fund.product == _ETF:
                value[:, num_names + number] = np.nan
        return value

    def _limits(
        self, rows: IntArray, listed: BoolArray, bars: Bars, parts: Halves
    ) -> dict[str, pl.Series]:
        """Flags UL and LL of the day and of the halves that reached its extreme price."""
        market = self.board.market
        none = np.zeros((len(rows), len(self.board.issues.funds)), dtype=np.bool_)
        up = np.concatenate([market.limit_up[rows], none], axis=1)
        down = np.concatenate([market.limit_down[rows], none], axis=1)
        marks = {"UL": up, "LL": down}
        for prefix, half in (("M", parts.morning), ("A", parts.afternoon)):
            marks[f"{prefix}UL"] = up & (half.H == bars.H)
            marks[f"{prefix}LL"] = down & (half.L == bars.L)
        return {name: _flag(values[listed]) for name, values in marks.items()}


def _instant(known: datetime) -> np.datetime64:
    return np.datetime64(known.astimezone(UTC).replace(tzinfo=None), "us")


def _half_columns(
    prefix: str, half: Bars, *, listed: BoolArray, product: FloatArray
) -> dict[str, pl.Series]:
    """Raw and adjusted columns of the day or of one half."""
    columns = {}
    for name in BAR_PRICES:
        raw = getattr(half, name)[listed]
        columns[f"{prefix}{name}"] = _number(raw)
        columns[f"{prefix}Adj{name}"] = _number(np.round(raw * product, 1))
    volume = half.Vo[listed]
    columns[f"{prefix}Vo"] = _number(volume)
    columns[f"{prefix}AdjVo"] = _number(np.round(volume / product, 1))
    columns[f"{prefix}Va"] = _number(half.Va[listed])
    return columns


def _ex_right(factor: FloatArray) -> pl.Series:
    """1 split, 2 consolidation, null on every other day."""
    kind = np.where(factor < 1.0, 1, np.where(factor > 1.0, 2, 0))
    return pl.Series(kind).replace_strict({0: None, 1: "1", 2: "2"}, return_dtype=pl.String)


def _empty(endpoint: str) -> dict[str, list[str]]:
    return {name: [] for name in (*ENDPOINTS[endpoint].columns, VISIBLE)}


@dataclass(frozen=True)
class MorningWire:
    """Bars of the morning, from 12:00 of the session."""

    board: Board

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows of a span."""
        market = self.board.market
        rows = rows_between(market.sessions, first, last)
        if not len(rows):
            return to_wire("morning", _empty("morning"))
        listed = self.board.issues.listed(rows)
        at, place = np.nonzero(listed)
        morning = halves(market, self.board.bars(rows), rows).morning
        days = market.sessions[rows[at]]
        names = (*BAR_PRICES, "Vo", "Va")
        return to_wire(
            "morning",
            {
                "Date": date_text(days),
                "Code": self.board.issues.codes.gather(place),
                **{f"M{name}": _number(getattr(morning, name)[listed]) for name in names},
                VISIBLE: pl.Series(tokyo_instant(days, minutes=_MORNING_MINUTES)),
            },
        )


def wires(market: Market) -> dict[str, Wire]:
    """Wires of this module: quotes and morning."""
    board = Board(market, Issues(market))
    return {"quotes": QuoteWire(board), "morning": MorningWire(board)}
