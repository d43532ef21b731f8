"""Live skill: what published scores were worth once their labels were known, and their spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from gogooku.dashboard.shown import Shown
from gogooku.dashboard.texts import TITLES
from gogooku.evaluate.charts import score_histogram
from gogooku.evaluate.page import estimated, grid, section
from gogooku.evaluate.svg import Figure, Series, dated, drawn
from gogooku.evaluate.words import (
    CORRELATION,
    COUNT,
    NONE,
    SHARE,
    SMALL_RETURN,
    Text,
    Unit,
    html,
    sessions,
)
from gogooku.watch.live import live_skill

_SUM = Unit(digits=2)
_LEAST_DRAWN = 2
"""Sessions below which a line says nothing."""


def skills_of(shown: Shown) -> list[dict[str, Any]]:
    """Live skill of each horizon, see `gogooku.watch.live.live_skill`."""
    return live_skill(shown.live, shown.promised)


def is_below(one: Mapping[str, Any]) -> bool:
    """Whether the control chart of a horizon is beyond its threshold."""
    return one["cusum"] is not None and one["cusum"]["value"] > one["cusum"]["threshold"]


def skill_part(shown: Shown, found: Sequence[Mapping[str, Any]]) -> str:
    """Live skill as HTML: a chart of the horizon that ranks, and a table of every one."""
    title = TITLES["skill"]
    if not found:
        said = Text(
            "No label has matured yet: the first one does {h} and one session after the first "
            "publication.",
            "確定したラベルはまだない。最初のものは初回公開の{h}と1営業日後に確定する。",
        ).filled(h=sessions(_shortest(shown)))
        return section("skill", title, f"<p>{html(said)}</p>")
    note = Text(
        "Mean RankIC of published scores with its 95% interval. CUSUM adds up what is missing to "
        "the promise of the scorecard; beyond its limit the promise is not kept.",
        "公開済みスコアの順位ICの平均と95%信頼区間。CUSUMはスコアカードの想定に対する"
        "不足の累積で、限界を超えれば想定を下回ったと判断する。",
    )
    figure = cumulative(shown)
    drawing = "" if figure is None else drawn("skill", figure)
    return section("skill", title, drawing + _table(found), note=note)


def _shortest(shown: Shown) -> int:
    lengths = [
        int(name.removeprefix("score_"))
        for name in shown.ranking.columns
        if name.removeprefix("score_").isdigit()
    ]
    return min(lengths, default=shown.horizon)


def cumulative(shown: Shown) -> Figure | None:
    """Cumulative RankIC of the horizon that ranks beside what was promised; None for too few."""
    rows = shown.live.filter(pl.col("horizon") == shown.horizon).drop_nulls("rank_ic")
    if rows.height < _LEAST_DRAWN:
        return None
    ordered = rows.sort("session")
    x, x_texts, ticks = dated(ordered.get_column("session").to_list())
    series = [
        Series(
            name=Text("published", "実績"),
            y=ordered.get_column("rank_ic").cum_sum().to_list(),
            shape="dots",
        )
    ]
    promised = shown.promised.get(f"h{shown.horizon}.rank_ic", {}).get("value")
    if promised is not None:
        line = (promised * np.arange(1, ordered.height + 1)).tolist()
        series.append(Series(name=Text("promised", "想定"), y=line, colour=None, dash="dash"))
    return Figure(
        x=x,
        x_texts=x_texts,
        ticks=ticks,
        series=series,
        y_label=Text("RankIC over {h}, summed up", "順位ICの累計({h})").filled(
            h=sessions(shown.horizon)
        ),
        x_label=Text("session of the scores", "スコアの営業日"),
        unit=CORRELATION,
        height=220,
    )


def _table(found: Sequence[Mapping[str, Any]]) -> str:
    heads = (
        Text("horizon", "期間"),
        Text("RankIC", "順位IC"),
        Text("promised", "想定"),
        Text("top names less all", "上位銘柄の超過"),
        Text("CUSUM", "CUSUM"),
        Text("limit", "限界"),
        Text("first alarm", "最初の警報"),
    )
    return grid([html(one) for one in heads], [_row(one) for one in found])


def _row(one: Mapping[str, Any]) -> list[str]:
    chart = one["cusum"] or {}
    value = html(_SUM.text(chart.get("value")))
    return [
        html(sessions(one["horizon"])),
        _estimate(one["rank_ic"], CORRELATION),
        html(CORRELATION.text(one["promised"])),
        _estimate(one["top_excess"], SMALL_RETURN),
        f'<b class="bad">{value}</b>' if is_below(one) else value,
        html(_SUM.text(chart.get("threshold"))),
        str(chart.get("first_alarm") or NONE),
    ]


def _estimate(one: Mapping[str, Any], unit: Unit) -> str:
    count = Text(f"n {one['n']}", f"n {one['n']}")
    return estimated(unit.text(one["value"]), unit.between(one["low"], one["high"]), count)


def scores_part(shown: Shown) -> str:
    """How the scores are spread over the names, and how they compare with the session before."""
    scores = shown.ranking.get_column(shown.score).cast(pl.Float64).fill_null(np.nan).to_numpy()
    measured = (shown.measured or {}).get("scores", {}).get(str(shown.horizon), {})
    rows = [
        (Text("Names", "銘柄数"), COUNT.text(float(np.isfinite(scores).sum()))),
        (Text("Standard deviation", "標準偏差"), Unit(digits=4).text(measured.get("spread"))),
        (Text("Tied", "同点"), SHARE.text(measured.get("tied"))),
        (Text("Rank correlation with the session before", "前営業日との順位相関"),
         Unit(digits=2, signed=True).text(measured.get("autocorrelation"))),
        (Text("Top names that were there before", "上位銘柄の継続率"),
         SHARE.text(measured.get("overlap"))),
    ]  # fmt: skip
    cells = "".join(f"<div><dt>{html(one)}</dt><dd>{html(two)}</dd></div>" for one, two in rows)
    drawing = drawn("scores", score_histogram(scores))
    return section("scores", TITLES["scores"], f'{drawing}<dl class="facts">{cells}</dl>')
