"""One self-contained HTML page about a run: opens offline, loads nothing, says its sample sizes.

The same inputs give the same bytes. Every text is escaped, and a content security policy forbids
the page to fetch anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import polars as pl

from gogooku.evaluate.calibration import Calibrated
from gogooku.evaluate.charts import Figure, importance_bars, portfolio_charts, skill_charts
from gogooku.evaluate.network_charts import calibration_lines, channel_lines
from gogooku.evaluate.page import chart, details, document, section
from gogooku.evaluate.training_charts import training_charts

_TITLES = {
    "cumulative-rankic": "Cumulative RankIC",
    "deciles": "Mean return by score decile",
    "equity": "Equity",
    "drawdown": "Drawdown",
    "turnover": "Turnover",
    "calibration": "Quantile calibration",
    "channels": "Channel selection over time",
    "importance": "What the scores live on",
    "training-rankic": "Training: learning curves",
    "training-loss": "Training: loss",
    "training-gates": "Training: gates",
    "training-gradients": "Training: gradients by part",
    "training-updates": "Training: steps by part",
}
_NOTES = {
    "cumulative-rankic": "A straight rising line is steady skill; a flat one is none.",
    "deciles": "Decile 10 has the highest scores. Bars are means over sessions, whiskers 95 %.",
    "equity": "The universe line pays no costs and cannot be bought as it stands.",
    "turnover": "Each rebalance: traded value over two, over equity at the open.",
    "calibration": (
        "Share of names of the test part whose label, as the normal score of its rank within the "
        "session, lies below the quantile they were given: mean over sessions, whiskers 95 %, n in "
        "the legend. On the dotted line a quantile is what it says; a line steeper than it has "
        "quantiles that lie too far apart, a flatter one quantiles that lie too close together."
    ),
    "channels": (
        "Weights that the state of the market gives the channels of the history on sessions of the "
        "test part, by the network that scored them; they add up to 1. Level lines: always the "
        "same choice; on the dotted line: none. A jump may be the next fold's network."
    ),
    "importance": (
        "RankIC that is lost on validation dates when the windows of a group of features change "
        "hands among the names of a session; whiskers 95 %. A group whose whisker lies at or below "
        "zero is not missed: others know what it knows."
    ),
    "training-rankic": (
        "Solid on train dates, dashed on validation dates, each on its own label. Side by side and "
        "rising: there is more to learn; far apart: too much was learned by heart."
    ),
    "training-gates": "Mean over names, validation sessions and fits. 0 is shut, 1 is open.",
    "training-gradients": (
        "Norm of what the optimiser was given, after clipping: mean over the steps of an epoch and "
        "over fits."
    ),
    "training-updates": (
        "Length of a step as a share of the weights' norm: mean over the steps of an epoch and "
        "over fits; 0.001 to 0.01 is usual."
    ),
}
_PERCENT = {"annual_return", "volatility", "max_drawdown", "excess_return", "benchmark_return",
            "hit_rate", "gross", "p_at_k"}  # fmt: skip


@dataclass(frozen=True)
class ReportPage:
    """What the page shows, as plain frames and mappings.

    Attributes
    ----------
    title : str
    daily, deciles : polars.DataFrame
        Of `gogooku.evaluate.skill.Skill`.
    metrics : mapping
        ``Report.to_json()["metrics"]`` of skill and portfolio together: ``h5.rank_ic`` or
        ``portfolio.sharpe`` to value, low, high, n.
    portfolio : polars.DataFrame or None
        Daily frame of a backtest.
    events : sequence of mappings
        Lines of ``events.jsonl``; epochs become the charts of the training.
    config, stamp : mappings
        As written beside the run.
    facts : mapping
        Small statements: label variant, K of P@K, dates.
    warnings : sequence of str
        Findings; shown first.
    importance : sequence of mappings
        What groups of features are worth; see `gogooku.evaluate.charts.importance_bars`.
    calibration : sequence of Calibrated
        How right the quantiles of a network are.
    channels : polars.DataFrame or None
        What a network reads when; see `gogooku.evaluate.network_charts.channel_lines`.
    """

    title: str
    daily: pl.DataFrame
    deciles: pl.DataFrame
    metrics: Mapping[str, Mapping[str, float | int | None]]
    portfolio: pl.DataFrame | None = None
    events: Sequence[Mapping[str, Any]] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    stamp: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    importance: Sequence[Mapping[str, Any]] = ()
    calibration: Sequence[Calibrated] = ()
    channels: pl.DataFrame | None = None


def render_report(page: ReportPage) -> str:
    """The page as one HTML text."""
    charts = skill_charts(page.daily, page.deciles)
    traded = portfolio_charts(page.portfolio) if page.portfolio is not None else {}
    trained = training_charts(page.events)
    days = page.daily.get_column("date")
    body = [
        f"<h1>{escape(page.title)}</h1>",
        f'<p class="note">Out of sample, {escape(str(days.min()))} to {escape(str(days.max()))}, '
        f"{days.n_unique()} sessions. Intervals are 95 %, Newey-West; n counts sessions.</p>",
        _warnings(page.warnings),
        section("metrics", "Skill", _skill_table(page.metrics)),
        *(_chart(key, figure) for key, figure in charts.items()),
        section("portfolio", "Portfolio", _portfolio_table(page.metrics)) if traded else "",
        *(_chart(key, figure) for key, figure in traded.items()),
        _chart("calibration", calibration_lines(page.calibration)) if page.calibration else "",
        _chart("channels", channel_lines(page.channels)) if page.channels is not None else "",
        _chart("importance", importance_bars(page.importance)) if page.importance else "",
        *(_chart(key, figure) for key, figure in trained.items()),
        details("facts", "Facts", page.facts),
        details("config", "Configuration", page.config),
        details("stamp", "Stamp", page.stamp),
    ]
    return document(page.title, "\n".join(part for part in body if part))


def _chart(key: str, figure: Figure) -> str:
    return chart(key, _TITLES[key], figure, note=_NOTES.get(key, ""))


def _warnings(warnings: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in warnings)
    if not items:
        return '<section id="warnings"><p class="note">No warnings.</p></section>'
    return f'<section id="warnings" class="warnings"><b>Warnings</b><ul>{items}</ul></section>'


def _skill_table(metrics: Mapping[str, Mapping[str, float | int | None]]) -> str:
    """Measures down, horizons across."""
    split = [(*name.partition(".")[::2], name) for name in metrics if re.match(r"h\d+\.", name)]
    horizons = sorted({horizon for horizon, _, _ in split}, key=lambda text: int(text[1:]))
    measures = list(dict.fromkeys(measure for _, measure, _ in split))
    head = "".join(f"<th>{escape(horizon)}</th>" for horizon in horizons)
    rows = []
    for measure in sorted(measures, key=_order):
        cells = "".join(_cell(metrics.get(f"{horizon}.{measure}"), measure) for horizon in horizons)
        rows.append(f"<tr><td>{escape(measure)}</td>{cells}</tr>")
    return (
        f'<div class="wide"><table><thead><tr><th>measure</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _portfolio_table(metrics: Mapping[str, Mapping[str, float | int | None]]) -> str:
    rows = []
    for name, figures in metrics.items():
        prefix, _, measure = name.partition(".")
        if prefix == "portfolio":
            rows.append(f"<tr><td>{escape(measure)}</td>{_cell(figures, measure)}</tr>")
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _order(measure: str) -> tuple[int, str]:
    first = ["rank_ic", "icir", "ic", "hit_rate", "p_at_k", "spread"]
    return (first.index(measure) if measure in first else len(first), measure)


def _cell(figures: Mapping[str, float | int | None] | None, measure: str) -> str:
    if figures is None or figures.get("value") is None:
        return "<td>-</td>"
    shown = _number(figures["value"], measure)
    low, high = figures.get("low"), figures.get("high")
    interval = (
        f"{_number(low, measure)} to {_number(high, measure)}, "
        if low is not None and high is not None
        else ""
    )
    return f"<td>{shown}<small>{interval}n {figures.get('n')}</small></td>"


def _number(value: float | int | None, measure: str) -> str:
    if value is None:
        return "-"
    if measure in _PERCENT:
        return f"{value:.1%}"
    if measure == "spread":
        return f"{value * 1e4:.1f} bps"
    return f"{value:.1f}" if abs(value) >= 100.0 else f"{value:.3f}"
