"""Disclosed statements, forecasts and revisions: every document a row of its own.

Flows are cumulative from the start of the fiscal year, as disclosed; quarters are a feature's
business. Per-share values and share counts are on the basis of their event date (the disclosure):
the vendor never restates them for later splits. A company that reports in another currency
(62690 since 2022, in dollars) is not converted.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from gogooku.ingest.jquants.endpoints import ENDPOINTS, Kind
from gogooku.tables.checks import Check, Severity, between, not_below
from gogooku.tables.conversion import (
    As,
    Column,
    Derived,
    Table,
    choice,
    day,
    event_day,
    flag,
    instant_of,
    number,
    stock_code,
    text,
)

PER_SHARE = "yen per share on the basis of event_date"
_YEN = "yen, cumulative from the start of the fiscal year"
_STOCK = "yen, at the end of the period"

_ITEMS: Mapping[str, tuple[str, str]] = {
    "Sales": ("sales_yen", _YEN),
    "OP": ("operating_profit_yen", _YEN),
    "OdP": ("ordinary_profit_yen", f"{_YEN}; empty under IFRS and US GAAP"),
    "NP": ("net_profit_yen", _YEN),
    "Np": ("net_profit_yen", _YEN),
    "EPS": ("eps_yen", f"{PER_SHARE}, cumulative"),
    "DEPS": ("diluted_eps_yen", f"{PER_SHARE}, cumulative"),
    "TA": ("total_assets_yen", _STOCK),
    "Eq": ("equity_yen", f"{_STOCK}, net assets"),
    "EqAR": ("equity_ratio", "fraction of total assets"),
    "BPS": ("bps_yen", PER_SHARE),
    "CFO": ("operating_cash_flow_yen", _YEN),
    "CFI": ("investing_cash_flow_yen", _YEN),
    "CFF": ("financing_cash_flow_yen", _YEN),
    "CashEq": ("cash_yen", _STOCK),
    "Div1Q": ("dividend_1q_yen", PER_SHARE),
    "Div2Q": ("dividend_2q_yen", PER_SHARE),
    "Div3Q": ("dividend_3q_yen", PER_SHARE),
    "DivFY": ("dividend_year_end_yen", PER_SHARE),
    "DivAnn": ("dividend_annual_yen", PER_SHARE),
    "DivUnit": ("distribution_per_unit_yen", "yen per unit (REIT)"),
    "DivTotalAnn": ("dividend_total_annual_yen", "yen, whole company"),
    "PayoutRatioAnn": ("payout_ratio", "fraction of net profit"),
    "ShOutFY": ("issued_shares", "shares incl. treasury, at the end of the period"),
    "TrShFY": ("treasury_shares", "shares, at the end of the period"),
    "AvgSh": ("average_shares", "shares, mean of the period"),
    "ShEq": ("shareholders_equity_yen", _STOCK),
    "ROE": ("roe_ratio", "fraction"),
}
"""Figures by their stem on the wire."""

_SCOPES = (
    (
        "NxFNC",
        "next_forecast_nonconsolidated_",
        "forecast for the next fiscal year, parent alone: ",
    ),
    ("NxF", "next_forecast_", "forecast for the next fiscal year: "),
    ("FNC", "forecast_nonconsolidated_", "forecast for this fiscal year, parent alone: "),
    ("F", "forecast_", "forecast for this fiscal year: "),
    ("NC", "nonconsolidated_", "parent alone: "),
    ("", "", ""),
)
"""What stands before the stem, longest first."""


def _parsed(wire: str) -> tuple[str, str]:
    """Name and unit of a figure from its wire name: scope, first half or not, stem."""
    for prefix, scope, words in _SCOPES:
        stem = wire.removeprefix(prefix)
        if not wire.startswith(prefix):
            continue
        if stem in _ITEMS:
            name, unit = _ITEMS[stem]
            return f"{scope}{name}", words + unit
        if stem.endswith("2Q") and stem.removesuffix("2Q") in _ITEMS and prefix:
            name, unit = _ITEMS[stem.removesuffix("2Q")]
            return f"{scope}first_half_{name}", f"{words}first half, {unit}"
    raise ValueError(f"statements: the column {wire} has no name; add its stem to _ITEMS")


def _figures() -> tuple[Column, ...]:
    wires = ENDPOINTS["statements"].columns
    made = []
    for wire, kind in wires.items():
        if kind is Kind.TEXT_NUMBER:
            name, unit = _parsed(wire)
            made.append(number(name, wire, unit))
    return tuple(made)


DOC_TYPE = (
    r"^(FY|1Q|2Q|3Q|OtherPeriod)FinancialStatements_(Consolidated|NonConsolidated)"
    r"_(JP|US|IFRS|JMIS|Foreign|REIT)$"
)
"""Documents with statements; the others are in `REVISIONS`."""

REVISIONS: Mapping[str, str] = {
    "DividendForecastRevision": "dividend_forecast_revision",
    "EarnForecastRevision": "earnings_forecast_revision",
    "REITDividendForecastRevision": "reit_dividend_forecast_revision",
    "REITEarnForecastRevision": "reit_earnings_forecast_revision",
}

_PERIODS = {name: name for name in ("1Q", "2Q", "3Q", "4Q", "5Q", "FY")}


def _document() -> tuple[Derived, ...]:
    """Period, kind, standard and consolidation, by exact tokens of the document type."""
    given = pl.col("document_type")
    period = given.str.extract(DOC_TYPE, 1).replace({"OtherPeriod": "other"})
    kind = (
        pl.when(given.str.contains(DOC_TYPE))
        .then(pl.lit("financial_statements"))
        .otherwise(given.replace_strict(dict(REVISIONS), default="unknown"))
    )
    words = "of the document; null for revisions"
    return (
        Derived("document_kind", pl.String(), "financial_statements, a revision, unknown", kind),
        Derived("document_period", pl.String(), f"1Q, 2Q, 3Q, FY or other, {words}", period),
        Derived(
            "is_consolidated",
            pl.Boolean(),
            words,
            given.str.extract(DOC_TYPE, 2) == "Consolidated",
        ),
        Derived(
            "accounting_standard",
            pl.String(),
            f"JP, US, IFRS, JMIS, Foreign, REIT, {words}",
            given.str.extract(DOC_TYPE, 3),
        ),
        Derived(
            "disclosed_at",
            pl.Datetime("us"),
            "UTC; null where no time was given",
            instant_of("event_date", "disclosed_time"),
        ),
    )


_HEAD = (
    event_day("DiscDate", "date of the disclosure, session or not"),
    Column("disclosed_time", "DiscTime", As.TIME, "Tokyo time", kept=False),
    stock_code(),
    Column(
        "document_number", "DiscNo", As.TEXT, "14 digits", required=True, pattern=r"^[0-9]{14}$"
    ),
    Column("document_type", "DocType", As.TEXT, "as delivered", required=True),
)

_UNKNOWN_DOCUMENT = Check(
    "DocType is not a known value",
    ~pl.col("document_type").str.contains(DOC_TYPE)
    & ~pl.col("document_type").is_in(list(REVISIONS)),
    Severity.NOTE,
)

STATEMENTS = Table(
    name="statements",
    event_date="event_date",
    columns=(
        *_HEAD,
        choice("period_type", "CurPerType", _PERIODS, unit="current period"),
        day("period_start", "CurPerSt"),
        day("period_end", "CurPerEn"),
        day("fiscal_year_start", "CurFYSt"),
        day("fiscal_year_end", "CurFYEn"),
        day("next_fiscal_year_start", "NxtFYSt"),
        day("next_fiscal_year_end", "NxtFYEn"),
        *_figures(),
        flag("subsidiaries_changed", "MatChgSub", "until 2024-07-21"),
        flag("scope_changed", "SigChgInC", "from 2024-07-22"),
        flag("policy_changed_by_standard", "ChgByASRev", "revised accounting standard"),
        flag("policy_changed_otherwise", "ChgNoASRev", "other change of policy"),
        flag("estimates_changed", "ChgAcEst", "change of accounting estimates"),
        flag("restated", "RetroRst", "retrospective restatement"),
    ),
    key=("event_date", "document_number"),
    derived=_document(),
    checks=(
        _UNKNOWN_DOCUMENT,
        between("equity_ratio", -100.0, 1.5),
        between("nonconsolidated_equity_ratio", -100.0, 1.5),
        not_below(["issued_shares", "treasury_shares", "average_shares"], 0.0, what="shares"),
        Check("CurPerEn is before CurPerSt", pl.col("period_end") < pl.col("period_start")),
        Check(
            "CurFYEn is before CurFYSt",
            pl.col("fiscal_year_end") < pl.col("fiscal_year_start"),
        ),
    ),
)

STATEMENT_DETAILS = Table(
    name="statement_details",
    event_date="event_date",
    columns=(*_HEAD, text("items_json", "FS", "JSON object: taxonomy label to text value")),
    key=("event_date", "document_number"),
    derived=_document(),
    checks=(
        _UNKNOWN_DOCUMENT,
        Check("FS is not a JSON object", ~pl.col("items_json").str.starts_with("{")),
    ),
)
