"""One self-contained HTML page about runs side by side: the sentence, the tables, the pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

import numpy as np
import polars as pl

from gogooku.core.metrics import Z95, FloatArray, mean_estimate, number_or_none
from gogooku.evaluate.account import thinned
from gogooku.evaluate.comparison_words import p_text, unit_of_mean
from gogooku.evaluate.page import (
    barred,
    chart,
    document,
    ends_of,
    estimated,
    folded,
    grid,
    panels,
    section,
)
from gogooku.evaluate.report_head import badge, warnings_box
from gogooku.evaluate.report_texts import TITLES, label_of, meaning_of, unit_of
from gogooku.evaluate.side_by_side import SideBySide
from gogooku.evaluate.svg import Figure, Series, dated
from gogooku.evaluate.words import (
    NONE,
    Language,
    Text,
    Unit,
    Words,
    both,
    html,
    probability,
    sessions,
    tipped,
)

_TITLE: Final = Text("Runs side by side", "実行の比較")
_TITLES: Final[Mapping[str, Text]] = {
    "differences": Text("{label}: each run less {first}", "{label}: 各実行と{first}との差"),
    "means": Text("{label} of each run", "各実行の{label}"),
    "many": Text("All runs and all tries at once", "全実行・全試行の同時検定"),
    "difference": Text("Cumulative difference from {first}, {h}", "{first}との差の累計({h})"),
    "cumulative": Text("Cumulative {label}, {h}", "{label}の累計({h})"),
    "years": Text("{label} by year, {h}", "年別の{label}({h})"),
}
_NOTES: Final[Mapping[str, Text]] = {
    "means": Text(
        "Mean over the shared sessions with its 95% Newey-West interval. Deflated: the probability "
        "that the run is better than the best of as many worthless runs as were tried on these "
        "sessions.",
        "共通の営業日の平均とNewey-West標準誤差による95%区間。"
        "「デフレート後」は、同じ営業日での試行数と同数の無価値な実行の最良を上回る確率。",
    ),
    "differences": Text(
        "Paired by session, with 95% Newey-West intervals; above zero, the run is ahead of "
        "{first}. p is that of no difference; all counted is Holm's p over every test of this "
        "table.",
        "営業日ごとの対応比較とNewey-West標準誤差による95%区間。正なら{first}を上回る。"
        "pは差がないという仮説のp値、「全比較」はこの表の全検定に対するHolmのp値。",
    ),
    "many": Text(
        "None is better: Hansen's test that no run is better than {first}. Overfitting: the share "
        "of ways to cut the sessions in half in which the best try on one half is below the median "
        "of all tries on the other.",
        "「優れた実行なし」は、{first}より優れた実行がないという仮説のHansen検定。"
        "「過剰適合」は、営業日を二分する組み合わせのうち、"
        "一方で最良の試行が他方で全試行の中央値を下回る割合。",
    ),
    "difference": Text(
        "Sum of the paired daily differences, with the band in which 95% of such sums stay when "
        "the difference is that on average. A band around zero: chance may explain it.",
        "対応する日次の差の累計と、平均がその値のときに累計の95%が収まる帯。"
        "帯が0を含むなら偶然で説明できる。",
    ),
    "cumulative": Text(
        "Sum over the sessions that all runs share. A straight rising line is steady.",
        "全実行に共通する営業日の累計。まっすぐ右上がりなら安定している。",
    ),
    "years": Text(
        "Mean with its standard error, and the number of sessions.",
        "平均、標準誤差、営業日数。",
    ),
}
FACTS: Final[Mapping[str, Text]] = {
    "source": Text("Source", "データソース"),
    "exchange": Text("Exchange", "取引所"),
    "labels": Text("Judged by", "評価ラベル"),
    "from": Text("First session", "最初の営業日"),
    "to": Text("Last session", "最後の営業日"),
}
"""What small statements are called; others are run names."""
_RUN: Final = Text("run", "実行")


@dataclass(frozen=True)
class ComparePage:
    """What the page shows.

    Attributes
    ----------
    found : SideBySide
    sentence : Text
        What stands first.
    kind : Text
        What kind of figures these are: out of time, or a cross-validation.
    simulated : bool
        Whether the prices are a sandbox's.
    exchange : str
    warnings : sequence of words
    facts : mapping of str to str
        Small statements: `FACTS`, and what runs are called to their ids.
    language : Language
        Whose texts are shown first.
    """

    found: SideBySide
    sentence: Text
    kind: Text
    simulated: bool
    exchange: str
    warnings: Sequence[Words] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    language: Language = Language.EN


def render_comparison(page: ComparePage) -> str:
    """The page as one HTML text; the same comparison gives the same bytes."""
    found = page.found
    said: dict[str, str | Text] = {
        "label": label_of(found.metric),
        "first": found.first,
        "h": sessions(found.horizon),
    }

    def part(key: str, inner: str) -> str:
        return section(key, titles[key], inner, note=notes[key])

    titles = {key: text.filled(**said) for key, text in _TITLES.items()}
    notes = {key: text.filled(**said) for key, text in _NOTES.items()}
    body = [
        f'<header id="headline">{badge(simulated=page.simulated, exchange=page.exchange)}'
        f'<span class="badge">{html(page.kind)}</span><h1>{html(_TITLE)}</h1>'
        f'<p class="verdict" id="verdict">{html(page.sentence)}</p></header>',
        warnings_box(page.warnings),
        part("differences", _differences(found)),
        part("means", _means(found)),
        panels("difference", titles["difference"], cumulative_differences(found),
               note=notes["difference"], wide=True),
        chart("cumulative", titles["cumulative"], cumulative(found), note=notes["cumulative"]),
        part("many", _many(found)),
        part("years", _years(found)),
        _facts(page.facts),
    ]  # fmt: skip
    return document(_TITLE.en, "\n".join(body), language=page.language)


def _facts(facts: Mapping[str, str]) -> str:
    rows = [[html(FACTS.get(name, name)), f'<td class="text">{escape(value)}</td>']
            for name, value in facts.items()]  # fmt: skip
    head = [html(Text("fact", "項目")), '<th class="left"></th>']
    return f'<section id="facts">{folded(html(TITLES["facts"]), grid(head, rows))}</section>'


def cumulative(found: SideBySide) -> Figure:
    """Running sum of the measure, a line a run."""
    frame = found.daily[found.horizon]
    summed = thinned(frame.with_columns(pl.col(_runs(frame)).cum_sum()))
    lines = [
        Series(name=name, y=summed[name].to_list(), colour=place)
        for place, name in enumerate(_runs(frame))
    ]
    y = Text("sum of daily {label}", "日次{label}の累計").filled(label=label_of(found.metric))
    return _over_days(summed, lines, y=y, unit=unit_of(found.metric))


def cumulative_differences(found: SideBySide) -> dict[str, tuple[Words, Figure]]:
    """Running sum of the paired difference of each run from the first one, with its band."""
    frame = found.daily[found.horizon]
    first = frame[found.first].to_numpy()
    made: dict[str, tuple[Words, Figure]] = {}
    for place, name in enumerate(_runs(frame)):
        if name == found.first:
            continue
        total, low, high = _summed(frame[name].to_numpy() - first, found.horizon)
        summed = thinned(frame.select("date", total=total, low=low, high=high))
        line = Series(
            name=name,
            y=summed["total"].to_list(),
            low=summed["low"].to_list(),
            high=summed["high"].to_list(),
            band=True,
            colour=place,
        )
        y = Text("sum of daily differences", "日次の差の累計")
        made[str(place)] = (name, _over_days(summed, [line], y=y, unit=unit_of(found.metric)))
    return made


def by_year(found: SideBySide) -> pl.DataFrame:
    """(year, run, value, error, n): mean of the measure in each year at the sentence's horizon."""
    frame = found.daily[found.horizon]
    rows = []
    for (year,), block in frame.with_columns(year=pl.col("date").dt.year()).group_by(
        "year", maintain_order=True
    ):
        for name in _runs(frame):
            one = mean_estimate(block[name].to_numpy(), horizon=found.horizon)
            rows.append((year, name, one.value, one.error, one.n))
    return pl.DataFrame(rows, schema=["year", "run", "value", "error", "n"], orient="row")


def _summed(values: FloatArray, horizon: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Running sum, and its band: the long-run deviation of a sum of so many sessions."""
    error = mean_estimate(values, horizon=horizon).error
    total = np.cumsum(values)
    spread = error * math.sqrt(len(values)) * np.sqrt(np.arange(1, len(values) + 1))
    return total, total - Z95 * spread, total + Z95 * spread


def _means(found: SideBySide) -> str:
    """Mean, interval and deflated probability of each run by horizon, with bars."""
    unit = unit_of_mean(found.metric)
    rows = {(row["run"], row["horizon"]): row for row in found.runs.iter_rows(named=True)}
    span = ends_of([row[key] for row in rows.values() for key in ("mean", "low", "high")])
    body = []
    for name in found.runs["run"].unique(maintain_order=True):
        cells = [escape(str(name))]
        for horizon in found.at:
            row = rows[str(name), horizon]
            deflated = row["deflated"]
            last = "" if deflated is None else f"<small>{_deflated(deflated)}</small>"
            cells.append(_bar(unit, row, "mean", span, last))
        body.append(cells)
    return grid(_heads(found), body, kind="stacked")


def _differences(found: SideBySide) -> str:
    """Each run less the first one by horizon, with bars and p-values."""
    unit = unit_of_mean(found.metric, signed=True)
    rows = {(row["run"], row["horizon"]): row for row in found.differences.iter_rows(named=True)}
    span = ends_of([row[key] for row in rows.values() for key in ("difference", "low", "high")])
    body = []
    for name in found.differences["run"].unique(maintain_order=True):
        cells = [escape(str(name))]
        for horizon in found.at:
            row = rows[str(name), horizon]
            p = Text("p {p}", "p {p}").filled(p=p_text(row["p_value"]))
            holm = Text("all counted {p}", "全比較 {p}").filled(p=p_text(row["p_holm"]))
            small = f"<small>{html(p)}</small><small>{html(holm)}</small>"
            cells.append(_bar(unit, row, "difference", span, small))
        body.append(cells)
    return grid(_heads(found), body, kind="stacked")


def _deflated(chance: float) -> str:
    said = Text("deflated {p}", "デフレート後 {p}").filled(p=probability(chance))
    return tipped(said, meaning_of("luck.deflated"))


def _heads(found: SideBySide) -> list[str]:
    """Horizons, each with the number of sessions that its figures are of."""
    of = [
        f"{html(sessions(horizon))}<small>n {one.n:,}</small>" for horizon, one in found.at.items()
    ]
    return [html(_RUN), *of]


def _bar(unit: Unit, row: Mapping[str, Any], key: str, span: tuple[float, float], last: str) -> str:
    """A number, its bar, its interval and what else is said.

    It is green or red where the whole interval of a difference lies on one side of zero.
    """
    low, high = row["low"], row["high"]
    shown = barred(unit.text(row[key]), row[key], span, low=low, high=high)
    interval = unit.between(low, high)
    shown += (f"<small>{html(interval)}</small>" if interval.en else "") + last
    if key != "difference" or low is None or high is None or low <= 0.0 <= high:
        return shown
    return f'<td class="{"good" if low > 0.0 else "bad"}">{shown}</td>'


def _many(found: SideBySide) -> str:
    rows = [
        [
            html(sessions(horizon)),
            f"{one.n:,}",
            html(p_text(number_or_none(one.superior))),
            escape(", ".join(one.better)) or NONE,
            escape(", ".join(one.among_best)) or NONE,
            html(probability(one.overfitting)),
            html(Text(f"{one.tries:,} of {found.tries:,}", f"{found.tries:,}件中{one.tries:,}件")),
        ]
        for horizon, one in found.at.items()
    ]
    head = [
        Text("horizon", "予測期間"),
        Text("sessions", "営業日"),
        Text("p: none is better", "p: 優れた実行なし"),
        Text("better", "優れた実行"),
        Text("may be the best", "最良であり得る実行"),
        Text("overfitting", "過剰適合"),
        Text("tries in it", "対象の試行"),
    ]
    return grid([html(one) for one in head], rows)


def _years(found: SideBySide) -> str:
    unit = unit_of_mean(found.metric)
    frame = by_year(found)
    names = frame["run"].unique(maintain_order=True).to_list()
    rows = []
    for (year,), block in frame.group_by("year", maintain_order=True):
        cells = [str(year)]
        for name in names:
            one = block.filter(run=name).row(0, named=True)
            spread = Text(*(f"±{text}" for text in unit.text(one["error"])))
            cells.append(estimated(unit.text(one["value"]), spread, both(f"n {one['n']:,}")))
        rows.append(cells)
    return grid([html(Text("year", "年")), *map(escape, names)], rows)


def _runs(frame: pl.DataFrame) -> list[str]:
    return [name for name in frame.columns if name != "date"]


def _over_days(frame: pl.DataFrame, lines: Sequence[Series], *, y: Text, unit: Unit) -> Figure:
    x, texts, ticks = dated(frame["date"].to_list())
    return Figure(
        x=x, x_texts=texts, ticks=ticks, series=lines, y_label=y,
        x_label=Text("session", "営業日"), unit=unit._replace(digits=2, signed=True),
    )  # fmt: skip
