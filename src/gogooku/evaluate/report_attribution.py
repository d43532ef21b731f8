"""Where the excess return came from: sectors, factors and costs, and what the holdings bet on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from gogooku.core.metrics import Estimate, mean_estimate
from gogooku.evaluate import charts
from gogooku.evaluate.account import Account, running, thinned
from gogooku.evaluate.page import barred, chart, ends_of, folded, grid, heat, section
from gogooku.evaluate.report_tables import exposure_table
from gogooku.evaluate.report_texts import (
    DEVIATIONS,
    NOTES,
    STYLES,
    TITLES,
    explained,
    label_of,
)
from gogooku.evaluate.sector_names import sector_name
from gogooku.evaluate.svg import Figure, Series, dated
from gogooku.evaluate.words import NONE, RETURN, SHARE, SMALL_RETURN, Text, Words, html

SECTORS_SHOWN: Final = 5
"""Sectors at each end that are shown without being asked for."""
_BY_SECTOR: Final = ("allocation", "selection", "interaction")
_BESIDE: Final = ("date", "period", "sessions", "portfolio", "benchmark", "excess")
"""Columns of a frame of parts that are no parts."""
_MARKET, _SPECIFIC, _SECTORS, _TOGETHER = "market", "specific", "sectors", "together"
_FACTORS: Final[Mapping[str, Text]] = {
    _MARKET: Text("Market (how much is invested)", "市場(投資比率)"),
    **STYLES,
    _SECTORS: Text("Sectors together", "業種の合計"),
    _TOGETHER: Text("All factors together", "全ファクターの合計"),
    _SPECIFIC: Text("Names themselves (specific)", "銘柄固有"),
}
_TITLES: Final[Mapping[str, Text]] = {
    "parts": Text("What the excess return is made of", "超過リターンの内訳"),
    "parts-growth": Text("The same over time", "内訳の推移"),
    "brinson": Text("By sector", "業種別の内訳"),
    "factors": Text("Factors against names", "ファクターと銘柄固有"),
    "factor-growth": Text("The same over time", "ファクターと銘柄固有の推移"),
}
_NOTES: Final[Mapping[str, Text]] = {
    "parts": Text(
        "Parts of the whole period's excess return over the equal-weighted universe, linked so "
        "that they add up to it; + is in favour.",
        "全期間の超過リターン(等金額ユニバース比)の内訳。合計が一致するよう連結した値で、正が有利。",
    ),
    "parts-growth": Text(
        "Running sums of the daily parts, not compounded.",
        "日次の内訳の累計(複利ではない)。",
    ),
    "brinson": Text(
        "Brinson's parts by sector over the whole period, linked; weights are means. Sorted by "
        "what the sector added or took.",
        "業種別のブリンソン分解(全期間、連結)。ウェイトは平均。寄与の大きい順。",
    ),
    "factors": Text(
        "A year, with 95% intervals (Newey-West): exposure to a trait times what the trait earned. "
        "What the names themselves earned is what a stock picker is paid for.",
        "年率と95%区間(Newey-West)。特性へのエクスポージャーと特性のリターンの積。"
        "銘柄固有の部分が銘柄選択の成果にあたる。",
    ),
    "factor-growth": Text(
        "Running sums of the daily parts, not compounded.",
        "日次の寄与の累計(複利ではない)。",
    ),
}


def attribution_parts(account: Account) -> list[str]:
    """Sectors, factors, and what the holdings bet on."""
    return [
        _whole(account),
        _growth(account),
        brinson_part(account),
        factors_part(account),
        _factor_growth(account),
        *exposure_parts(account),
    ]


# ---------------------------------------------------------------------------------- the whole


def _whole(account: Account) -> str:
    """Each part of the whole excess with its bar, and years below each other."""
    whole = account.frame("parts_whole")
    if whole is None:
        return ""
    row = whole.row(0, named=True)
    shown = parts_in(whole)
    span = ends_of([row[name] for name in (*shown, "excess")])
    body = [
        [explained(f"account.{name}"), barred(SMALL_RETURN.text(row[name]), row[name], span)]
        for name in (*shown, "excess")
    ]
    head = [html(Text("part", "要素")), html(Text("whole period", "全期間"))]
    return section("parts", _TITLES["parts"], grid(head, body, kind="short") + _years(account),
                   note=_NOTES["parts"])  # fmt: skip


def parts_in(frame: pl.DataFrame) -> list[str]:
    """What the excess return of a frame is the sum of; what is always zero is left out."""
    names = [name for name in frame.columns if name not in _BESIDE]
    return [name for name in names if frame.get_column(name).abs().max() not in (None, 0.0)]


def _years(account: Account) -> str:
    """Parts of the excess of each year; empty where there is one only."""
    years = account.frame("parts_by_year")
    if years is None or years.height < 2:
        return ""
    there = parts_in(years)
    most = max((abs(float(value)) for name in there for value in years.get_column(name)), default=0)
    head = [html(Text("year", "年"))]
    head += [explained(f"account.{name}") for name in (*there, "excess")]
    body = [
        [
            f"{row['period'].year}<small>n {row['sessions']:,}</small>",
            *(heat(row[name], SMALL_RETURN, most=most) for name in there),
            f"<b>{html(SMALL_RETURN.text(row['excess']))}</b>",
        ]
        for row in years.iter_rows(named=True)
    ]
    return grid(head, body, kind="heat")


def _growth(account: Account) -> str:
    parts = account.frame("parts")
    if parts is None:
        return ""
    there = parts_in(parts)
    summed = thinned(running(parts, there))
    lines = [(name, label_of(f"account.{name}"), "solid") for name in there]
    return chart("parts-growth", _TITLES["parts-growth"], _lines(summed, lines),
                 note=_NOTES["parts-growth"])  # fmt: skip


def _lines(frame: pl.DataFrame, lines: Sequence[tuple[str, Text, str]]) -> Figure:
    """Running sums as lines: column, name and dash of each."""
    series = [
        Series(name=name, y=frame.get_column(column).to_list(), colour=place, dash=dash)
        for place, (column, name, dash) in enumerate(lines)
    ]
    x, texts, ticks = dated(frame.get_column("date").to_list())
    return Figure(
        x=x, x_texts=texts, ticks=ticks, series=series, unit=SMALL_RETURN,
        y_label=Text("running sum", "累計"), x_label=charts.SESSION,
    )  # fmt: skip


# ----------------------------------------------------------------------------------- sectors


def brinson_part(account: Account) -> str:
    """Allocation, selection and interaction of each sector, the best and the worst first."""
    sectors = account.frame("sectors_whole")
    if sectors is None:
        return ""
    total = pl.sum_horizontal(_BY_SECTOR)
    held = (pl.col("portfolio_weight").abs() + pl.col("benchmark_weight").abs()) > 0.0
    rows = sectors.filter(held).with_columns(total.alias("total")).sort("total", descending=True)
    span = ends_of(rows.get_column("total").to_list())
    head = [
        html(Text("sector", "業種")),
        html(Text("added", "寄与")),
        *(explained(f"account.{name}") for name in _BY_SECTOR),
        html(Text("weight held", "保有ウェイト")),
        html(Text("weight in the universe", "ユニバース内ウェイト")),
    ]
    body = [
        [
            html(sector_name(row["sector"])),
            barred(SMALL_RETURN.text(row["total"]), row["total"], span),
            *(html(SMALL_RETURN.text(row[name])) for name in _BY_SECTOR),
            html(SHARE.text(row["portfolio_weight"])),
            html(SHARE.text(row["benchmark_weight"])),
        ]
        for row in rows.iter_rows(named=True)
    ]
    inner = ends_first(head, body, Text("sectors between", "その間の業種"))
    return section("brinson", _TITLES["brinson"], inner, note=_NOTES["brinson"])


def ends_first(head: list[str], body: list[list[str]], between: Text) -> str:
    """The first and the last rows of a table; those between are folded where they are many."""
    if len(body) <= 2 * SECTORS_SHOWN + 2:
        return grid(head, body)
    rest = body[SECTORS_SHOWN:-SECTORS_SHOWN]
    summary = Text("{count} {what}", "{what}({count})").filled(count=str(len(rest)), what=between)
    shown = grid(head, body[:SECTORS_SHOWN] + body[-SECTORS_SHOWN:])
    return shown + folded(html(summary), grid(head, rest))


# ----------------------------------------------------------------------------------- factors


def factor_groups(factors: pl.DataFrame) -> pl.DataFrame:
    """Parts by session of market, styles, sectors together, all together, and what is specific.

    Parameters
    ----------
    factors : polars.DataFrame
        date, factor, exposure, part, as a backtest keeps them: ``sector:NAME`` is a sector.

    Returns
    -------
    polars.DataFrame
        date and a column a group, in that order.
    """
    of_sectors = pl.col("factor").str.starts_with("sector:")
    named = factors.with_columns(
        pl.when(of_sectors).then(pl.lit(_SECTORS)).otherwise("factor").alias("factor")
    )
    wide = named.pivot(on="factor", index="date", values="part", aggregate_function="sum")
    there = [name for name in wide.columns if name not in ("date", _SPECIFIC)]
    wide = wide.with_columns(pl.sum_horizontal(there).alias(_TOGETHER))
    order = [name for name in _FACTORS if name in wide.columns]
    return wide.sort("date").select("date", *order)


def factors_part(account: Account) -> str:
    """What each group of factors earned a year, and what the names themselves did."""
    factors = account.frame("factors")
    if factors is None:
        return ""
    groups = factor_groups(factors)
    exposed = dict(factors.group_by("factor").agg(pl.col("exposure").mean()).iter_rows())
    found = {name: _yearly(groups, name, account.year) for name in groups.columns if name != "date"}
    span = ends_of([end for value in found.values() for end in value])
    body = []
    for name, (value, low, high) in found.items():
        below = f"<small>{html(RETURN.between(low, high))}</small>"
        exposure = exposed.get(name) if name in (*STYLES, _MARKET) else None
        unit = SHARE if name == _MARKET else DEVIATIONS
        body.append(
            [
                html(_FACTORS[name]),
                barred(RETURN.text(value), value, span, low=low, high=high, below=below),
                NONE if exposure is None else html(unit.text(exposure)),
            ]
        )
    head = [html(Text("factor", "ファクター")), explained("account.factor_part"),
            explained("account.exposure")]  # fmt: skip
    note = Text("{note} n {n}.", "{note}n {n}。").filled(
        note=_NOTES["factors"], n=f"{groups.height:,}"
    )
    return section("factors", _TITLES["factors"], grid(head, body, kind="short"), note=note)


def _yearly(groups: pl.DataFrame, name: str, year: float) -> tuple[float, float, float]:
    one: Estimate = mean_estimate(groups.get_column(name).to_numpy(), horizon=1)
    return one.value * year, one.low * year, one.high * year


def _factor_growth(account: Account) -> str:
    factors = account.frame("factors")
    if factors is None:
        return ""
    groups = factor_groups(factors)
    there = [name for name in (_TOGETHER, _SPECIFIC) if name in groups.columns]
    summed = thinned(running(groups, there))
    lines = [(name, _FACTORS[name], "solid") for name in there]
    return chart("factor-growth", _TITLES["factor-growth"], _lines(summed, lines),
                 note=_NOTES["factor-growth"])  # fmt: skip


# --------------------------------------------------------------------------------- exposures


def exposed(account: Account, kind: str) -> pl.DataFrame | None:
    """Active exposures that a backtest has kept: (date, name, active); None where it has none.

    Parameters
    ----------
    account : Account
    kind : str
        ``style`` or ``sector``: a column of the frame ``styles`` or ``sectors``.
    """
    found = account.frame(f"{kind}s")
    return None if found is None else found.select("date", pl.col(kind).alias("name"), "active")


def exposure_parts(account: Account) -> list[str]:
    """What the holdings bet on beside the scores."""
    parts = []
    styles, sectors = exposed(account, "style"), exposed(account, "sector")
    if styles is not None:
        figure = charts.exposure_lines(styles, STYLES, DEVIATIONS)
        parts.append(
            chart("exposures", TITLES["exposures"], figure, note=NOTES["exposures"],
                  below=exposure_table(styles, STYLES, DEVIATIONS))
        )  # fmt: skip
    if sectors is not None:
        named: dict[str, Words] = {
            name: sector_name(name) for name in sectors.get_column("name").unique()
        }
        inner = exposure_table(sectors, named, RETURN, most=2 * SECTORS_SHOWN)
        parts.append(section("sectors", TITLES["sectors"], inner, note=NOTES["sectors"]))
    return parts
