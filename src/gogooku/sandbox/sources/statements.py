"""The wires of ``/fins/summary`` and ``/fins/details``: documents as the texts that vendors send.

Every value is a text and ``""`` where it is missing: flows cumulated from the start of the fiscal
year, balance sheet and per-share values on the split basis of the document's own session, never
adjusted later. A revision shows only the forecast that it revises.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.sandbox.market.market import Market
from gogooku.sandbox.sources.companies import STANDARDS, month_end, month_number
from gogooku.sandbox.sources.documents import Book, Kind, book
from gogooku.sandbox.sources.rendering import date_text, number_text, to_wire, tokyo_instant
from gogooku.sandbox.sources.reports import FLASH_MINUTE
from gogooku.sandbox.sources.wire import VISIBLE, Wire

FLASH_VISIBLE: Final = 18 * 60
LATE_VISIBLE: Final = 24 * 60 + 30
SCOPE_CHANGE_FROM: Final = date(2024, 7, 22)
"""From this disclosure date ``SigChgInC`` replaces ``MatChgSub``."""

_RESULTS: Final = pl.col("kind").is_in([int(Kind.RESULTS), int(Kind.CORRECTION)])
_REVISION: Final = pl.col("kind") == int(Kind.REVISION)
_DIVIDEND: Final = pl.col("kind") == int(Kind.DIVIDEND)
_FULL: Final = _RESULTS & (pl.col("quarter") == 4)
_PART: Final = _RESULTS & (pl.col("quarter") < 4)
_IFRS, _JP = "IFRS", "JP"
_RARE_NOTES: Final = {"ChgNoASRev": 0.3, "ChgAcEst": 0.5, "RetroRst": 0.7}
"""Notes of about one document in a hundred: where the event's size begins for which it is true."""
_RARE_WIDTH: Final = 0.03
_ITEMS: Final = {"Sales": "sales", "OP": "op", "OdP": "odp", "NP": "np"}


def wires(market: Market) -> dict[str, Wire]:
    """Wires of the statements and of their details."""
    return {"statements": Statements(market), "statement_details": Details(market)}


@dataclass(frozen=True)
class Statements:
    """Renders ``/fins/summary``."""

    market: Market

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Documents disclosed in the span."""
        documents = enriched(self.market, first, last)
        texts = [expr.fill_null("").alias(name) for name, expr in _columns().items()]
        frame = documents.select(*texts, pl.col(VISIBLE))
        missing = [name for name in ENDPOINTS["statements"].columns if name not in frame.columns]
        frame = frame.with_columns(pl.lit("").alias(name) for name in missing)
        return to_wire("statements", frame)


@dataclass(frozen=True)
class Details:
    """Renders ``/fins/details``: results documents only."""

    market: Market

    def rows(self, first: date, last: date) -> pl.DataFrame:
        """Documents disclosed in the span, the statement as JSON text."""
        documents = enriched(self.market, first, last).filter(_RESULTS)
        heads = {name: _columns()[name] for name in ("DiscDate", "DiscTime", "Code", "DiscNo")}
        frame = documents.select(
            **heads,
            DocType=_doc_type(),
            FS=pl.Series("FS", [_details(row) for row in documents.iter_rows(named=True)], pl.Utf8),
            **{VISIBLE: pl.col(VISIBLE)},
        )
        return to_wire("statement_details", frame)


def enriched(market: Market, first: date, last: date) -> pl.DataFrame:
    """Documents of a span with what their texts need: properties of the company and shares."""
    volume = book(market)
    frame = volume.frame.filter((pl.col("row") >= 0) & pl.col("date").is_between(first, last))
    return _with_company(frame, volume, market)


def _with_company(frame: pl.DataFrame, volume: Book, market: Market) -> pl.DataFrame:
    firms, stock = volume.companies, frame["stock"].to_numpy()
    product = frame["product"].to_numpy()
    issued = np.round(firms.shares[stock] / product)
    treasury = issued - np.round(firms.net_shares[stock] / product)
    months = month_number(frame["year_end"].to_numpy())
    coming = (frame["kind"].to_numpy() >= Kind.REVISION) & (frame["quarter"].to_numpy() == 4)
    current = months + 12 * coming
    day = np.timedelta64(1, "D")
    late = frame["minute"].to_numpy() > FLASH_MINUTE
    days = frame["date"].to_numpy()
    flash = tokyo_instant(days, minutes=FLASH_VISIBLE)
    final = tokyo_instant(days, minutes=LATE_VISIBLE)
    columns: dict[str, Any] = {
        "code": pl.Series(market.codes, dtype=pl.String).gather(stock),
        "standard": pl.Series(STANDARDS).gather(firms.standard[stock]),
        "consolidated": firms.consolidated[stock],
        "halves": firms.pays_interim[stock],
        "parent": firms.parent_ratio[stock],
        "half_sales": firms.sales_weights[stock, :2].sum(axis=1),
        "half_profit": firms.profit_weights[stock, :2].sum(axis=1),
        "issued": issued,
        "treasury": treasury,
        "net": issued - treasury,
        "year_start_text": date_text(month_end(current - 12) + day),
        "year_end_text": date_text(month_end(current)),
        "period_end_text": date_text(
            np.where(coming, month_end(current), frame["period_end"].to_numpy())
        ),
        "next_start_text": date_text(month_end(months) + day),
        "next_end_text": date_text(month_end(months + 12)),
        VISIBLE: np.where(late, final, flash),
    }
    return frame.with_columns(
        pl.Series(name, values) if not isinstance(values, pl.Series) else values.alias(name)
        for name, values in columns.items()
    ).with_columns(pl.col(pl.Float64).fill_nan(None))


def _yen(value: pl.Expr) -> pl.Expr:
    return value.round(0).cast(pl.Int64).cast(pl.String)


def _text(value: pl.Expr, digits: int) -> pl.Expr:
    return number_text(value.round(digits))


def _where(condition: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(value)


def _doc_type() -> pl.Expr:
    quarter = pl.when(pl.col("quarter") == 4).then(pl.lit("FY"))
    label = quarter.otherwise(pl.col("quarter").cast(pl.String) + "Q")
    group = pl.when("consolidated").then(pl.lit("Consolidated"))
    scope = group.otherwise(pl.lit("NonConsolidated"))
    results = pl.concat_str(label, pl.lit("FinancialStatements_"), scope, pl.lit("_"), "standard")
    return (
        pl.when(_REVISION)
        .then(pl.lit("EarnForecastRevision"))
        .when(_DIVIDEND)
        .then(pl.lit("DividendForecastRevision"))
        .otherwise(results)
    )


def _columns() -> dict[str, pl.Expr]:
    """Text of every column that is ever filled; null where missing."""
    return {**_heads(), **_sheet(), **_dividends(), **_forecasts(), **_notes(), **_parent()}


def _heads() -> dict[str, pl.Expr]:
    minute = pl.col("minute")
    clock = pl.format(
        "{}:{}:00",
        (minute // 60).cast(pl.String).str.zfill(2),
        (minute % 60).cast(pl.String).str.zfill(2),
    )
    whole = (pl.col("quarter") == 4) | ~_RESULTS
    return {
        "DiscDate": pl.col("date").dt.to_string("%Y-%m-%d"),
        "DiscTime": clock,
        "Code": pl.col("code"),
        "DiscNo": pl.col("disc_no"),
        "DocType": _doc_type(),
        "CurPerType": pl.when(whole)
        .then(pl.lit("FY"))
        .otherwise(pl.col("quarter").cast(pl.String) + "Q"),
        "CurPerSt": pl.col("year_start_text"),
        "CurPerEn": pl.col("period_end_text"),
        "CurFYSt": pl.col("year_start_text"),
        "CurFYEn": pl.col("year_end_text"),
        "NxtFYSt": _where(_FULL, pl.col("next_start_text")),
        "NxtFYEn": _where(_FULL, pl.col("next_end_text")),
    }


def _sheet() -> dict[str, pl.Expr]:
    """Results of the period and the balance sheet at its end."""
    ordinary = _RESULTS & (pl.col("standard") == _JP)
    amounts = {
        name: _where(ordinary if name == "OdP" else _RESULTS, _yen(pl.col(column)))
        for name, column in _ITEMS.items()
    }
    for name, column in {"TA": "ta", "Eq": "eq", "ShEq": "sheq"}.items():
        amounts[name] = _where(_RESULTS, _yen(pl.col(column)))
    for name, column in {"CFO": "cfo", "CFI": "cfi", "CFF": "cff", "CashEq": "cash"}.items():
        amounts[name] = _where(_RESULTS, _yen(pl.col(column)))
    per_share = pl.col("np") / pl.col("net")
    return amounts | {
        "EPS": _where(_RESULTS, _text(per_share, 2)),
        "DEPS": _where(_RESULTS & pl.col("halves"), _text(per_share * 0.995, 2)),
        "EqAR": _where(_RESULTS, _text(pl.col("sheq") / pl.col("ta"), 3)),
        "BPS": _where(_FULL, _text(pl.col("sheq") / pl.col("net"), 2)),
        "ROE": _where(_FULL, _text(pl.col("roe"), 3)),
        "ShOutFY": _where(_RESULTS, _yen(pl.col("issued"))),
        "TrShFY": _where(_RESULTS, _yen(pl.col("treasury"))),
        "AvgSh": _where(_RESULTS, _yen(pl.col("net"))),
    }


def _dividends() -> dict[str, pl.Expr]:
    """Dividends per share: decided ones, and the company's forecast."""
    raw = {
        name: (pl.col(name) * pl.col("product")).round(2)
        for name in ("div_int", "div_fin", "f_int", "f_fin")
    }
    annual, forecast = raw["div_int"] + raw["div_fin"], raw["f_int"] + raw["f_fin"]
    decided = _RESULTS & (pl.col("quarter") >= 2)
    known = pl.col("f_np") > 0  # a company that expects a loss leaves its dividend open
    running, opening = (_PART | _DIVIDEND) & known, _FULL & known
    first_half = _RESULTS & (pl.col("quarter") == 1)
    undecided = known & (first_half | (_DIVIDEND & pl.col("quarter").is_in([1, 4])))
    profit, next_profit = pl.col("np"), pl.col("f_np")
    return {
        "Div2Q": _where(decided, _text(raw["div_int"], 2)),
        "DivFY": _where(_FULL, _text(raw["div_fin"], 2)),
        "DivAnn": _where(_FULL, _text(annual, 2)),
        "DivTotalAnn": _where(_FULL, _yen(annual * pl.col("net"))),
        "PayoutRatioAnn": _where(_FULL & (profit > 0), _text(annual * pl.col("net") / profit, 3)),
        "FDiv2Q": _where(undecided, _text(raw["f_int"], 2)),
        "FDivFY": _where(running, _text(raw["f_fin"], 2)),
        "FDivAnn": _where(running, _text(forecast, 2)),
        "NxFDiv2Q": _where(opening, _text(raw["f_int"], 2)),
        "NxFDivFY": _where(opening, _text(raw["f_fin"], 2)),
        "NxFDivAnn": _where(opening, _text(forecast, 2)),
        "NxFPayoutRatioAnn": _where(
            _FULL & (next_profit > 0), _text(forecast * pl.col("net") / next_profit, 3)
        ),
    }


def _forecasts() -> dict[str, pl.Expr]:
    """Company forecasts: of the running year, in FY documents of the next one."""
    shown, out = _PART | _REVISION, {}
    first_half = _RESULTS & (pl.col("quarter") == 1) & pl.col("halves")
    opening = _FULL & pl.col("halves")
    next_name = {"NP": "NxFNp"}
    for name, column in _ITEMS.items():
        coming = next_name.get(name, f"NxF{name}")
        value = pl.col(f"f_{column}")
        half = value * pl.col("half_sales" if name == "Sales" else "half_profit")
        exists = (pl.col("standard") == _JP) if name == "OdP" else pl.lit(value=True)
        out[f"F{name}"] = _where(shown & exists, _yen(value))
        out[coming] = _where(_FULL & exists, _yen(value))
        out[f"F{name}2Q"] = _where(first_half & exists, _yen(half))
        out[f"{coming}2Q"] = _where(opening & exists, _yen(half))
    per_share = pl.col("f_np") / pl.col("net")
    half = per_share * pl.col("half_profit")
    return out | {
        "FEPS": _where(shown, _text(per_share, 2)),
        "NxFEPS": _where(_FULL, _text(per_share, 2)),
        "FEPS2Q": _where(first_half, _text(half, 2)),
        "NxFEPS2Q": _where(opening, _text(half, 2)),
    }


def _notes() -> dict[str, pl.Expr]:
    """Changes of scope and of accounting; rarely true."""
    new = pl.col("date") >= SCOPE_CHANGE_FROM
    rare = pl.when(pl.col("size") > 2.2).then(pl.lit("true")).otherwise(pl.lit("false"))
    policy = pl.when((pl.col("size") < -1.3) & (pl.col("quarter") == 1)).then(pl.lit("true"))
    return {
        "MatChgSub": _where(_RESULTS & ~new, rare),
        "SigChgInC": _where(_RESULTS & new, rare),
        "ChgByASRev": _where(_RESULTS, policy.otherwise(pl.lit("false"))),
        **{name: _where(_RESULTS, _rarely(start)) for name, start in _RARE_NOTES.items()},
    }


def _rarely(start: float) -> pl.Expr:
    inside = pl.col("size").is_between(start, start + _RARE_WIDTH)
    return pl.when(inside).then(pl.lit("true")).otherwise(pl.lit("false"))


def _parent() -> dict[str, pl.Expr]:
    """The parent alone, in FY documents of groups under Japanese rules."""
    shown = _FULL & pl.col("consolidated") & (pl.col("standard") == _JP)
    parent = pl.col("parent")
    amounts = {**_ITEMS, "TA": "ta", "Eq": "sheq", "ShEq": "sheq"}
    out = {f"NC{name}": _where(shown, _yen(pl.col(c) * parent)) for name, c in amounts.items()}
    return out | {
        "NCEPS": _where(shown, _text(pl.col("np") * parent / pl.col("net"), 2)),
        "NCEqAR": _where(shown, _text(pl.col("sheq") / pl.col("ta"), 3)),
        "NCBPS": _where(shown, _text(pl.col("sheq") * parent / pl.col("net"), 2)),
        "NCROE": _where(shown, _text(pl.col("roe"), 3)),
    }


_JP_LABELS: Final = {
    "Net sales": "sales",
    "Operating profit (loss)": "op",
    "Ordinary profit (loss)": "odp",
    "Profit (loss) attributable to owners of parent": "np",
    "Assets": "ta",
    "Net assets": "eq",
    "Shareholders' equity": "sheq",
    "Net cash provided by (used in) operating activities": "cfo",
    "Net cash provided by (used in) investing activities": "cfi",
    "Net cash provided by (used in) financing activities": "cff",
    "Cash and cash equivalents": "cash",
}
_IFRS_LABELS: Final = {
    "Revenue (IFRS)": "sales",
    "Operating profit (loss) (IFRS)": "op",
    "Profit (loss) attributable to owners of parent (IFRS)": "np",
    "Assets (IFRS)": "ta",
    "Equity (IFRS)": "eq",
    "Equity attributable to owners of parent (IFRS)": "sheq",
    "Net cash provided by (used in) operating activities (IFRS)": "cfo",
    "Net cash provided by (used in) investing activities (IFRS)": "cfi",
    "Net cash provided by (used in) financing activities (IFRS)": "cff",
    "Cash and cash equivalents (IFRS)": "cash",
}


def _details(row: Mapping[str, Any]) -> str:
    """Canonical JSON of a statement: verbose English label to text; missing items are left out."""
    labels = _IFRS_LABELS if row["standard"] == _IFRS else _JP_LABELS
    found = {
        label: str(round(row[column]))
        for label, column in labels.items()
        if row[column] is not None
    }
    standard = {"JP": "Japan GAAP", "IFRS": "IFRS", "US": "US GAAP"}[row["standard"]]
    found |= {
        "Accounting standards, DEI": standard,
        "Security code, DEI": row["code"],
        "Current fiscal year end date, DEI": row["year_end_text"],
        "Current period end date, DEI": row["period_end_text"],
        "Type of current period, DEI": "FY" if row["quarter"] == 4 else f"Q{row['quarter']}",
        "Whether consolidated financial statements are prepared, DEI": (
            "true" if row["consolidated"] else "false"
        ),
    }
    return json.dumps(
        found, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
