"""The wires of futures and options: every listed contract and session, at prices of the smile.

All of a session's columns follow from the underlying's bar and from what was known at its close;
volumes and open interest are drawn per contract and session, whatever span is asked for. A session
part without a trade has the price "0", as on the exchange's own lists.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.quirks import BoolArray, IntArray
from gogooku.sandbox.sources.companies import Days, days_of
from gogooku.sandbox.sources.contracts import (
    FUTURE_PRODUCTS,
    OPTION_PRODUCTS,
    Contract,
    Underlyings,
    code_digits,
    contracts,
    stock_products,
    strikes,
    underlyings,
)
from gogooku.sandbox.sources.rendering import (
    date_text,
    no_rows,
    number_text,
    rows_between,
    to_wire,
    tokyo_instant,
)
from gogooku.sandbox.sources.smile import (
    Curve,
    Terms,
    black,
    hashed,
    moneyness,
    smile,
    term_level,
)
from gogooku.sandbox.sources.wire import VISIBLE, Wire

SETTLEMENT_FROM: Final = np.datetime64("2016-07-19")
"""From this session ``VoOA``, ``Settle``, ``LTD``, ``SQD`` and ``CCMFlag`` exist."""
EMERGENCY_MOVE: Final = 0.035
"""A move of the underlying of at least this triggers emergency margin: rows ``001``."""
PUT, CALL = 1, 2
NORMAL, EMERGENCY = "002", "001"
ROLL_SESSIONS: Final = 3
"""The central contract is the next one from this many sessions before the last trading day."""
_VISIBLE_MINUTE: Final = 27 * 60
_MORNING: Final = ("MO", "MH", "ML", "MC")
_LATE_COLUMNS: Final = ("VoOA", "Settle", "LTD", "SQD", "CCMFlag")
_BEFORE, _OPEN, _HIGH, _LOW, _CLOSE = range(5)


def wires(market: Market) -> dict[str, Wire]:
    """Wires of futures, of all options and of the options on the 225 index."""
    board = Board(market)
    return {
        "futures": Futures(board),
        "options": Options(board, "options"),
        "index_options": Options(board, "index_options"),
    }


@dataclass(frozen=True)
class Board:
    """Underlyings and contracts of a market, made when first asked for."""

    market: Market

    @cached_property
    def days(self) -> Days:
        """Sessions around the market."""
        return days_of(self.market)

    @cached_property
    def underlyings(self) -> Underlyings:
        """Prices of what contracts are written on."""
        return underlyings(self.market)

    @cached_property
    def options(self) -> list[Contract]:
        """All option contracts."""
        products = (*OPTION_PRODUCTS, *stock_products(self.underlyings))
        return [one for product in products for one in contracts(product, self.days)]

    @cached_property
    def futures(self) -> list[Contract]:
        """All futures contracts."""
        return [one for product in FUTURE_PRODUCTS for one in contracts(product, self.days)]


@dataclass(frozen=True)
class Lines:
    """Lines of the list of a session: one per contract (option: per strike and side); [R].

    ``contract`` is the place in ``held``, ``strike`` is on the basis of the contract's first
    session, ``side`` 0 for futures.
    """

    held: Sequence[Contract]
    contract: IntArray
    row: IntArray
    strike: FloatArray
    side: IntArray
    first_day: BoolArray

    def gather(self, values: Sequence[Any]) -> npt.NDArray[Any]:
        """Property of each line's contract."""
        return np.asarray(values)[self.contract]

    def product(self, name: str) -> npt.NDArray[Any]:
        """Property of each line's product."""
        return self.gather([getattr(one.product, name) for one in self.held])

    @cached_property
    def keys(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """What draws of a line depend on."""
        product = [zlib.crc32(one.product.name.encode()) for one in self.held]
        expiry = [one.sq_row for one in self.held]
        place = self.product("underlying").astype(np.int64)
        number = np.round(self.strike * 100).astype(np.int64) * 3 + self.side
        return self.gather(product) + place, self.gather(expiry), number, self.row


@dataclass(frozen=True)
class Quotes:
    """Numbers of the lines; [R], five prices for before, open, high, low, close: [R, 5]."""

    price: FloatArray
    settle: FloatArray
    theory: FloatArray
    volatility: FloatArray
    base_volatility: FloatArray
    spot: FloatArray
    standardised: FloatArray
    rate: FloatArray
    years: FloatArray
    strike: FloatArray


def _option_lines(board: Board, rows: IntArray, names: frozenset[str] | None) -> Lines:
    held: list[Contract] = []
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    for one in board.options:
        if names is not None and one.product.name not in names:
            continue
        if one.last_row < rows[0] or one.listed_row > rows[-1]:
            continue
        row, strike, first = strikes(one, board.underlyings, rows)
        parts.append((np.full(len(row), len(held)), row, strike, first))
        held.append(one)
    contract, row, strike, first = (np.concatenate(part) for part in zip(*parts, strict=True))
    side = np.repeat([PUT, CALL], len(row))
    return Lines(
        held=held,
        contract=np.tile(contract, 2),
        row=np.tile(row, 2),
        strike=np.tile(strike, 2),
        side=side,
        first_day=np.tile(first, 2),
    )


def _future_lines(board: Board, rows: IntArray) -> Lines:
    held = [one for one in board.futures if one.last_row >= rows[0] and one.listed_row <= rows[-1]]
    listed = np.array([one.listed_row for one in held])[:, np.newaxis]
    last = np.array([one.last_row for one in held])[:, np.newaxis]
    contract, place = np.nonzero((rows >= listed) & (rows <= last))
    row = rows[place]
    zero = np.zeros(len(row), dtype=np.int64)
    return Lines(
        held=held,
        contract=contract,
        row=row,
        strike=zero.astype(np.float64),
        side=zero,
        first_day=row == listed[contract, 0],
    )


def _spots(lines: Lines, found: Underlyings) -> tuple[FloatArray, FloatArray]:
    """Bar of the underlying on the strikes' basis [R, 5], and the factor to the raw basis."""
    place = lines.product("underlying")
    opened = np.maximum(lines.gather([one.listed_row for one in lines.held]), 0)
    basis = found.product[opened, place]
    return (
        found.path[lines.row, place] * basis[:, np.newaxis],
        found.product[lines.row, place] / basis,
    )


def _years(lines: Lines, board: Board) -> FloatArray:
    expiry = lines.gather([one.expiry for one in lines.held]).astype("datetime64[D]")
    left = (expiry - board.market.sessions[lines.row]).astype(np.float64)
    years: FloatArray = np.maximum(left, 1.0) / 365.0
    return years


def _option_quotes(lines: Lines, board: Board, *, spot: FloatArray | None = None) -> Quotes:
    """Quotes of option lines; ``spot`` settles them at another price than the close."""
    found, place = board.underlyings, lines.product("underlying")
    bar, scale = _spots(lines, found)
    settled = bar[:, _CLOSE] if spot is None else spot
    years, rate = _years(lines, board), found.rate[lines.row]
    curve = Curve(
        level=found.level[lines.row, place],
        long_run=found.long_run[place],
        slope=found.slope[lines.row, place],
    )
    level = term_level(curve, years)
    terms = Terms(lines.strike, years, rate, lines.side == CALL)
    distance = moneyness(settled, terms, level=level)
    bend = {"skew": found.skew[lines.row, place], "twist": found.twist[lines.row, place]}
    volatility = np.round(smile(level, distance, **bend), 6)
    theory = black(settled, terms, volatility=volatility) * scale
    tick = lines.product("tick")
    wide = Terms(*(part[:, np.newaxis] for part in vars(terms).values()))
    prices = black(bar, wide, volatility=volatility[:, np.newaxis]) * scale[:, np.newaxis]
    return Quotes(
        price=to_step(prices, tick[:, np.newaxis]),
        settle=to_step(theory, tick),
        theory=theory,
        volatility=volatility,
        base_volatility=level,
        spot=settled * scale,
        standardised=moneyness(bar[:, _CLOSE], terms, level=level),
        rate=rate,
        years=years,
        strike=lines.strike * scale,
    )


def _future_quotes(lines: Lines, board: Board, *, spot: FloatArray | None = None) -> Quotes:
    """Quotes of futures: the underlying carried to expiry, and a small basis."""
    bar, _ = _spots(lines, board.underlyings)
    settled = bar[:, _CLOSE] if spot is None else spot
    years, rate = _years(lines, board), board.underlyings.rate[lines.row]
    basis = 4e-4 * (hashed(board.market.config.seed, *lines.keys) - 0.5)
    carry = np.exp(rate * years + basis)
    tick = lines.product("tick")
    none = np.zeros(len(years))
    return Quotes(
        price=to_step(bar * carry[:, np.newaxis], tick[:, np.newaxis]),
        settle=to_step(settled * carry, tick),
        theory=settled * carry,
        volatility=none,
        base_volatility=none,
        spot=settled,
        standardised=none,
        rate=rate,
        years=years,
        strike=none,
    )


def to_step(price: FloatArray, tick: FloatArray) -> FloatArray:
    """Round to the price step, at least one step."""
    stepped: FloatArray = np.round(np.maximum(np.round(price / tick), 1.0) * tick, 4)
    return stepped


@dataclass(frozen=True)
class Options:
    """Renders the list of all options, or that of the 225 index alone."""

    board: Board
    endpoint: str

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Lines of the sessions in the span."""
        rows = rows_between(self.board.market.sessions, first, last)
        if not len(rows):
            return no_rows(self.endpoint)
        names = frozenset({"NK225E"}) if self.endpoint == "index_options" else None
        lines = _option_lines(self.board, rows, names)
        frame = _render(lines, _option_quotes(lines, self.board), self.board, mark=NORMAL)
        hit = _emergency(lines, self.board)
        if len(hit.row):
            spot = _extreme(hit, self.board)
            quotes = _option_quotes(hit, self.board, spot=spot)
            extra = _render(hit, quotes, self.board, mark=EMERGENCY)
            frame = pl.concat([frame, extra])
        return to_wire(self.endpoint, frame)


@dataclass(frozen=True)
class Futures:
    """Renders the list of futures."""

    board: Board

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Lines of the sessions in the span."""
        rows = rows_between(self.board.market.sessions, first, last)
        if not len(rows):
            return no_rows("futures")
        lines = _future_lines(self.board, rows)
        frame = _render(lines, _future_quotes(lines, self.board), self.board, mark=NORMAL)
        hit = _emergency(lines, self.board)
        if len(hit.row):
            quotes = _future_quotes(hit, self.board, spot=_extreme(hit, self.board))
            frame = pl.concat([frame, _render(hit, quotes, self.board, mark=EMERGENCY)])
        return to_wire("futures", frame)


def _emergency(lines: Lines, board: Board) -> Lines:
    """Lines of the nearest contract on sessions with a large move of its underlying."""
    path, place = board.underlyings.path, lines.product("underlying")
    move = np.abs(path[lines.row, place, _CLOSE] / path[lines.row, place, _BEFORE] - 1.0)
    chosen = (move >= EMERGENCY_MOVE) & (place < 2) & _nearest(lines, board, roll=0)
    columns = {
        name: getattr(lines, name)[chosen]
        for name in ("contract", "row", "strike", "side", "first_day")
    }
    return Lines(held=lines.held, **columns)


def _extreme(lines: Lines, board: Board) -> FloatArray:
    """Price of the underlying at which emergency margin is reckoned: the day's extreme."""
    bar, _ = _spots(lines, board.underlyings)
    down = bar[:, _CLOSE] < bar[:, _BEFORE]
    return np.where(down, bar[:, _LOW], bar[:, _HIGH])


def _nearest(lines: Lines, board: Board, *, roll: int) -> BoolArray:
    """Lines of the first contract of their product that trades for ``roll`` more sessions."""
    everything = board.options if lines.side.any() else board.futures
    ends: dict[tuple[str, int], list[int]] = {}
    for one in everything:
        ends.setdefault(_family(one), []).append(one.last_row)
    by_contract = [np.sort(ends[_family(one)]) for one in lines.held]
    last = lines.gather([one.last_row for one in lines.held])
    out = np.zeros(len(lines.row), dtype=np.bool_)
    for number, candidates in enumerate(by_contract):
        own = lines.contract == number
        first = np.searchsorted(candidates, lines.row[own] + roll)
        inside = first < len(candidates)
        found = candidates[np.minimum(first, len(candidates) - 1)]
        out[own] = inside & (found == last[own])
    return out


def _family(contract: Contract) -> tuple[str, int]:
    return contract.product.name, contract.product.underlying


@dataclass(frozen=True)
class _Trades:
    """Which parts of a session traded, and how much; [R]."""

    night: BoolArray
    day: BoolArray
    volume: FloatArray
    auction: FloatArray
    interest: FloatArray


def _trades(lines: Lines, quotes: Quotes, board: Board, *, central: BoolArray) -> _Trades:
    seed = board.market.config.seed
    draw = [hashed(seed, *lines.keys, np.full(len(lines.row), channel)) for channel in range(1, 5)]
    product, expiry, number, _ = lines.keys
    lasting = hashed(seed, product, expiry, number)
    weight = np.exp(-0.5 * (quotes.standardised / 1.3) ** 2)
    weight = weight * np.where(central, 1.0, 0.25) * np.exp(-2.0 * quotes.years)
    usual = lines.product("volume") * weight
    chance = 1.0 - np.exp(-0.15 * usual)
    night = (draw[0] < 0.7 * chance) & ~lines.first_day
    day = draw[1] < chance
    amount = np.ceil(usual * np.exp(1.6 * (draw[2] - 0.5)) * (0.6 * day + 0.4 * night))
    age = lines.row - lines.gather([one.listed_row for one in lines.held])
    growth = 1.0 - np.exp(-(age + 1.0) / 25.0)
    interest = np.round(8 * usual * growth * np.exp(1.5 * (lasting - 0.5)))
    auction = np.floor(amount * (0.7 + 0.3 * draw[3]))
    return _Trades(night, day, amount, auction, interest)


def _render(lines: Lines, quotes: Quotes, board: Board, *, mark: str) -> pl.DataFrame:
    """All columns that any of the three lists has, as texts."""
    central = _nearest(lines, board, roll=ROLL_SESSIONS)
    trades = _trades(lines, quotes, board, central=central)
    sessions = board.market.sessions[lines.row]
    expiry = lines.gather([one.expiry for one in lines.held]).astype("datetime64[D]")
    ending = lines.gather([one.last_row for one in lines.held])
    prefix = lines.product("prefix").astype(np.int64)
    middle = lines.gather([one.digits for one in lines.held]).astype(np.int64)
    code = prefix * 10_000_000 + middle * 10_000 + _tail(lines)
    value = np.round(trades.volume * quotes.settle * lines.product("lot"))
    texts: dict[str, Any] = {
        "Date": date_text(sessions),
        "Code": pl.Series(code).cast(pl.String),
        "ProdCat": pl.Series(lines.product("name").astype(str)),
        "UndSSO": pl.Series(board.underlyings.names).gather(lines.product("underlying")),
        **_bars(lines, quotes, trades),
        "Vo": _number(trades.volume),
        "OI": _number(trades.interest),
        "Va": _number(value),
        "CM": pl.Series(lines.gather([one.month for one in lines.held]).astype(str)),
        "VoOA": _number(trades.auction),
        "EmMrgnTrgDiv": [mark] * len(code),
        "LTD": date_text(board.days.date(ending)),
        "SQD": date_text(expiry),
        "Settle": _number(quotes.settle),
        "CCMFlag": pl.Series(central.astype(np.int64)).cast(pl.String),
        "Strike": _number(np.round(quotes.strike, 2)),
        "PCDiv": pl.Series(lines.side).cast(pl.String),
        "Theo": _number(np.round(quotes.theory, 4)),
        "BaseVol": _number(np.round(100 * quotes.base_volatility, 4)),
        "UnderPx": _number(np.round(quotes.spot, 4)),
        "IV": _number(np.round(100 * quotes.volatility, 4)),
        "IR": _number(np.round(100 * quotes.rate, 4)),
        VISIBLE: tokyo_instant(sessions, minutes=_VISIBLE_MINUTE),
    }
    frame = pl.DataFrame(texts)
    frame = frame.with_columns(pl.lit("").alias(name) for name in _MORNING)
    early = pl.Series(sessions < SETTLEMENT_FROM)
    return frame.with_columns(
        pl.when(early).then(pl.lit("")).otherwise(pl.col(name)).alias(name)
        for name in _LATE_COLUMNS
    )


def _tail(lines: Lines) -> IntArray:
    """Last four digits of the code, and for calls the next prefix.

    Stock options have their side in the first digit (6 put, 7 call): the second one is the stock.
    """
    tail = np.full(len(lines.row), 18, dtype=np.int64)
    for number, one in enumerate(lines.held):
        own = lines.contract == number
        if one.product.tiers:
            tail[own] = code_digits(one, lines.strike[own])
    step = np.where(lines.product("name") == "EQOP", 100_000_000, 10_000_000)
    shifted: IntArray = tail + np.where(lines.side == CALL, step, 0)
    return shifted


def _bars(lines: Lines, quotes: Quotes, trades: _Trades) -> dict[str, pl.Series]:
    """Prices of the night, the day and both together; "0" without a trade."""
    before, opened, high, low, close = quotes.price.T
    day = (opened, np.max([opened, high, low, close], axis=0),
           np.min([opened, high, low, close], axis=0), close)  # fmt: skip
    night = (before, np.maximum(before, opened), np.minimum(before, opened), opened)
    both = trades.night & trades.day
    whole = (
        np.where(trades.night, night[0], day[0]),
        np.where(both, np.maximum(night[1], day[1]), np.where(trades.night, night[1], day[1])),
        np.where(both, np.minimum(night[2], day[2]), np.where(trades.night, night[2], day[2])),
        np.where(trades.day, day[3], night[3]),
    )
    parts = {"": (whole, trades.night | trades.day), "E": (night, trades.night),
             "A": (day, trades.day)}  # fmt: skip
    texts = {
        part + letter: _number(np.where(traded, values, 0.0))
        for part, (prices, traded) in parts.items()
        for letter, values in zip("OHLC", prices, strict=True)
    }
    first_day = pl.Series(lines.first_day)
    for letter in "OHLC":
        shown = pl.when(first_day).then(pl.lit("")).otherwise(pl.lit(texts[f"E{letter}"]))
        texts[f"E{letter}"] = pl.select(shown).to_series()
    return texts


def _number(values: FloatArray) -> pl.Series:
    return pl.select(number_text(pl.lit(pl.Series(values.astype(np.float64))))).to_series()
