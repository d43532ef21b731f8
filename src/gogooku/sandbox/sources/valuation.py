"""The wire of ``/equities/valuation``: price multiples from what was disclosed before the day.

Only documents of sessions strictly before ``Date`` count. Actual values are sums of four quarters,
forward ones the newest company forecast; per share and market value on the day's own split basis.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.ingest.jquants.endpoints import ENDPOINTS, Kind
from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.quirks import IntArray
from gogooku.sandbox.sources.companies import split_product, standing_close
from gogooku.sandbox.sources.documents import Kind as Document
from gogooku.sandbox.sources.documents import book
from gogooku.sandbox.sources.listings import Issues
from gogooku.sandbox.sources.rendering import (
    date_text,
    no_rows,
    rows_between,
    to_wire,
    tokyo_instant,
)
from gogooku.sandbox.sources.wire import VISIBLE, Wire

_VISIBLE_MINUTE = 16 * 60


def wires(market: Market) -> dict[str, Wire]:
    """Wire of the valuation."""
    return {"valuation": Valuation(market)}


@dataclass(frozen=True)
class Valuation:
    """Renders ``/equities/valuation``: one row per listed issue and session.

    Issues that are no company of the market (funds) have rows of nulls.
    """

    market: Market

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Valuations of the sessions in the span; null where unknown."""
        span = rows_between(self.market.sessions, first, last)
        if not len(span):
            return no_rows("valuation")
        issues = Issues(self.market)
        offsets, places = np.nonzero(issues.listed(span))
        rows = span[offsets]
        company = places < len(self.market.codes)
        values = {
            name: np.full(len(rows), np.nan)
            for name, kind in ENDPOINTS["valuation"].columns.items()
            if kind is Kind.NUMBER
        }
        for name, known in self._values(rows[company], places[company]).items():
            values[name][company] = known
        days = book(self.market).days
        frame = {
            "Date": date_text(self.market.sessions[rows]),
            "Code": issues.codes.gather(places),
            **{name: pl.Series(name, v, nan_to_null=True) for name, v in values.items()},
            VISIBLE: tokyo_instant(days.date(rows + 1), minutes=_VISIBLE_MINUTE),
        }
        return to_wire("valuation", frame)

    def _values(self, rows: IntArray, stocks: IntArray) -> dict[str, FloatArray]:
        firms, known = book(self.market).companies, self._known
        place = self._newest[rows, stocks]
        four, forecast, equity = (
            np.where(place >= 0, known[name][place], np.nan) for name in ("ttm", "f_np", "sheq")
        )
        product, close = self._product[rows, stocks], self._close[rows, stocks]
        issued = np.round(firms.shares[stocks] / product)
        net = np.round(firms.net_shares[stocks] / product)
        eps, forward, book_value = four / net, forecast / net, equity / net
        return {
            "EPS": np.round(eps, 2),
            "FwdEPS": np.round(forward, 2),
            "BPS": np.round(book_value, 2),
            "ROE": np.round(four / equity, 4),
            "FwdROE": np.round(forecast / equity, 4),
            "PER": _multiple(close, eps),
            "FwdPER": _multiple(close, forward),
            "PBR": _multiple(close, book_value),
            "MktCap": np.round(close * issued / 1e6),
        }

    @cached_property
    def _known(self) -> dict[str, FloatArray]:
        """What each document leaves known of its company; [E], NaN where nothing was said yet."""
        frame = book(self.market).frame
        results = pl.col("kind").is_in([int(Document.RESULTS), int(Document.CORRECTION)])
        forecasts = pl.col("kind") != int(Document.DIVIDEND)
        known = frame.select(
            "ttm",
            f_np=pl.when(forecasts.cum_sum().over("stock") > 0).then("f_np"),
            sheq=pl.when(results.cum_sum().over("stock") > 0).then("sheq"),
        )
        return {name: known[name].to_numpy().astype(np.float64) for name in known.columns}

    @cached_property
    def _newest(self) -> npt.NDArray[np.int32]:
        """Place of the newest document of earlier sessions; [T, N], -1 without one."""
        frame = book(self.market).frame
        found = np.full(self.market.listed.shape, -1, dtype=np.int32)
        row = np.maximum(frame["row"].to_numpy() + 1, 0)
        inside = row < len(found)
        places = np.arange(len(row), dtype=np.int32)
        np.maximum.at(found, (row[inside], frame["stock"].to_numpy()[inside]), places[inside])
        newest: npt.NDArray[np.int32] = np.maximum.accumulate(found, axis=0)
        return newest

    @cached_property
    def _product(self) -> FloatArray:
        return split_product(self.market)

    @cached_property
    def _close(self) -> FloatArray:
        return standing_close(self.market)


def _multiple(price: FloatArray, per_share: FloatArray) -> FloatArray:
    """Price over a per-share value; NaN unless that is positive."""
    positive = np.where(per_share > 0, per_share, np.nan)
    multiple: FloatArray = np.round(price / positive, 2)
    return multiple
