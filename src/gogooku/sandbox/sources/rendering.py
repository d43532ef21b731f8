"""What the wires of a market share: instants, random numbers per session, prices, share counts."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.sandbox.market.drivers import Float32Array
from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.quirks import IntArray
from gogooku.sandbox.sources.companies import companies
from gogooku.sandbox.sources.wire import wire_schema

BARS_MINUTES: Final = 16 * 60 + 30
"""Bars of a session are public at 16:30; so are the indices."""
BAR_PRICES: Final = ("O", "H", "L", "C")
"""Wire columns of the prices of a bar."""
MEAN_SESSIONS: Final = 20
"""Sessions of the mean traded value that balances are sized by."""
_TOKYO_MINUTES: Final = 9 * 60


def tokyo_instant(days: DateArray, *, minutes: int) -> npt.NDArray[np.datetime64]:
    """Naive UTC instants (microseconds) of a Tokyo time, in minutes after midnight."""
    offset = np.timedelta64(minutes - _TOKYO_MINUTES, "m")
    return np.asarray(days.astype("datetime64[us]") + offset)


def session_rng(market: Market, endpoint: str, row: int) -> np.random.Generator:
    """Random numbers of one endpoint and session: the same whatever span is asked for."""
    return np.random.default_rng([market.config.seed, zlib.crc32(endpoint.encode()), row])


def rows_between(days: DateArray, first: date, last: date) -> IntArray:
    """Places of ascending dates within a span, both ends included."""
    start = int(np.searchsorted(days, np.datetime64(first, "D"), side="left"))
    stop = int(np.searchsorted(days, np.datetime64(last, "D"), side="right"))
    return np.arange(start, max(start, stop), dtype=np.int64)


def date_text(days: DateArray) -> pl.Series:
    """YYYY-MM-DD."""
    return pl.Series(days.astype("datetime64[D]"), dtype=pl.Date).dt.to_string("%Y-%m-%d")


def number_text(values: pl.Expr) -> pl.Expr:
    """Numbers as text, whole ones without a decimal point."""
    whole = values == values.round(0)
    return (
        pl.when(whole).then(values.cast(pl.Int64).cast(pl.String)).otherwise(values.cast(pl.String))
    )


def to_wire(endpoint: str, columns: Mapping[str, Any] | pl.DataFrame) -> pl.DataFrame:
    """Frame in the order and types of an endpoint, sorted by its key."""
    spec = ENDPOINTS[endpoint]
    frame = pl.DataFrame(columns)
    schema = wire_schema(spec)
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items()).sort(spec.key)


def no_rows(endpoint: str) -> pl.DataFrame:
    """Empty answer of an endpoint."""
    return pl.DataFrame(schema=wire_schema(ENDPOINTS[endpoint]))


def stack(endpoint: str, frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Join parts of an answer, sorted by the endpoint's key."""
    if not frames:
        return no_rows(endpoint)
    return pl.concat(frames).sort(ENDPOINTS[endpoint].key)


@dataclass(frozen=True)
class Basis:
    """Prices, share counts and known-later returns of a market; T sessions, N names.

    Computed when first asked for: at full size each [T, N] array takes 43 MB.
    """

    market: Market

    @cached_property
    def codes(self) -> pl.Series:
        """Codes, to be gathered by number."""
        return pl.Series("Code", self.market.codes, dtype=pl.String)

    @cached_property
    def split_product(self) -> Float32Array:
        """Product of the adjustment factors up to each session."""
        factor = np.nan_to_num(self.market.adjustment_factor, nan=1.0)
        return np.cumprod(factor, axis=0, dtype=np.float64).astype(np.float32)

    @cached_property
    def log_price(self) -> Float32Array:
        """Log of the forward-adjusted close, carried over sessions without a trade."""
        with np.errstate(invalid="ignore"):
            log = np.log(self.market.close.astype(np.float32) / self.split_product)
        place = np.where(np.isfinite(log), np.arange(len(log), dtype=np.int32)[:, np.newaxis], 0)
        np.maximum.accumulate(place, axis=0, out=place)
        carried = np.take_along_axis(log, place, axis=0)
        first = np.take_along_axis(log, np.isfinite(log).argmax(axis=0)[np.newaxis], axis=0)
        filled: Float32Array = np.where(np.isfinite(carried), carried, first)
        filled[~np.isfinite(filled)] = np.log(1_000.0)  # a name that never traded
        return filled

    def price_yen(self, row: int) -> FloatArray:
        """Last raw close up to a session on that session's share count; [N]."""
        log = self.log_price[row].astype(np.float64)
        price: FloatArray = np.exp(log) * self.split_product[row]
        return price

    @cached_property
    def residual(self) -> Float32Array:
        """Sum of each name's close-to-close log returns against the mean listed name; [T, N]."""
        change = np.diff(self.log_price, axis=0, prepend=self.log_price[:1])
        counts = np.maximum(self.market.listed.sum(axis=1, keepdims=True), 1)
        mean = np.where(self.market.listed, change, 0.0).sum(axis=1, keepdims=True) / counts
        return np.cumsum(change - mean, axis=0, dtype=np.float64).astype(np.float32)

    def later_return(self, row: int, lag: int) -> FloatArray:
        """Residual return over the ``lag`` sessions after one: not known in it; [N].

        Cut off at the market's last session.
        """
        last = min(row + lag, len(self.residual) - 1)
        known: FloatArray = (self.residual[last] - self.residual[row]).astype(np.float64)
        return known

    def mean_value_yen(self, row: int) -> FloatArray:
        """Mean traded value of the last `MEAN_SESSIONS`, sessions without a trade count 0; [N].

        Counts only listed sessions; one yen at least.
        """
        span = slice(max(row - MEAN_SESSIONS + 1, 0), row + 1)
        total = np.nan_to_num(self.market.turnover_value[span]).sum(axis=0)
        mean: FloatArray = total / np.maximum(self.market.listed[span].sum(axis=0), 1)
        return np.maximum(mean, 1.0)

    @cached_property
    def base_shares(self) -> FloatArray:
        """Issued shares before any adjustment; [N]."""
        return companies(self.market).shares

    def shares(self, row: int) -> FloatArray:
        """Issued shares of a session; [N]."""
        count: FloatArray = np.round(self.base_shares / self.split_product[row])
        return count


_BASES: WeakValueDictionary[int, Basis] = WeakValueDictionary()


def basis_of(market: Market) -> Basis:
    """Return the one basis of a market, so that its arrays exist once however many wires there are.

    Kept as long as a wire holds it; it holds its market, so the number cannot be another market's.
    """
    basis = _BASES.get(id(market))
    if basis is None:
        basis = _BASES[id(market)] = Basis(market)
    return basis
