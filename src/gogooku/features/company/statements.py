"""Results, forecasts and balance sheets of companies, as known from their documents at each date.

Amounts of base columns are yen of the newest documents; features are ratios of them. Quarters are
single quarters, never cumulated ones; the arithmetic of quarters and of forecasts is in
`gogooku.features.company.quarters`. Everything stands until the next document. Null for names
without documents (funds), and where the documents that a figure needs lie before the data: growth
needs one year of them, growth of four quarters two.

Left out on purpose: revisions of sales and net profit and the progress of net profit, which move
with those of operating profit (the forecast of profit per share against the price is in
`gogooku.features.company.valuation`), and ordinary profit.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.types import Feature, FloatArray, Role
from gogooku.features.company.quarters import CLIP, Documents, Standing, gathered, growth, news_of
from gogooku.features.engine import kernels as k
from gogooku.features.engine.combinators import (
    Expression,
    at_most,
    clipped,
    col,
    declared,
    over,
    ratio,
)
from gogooku.features.engine.inputs import InputTable, Made, Tables, published
from gogooku.features.engine.timeline import IndexArray, Placed, Timeline

_ITEMS: Final = {
    "sales": ("sales_yen", "sales"),
    "op": ("operating_profit_yen", "operating profit"),
    "np": ("net_profit_yen", "net profit"),
}
_FORECASTS: Final = {
    "sales": "sales_yen",
    "op": "operating_profit_yen",
    "np": "net_profit_yen",
    "div": "dividend_annual_yen",
}
_REVISED: Final = ("op", "div")
_POLICY: Final = ("policy_changed_by_standard", "policy_changed_otherwise", "restated")
_COLUMNS: Final = (
    "code",
    "document_number",
    "document_kind",
    "document_period",
    "is_consolidated",
    "accounting_standard",
    "period_end",
    "fiscal_year_start",
    "fiscal_year_end",
    "next_fiscal_year_end",
    *(column for column, _ in _ITEMS.values()),
    *(f"{when}forecast_{c}" for c in _FORECASTS.values() for when in ("", "next_")),
    "operating_cash_flow_yen",
    "total_assets_yen",
    "equity_yen",
    "shareholders_equity_yen",
    "cash_yen",
    "estimates_changed",
    *_POLICY,
)


# -------------------------------------------------------------------------------- base columns


def _make_statements(tables: Tables, timeline: Timeline) -> Made:
    rows = tables.read("statements", _COLUMNS)
    if not rows.get_column("document_number").is_sorted():
        rows = rows.sort("document_number")
    placed = timeline.place(rows)
    row_TN, asked = _newest_documents(placed, timeline)
    documents = Documents(placed, asked, news_of(placed, timeline))
    values = {
        **_flows(documents),
        **_sheets(documents),
        **_outlook(documents, timeline),
        **_surprises(documents),
        **_ages(documents),
    }
    return Standing(
        columns={f"st_{name}": column for name, column in values.items()} | _flags(documents),
        row_TN=row_TN,
        ages=frozenset({"st_age", "st_revision_age"}),
    )


def _newest_documents(placed: Placed, timeline: Timeline) -> tuple[IndexArray, IndexArray]:
    """Documents that are the newest of their name at some session, and their places among them."""
    row_TN = timeline.latest_row(placed)
    stands = np.zeros(len(placed) + 1, dtype=np.bool_)
    stands[row_TN.ravel()] = True
    stands[-1] = False
    asked = np.flatnonzero(stands)
    place = np.cumsum(stands) - 1
    place[-1] = -1
    return place[row_TN], asked


def _flows(d: Documents) -> dict[str, FloatArray]:
    out: dict[str, FloatArray] = {}
    for name, (column, _) in _ITEMS.items():
        amounts = d.placed.values(column)
        out[f"{name}_q"] = d.quarter(amounts)
        out[f"{name}_q_year_ago"] = d.quarter(amounts, 1)
        out[f"{name}_ttm"] = d.four_quarters(amounts)
        out[f"{name}_ttm_year_ago"] = d.four_quarters(amounts, 1)
    sales = d.placed.values("sales_yen")
    out["sales_growth_before"] = growth(d.quarter(sales, 0, 1), d.quarter(sales, 1, 1))
    cash, profit = d.placed.values("operating_cash_flow_yen"), d.placed.values("net_profit_yen")
    for name, amounts in {"cfo": cash, "cfo_profit": profit, "cfo_sales": sales}.items():
        # many companies show cash flows in every other quarter only
        fresh = ~np.isnan(d.four_quarters(cash))
        out[name] = np.where(fresh, d.four_quarters(amounts), d.four_quarters(amounts, 0, 1))
    return out


def _sheets(d: Documents) -> dict[str, FloatArray]:
    own, net, assets, cash = (
        d.placed.values(column)
        for column in ("shareholders_equity_yen", "equity_yen", "total_assets_yen", "cash_yen")
    )

    def mean(amounts: FloatArray) -> FloatArray:
        return (d.cumulated(amounts) + d.cumulated(amounts, 1)) / 2.0

    def first_known(first: FloatArray, other: FloatArray) -> FloatArray:
        return np.where(np.isnan(first), other, first)

    return {
        "equity": first_known(d.cumulated(own), d.cumulated(net)),
        # both ends with minority interests, or both without
        "equity_mean": first_known(mean(own), mean(net)),
        "assets": d.cumulated(assets),
        "assets_year_ago": d.cumulated(assets, 1),
        "cash": first_known(d.cumulated(cash), d.cumulated(cash, 0, 1)),
    }


def _outlook(d: Documents, timeline: Timeline) -> dict[str, FloatArray]:
    """Forecasts of the year whose results come next, and how far the year has come."""
    out: dict[str, FloatArray] = {}
    basis = timeline.share_basis(d.placed)
    for name, column in _FORECASTS.items():
        unit = basis if name == "div" else np.ones(len(d))
        made = [d.placed.values(f"{when}forecast_{column}") / unit for when in ("", "next_")]
        forecasts = d.forecasts(made[0], made[1])
        now, before, first = forecasts.at(d.key_target, d.asked)
        out[f"{name}_forecast"] = now
        if name in _REVISED:
            out[f"{name}_forecast_before"] = before
        if name == "op":
            out["op_forecast_first"] = first
        if name in ("op", "np"):
            actual = d.placed.values(column)
            out[f"{name}_cum"] = d.cumulated(actual)
            out[f"{name}_cum_forecast"] = forecasts.at(d.key_now, d.asked)[0]
            whole = gathered(actual, d.year_before)
            out[f"{name}_usual"] = k.ratio(d.cumulated(actual, 1), whole)
        if name != "div":
            out[f"{name}_last_year"] = gathered(d.placed.values(column), d.last_year)
    return out


def _surprises(d: Documents) -> dict[str, FloatArray]:
    """Results of the newest whole year against what was forecast at an earlier session."""
    out: dict[str, FloatArray] = {}
    upto = np.append(d.before, -1)[d.last_year]
    for name, (column, _) in _ITEMS.items():
        actual = d.placed.values(column)
        made = [d.placed.values(f"{when}forecast_{column}") for when in ("", "next_")]
        forecasts = d.forecasts(made[0], made[1])
        expected = forecasts.at(d.key_own(d.last_year), upto)[0]
        out[f"{name}_surprise"] = growth(gathered(actual, d.last_year), expected)
    return out


def _ages(d: Documents) -> dict[str, FloatArray]:
    kind = d.placed.frame.get_column("document_kind")
    revision = np.asarray((kind == "earnings_forecast_revision").fill_null(value=False).to_numpy())
    since = d.placed.t.astype(np.float64)
    return {
        "age": gathered(since, d.newest(d.is_result)),
        "revision_age": gathered(since, d.newest(revision)),
    }


def _flags(d: Documents) -> dict[str, FloatArray]:
    policy = d.placed.frame.select(pl.any_horizontal(*_POLICY).fill_null(value=False))
    estimates = d.placed.frame.get_column("estimates_changed").fill_null(value=False)
    return {
        "stmt_nc_flag": gathered(policy.to_series().cast(pl.Float64).to_numpy(), d.current),
        "stmt_change_in_est": gathered(estimates.cast(pl.Float64).to_numpy(), d.current),
    }


# ------------------------------------------------------------------------------------ features

_NEEDS_YEAR = "null in the first year of documents."
_NEEDS_TWO = "null in the first two years of documents."

_statement = partial(declared, group="statements")
_flag = partial(_statement, unit="flag", role=Role.MASK)
_shown_flag = partial(published, unit="flag", group="statements", role=Role.MASK)
"""Declare a flag of the newest results that is a base column as it is."""
_FORECAST: Final = 0.4
"""Null share of what needs the company's forecast, or a second document of the year."""
_NULLS: Final = MappingProxyType({_NEEDS_YEAR: 0.8, _NEEDS_TWO: 0.9})
"""Null share of growth by what it waits for, in a history of two years or more; what stands on
one year of documents and is no growth has `_LEVEL`. Banks report no operating profit."""
_LEVEL: Final = 0.6


def _of(name: str) -> Expression:
    """Base column of the table."""
    return col(f"st_{name}")


def _growth(now: str, before: str) -> Expression:
    return over(growth, _of(now), _of(before))


def _share(of: str, by: str) -> Expression:
    return ratio(_of(of), _of(by))


def _clipped(name: str, what: Expression, meaning: str, *, nulls: float) -> Feature:
    """Declare a ratio within +-`CLIP`."""
    return _statement(name, clipped(what, CLIP), "ratio", meaning, max_null_share=nulls)


_GROWTH = (
    *(
        _clipped(
            f"stmt_yoy_{item}",
            _growth(f"{item}_q", f"{item}_q_year_ago"),
            f"Growth of the quarter's {words} over the same quarter of last year; {_NEEDS_YEAR}",
            nulls=_NULLS[_NEEDS_YEAR],
        )
        for item, (_, words) in _ITEMS.items()
    ),
    *(
        _clipped(
            f"fs_{item}_ttm_yoy",
            _growth(f"{item}_ttm", f"{item}_ttm_year_ago"),
            f"Growth of four quarters' {words} over the four before; {_NEEDS_TWO}",
            nulls=_NULLS[_NEEDS_TWO],
        )
        for item, (_, words) in _ITEMS.items()
    ),
    _clipped(
        "stmt_sales_acceleration",
        _growth("sales_q", "sales_q_year_ago") - _of("sales_growth_before"),
        f"Yearly growth of sales less that of the quarter before; {_NEEDS_TWO}",
        nulls=_NULLS[_NEEDS_TWO],
    ),
    _clipped(
        "fs_asset_growth",
        _growth("assets", "assets_year_ago"),
        f"Growth of total assets in a year; {_NEEDS_YEAR}",
        nulls=_LEVEL,
    ),
)

_MARGINS = (
    *(
        _clipped(
            name,
            _share(f"{item}_{span}", f"sales_{span}"),
            f"{whose} {_ITEMS[item][1]} over {its} sales; {_NEEDS_YEAR}",
            nulls=nulls,
        )
        for name, item, span, whose, its, nulls in (
            ("stmt_opm", "op", "q", "The quarter's", "its", 0.3),
            ("stmt_npm", "np", "q", "The quarter's", "its", 0.3),
            ("fs_op_margin", "op", "ttm", "Four quarters'", "their", _LEVEL),
            ("fs_net_margin", "np", "ttm", "Four quarters'", "their", _LEVEL),
        )
    ),
    *(
        _clipped(
            name,
            _share(f"op_{span}", f"sales_{span}")
            - _share(f"op_{span}_year_ago", f"sales_{span}_year_ago"),
            f"Operating margin of {words} less that of a year before; {needs}",
            nulls=_NULLS[needs],
        )
        for name, span, words, needs in (
            ("stmt_opm_change", "q", "the quarter", _NEEDS_YEAR),
            ("fs_op_margin_change", "ttm", "four quarters", _NEEDS_TWO),
        )
    ),
)

_OUTLOOK = (
    _clipped(
        "stmt_progress_op",
        _share("op_cum", "op_cum_forecast"),
        "Operating profit since the start of the fiscal year over the company's newest forecast "
        "of that year; null without a forecast.",
        nulls=_FORECAST,
    ),
    *(
        _clipped(
            f"stmt_progress_{item}_vs_usual",
            _share(f"{item}_cum", f"{item}_cum_forecast") - _of(f"{item}_usual"),
            f"Progress of {_ITEMS[item][1]} less the part of last year's that had been earned by "
            f"the same quarter; {_NEEDS_YEAR}",
            nulls=_NULLS[_NEEDS_YEAR],
        )
        for item in ("op", "np")
    ),
    *(
        _clipped(
            name,
            _growth(f"{item}_forecast", f"{item}_forecast_before"),
            f"Newest forecast of {words} against the last one of an earlier session for the same "
            "fiscal year, 0 where it was confirmed; null until a year has two.",
            nulls=0.6,
        )
        for name, item, words in (
            ("stmt_rev_fore_op", "op", "operating profit"),
            ("stmt_rev_div_fore", "div", "the dividend of the year"),
        )
    ),
    _clipped(
        "stmt_rev_fore_op_year",
        _growth("op_forecast", "op_forecast_first"),
        "Newest forecast of operating profit against the first one for the same fiscal year; null "
        "without a forecast.",
        nulls=_FORECAST,
    ),
    *(
        _clipped(
            f"stmt_fore_growth_{item}",
            _growth(f"{item}_forecast", f"{item}_last_year"),
            f"Forecast of {words} over the newest whole fiscal year; {_NEEDS_YEAR}",
            nulls=_FORECAST,
        )
        for item, (_, words) in _ITEMS.items()
    ),
    *(
        _clipped(
            f"stmt_surprise_{item}",
            _of(f"{item}_surprise"),
            f"{words.capitalize()} of the newest whole fiscal year against the last "
            f"forecast of an earlier session; {_NEEDS_YEAR}",
            nulls=_FORECAST,
        )
        for item, (_, words) in _ITEMS.items()
    ),
)

_QUALITY = (
    _clipped(
        "fs_cfo_to_ni",
        _growth("cfo", "cfo_profit"),
        "Operating cash flow of four quarters less their net profit, over the size of the profit; "
        f"{_NEEDS_YEAR}",
        nulls=_LEVEL,
    ),
    _clipped(
        "fs_accruals_ttm",
        ratio(_of("cfo_profit") - _of("cfo"), _of("assets")),
        f"Net profit less operating cash flow of four quarters over assets; {_NEEDS_YEAR}",
        nulls=_LEVEL,
    ),
    _clipped(
        "fs_ttm_cfo_margin",
        _share("cfo", "cfo_sales"),
        f"Operating cash flow of four quarters over their sales; {_NEEDS_YEAR}",
        nulls=_LEVEL,
    ),
    _clipped(
        "fs_equity_ratio",
        _share("equity", "assets"),
        "Shareholders' equity over total assets; null before the first results.",
        nulls=0.2,
    ),
    _clipped(
        "fs_cash_ratio",
        _share("cash", "assets"),
        "Cash over total assets; null before the first half year.",
        nulls=0.3,
    ),
    _clipped(
        "fs_asset_turnover",
        _share("sales_ttm", "assets"),
        f"Sales of four quarters over total assets; {_NEEDS_YEAR}",
        nulls=_LEVEL,
    ),
    *(
        _clipped(
            name,
            ratio(_of("np_ttm"), capital),
            f"Net profit of four quarters over the mean of {words} now and a year before; "
            f"{_NEEDS_YEAR}",
            nulls=_LEVEL,
        )
        for name, capital, words in (
            ("fs_roe_ttm", _of("equity_mean"), "equity"),
            ("fs_roa_ttm", 0.5 * (_of("assets") + _of("assets_year_ago")), "assets"),
        )
    ),
)

_CLOCK = (
    *(
        _statement(
            name,
            over(np.log1p, _of(of)),
            "log",
            f"Log of 1 + sessions since {words} became known; null before the first.",
            max_null_share=nulls,
        )
        for name, of, nulls, words in (
            ("stmt_sessions_since_statement", "age", 0.2, "the last results"),
            ("stmt_sessions_since_revision", "revision_age", 0.4, "the last forecast revision"),
        )
    ),
    *(
        _flag(name, at_most(_of(of), upto), meaning=meaning)
        for name, of, upto, meaning in (
            ("stmt_imp_statement", "age", 0.0, "Results became known at this session."),
            ("stmt_imp_revision", "revision_age", 0.0, "A forecast was revised this session."),
            ("is_stmt_valid", "age", np.inf, "Results are known."),
        )
    ),
    _shown_flag(
        "stmt_nc_flag",
        meaning="The newest results follow a changed accounting policy or restate the past.",
    ),
    _shown_flag(
        "stmt_change_in_est", meaning="The newest results follow changed accounting estimates."
    ),
)

STATEMENTS: Final[tuple[Feature, ...]] = (*_GROWTH, *_MARGINS, *_OUTLOOK, *_QUALITY, *_CLOCK)
"""All features of the group."""

_YEN = "yen, by the documents known"
STATEMENTS_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("statements",),
        stock={
            **{f"st_{i}_q": f"{_YEN}: newest quarter" for i in _ITEMS},
            **{f"st_{i}_q_year_ago": f"{_YEN}: same quarter of last year" for i in _ITEMS},
            **{f"st_{i}_ttm": f"{_YEN}: four quarters" for i in _ITEMS},
            **{f"st_{i}_ttm_year_ago": f"{_YEN}: four quarters a year before" for i in _ITEMS},
            "st_sales_growth_before": "ratio: yearly growth of sales of the quarter before",
            "st_cfo": f"{_YEN}: operating cash flow of the newest four quarters that show it",
            "st_cfo_profit": f"{_YEN}: net profit of the same quarters",
            "st_cfo_sales": f"{_YEN}: sales of the same quarters",
            "st_equity": f"{_YEN}: shareholders' equity, else net assets",
            "st_equity_mean": f"{_YEN}: of now and a year before, one definition at both",
            "st_assets": f"{_YEN}: total assets",
            "st_assets_year_ago": f"{_YEN}: a year before",
            "st_cash": f"{_YEN}: cash, of this quarter or the one before",
            **{f"st_{i}_forecast": "yen (div: per share): next year's newest" for i in _FORECASTS},
            **{
                f"st_{i}_forecast_before": "the last one known at an earlier session"
                for i in _REVISED
            },
            "st_op_forecast_first": "the first one of that year",
            **{f"st_{i}_cum": f"{_YEN}: since the start of the year" for i in ("op", "np")},
            **{f"st_{i}_cum_forecast": f"{_YEN}: forecast of that year" for i in ("op", "np")},
            **{f"st_{i}_usual": "ratio: part of last year earned by then" for i in ("op", "np")},
            **{f"st_{i}_last_year": f"{_YEN}: newest whole fiscal year" for i in _ITEMS},
            **{f"st_{i}_surprise": "ratio: newest whole year over its forecast" for i in _ITEMS},
            "st_age": "sessions since results became known",
            "st_revision_age": "sessions since a revision of the forecast became known",
        },
        market={},
        make=_make_statements,
        features=STATEMENTS,
    ),
)
