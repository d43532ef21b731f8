"""Tables of the report page: each number with its unit, its interval and how much it is of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import polars as pl

from gogooku.core.codes import shown_code
from gogooku.core.metrics import Z95
from gogooku.evaluate.definitions import place_of
from gogooku.evaluate.over_time import by_year
from gogooku.evaluate.page import barred, ends_of, estimated, folded, grid, heat
from gogooku.evaluate.report_texts import (
    CUTS,
    TITLES,
    explained,
    group_name,
    label_of,
    meaning_of,
    unit_of,
)
from gogooku.evaluate.verdict import Figures
from gogooku.evaluate.words import CORRELATION, COUNT, NONE, Text, Unit, Words, both, html, sessions

FEW: Final = 8
"""Groups of a cut that are shown without being asked for."""
TOP: Final = 20
"""Names at each end of the ranking that the page shows."""

_FIRST: Final = re.compile(
    r"rank_ic|icir|hit_rate|p_at_\d+_excess|top_\d+_bps|spread|monotonicity|turnover_\d+"
)
"""Measures that are read first; the others are folded."""
_MONTHS: Final = tuple(range(1, 13))
_MONTH_NAMES: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
)  # fmt: skip


# ------------------------------------------------------------------------------ names and rivals


def ranking_tables(ranking: pl.DataFrame, *, horizon: int) -> tuple[str, Text]:
    """The first and the last names of a session, as HTML, and what they are.

    Parameters
    ----------
    ranking : polars.DataFrame
        (date, rank, code, name_en, name_ja, score, before), a row for each name of the session,
        best first; ``before`` is the rank of the session before and null where the name was not
        ranked then, names are null where nobody says them.
    """
    count = ranking.height
    shown = min(TOP, max(count // 2, 1))
    ends = [
        (Text(f"Top {shown}", f"上位{shown}銘柄"), ranking.head(shown)),
        (Text(f"Bottom {shown}", f"下位{shown}銘柄"), ranking.tail(shown)),
    ]
    named = ranking.get_column("name_en").count() > 0
    inner = "".join(
        f"<div><h3>{html(title)}</h3>{_names(rows, shown, named=named)}</div>"
        for title, rows in ends
    )
    note = Text(
        "{date}, score at {horizon}, {count} names. Change is in places since the session before; "
        "new was not in the top {shown} then.",
        "{date}、{horizon}のスコア、{count}銘柄。変化は前営業日からの順位差、"
        "「新」は前営業日に上位{shown}銘柄に入っていなかったもの。",
    ).filled(
        date=str(ranking.get_column("date")[0]),
        horizon=sessions(horizon),
        count=f"{count:,}",
        shown=str(shown),
    )
    return f'<div class="pair">{inner}</div>', note


def _names(rows: pl.DataFrame, shown: int, *, named: bool) -> str:
    score = Unit(digits=3)
    top = int(rows.get_column("rank")[0]) == 1
    body = []
    for row in rows.iter_rows(named=True):
        cells = [f"{row['rank']:,}", f'<td class="left">{escape(shown_code(row["code"]))}</td>']
        if named:
            name = Text(row["name_en"] or NONE, row["name_ja"] or row["name_en"] or NONE)
            cells.append(f'<td class="text">{html(name)}</td>')
        cells += [html(score.text(row["score"])), _moved(row, shown, top=top)]
        body.append(cells)
    left = [Text("code", "コード"), *([Text("company", "銘柄名")] if named else [])]
    right = [Text("score", "スコア"), Text("change", "変化")]
    head = [html(Text("rank", "順位")), *(f'<th class="left">{html(one)}</th>' for one in left)]
    return grid([*head, *map(html, right)], body)


def _moved(row: Mapping[str, object], shown: int, *, top: bool) -> str:
    """Places that a name has moved since the session before; up is better."""
    before, rank = row["before"], row["rank"]
    if before is None:
        return _new(Text("new to the ranking", "新規"))
    places = int(str(before)) - int(str(rank))
    arrow = "=" if not places else f"{'↑' if places > 0 else '↓'} {abs(places):,}"
    if top and int(str(before)) > shown:
        return f"{escape(arrow)} {_new(Text('new', '新'))}"
    return escape(arrow)


def _new(text: Text) -> str:
    return f'<span class="new">{html(text)}</span>'


def rival_table(rivals: pl.DataFrame | None, missing: Sequence[str]) -> tuple[str, Text]:
    """Paired differences of RankIC from other runs, as HTML, and what they are.

    Parameters
    ----------
    rivals : polars.DataFrame or None
        `gogooku.evaluate.compare.COMPARISON_SCHEMA`, this run as ``a``.
    missing : sequence of str
        Models without a run of the same dataset and dates.
    """
    note = Text(
        "RankIC of this run less that of the other, paired by session: above zero, this run is "
        "better. 95% intervals that allow for overlapping labels.",
        "この実行の順位ICから他モデルの順位ICを引いた差(営業日ごとの対応比較)。"
        "正ならこの実行が優れる。95%信頼区間はラベルの重なりを考慮。",
    )
    lost = ""
    if missing:
        text = Text(
            "Not compared, for want of a run of the same dataset, dates and labels: {names}.",
            "同じデータセット・期間・ラベルの実行がないため未比較: {names}。",
        ).filled(names=", ".join(missing))
        lost = f'<p class="note" id="missing">{html(text)}</p>'
    if rivals is None or rivals.is_empty():
        return lost, note
    horizons = sorted(rivals.get_column("horizon").unique().to_list())
    body = []
    for name in rivals.get_column("b").unique(maintain_order=True).to_list():
        cells = [escape(name)]
        for horizon in horizons:
            found = rivals.filter(b=name, horizon=horizon).to_dicts()
            cells.append(_difference(found[0]) if found else NONE)
        body.append(cells)
    first = html(Text("against", "比較対象"))
    return grid([first, *(html(sessions(h)) for h in horizons)], body) + lost, note


def _difference(row: Mapping[str, float | int]) -> str:
    low, high = row["low"], row["high"]
    side = "good" if low > 0.0 else "bad" if high < 0.0 else ""
    shown = estimated(
        CORRELATION.text(row["difference"]),
        CORRELATION.between(low, high),
        both(f"n {row['n']:,}"),
    )
    return f'<td class="{side}">{shown}</td>' if side else shown


# -------------------------------------------------------------------------------------- measures


def skill_table(metrics: Mapping[str, Figures]) -> str:
    """Measures down, horizons across; those that are not read first are folded."""
    split = [(*name.partition(".")[::2], name) for name in metrics if re.match(r"h\d+\.", name)]
    horizons = sorted({horizon for horizon, _, _ in split}, key=lambda text: int(text[1:]))
    measures = list(dict.fromkeys(measure for _, measure, _ in split))
    first = html(Text("measure", "指標"))
    head = [first, *(html(sessions(int(horizon[1:]))) for horizon in horizons)]
    shown: list[list[str]] = []
    rest: list[list[str]] = []
    for measure in sorted(measures, key=place_of):
        cells = [_cell(metrics.get(f"{horizon}.{measure}"), measure) for horizon in horizons]
        (shown if _FIRST.fullmatch(measure) else rest).append([explained(measure), *cells])
    if not rest:
        return grid(head, shown)
    summary = html(Text(f"{len(rest)} more measures", f"その他の指標({len(rest)}件)"))
    return grid(head, shown) + folded(summary, grid(head, rest))


def portfolio_table(metrics: Mapping[str, Figures]) -> str:
    """Measures of the backtest, one a row."""
    names = sorted((name for name in metrics if name.startswith("portfolio.")), key=place_of)
    body = [[explained(name), _cell(metrics[name], name)] for name in names]
    return grid([html(Text("measure", "指標")), html(Text("value", "値"))], body, kind="short")


def _cell(figures: Figures | None, measure: str) -> str:
    if figures is None or figures.get("value") is None:
        return f'<td data-measure="{escape(measure)}">{NONE}</td>'
    unit = unit_of(measure)
    shown = estimated(
        unit.text(figures["value"]),
        unit.between(figures.get("low"), figures.get("high")),
        both(f"n {int(figures.get('n') or 0):,}"),
    )
    return f'<td data-measure="{escape(measure)}">{shown}</td>'


def glossary(metrics: Mapping[str, Figures]) -> str:
    """What every measure on the page means, folded."""
    names = sorted({re.sub(r"^h\d+\.", "", name) for name in metrics}, key=place_of)
    rows = "".join(
        f'<tr><td class="text">{html(label_of(name))}</td>'
        f'<td class="text">{html(meaning_of(name))}</td></tr>'
        for name in names
    )
    table = f'<div class="wide"><table><tbody>{rows}</tbody></table></div>'
    return f'<section id="glossary">{folded(html(TITLES["glossary"]), table)}</section>'


def group_tables(breakdown: pl.DataFrame, *, horizon: int) -> str:
    """RankIC of each group of names or sessions, one table a cut; empty where there is none.

    A cut of more than `FEW` groups is folded.

    Parameters
    ----------
    breakdown : polars.DataFrame
        `gogooku.evaluate.breakdown.BREAKDOWN_SCHEMA`.
    """
    mine = breakdown.filter(horizon=horizon, measure="rank_ic").drop_nulls("mean")
    head = [Text("group", "群"), Text("RankIC", "順位IC"), Text("names", "銘柄数")]
    open_ones, rest = "", ""
    for cut, title in CUTS.items():
        rows = mine.filter(cut=cut).to_dicts()
        if len(rows) < 2:
            continue
        body = [[html(group_name(cut, row["value"])), *_group(row)] for row in rows]
        table = grid([html(one) for one in head], body, kind="short")
        if len(rows) > FEW:
            rest += folded(f"{html(title)} ({len(rows)})", table)
        else:
            open_ones += f"<div><h3>{html(title)}</h3>{table}</div>"
    return f'<div class="panels">{open_ones}</div>{rest}' if open_ones or rest else ""


def _group(row: Mapping[str, float | None]) -> tuple[str, str]:
    mean, error = row["mean"], row["error"]
    half = None if error is None else Z95 * error
    low = None if mean is None or half is None else mean - half
    high = None if mean is None or half is None else mean + half
    count = both(f"n {int(row['n'] or 0):,}")
    shown = estimated(CORRELATION.text(mean), CORRELATION.between(low, high), count)
    return shown, html(COUNT.text(row["names"]))


# ---------------------------------------------------------------------------- months, exposures


def month_table(
    months: pl.DataFrame,
    column: str,
    unit: Unit,
    *,
    years: Mapping[int, float] | None = None,
    most: float | None = None,
) -> str:
    """Years down, months across, coloured by sign and size.

    Parameters
    ----------
    months : polars.DataFrame
        ``year``, ``month`` and the column; ``n``, if there is one, stands below each number.
    years : mapping of int to float, optional
        A last column.
    most : float, optional
        Size of the fullest colour; that of the largest month if not given.
    """
    found = {(row["year"], row["month"]): row for row in months.iter_rows(named=True)}
    known = [abs(row[column]) for row in found.values() if row[column] is not None]
    full = most if most else max(known, default=0.0)
    head = [html(Text("year", "年"))]
    head += [html(Text(name, f"{n}月")) for n, name in zip(_MONTHS, _MONTH_NAMES, strict=True)]
    head += [html(Text("year", "年間"))] if years is not None else []
    body = []
    for year in sorted({year for year, _ in found}):
        cells = [str(year)]
        cells += [_month(found.get((year, month)), column, unit, most=full) for month in _MONTHS]
        if years is not None:
            cells.append(f"<b>{html(unit.text(years.get(year)))}</b>")
        body.append(cells)
    return grid(head, body, kind="heat")


def _month(row: Mapping[str, float] | None, column: str, unit: Unit, *, most: float) -> str:
    if row is None:
        return "<td></td>"
    below = f"<small>n {int(row['n'])}</small>" if "n" in row else ""
    return heat(row[column], unit, most=most, below=below)


def year_column(months: pl.DataFrame, column: str) -> dict[int, float]:
    """Return of each year; of a difference, that of the two compound returns."""
    if column != "excess":
        return dict(by_year(months, column).iter_rows())
    ours, theirs = (dict(by_year(months, name).iter_rows()) for name in ("portfolio", "universe"))
    return {year: value - theirs[year] for year, value in ours.items()}


def exposure_table(
    exposures: pl.DataFrame, names: Mapping[str, Words], unit: Unit, *, most: int | None = None
) -> str:
    """Mean and range of active exposures by factor, the largest first, as HTML.

    Parameters
    ----------
    exposures : polars.DataFrame
        (date, name, active), a row a session and factor.
    names : mapping of str to words
        What factors are called; one that is not there is called by its name.
    unit : Unit
    most : int, optional
        Factors that are shown without being asked for; all if not given. One that the holdings
        never differ in is not shown.
    """
    found = (
        exposures.group_by("name", maintain_order=True)
        .agg(
            pl.col("active").mean().alias("mean"),
            pl.col("active").min().alias("low"),
            pl.col("active").max().alias("high"),
        )
        .filter((pl.col("low") != 0.0) | (pl.col("high") != 0.0))
        .sort(pl.col("mean").abs(), descending=True, maintain_order=True)
    )
    span = ends_of(found.get_column("mean").to_list())
    body = [
        [
            html(names.get(row["name"], row["name"])),
            barred(unit.text(row["mean"]), row["mean"], span),
            html(unit.between(row["low"], row["high"])),
        ]
        for row in found.iter_rows(named=True)
    ]
    head = [
        html(Text("factor", "ファクター")),
        html(Text("mean", "平均")),
        html(Text("lowest to highest", "最小〜最大")),
    ]
    shown = grid(head, body[:most], kind="short")
    rest = body[most:] if most is not None else []
    if not rest:
        return shown
    summary = html(Text(f"{len(rest)} more, smaller", f"その他({len(rest)}、差が小さいもの)"))
    return shown + folded(summary, grid(head, rest, kind="short"))


# ------------------------------------------------------------------------- groups of features


def importance_table(rows: Sequence[Mapping[str, object]]) -> str:
    """RankIC lost by group of features and horizon, the most missed first, each with its bar.

    Parameters
    ----------
    rows : sequence of mappings
        ``group``, ``horizon``, ``lost`` (None where it is not known), ``error``.
    """
    found = {(str(one["group"]), int(str(one["horizon"]))): one for one in rows}
    horizons = sorted({horizon for _, horizon in found})
    worth: dict[str, float] = {}
    for (group, _), one in found.items():
        worth[group] = worth.get(group, 0.0) + _number(one["lost"] or 0.0)
    found = {place: one for place, one in found.items() if one["lost"] is not None}
    span = ends_of([end for one in found.values() for end in _ends(one)])
    body = []
    for group in sorted(worth, key=lambda name: (-worth[name], name)):
        cells = [escape(group)]
        cells += [
            _lost(_ends(found[group, h]), span) if (group, h) in found else NONE for h in horizons
        ]
        body.append(cells)
    first = html(Text("group of features", "特徴量グループ"))
    return grid([first, *(html(sessions(horizon)) for horizon in horizons)], body)


def _number(value: object) -> float:
    assert isinstance(value, int | float), value
    return float(value)


def _ends(row: Mapping[str, object]) -> tuple[float, float, float]:
    """Low end, value and high end of what a group is worth."""
    value = _number(row["lost"])
    half = 0.0 if row["error"] is None else Z95 * _number(row["error"])
    return value - half, value, value + half


def _lost(ends: tuple[float, float, float], span: tuple[float, float]) -> str:
    low, value, high = ends
    return barred(CORRELATION.text(value), value, span, low=low, high=high)
