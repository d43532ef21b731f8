"""Short selling: every sector's share of traded value, and the large positions.

The position reported for a session contains, beside the true one, some of the return between that
session and its disclosure. Joined at the session of the calculation it looks ahead; joined at the
disclosure it is an old return (`gogooku.sandbox.exchange.traps`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from gogooku.sandbox.market.drivers import REPORT_FLOOR, REPORT_LAG, SELLER_SLOTS
from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import SECTORS, Market
from gogooku.sandbox.market.quirks import IntArray
from gogooku.sandbox.sources.rendering import (
    Basis,
    basis_of,
    date_text,
    no_rows,
    rows_between,
    session_rng,
    stack,
    to_wire,
    tokyo_instant,
)
from gogooku.sandbox.sources.trading import SIDES, amounts, traded
from gogooku.sandbox.sources.wire import VISIBLE, Wire

LATER_WEIGHT: Final = 0.05
"""Reported position per unit of the return between calculation and disclosure, negative."""
SELLERS: Final = (
    "Alder Capital LLP",
    "Birch Securities Ltd",
    "Cedar Partners LLC",
    "Dogwood Asset Management",
    "Elm Global Markets",
    "Fir Investment Management",
    "Ginkgo Fund Services",
    "Hazel Trading International",
    "Juniper Advisors",
    "Larch Quantitative LLP",
    "Maple Investors",
    "Oak Street Markets",
    "Pine Hill Capital",
    "Rowan Securities",
    "Sequoia Bay Partners",
    "Yew Tree Management",
    "個人",
)
"""Invented sellers; the last one is how an individual is shown."""
ADDRESSES: Final = ("London, United Kingdom", "New York, U.S.A.", "Hong Kong", "東京都千代田区")
ADVISER: Final = "Sandbox Discretionary Managers"
FUND: Final = "Sandbox Long Short Master Fund"
"""Contractor and fund that some of the sellers name; the others leave the fields empty."""
TRADING_UNIT: Final = 100
RESTRICTED_SHARE: Final = 0.78
"""Share of short sales that the price restriction applies to."""
_RATIO_MINUTES: Final = 16 * 60 + 30
_REPORT_MINUTES: Final = 17 * 60 + 30


@dataclass(frozen=True)
class ShortRatio:
    """``/markets/short-ratio``: yen per 33-sector and session, adding up to its traded value.

    Short sales are those of the breakdown; a sector without names sells nothing.
    """

    basis: Basis

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows of the sessions ``first`` to ``last``; none where the whole exchange stood still."""
        market = self.basis.market
        chosen = rows_between(market.sessions, first, last)
        frames = [self._session(int(row)) for row in chosen if len(traded(market, int(row)))]
        return stack("short_ratio", frames)

    @cached_property
    def _sector(self) -> IntArray:
        return np.array([SECTORS.index(code) for code in self.basis.market.sector], dtype=np.int64)

    def _session(self, row: int) -> pl.DataFrame:
        market, num = self.basis.market, len(SECTORS)
        stocks = traded(market, row)
        total = market.turnover_value[row]
        sides = amounts(market, row, total=total, stocks=stocks)
        short = sides[SIDES.index("ShrtNoMrgn")] + sides[SIDES.index("MrgnSellNew")]
        sector = self._sector[stocks]
        shorted = np.bincount(sector, short, num)
        share = RESTRICTED_SHARE + 0.05 * session_rng(market, "short_ratio", row).uniform(
            -1, 1, num
        )
        restricted = np.floor(share * shorted)
        day = market.sessions[row : row + 1]
        return to_wire(
            "short_ratio",
            {
                "Date": date_text(np.repeat(day, num)),
                "S33": SECTORS,
                "SellExShortVa": np.bincount(sector, total[stocks], num) - shorted,
                "ShrtWithResVa": restricted,
                "ShrtNoResVa": shorted - restricted,
                VISIBLE: np.repeat(tokyo_instant(day, minutes=_RATIO_MINUTES), num),
            },
        )


@dataclass(frozen=True)
class ShortPositions:
    """``/markets/short-sale-report``: one row per seller, name and reported change.

    Positions of at least 0.5 % of shares outstanding, and once the position that fell below it.
    Visible at 17:30 of the disclosure, two sessions after the calculation.
    """

    basis: Basis

    @cached_property
    def ratios(self) -> tuple[FloatArray, FloatArray]:
        """Reported ratio of each report and of the seller's report before it (NaN); [E] each."""
        reports = self.basis.market.drivers.short_reports
        residual = self.basis.residual
        last = np.minimum(reports.row + REPORT_LAG, len(residual) - 1)
        later = residual[last, reports.stock] - residual[reports.row, reports.stock]
        shown = np.round(reports.position - LATER_WEIGHT * later.astype(np.float64), 4)
        large = reports.position >= REPORT_FLOOR
        shown = np.where(large, np.maximum(shown, REPORT_FLOOR), np.clip(shown, 0.0, 0.0049))
        seller = reports.stock * SELLER_SLOTS + reports.slot
        order = np.lexsort((reports.row, seller))
        before = np.full(len(shown), np.nan)
        before[order[1:]] = np.where(
            seller[order[1:]] == seller[order[:-1]], shown[order[:-1]], np.nan
        )
        return shown, before

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows disclosed from ``first`` to ``last``."""
        drivers = self.basis.market.drivers
        span = rows_between(drivers.calendar, first, last)
        if not len(span):
            return no_rows("short_positions")
        public = drivers.short_reports.public_row
        edges = np.searchsorted(public, [span[0], span[-1] + 1])
        return self._events(slice(int(edges[0]), int(edges[1])))

    def _events(self, chosen: slice) -> pl.DataFrame:
        market, reports = self.basis.market, self.basis.market.drivers.short_reports
        calendar = market.drivers.calendar
        row, stock, slot = reports.row[chosen], reports.stock[chosen], reports.slot[chosen]
        ratio, before = (values[chosen] for values in self.ratios)
        outstanding = self.basis.base_shares[stock] / self.basis.split_product[row, stock]
        units = np.round(ratio * outstanding / TRADING_UNIT)
        seller = seller_number(stock, slot)
        earlier = reports.previous_row[chosen]
        disclosed = calendar[row + REPORT_LAG]
        previous = date_text(calendar[np.maximum(earlier, 0)])
        frame = pl.DataFrame(
            {
                "DiscDate": date_text(disclosed),
                "CalcDate": date_text(calendar[row]),
                "Code": self.basis.codes.gather(stock.astype(np.uint32)),
                "SSName": pl.Series(SELLERS).gather(seller.astype(np.uint32)),
                "SSAddr": pl.Series(ADDRESSES).gather((seller % len(ADDRESSES)).astype(np.uint32)),
                "ShrtPosToSO": ratio,
                "ShrtPosShares": units * TRADING_UNIT,
                "ShrtPosUnits": units,
                "PrevRptDate": previous,
                "PrevRptRatio": pl.Series(before, nan_to_null=True),
                VISIBLE: tokyo_instant(disclosed, minutes=_REPORT_MINUTES),
            }
        )
        is_first = pl.Series(earlier < 0)
        advised, pooled = pl.Series(seller % 4 == 0), pl.Series(seller % 5 == 0)
        return to_wire(
            "short_positions",
            frame.with_columns(
                PrevRptDate=pl.when(is_first).then(pl.lit("")).otherwise("PrevRptDate"),
                Notes=pl.when(pl.col("ShrtPosToSO") < REPORT_FLOOR)
                .then(pl.lit("0.5%を下回ったため"))
                .otherwise(pl.lit("")),
                DICName=pl.when(advised).then(pl.lit(ADVISER)).otherwise(pl.lit("")),
                DICAddr=pl.when(advised).then(pl.lit(ADDRESSES[0])).otherwise(pl.lit("")),
                FundName=pl.when(pooled).then(pl.lit(FUND)).otherwise(pl.lit("")),
            ),
        )


def seller_number(stock: IntArray, slot: IntArray) -> IntArray:
    """Place in `SELLERS` of a name's seller slot; slots of a name have different sellers."""
    numbers: IntArray = (stock * 7 + slot * 5) % len(SELLERS)
    return numbers


def wires(market: Market) -> dict[str, Wire]:
    """Wires of this module by endpoint name."""
    basis = basis_of(market)
    return {"short_ratio": ShortRatio(basis), "short_positions": ShortPositions(basis)}
