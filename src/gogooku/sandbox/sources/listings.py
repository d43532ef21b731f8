"""Who is listed: the calendar of the exchange and the daily list of issues.

The list has the names of the market, and a few issues that are no common stock of a company:
exchange-traded funds, real estate funds and one name of the market for professionals. They follow
the index, so that a universe filter has something to drop; `fund_issues` gives their codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import count
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.calendar import DateArray, is_tokyo_session, tokyo_sessions
from gogooku.sandbox.market.families import FloatArray
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.market.quirks import BoolArray, IntArray
from gogooku.sandbox.sources.companies import Companies, companies
from gogooku.sandbox.sources.rendering import (
    date_text,
    no_rows,
    rows_between,
    to_wire,
    tokyo_instant,
)
from gogooku.sandbox.sources.segments import NO_SCALE, SCALES, Segments, segments_of
from gogooku.sandbox.sources.wire import VISIBLE, Wire

CALENDAR_STARTS: Final = date(2008, 1, 1)
HOLIDAY_TRADING_FROM: Final = date(2022, 9, 23)
"""From here on the derivatives exchange trades on most public holidays (HolDiv 3)."""
SEGMENTS_SWITCHED: Final = np.datetime64("2022-04-04", "D")
_LIST_MINUTES: Final = 17 * 60 + 30

# fmt: off
SECTOR17_NAMES: Final[Mapping[str, str]] = {
    "1": "食品", "2": "エネルギー資源", "3": "建設・資材", "4": "素材・化学", "5": "医薬品",
    "6": "自動車・輸送機", "7": "鉄鋼・非鉄", "8": "機械", "9": "電機・精密",
    "10": "情報通信・サービスその他", "11": "電気・ガス", "12": "運輸・物流", "13": "商社・卸売",
    "14": "小売", "15": "銀行", "16": "金融（除く銀行）", "17": "不動産", "99": "その他",
}
SECTOR33: Final[Mapping[str, tuple[str, str]]] = {
    "0050": ("水産・農林業", "1"), "1050": ("鉱業", "2"), "2050": ("建設業", "3"),
    "3050": ("食料品", "1"), "3100": ("繊維製品", "4"), "3150": ("パルプ・紙", "4"),
    "3200": ("化学", "4"), "3250": ("医薬品", "5"), "3300": ("石油･石炭製品", "2"),
    "3350": ("ゴム製品", "6"), "3400": ("ガラス･土石製品", "3"), "3450": ("鉄鋼", "7"),
    "3500": ("非鉄金属", "7"), "3550": ("金属製品", "3"), "3600": ("機械", "8"),
    "3650": ("電気機器", "9"), "3700": ("輸送用機器", "6"), "3750": ("精密機器", "9"),
    "3800": ("その他製品", "10"), "4050": ("電気･ガス業", "11"), "5050": ("陸運業", "12"),
    "5100": ("海運業", "12"), "5150": ("空運業", "12"), "5200": ("倉庫･運輸関連業", "12"),
    "5250": ("情報･通信業", "10"), "6050": ("卸売業", "13"), "6100": ("小売業", "14"),
    "7050": ("銀行業", "15"), "7100": ("証券､商品先物取引業", "16"), "7150": ("保険業", "16"),
    "7200": ("その他金融業", "16"), "8050": ("不動産業", "17"), "9050": ("サービス業", "10"),
    "9999": ("その他", "99"),
}
"""Name and 17-sector code of each 33-sector code (J-Quants, sector codes)."""
MARKET_NAMES: Final[Mapping[str, str]] = {
    "0101": "東証一部", "0102": "東証二部", "0104": "マザーズ", "0105": "TOKYO PRO MARKET",
    "0106": "JASDAQ スタンダード", "0107": "JASDAQ グロース", "0109": "その他",
    "0111": "プライム", "0112": "スタンダード", "0113": "グロース",
}
# fmt: on
_PROFESSIONAL: Final = "0105"
_MARGIN_NAMES: Final[Mapping[str, str]] = {"1": "信用", "2": "貸借", "3": "その他"}
_CODES_BEFORE: Final = (("0101", "0101"), ("0102", "0106"), ("0104", "0107"))
"""Market codes of each segment before the switch; a name's is that of its parity."""
_CODES_AFTER: Final = ("0111", "0112", "0113")


@dataclass(frozen=True)
class Fund:
    """An issue that follows the index: product category, market code, price over index."""

    code: str
    product: str
    market: str
    price_ratio: float


_FUND_KINDS: Final = (
    ("014", "0109", 1305, (0.95, 0.5, 6.1, 1.3)),
    ("013", "0109", 8951, (40.0, 75.0, 130.0)),
    ("011", _PROFESSIONAL, 1400, (0.35,)),
)
"""Product, market, first number tried, and prices over the index of each issue."""


def fund_issues(market: Market) -> tuple[Fund, ...]:
    """The issues besides the market's names, ascending by code; no code is one of the market's."""
    taken = set(market.codes)
    funds = []
    for product, segment, start, ratios in _FUND_KINDS:
        free = (f"{number}0" for number in count(start) if f"{number}0" not in taken)
        funds += [Fund(next(free), product, segment, ratio) for ratio in ratios]
        taken |= {fund.code for fund in funds}
    return tuple(sorted(funds, key=lambda fund: fund.code))


@dataclass(frozen=True)
class Issues:
    """All issues of a market, its names first and then the funds: M issues, T sessions."""

    market: Market

    @cached_property
    def funds(self) -> tuple[Fund, ...]:
        """The funds, in the order of their places."""
        return fund_issues(self.market)

    @cached_property
    def codes(self) -> pl.Series:
        """Codes by place; [M]."""
        names = [*self.market.codes, *(fund.code for fund in self.funds)]
        return pl.Series("Code", names, dtype=pl.String)

    def listed(self, rows: IntArray) -> BoolArray:
        """Issues listed in some sessions; [rows, M]. Funds always are."""
        funds = np.ones((len(rows), len(self.funds)), dtype=np.bool_)
        return np.concatenate([self.market.listed[rows], funds], axis=1)

    @cached_property
    def _companies(self) -> Companies:
        return companies(self.market)

    @cached_property
    def shares(self) -> FloatArray:
        """Issued shares (units) on the basis before any adjustment factor; [M]."""
        funds = np.full(len(self.funds), 1_000_000.0)
        return np.concatenate([self._companies.shares, funds])

    @cached_property
    def facts(self) -> pl.DataFrame:
        """Facts that hold on every session, one row per place."""
        names = [*self._company_facts(), *(_fund_facts(fund) for fund in self.funds)]
        return pl.DataFrame(names, orient="row").with_columns(
            self.codes,
            pl.col("S33").replace_strict({c: SECTOR33[c][0] for c in SECTOR33}).alias("S33Nm"),
            pl.col("S17").replace_strict(SECTOR17_NAMES).alias("S17Nm"),
        )

    def _company_facts(self) -> list[dict[str, str]]:
        return [
            {
                "CoName": f"サンドボックス {code[:4]}",
                "CoNameEn": f"Sandbox {code[:4]}",
                "S17": SECTOR33[sector][1],
                "S33": sector,
                "ProdCat": "011",
            }
            for code, sector in zip(self.market.codes, self.market.sector, strict=True)
        ]

    @cached_property
    def segments(self) -> Segments:
        """Segments, size and margin classes of the names."""
        return segments_of(self.market)

    def market_codes(self, rows: IntArray, places: IntArray) -> pl.Series:
        """Market code of issues on sessions; a row after the last session is as that one."""
        rows = np.minimum(rows, len(self.market.sessions) - 1)
        names = len(self.market.codes)
        texts = [*_CODES_AFTER, *(code for pair in _CODES_BEFORE for code in pair)]
        texts += [fund.market for fund in self.funds]
        own = np.minimum(places, names - 1)
        segment = self.segments.segment[rows, own].astype(np.int64)
        before = len(_CODES_AFTER) + 2 * segment + places % 2
        number = np.where(self.market.sessions[rows] >= SEGMENTS_SWITCHED, segment, before)
        fund = len(texts) - len(self.funds) + places - names
        return pl.Series(texts).gather(np.where(places < names, number, fund))

    def classes(self, rows: IntArray, places: IntArray) -> tuple[pl.Series, pl.Series]:
        """Size class and margin class of issues on sessions."""
        names = len(self.market.codes)
        own, company = np.minimum(places, names - 1), places < names
        scale = np.where(company, self.segments.scale[rows, own], -1)
        lendable = np.where(self.segments.lendable[rows, own], 1, 0)
        professional = np.array([fund.market == _PROFESSIONAL for fund in self.funds])
        fund = np.where(professional, 2, 1)[np.maximum(places - names, 0)]
        scales = pl.Series([*SCALES, NO_SCALE]).gather(np.where(scale < 0, len(SCALES), scale))
        return scales, pl.Series(["1", "2", "3"]).gather(np.where(company, lendable, fund))


def _fund_facts(fund: Fund) -> dict[str, str]:
    kind = {"014": ("上場投信", "ETF"), "013": ("投資法人", "REIT"), "011": ("プロ", "PRO")}
    japanese, english = kind[fund.product]
    pro = fund.market == _PROFESSIONAL
    return {
        "CoName": f"サンドボックス{japanese} {fund.code[:4]}",
        "CoNameEn": f"Sandbox {english} {fund.code[:4]}",
        "S17": "10" if pro else "99",
        "S33": "9050" if pro else "9999",
        "ProdCat": fund.product,
    }


@dataclass(frozen=True)
class CalendarWire:
    """Every day from 2008 to the end of the year after the market's last one.

    A year becomes visible on 31 March of the year before.
    """

    market: Market

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows of a span of days."""
        start = max(first, CALENDAR_STARTS)
        stop = min(last, date(self.market.sessions[-1].item().year + 1, 12, 31))
        if start > stop:
            return no_rows("calendar")
        days = np.arange(np.datetime64(start, "D"), np.datetime64(stop, "D") + 1)
        years = days.astype("datetime64[Y]")
        announced = (years - 1).astype("datetime64[M]") + np.timedelta64(2, "M")
        last_of_march = (announced.astype("datetime64[D]") + 30).astype("datetime64[D]")
        return to_wire(
            "calendar",
            {
                "Date": date_text(days),
                "HolDiv": [holiday_division(day) for day in days.tolist()],
                VISIBLE: tokyo_instant(last_of_march, minutes=0),
            },
        )


def holiday_division(day: date) -> str:
    """0 no trading, 1 session, 3 holiday on which only derivatives trade."""
    if is_tokyo_session(day):
        return "1"
    derivatives = day >= HOLIDAY_TRADING_FROM and day.weekday() < 5
    return "3" if derivatives and (day.month, day.day) != (1, 1) else "0"


@dataclass(frozen=True)
class MasterWire:
    """One row per listed issue and session, visible from 17:30 of the session before."""

    market: Market
    issues: Issues

    @cached_property
    def _visible(self) -> DateArray:
        """Instants by session row."""
        days: DateArray = self.market.sessions
        earlier = tokyo_sessions(days[0].item() - timedelta(days=20), days[0].item())
        before = np.concatenate([earlier[-2:-1], days[:-1]])
        return tokyo_instant(before, minutes=_LIST_MINUTES)

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Rows of a span of sessions."""
        rows = rows_between(self.market.sessions, first, last)
        at, place = np.nonzero(self.issues.listed(rows))
        row = rows[at]
        scale, margin = self.issues.classes(row, place)
        code = self.issues.market_codes(row, place)
        frame = self.issues.facts[place].with_columns(
            pl.Series("Date", date_text(self.market.sessions[row])),
            code.alias("Mkt"),
            code.replace_strict(MARKET_NAMES, return_dtype=pl.String).alias("MktNm"),
            scale.alias("ScaleCat"),
            margin.alias("Mrgn"),
            margin.replace_strict(_MARGIN_NAMES, return_dtype=pl.String).alias("MrgnNm"),
            pl.Series(VISIBLE, self._visible[row]),
        )
        return to_wire("master", frame)


def wires(market: Market) -> dict[str, Wire]:
    """Wires of this module: calendar and master."""
    return {
        "calendar": CalendarWire(market),
        "master": MasterWire(market, Issues(market)),
    }
